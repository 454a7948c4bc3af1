/*
 * Who asks for which credential, by the name of its socket, and the rule that decides.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/access/credential_rules.h"

static bool parse(const char *after_nul, struct credential_peer *ret)
{
	char name[300];

	assert_in_range(strlen(after_nul), 0, sizeof(name) - 2);
	name[0] = '\0';
	memcpy(name + 1, after_nul, strlen(after_nul));
	return credential_peer_parse(name, strlen(after_nul) + 1, ret);
}

static void test_names_as_systemd_makes_them(void **state)
{
	static const struct {
		const char *name, *unit, *id;
	} rows[] = {
		{ "e62e8c622b5a2b70/unit/postgresql.service/db-password", "postgresql.service", "db-password" },
		{ "0/unit/a.service/x", "a.service", "x" },
		{ "f/unit/t@x\\x2dy:z.service/a b", "t@x\\x2dy:z.service", "a b" },
		{ "1/unit/web.socket/.hidden", "web.socket", ".hidden" },
		{ "1/unit/srv-data.mount/...", "srv-data.mount", "..." },
		{ "1/unit/dev-sda1.swap/*", "dev-sda1.swap", "*" },
		{ "1/unit/unit.service/unit", "unit.service", "unit" },
	};
	struct credential_peer peer;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(parse(rows[i].name, &peer));
		assert_string_equal(peer.unit, rows[i].unit);
		assert_string_equal(peer.id, rows[i].id);
	}
}

static void test_all_else_is_refused(void **state)
{
	static const char *const names[] = {
		"",
		"/",
		"unit/a.service/x",
		"/unit/a.service/x",
		"1",
		"1/unit",
		"1/unit/",
		"1/unit//",
		"1/unit/a.service",
		"1/unit/a.service/",
		"1/unit//x",
		"1//a.service/x",
		"1/unit/a.service/x/",
		"1/unit/a.service/x/y",
		"1/unit/a.service//x",
		"1/unit/../a.service/x",
		"1/unit/a/b.service/x",
		"12345678901234567/unit/a.service/x",
		"G/unit/a.service/x",
		"A/unit/a.service/x",
		"0x1/unit/a.service/x",
		" 1/unit/a.service/x",
		"-1/unit/a.service/x",
		"1/Unit/a.service/x",
		"1/user/a.service/x",
		"1/unit /a.service/x",
		"1/unit/a/x",
		"1/unit/.service/x",
		"1/unit/service/x",
		"1/unit/a.service.d/x",
		"1/unit/a.target/x",
		"1/unit/a.timer/x",
		"1/unit/a.slice/x",
		"1/unit/a.scope/x",
		"1/unit/a.device/x",
		"1/unit/a.SERVICE/x",
		"1/unit/a b.service/x",
		"1/unit/*.service/x",
		"1/unit/@a.service/x",
		"1/unit/a\n.service/x",
		"1/unit/\xc3\xa9.service/x",
		"1/unit/a.service /x",
		"1/unit/a%.service/x",
		"1/unit/a.service/.",
		"1/unit/a.service/..",
		"1/unit/a.service/a:b",
		"1/unit/a.service/a\n",
		"1/unit/a.service/\t",
		"1/unit/a.service/\x7f",
		"1/unit/a.service/\xc3\xa9",
		"1/unit/a.service/\x01",
	};
	struct credential_peer peer = { .unit = "untouched" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (parse(names[i], &peer))
			fail_msg("was taken: %s", names[i]);
	assert_string_equal(peer.unit, "untouched");
}

static void test_lengths_and_nul_bytes(void **state)
{
	static const char good[] = "\0"
				   "1/unit/a.service/x";
	char name[300] = "";
	struct credential_peer peer;

	(void)state;
	assert_true(credential_peer_parse(good, sizeof(good) - 1, &peer));
	assert_false(credential_peer_parse(good, sizeof(good), &peer));         /* a NUL behind it */
	assert_false(credential_peer_parse(good + 1, sizeof(good) - 2, &peer)); /* a path, not abstract */
	assert_false(credential_peer_parse(good, 0, &peer));                    /* not bound */
	assert_false(credential_peer_parse(good, 1, &peer));
	memcpy(name, good, sizeof(good));
	name[8] = '\0';
	assert_false(credential_peer_parse(name, sizeof(good) - 1, &peer));
	memcpy(name, good, sizeof(good));
	memset(name + sizeof(good) - 1, 'y', sizeof(name) - sizeof(good));
	assert_true(credential_peer_parse(name, CREDENTIAL_NAME_MAX, &peer));
	assert_int_equal(strlen(peer.id), CREDENTIAL_NAME_MAX - 18);
	assert_false(credential_peer_parse(name, CREDENTIAL_NAME_MAX + 1, &peer));
}

