/*
 * What audit records look like, as JSON and as the journal's fields, also where names are hostile.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/host/audit_text.h"
#include "proto/jscan.h"
#include "proto/request.h"

static struct peer peer;
static struct audit_record record;
static struct audit_entry entry;
static char out[AUDIT_TEXT_MAX + 1];

static int setup(void **state)
{
	(void)state;
	peer = (struct peer){ .uid = 33, .gid = 34, .pid = 4711, .unit = (char *)(uintptr_t) "web.service" };
	record = (struct audit_record){ .op = "kv.get",
		.peer = &peer,
		.mount = "secret",
		.path = "web/db",
		.rule = "web",
		.version = 3,
		.microseconds = 412 };
	entry = (struct audit_entry){ .record = &record };
	return 0;
}

static const char *json(void)
{
	static const struct timespec now = { .tv_sec = 1767323045, .tv_nsec = 67000000 };
	size_t n = audit_text_json(out, AUDIT_TEXT_MAX, &entry, &now);

	out[n] = '\0';
	return out;
}

/* Returns the journal's fields, one a line. */
static const char *fields(void)
{
	size_t n = audit_text_fields(out, AUDIT_TEXT_MAX, &entry);

	assert_int_not_equal(n, 0);
	assert_int_equal(out[n - 1], 0);
	for (size_t i = 0; i < n; i++)
		if (out[i] == '\0')
			out[i] = '\n';
	out[n] = '\0';
	return out;
}

static void assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("%s\nhas no: %s", text, part);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("%s\nhas: %s", text, part);
}

static void test_a_json_line_says_who_did_what(void **state)
{
	(void)state;
	assert_string_equal(json(),
	    "{\"time\":\"2026-01-02T03:04:05.067Z\",\"op\":\"kv.get\",\"verdict\":\"allowed\",\"code\":\"ok\","
	    "\"rule\":\"web\",\"uid\":33,\"gid\":34,\"pid\":4711,\"unit\":\"web.service\",\"mount\":\"secret\","
	    "\"path\":\"web/db\",\"version\":3,\"microseconds\":412}\n");
}

static void test_fields_are_those_of_the_journal(void **state)
{
	(void)state;
	assert_string_equal(fields(),
	    "SYSLOG_IDENTIFIER=secretstored-audit\nPRIORITY=6\n"
	    "MESSAGE=uid 33 (web.service): kv.get secret/web/db: ok, version 3, by rule web\n"
	    "SECRETSTORE_OP=kv.get\nSECRETSTORE_VERDICT=allowed\nSECRETSTORE_CODE=ok\nSECRETSTORE_RULE=web\n"
	    "SECRETSTORE_UID=33\nSECRETSTORE_GID=34\nSECRETSTORE_PID=4711\nSECRETSTORE_UNIT=web.service\n"
	    "SECRETSTORE_MOUNT=secret\nSECRETSTORE_PATH=web/db\nSECRETSTORE_VERSION=3\n"
	    "SECRETSTORE_MICROSECONDS=412\n");
}

static void test_what_is_denied_stands_out(void **state)
{
	(void)state;
	record.rule = NULL;
	record.version = 0;
	record.code = CODE_FORBIDDEN;
	assert_has(json(), "\"verdict\":\"denied\",\"code\":\"forbidden\",\"uid\":33");
	assert_has(fields(), "PRIORITY=5\nMESSAGE=uid 33 (web.service): kv.get secret/web/db: forbidden\n");
	assert_lacks(out, "RULE");
	assert_lacks(out, "VERSION");
}

static void test_an_error_of_openbao_is_no_denial_of_ours(void **state)
{
	(void)state;
	record.code = CODE_PERMISSION_DENIED;
	assert_has(json(), "\"verdict\":\"allowed\",\"code\":\"permission_denied\",\"rule\":\"web\"");
}

