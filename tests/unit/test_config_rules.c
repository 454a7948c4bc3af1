/*
 * The group allow of the config file: what a rule must have, and what becomes of it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/config_fixture.h"

#define refuses fixture_refuses

static void test_rules_come_in_the_order_of_the_file(void **state)
{
	struct config *c = fixture_accepted(
	    "allow:\n"
	    "  web: { uid: [root, 33, \"1000\"], gid: root, ops: [kv.get, kv.put],\n"
	    "         paths: [secret/web/*, secret/shared] }\n"
	    "  a-2_B:\n"
	    "    gid: [4, 5]\n"
	    "    ops:\n"
	    "      - status\n"
	    "      - probe\n");
	const struct rule *rule = c->rules.rule;

	(void)state;
	assert_int_equal(c->rules.nrules, 2);
	assert_string_equal(rule[0].name, "web");
	assert_int_equal(rule[0].nuids, 3);
	assert_int_equal(rule[0].uids[0], 0);
	assert_int_equal(rule[0].uids[1], 33);
	assert_int_equal(rule[0].uids[2], 1000);
	assert_int_equal(rule[0].ngids, 1);
	assert_int_equal(rule[0].gids[0], 0);
	assert_true(rule[0].ops[OP_KV_GET] && rule[0].ops[OP_KV_PUT]);
	assert_false(rule[0].ops[OP_PING] || rule[0].ops[OP_STATUS] || rule[0].ops[OP_PROBE]);
	assert_int_equal(rule[0].npaths, 2);
	assert_string_equal(rule[0].paths[0], "secret/web/*");
	assert_string_equal(rule[0].paths[1], "secret/shared");
	assert_string_equal(rule[1].name, "a-2_B");
	assert_int_equal(rule[1].nuids, 0);
	assert_int_equal(rule[1].ngids, 2);
	assert_int_equal(rule[1].gids[1], 5);
	assert_true(rule[1].ops[OP_STATUS] && rule[1].ops[OP_PROBE]);
	assert_int_equal(rule[1].npaths, 0);
	config_free(c);
}

static bool is_among(const char *name, const char *const *names)
{
	while (*names != NULL && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

/*
 * The ops are spelt out here: an op that is added to the table later must not be allowed by existing rules.
 */
static void test_the_groups_of_ops_are_closed(void **state)
{
	static const char *const reads[] = { "ping", "status", "probe", "kv.get", NULL };
	static const char *const writes[] = { "ping", "status", "probe", "kv.get", "kv.put", NULL };
	static const struct {
		const char *text;
		const char *const *ops;
	} cases[] = {
		{ "read", reads },
		{ "[read]", reads },
		{ "[\"kv.get\", 'read']", reads },
		{ "\"write\"", writes },
		{ "[write]", writes },
		{ "[read, write]", writes },
		{ "[read, kv.put]", writes },
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct config *c;

		snprintf(text, sizeof(text), "allow: { a: { uid: 0, paths: \"*\", ops: %s } }", cases[i].text);
		c = fixture_accepted(text);
		for (enum op op = 0; op < OP_COUNT; op++)
			assert_int_equal(c->rules.rule[0].ops[op], is_among(op_name(op), cases[i].ops));
		config_free(c);
	}
}

static void test_ops_of_snapshots_are_named(void **state)
{
	struct config *c;

	(void)state;
	c = fixture_accepted("allow: { a: { uid: 0, ops: [snapshot.save, write], paths: \"*\" } }");
	assert_true(c->rules.rule[0].ops[OP_SNAPSHOT_SAVE]);
	assert_false(c->rules.rule[0].ops[OP_SNAPSHOT_RESTORE]);
	config_free(c);
	c = fixture_accepted("allow: { a: { uid: 0, ops: snapshot.restore } }");
	assert_true(c->rules.rule[0].ops[OP_SNAPSHOT_RESTORE]);
	config_free(c);
}

static void test_a_rule_must_name_callers(void **state)
{
	(void)state;
	refuses("allow:\n  a: { ops: write, paths: \"*\" }",
	    "4: allow.a: ", "must name callers by uid, gid or unit");
	refuses("allow:\n  a:\n    ops: write\n    paths: \"*\"\n", "4: allow.a: ", "must name callers");
	refuses("allow: { a: {} }", "3: allow.a: ", "must name callers");
	refuses("allow: { a: { uid: [], ops: status } }", "3: allow.a.uid: ", "must not be empty");
	refuses("allow: { a: { gid: [], uid: 0, ops: status } }", "3: allow.a.gid: ", "must not be empty");
	refuses("allow: { a: { uid: \"\", ops: status } }", "3: allow.a.uid: ", "must name a user");
}