/* A good name that is cut is no name, unless only its id got shorter; a good name has no byte to spare. */
static void test_every_cut_and_every_byte(void **state)
{
	static const char good[] = "\0"
				   "1f/unit/a@b.service/id";
	const size_t len = sizeof(good) - 1, id_at = len - 2;
	struct credential_peer peer;
	char name[sizeof(good)];

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(credential_peer_parse(good, n, &peer), n > id_at);
	for (size_t at = 0; at < len; at++) {
		for (int byte = 0; byte < 256; byte++) {
			memcpy(name, good, sizeof(good));
			name[at] = (char)byte;
			if (!credential_peer_parse(name, len, &peer))
				continue;
			assert_true(at == 0 ? byte == 0 : byte >= ' ' && byte <= '~');
			if (at != 1 && at != 2 && (at < 9 || at >= 12) && at < id_at && byte != good[at])
				fail_msg("was taken with %d at %zu", byte, at);
		}
	}
}

static void test_ids(void **state)
{
	char id[257] = "";

	(void)state;
	assert_true(credential_id_ok("db-password"));
	assert_true(credential_id_ok("a*"));
	assert_false(credential_id_ok(""));
	assert_false(credential_id_ok("a/b"));
	memset(id, 'a', 256);
	assert_false(credential_id_ok(id));
	id[255] = '\0';
	assert_true(credential_id_ok(id));
}

static void test_the_first_rule_for_unit_and_id_decides(void **state)
{
	char *web[] = { (char[]){ "web.service" }, (char[]){ "web@*.service" } }, *any[] = { (char[]){ "*" } };
	char *keys[] = { (char[]){ "tls-*" }, (char[]){ "key" } };
	struct credential_rule rule[] = {
		{ .name = (char[]){ "web" }, .units = web, .nunits = 2, .ids = keys, .nids = 2 },
		{ .name = (char[]){ "all" }, .units = any, .nunits = 1, .ids = keys + 1, .nids = 1 },
		{ .name = (char[]){ "web2" }, .units = web, .nunits = 1, .ids = any, .nids = 1 },
		{ .name = (char[]){ "none" }, .units = NULL, .ids = any, .nids = 1 },
	};
	const struct credential_rules rules = { rule, 4 }, none = { NULL, 0 };
	static const struct {
		struct credential_peer peer;
		const char *rule;
	} rows[] = {
		{ { "web.service", "tls-key" }, "web" },
		{ { "web@1.service", "key" }, "web" },
		{ { "web@1.service", "tls" }, NULL },
		{ { "db.service", "key" }, "all" },
		{ { "db.service", "tls-key" }, NULL },
		{ { "web.service", "other" }, "web2" },
		{ { "web.service.service", "other" }, NULL },
		{ { "web.service", "key2" }, "web2" },
		{ { "WEB.service", "other" }, NULL },
		{ { "web.service", "KEY" }, "web2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct credential_rule *found = credential_rules_find(&rules, &rows[i].peer);

		assert_string_equal(found == NULL ? "" : found->name, rows[i].rule == NULL ? "" : rows[i].rule);
		assert_null(credential_rules_find(&none, &rows[i].peer));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_as_systemd_makes_them),
		cmocka_unit_test(test_all_else_is_refused),
		cmocka_unit_test(test_lengths_and_nul_bytes),
		cmocka_unit_test(test_every_cut_and_every_byte),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_the_first_rule_for_unit_and_id_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