static void test_the_rest_says_how_many_requests_and_paths_there_were(void **state)
{
	(void)state;
	record.path = NULL;
	record.rule = NULL;
	record.version = 0;
	record.code = CODE_FORBIDDEN;
	entry.is_rest = true;
	entry.count = 217000;
	entry.paths = 216064;
	assert_has(json(),
	    "\"op\":\"kv.get\",\"verdict\":\"denied\",\"code\":\"forbidden\",\"uid\":33,\"gid\":34,\"pid\":4711,"
	    "\"unit\":\"web.service\",\"mount\":\"secret\",\"count\":217000,\"paths\":216064,"
	    "\"microseconds\":412}\n");
	assert_has(fields(),
	    "MESSAGE=uid 33 (web.service): kv.get, 217000 more requests for 216064 paths: forbidden\n");
	assert_has(out, "SECRETSTORE_COUNT=217000\nSECRETSTORE_PATHS=216064\n");
}

static void test_the_rest_leaves_out_what_differs(void **state)
{
	(void)state;
	record = (struct audit_record){ .peer = &peer, .code = CODE_NOT_FOUND };
	entry.is_rest = true;
	entry.count = 3;
	peer.gid = AUDIT_NO_GID;
	peer.unit = NULL;
	assert_has(json(),
	    "Z\",\"verdict\":\"allowed\",\"code\":\"not_found\",\"uid\":33,\"pid\":4711,\"count\":3,"
	    "\"paths\":0,");
	assert_has(fields(), "MESSAGE=uid 33: 3 more requests for 0 paths: not_found\n");
	record.peer = NULL;
	assert_has(fields(), "MESSAGE=other users: 3 more requests for 0 paths: not_found\n");
	assert_lacks(out, "UID");
}

static void test_a_caller_that_went_away_has_no_outcome(void **state)
{
	(void)state;
	record.gone = true;
	assert_has(json(), "\"verdict\":\"allowed\",\"code\":\"caller_gone\"");
	assert_has(fields(), "PRIORITY=5\n");
}

static void test_an_intent_and_its_result_have_the_same_number(void **state)
{
	(void)state;
	record.op = "kv.put";
	record.request = 17;
	entry.stage = AUDIT_INTENT;
	assert_has(json(),
	    "\"op\":\"kv.put\",\"verdict\":\"allowed\",\"stage\":\"intent\",\"request\":17,\"rule\":\"web\"");
	assert_lacks(out, "code");
	assert_lacks(out, "microseconds");
	assert_has(fields(), ": kv.put secret/web/db: to be done");
	entry.stage = AUDIT_RESULT;
	record.code = CODE_CAS_MISMATCH;
	assert_has(json(), "\"stage\":\"result\",\"request\":17,\"code\":\"cas_mismatch\"");
}

static void test_a_count_is_told(void **state)
{
	(void)state;
	entry.count = 12;
	assert_has(json(), "\"version\":3,\"count\":12,");
	assert_has(fields(), ", by rule web, 12 times\n");
	entry.count = 1;
	assert_has(json(), "\"count\":1,");
	assert_lacks(fields(), "times");
}

static void test_a_credential_and_a_user_unit_are_told(void **state)
{
	(void)state;
	peer.user_unit = (char *)(uintptr_t) "app.service";
	record.op = "credential";
	record.credential = "db-password";
	assert_has(json(), "\"unit\":\"web.service\",\"user_unit\":\"app.service\"");
	assert_has(out, "\"path\":\"web/db\",\"credential\":\"db-password\"");
	assert_has(fields(), "MESSAGE=uid 33 (app.service): credential db-password secret/web/db: ok");
	record.for_unit = "db.service";
	assert_has(json(), "\"credential\":\"db-password\",\"for_unit\":\"db.service\"");
	assert_has(fields(),
	    "MESSAGE=uid 33 (app.service): credential db-password for db.service secret/web/db: ok");
	assert_has(fields(), "SECRETSTORE_FOR_UNIT=db.service");
}