static void test_units_are_read(void **state)
{
	struct config *c;

	(void)state;
	c = fixture_accepted("allow: { a: { unit: [web.service, web@*.service], ops: status },\n"
			     " b: { uid: 0, user_unit: app-*, unit: user@0.service, ops: status } }");
	assert_int_equal(c->rules.rule[0].nunits, 2);
	assert_string_equal(c->rules.rule[0].units[1], "web@*.service");
	assert_int_equal(c->rules.rule[0].nuser_units, 0);
	assert_string_equal(c->rules.rule[1].user_units[0], "app-*");
	assert_string_equal(c->rules.rule[1].units[0], "user@0.service");
	config_free(c);
}

/*
 * systemd writes a "-" of a path as \x2d in a unit's name. All these ways to write it are the same. In double
 * quotes YAML would make a "-" of it, and the rule one for another unit.
 */
static void test_a_backslash_in_a_unit_is_a_backslash(void **state)
{
	static const char *const written[] = { "a\\x2db.service", "'a\\x2db.service'", "\"a\\\\x2db.service\"" };
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(written) / sizeof(*written); i++) {
		struct config *c;

		snprintf(text, sizeof(text), "allow: { a: { unit: %s, ops: status } }", written[i]);
		c = fixture_accepted(text);
		assert_string_equal(c->rules.rule[0].units[0], "a\\x2db.service");
		config_free(c);
	}
	refuses("allow:\n  a:\n    unit: \"web\\x2ddb.service\"\n    ops: status\n", "5: allow.a.unit: ",
	    "holds the escape \\x: write the character itself, \\\\ for a \\, or use single quotes");
}

static void test_units_must_be_able_to_match(void **state)
{
	(void)state;
	refuses("allow: { a: { unit: web, ops: status } }", "3: allow.a.unit: ", "as in web.service");
	refuses("allow: { a: { unit: \"\", ops: status } }", "3: allow.a.unit: ", "is empty");
	refuses("allow: { a: { unit: [], ops: status } }", "3: allow.a.unit: ", "must not be empty");
	refuses("allow: { a: { unit: 5, ops: status } }", "3: allow.a.unit: ", "as in web.service");
	refuses("allow: { a: { unit: { b: c }, ops: status } }",
	    "3: allow.a.unit: ", "must be a unit, or a list of them");
	refuses("allow: { a: { unit: [a.service, [b.service]], ops: status } }",
	    "3: allow.a.unit: item 2: ", "must be a unit, or a list of them");
	refuses("allow: { a: { unit: [a.service, /b.service], ops: status } }",
	    "3: allow.a.unit: item 2: ", "no name of a unit");
	refuses("allow: { a: { user_unit: a.service, gid: 0, ops: status } }",
	    "3: allow.a: ", "must have a uid beside user_unit");
	refuses("allow: { a: { user_unit: a.service, unit: b.service, ops: status } }",
	    "3: allow.a: ", "must have a uid beside user_unit");
	refuses("allow: { a: { user_unit: { b: c }, uid: 0, ops: status } }",
	    "3: allow.a.user_unit: ", "must be a unit, or a list of them");
}

static void test_callers_must_exist(void **state)
{
	static const char list[] = "must be a name, a number, or a list of them";

	(void)state;
	refuses("allow: { a: { uid: no-such } }", "3: allow.a.uid: there is no user \"no-such\"", "");
	refuses("allow:\n  a:\n    gid: [0,\n      no-such]", "6: allow.a.gid: item 2: there is no group", "");
	refuses("allow:\n  a:\n    gid:\n    - 0\n    - no-such\n", "7: allow.a.gid: item 2: there is no group",
	    "");
	refuses("allow: { a: { uid: -1 } }", "3: allow.a.uid: ", "");
	refuses("allow: { a: { uid: 4294967295 } }", "3: allow.a.uid: ", "up to 4294967294");
	refuses("allow: { a: { uid: true } }", "3: allow.a.uid: ", "there is no user \"true\"");
	refuses("allow: { a: { uid: [[0]] } }", "3: allow.a.uid: item 1: ", list);
	refuses("allow: { a: { uid: [0, { a: 1 }] } }", "3: allow.a.uid: item 2: ", list);
	refuses("allow: { a: { uid: { a: 1 } } }", "3: allow.a.uid: ", list);
	refuses("allow: { a: { gid: { a: 1 } } }", "3: allow.a.gid: ", list);
}

/* Digits are a decimal number, and anything else is a name. No other notation of YAML means a user. */
static void test_numbers_of_users_are_plain_and_decimal(void **state)
{
	static const char *const bad[] = { "4294967296", "99999999999999999999", "0x10", "0o10", "1e3", "1.0",
		"1.5", "+1", "-0x1", "1_000", "\"1 \"", "10s", "0b1", ".5" };
	char text[100];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "allow: { a: { uid: [1, %s], ops: status } }", bad[i]);
		refuses(text, "3: allow.a.uid: item 2: ", "");
	}
	c = fixture_accepted("allow: { a: { uid: [010, 3000000000, \"0\"], ops: status } }");
	assert_int_equal(c->rules.rule[0].uids[0], 10);
	assert_int_equal(c->rules.rule[0].uids[1], 3000000000);
	assert_int_equal(c->rules.rule[0].uids[2], 0);
	config_free(c);
}

static void test_a_rule_must_have_ops_that_are_known(void **state)
{
	(void)state;
	refuses("allow: { a: { uid: 0, paths: \"*\" } }", "3: allow.a: ", "must have ops");
	refuses("allow: { a: { uid: 0, ops: [] } }", "3: allow.a.ops: ", "must not be empty");
	refuses("allow: { a: { uid: 0, ops: \"\" } }", "3: allow.a.ops: ", "is not an op");
	refuses("allow: { a: { uid: 0, ops: kv.gte } }",
	    "3: allow.a.ops: \"kv.gte\" is not an op; known: ping, status, probe, kv.get, kv.put, snapshot.save, "
	    "snapshot.restore, and the groups read and write",
	    "");
	refuses("allow: { a: { uid: 0, ops: [kv.get, \"kv.get \"] } }", "3: allow.a.ops: item 2: ", "\"kv.get \"");
	refuses("allow: { a: { uid: 0, ops: ALL } }", "3: allow.a.ops: ", "is not an op");
	refuses("allow: { a: { uid: 0, ops: 5 } }", "3: allow.a.ops: ", "\"5\" is not an op");
	refuses("allow: { a: { uid: 0, ops: [write, 5] } }", "3: allow.a.ops: item 2: ", "\"5\" is not an op");
	refuses("allow: { a: { uid: 0, ops: { a: 1 } } }", "3: allow.a.ops: ", "must be an op, or a list of them");
	refuses("allow: { a: { uid: 0, ops: [write, [read]] } }",
	    "3: allow.a.ops: item 2: ", "must be an op, or a list of them");
}

static void test_ops_with_a_path_need_paths(void **state)
{
	(void)state;
	refuses("allow: { a: { uid: 0, ops: kv.get } }", "3: allow.a: ", "must have paths for kv.get");
	refuses("allow: { a: { uid: 0, ops: [status, kv.put] } }", "3: allow.a: ", "must have paths for kv.put");
	refuses("allow: { a: { uid: 0, ops: write } }", "3: allow.a: ", "must have paths");
	refuses("allow: { a: { uid: 0, ops: write, paths: [] } }", "3: allow.a.paths: ", "must not be empty");
	config_free(fixture_accepted("allow: { a: { uid: 0, ops: [status, ping, probe] } }"));
}

static void test_paths_must_be_able_to_match(void **state)
{
	static const char *const bad[] = { "", "/secret/a", "secret/a/", "secret//a", "secret/../a", "./a",
		"secret/a\\n" };
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		strcpy(text, "allow: { a: { uid: 0, ops: write, paths: [secret/*, \"");
		refuses(strcat(strcat(text, bad[i]), "\"] } }"), "3: allow.a.paths: item 2: ", "");
	}
	refuses("allow: { a: { uid: 0, ops: write, paths: { a: b } } }",
	    "3: allow.a.paths: ", "must be a path, or a list of them");
	refuses("allow: { a: { uid: 0, ops: write, paths: [[a]] } }",
	    "3: allow.a.paths: item 1: ", "must be a path, or a list of them");
}

static void test_unknown_keys_are_refused(void **state)
{
	static const char name[] = "a rule's name has letters, digits, - and _";

	(void)state;
	refuses("allow: { a: { uid: 0, path: \"*\" } }", "3: allow.a.path: ",
	    "there is no such setting; a rule has uid, gid, unit, user_unit, host_only, ops, paths");
	refuses("allow:\n  a:\n    units: x", "5: allow.a.units: ", "there is no such setting");
	refuses("allow: { a*: { uid: 0, ops: status } }", "3: allow.a*: ", name);
	refuses("allow: { \"*\": { uid: 0, ops: status } }", "3: allow.*: ", name);
	refuses("allow: { a b: { uid: 0, ops: status } }", "3: allow.a b: ", name);
	refuses("allow: { a.b: { uid: 0, ops: status } }", "3: allow.a.b: ", name);
	refuses("allow: { \"\": { uid: 0, ops: status } }", "3: allow.", name);
	refuses("allow: { \xc3\xa9: { uid: 0, ops: status } }", "3: allow.", name);
	refuses("allow: { web: all }", "3: allow.web: ", "must be a group");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_rules_come_in_the_order_of_the_file),
		TEST(test_the_groups_of_ops_are_closed),
		TEST(test_ops_of_snapshots_are_named),
		TEST(test_a_rule_must_name_callers),
		TEST(test_units_are_read),
		TEST(test_a_backslash_in_a_unit_is_a_backslash),
		TEST(test_units_must_be_able_to_match),
		TEST(test_callers_must_exist),
		TEST(test_numbers_of_users_are_plain_and_decimal),
		TEST(test_a_rule_must_have_ops_that_are_known),
		TEST(test_ops_with_a_path_need_paths),
		TEST(test_paths_must_be_able_to_match),
		TEST(test_unknown_keys_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