static void test_a_record_may_know_nobody_and_no_path(void **state)
{
	(void)state;
	record = (struct audit_record){ .op = "snapshot.save", .rule = "backup" };
	assert_has(json(), "\"rule\":\"backup\",\"microseconds\":0}\n");
	assert_has(fields(), "MESSAGE=: snapshot.save: ok, by rule backup\n");
}

/* The text must be JSON on one line, and its first member of that name must hold what was put in. */
static void assert_same_in_json(const char *member, const char *wanted)
{
	char text[4096];
	bool found = false;
	struct jspan key, value;
	struct jscan s;

	json();
	jscan_init(&s, out, strlen(out));
	assert_int_equal(jscan_object(&s), 0);
	while (jscan_member(&s, &key) == 1) {
		assert_int_equal(jscan_value(&s, 1, &value), 0);
		if (found || !jspan_equals(key, member))
			continue;
		found = true;
		assert_true(jspan_decode(value, text, sizeof(text)) >= 0);
		assert_string_equal(text, wanted);
	}
	assert_true(found);
	assert_int_equal(jscan_end(&s), 0);
	assert_int_equal(strcspn(out, "\n"), strlen(out) - 1);
}

static void test_names_cannot_forge_a_record(void **state)
{
	(void)state;
	record.path = "a\",\"uid\":0,\"b\":\"\\";
	assert_same_in_json("path", record.path);
	record.path = "a\nb\x7f\xc2\x9bz";
	assert_same_in_json("path", record.path);
	assert_has(out, "a\\u000ab\\u007f\\u009bz");
	assert_has(fields(), "MESSAGE=uid 33 (web.service): kv.get secret/a?b??z: ok");
	record.path = "h\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91";
	assert_same_in_json("path", record.path);
	peer.unit = (char *)(uintptr_t) "x\xff\xc3.service";
	assert_same_in_json("unit", "x\xef\xbf\xbd\xef\xbf\xbd.service");
	assert_has(fields(), "SECRETSTORE_UNIT=x??.service\n");
}

static void test_the_longest_names_fit(void **state)
{
	static char mount[SECRET_MOUNT_MAX + 1], path[SECRET_PATH_MAX + 1], name[256];

	(void)state;
	memset(mount, '"', sizeof(mount) - 1);
	for (size_t i = 0; i + 1 < sizeof(path); i++)
		path[i] = "\xc2\x80"[i % 2];
	memset(name, '\x01', sizeof(name) - 1);
	record.mount = mount;
	record.path = path;
	record.rule = record.credential = record.for_unit = peer.unit = peer.user_unit = name;
	assert_same_in_json("path", path);
	fields();
}

static void test_what_does_not_fit_is_no_half_record(void **state)
{
	struct timespec now = { 0 };
	size_t n;

	(void)state;
	n = strlen(json());
	assert_int_equal(audit_text_json(out, n, &entry, &now), n);
	for (size_t cap = 0; cap < n; cap++)
		assert_int_equal(audit_text_json(out, cap, &entry, &now), 0);
	n = strlen(fields());
	assert_int_equal(audit_text_fields(out, n, &entry), n);
	assert_int_equal(audit_text_fields(out, n - 1, &entry), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_a_json_line_says_who_did_what),
		TEST(test_fields_are_those_of_the_journal),
		TEST(test_what_is_denied_stands_out),
		TEST(test_an_error_of_openbao_is_no_denial_of_ours),
		TEST(test_the_rest_says_how_many_requests_and_paths_there_were),
		TEST(test_the_rest_leaves_out_what_differs),
		TEST(test_a_caller_that_went_away_has_no_outcome),
		TEST(test_an_intent_and_its_result_have_the_same_number),
		TEST(test_a_count_is_told),
		TEST(test_a_credential_and_a_user_unit_are_told),
		TEST(test_a_record_may_know_nobody_and_no_path),
		TEST(test_names_cannot_forge_a_record),
		TEST(test_the_longest_names_fit),
		TEST(test_what_does_not_fit_is_no_half_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
