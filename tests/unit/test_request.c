/*
 * Decoding requests: what each op takes, and that nothing else is let through or guessed at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/request.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct request request;
static struct failure why;
static char *body; /* no longer than the request, so that ASan and valgrind see any read beyond it */

static int decode_bytes(const char *text, size_t len)
{
	free(body);
	body = malloc(len > 0 ? len : 1);
	assert_non_null(body);
	memcpy(body, text, len);
	memset(&request, 0xee, sizeof(request));
	memset(&why, 0xee, sizeof(why));
	return request_decode(body, len, &request, &why);
}

static int decode(const char *text)
{
	return decode_bytes(text, strlen(text));
}

static int teardown(void **state)
{
	(void)state;
	free(body);
	body = NULL;
	return 0;
}

static void assert_id(const char *id)
{
	assert_int_equal(request.id.len, strlen(id));
	assert_memory_equal(request.id.p, id, strlen(id));
}

static void assert_refused(const char *text, enum code code, const char *message)
{
	if (decode(text) != -1)
		fail_msg("accepted: %s", text);
	if (why.code != code || strstr(why.message, message) == NULL)
		fail_msg("%s: %s: %s", text, code_name(why.code), why.message);
	assert_int_equal(why.status, 0);
	assert_int_equal(why.version, 0);
	assert_false(why.deleted);
}

static void test_ops_have_names(void **state)
{
	int i;

	(void)state;
	assert_int_equal(op_by_name("ping", 4), OP_PING);
	assert_int_equal(op_by_name("kv.get", 6), OP_KV_GET);
	for (i = 0; i < OP_COUNT; i++)
		assert_int_equal(op_by_name(op_name((enum op)i), strlen(op_name((enum op)i))), i);
	assert_int_equal(op_by_name("", 0), OP_COUNT);
	assert_int_equal(op_by_name("kv.ge", 5), OP_COUNT);
	assert_int_equal(op_by_name("kv.gett", 7), OP_COUNT);
	assert_int_equal(op_by_name("PING", 4), OP_COUNT);
	assert_string_equal(op_name(OP_COUNT), "unknown");
}

static void test_a_ping_needs_only_id_and_op(void **state)
{
	(void)state;
	assert_int_equal(decode("{\"id\":1,\"op\":\"ping\"}"), 0);
	assert_int_equal(request.op, OP_PING);
	assert_id("1");
	assert_int_equal(request.timeout_ms, 0);
	assert_int_equal(decode(" {\"timeout_ms\" : 250 , \"op\":\"status\",\"id\":\"x\"} \n"), 0);
	assert_int_equal(request.op, OP_STATUS);
	assert_id("\"x\"");
	assert_int_equal(request.timeout_ms, 250);
}

static void test_snapshots_take_a_timeout_and_a_restore_may_be_forced(void **state)
{
	(void)state;
	assert_int_equal(decode("{\"id\":1,\"op\":\"snapshot.save\",\"timeout_ms\":2000}"), 0);
	assert_int_equal(request.op, OP_SNAPSHOT_SAVE);
	assert_int_equal(request.timeout_ms, 2000);
	assert_refused("{\"id\":1,\"op\":\"snapshot.save\",\"force\":true}", CODE_INVALID_REQUEST,
	    "member \"force\" is unknown for snapshot.save");
	assert_int_equal(decode("{\"id\":1,\"op\":\"snapshot.restore\"}"), 0);
	assert_int_equal(request.op, OP_SNAPSHOT_RESTORE);
	assert_false(request.force);
	assert_int_equal(decode("{\"id\":1,\"force\":true,\"op\":\"snapshot.restore\"}"), 0);
	assert_true(request.force);
	assert_int_equal(decode("{\"id\":1,\"force\":false,\"op\":\"snapshot.restore\"}"), 0);
	assert_false(request.force);
	assert_refused("{\"id\":1,\"force\":\"true\",\"op\":\"snapshot.restore\"}", CODE_INVALID_REQUEST,
	    "member \"force\" must be true or false");
	assert_refused("{\"id\":1,\"force\":1,\"op\":\"snapshot.restore\"}", CODE_INVALID_REQUEST, "\"force\"");
	assert_refused("{\"id\":1,\"force\":null,\"op\":\"snapshot.restore\"}", CODE_INVALID_REQUEST, "is null");
	assert_refused("{\"id\":1,\"Force\":true,\"op\":\"snapshot.restore\"}", CODE_INVALID_REQUEST,
	    "member \"Force\" is unknown");
	assert_refused("{\"id\":1,\"op\":\"snapshot.restore\",\"path\":\"p\"}", CODE_INVALID_REQUEST,
	    "member \"path\" is unknown for snapshot.restore");
	assert_true(op_is_stream(OP_SNAPSHOT_SAVE) && op_is_stream(OP_SNAPSHOT_RESTORE));
	assert_false(op_is_stream(OP_PING) || op_is_stream(OP_STATUS) || op_is_stream(OP_PROBE) ||
	    op_is_stream(OP_KV_GET) || op_is_stream(OP_KV_PUT));
}

static void test_a_probe_takes_a_timeout_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(decode("{\"id\":1,\"op\":\"probe\",\"timeout_ms\":2000}"), 0);
	assert_int_equal(request.op, OP_PROBE);
	assert_int_equal(request.timeout_ms, 2000);
	assert_refused("{\"id\":1,\"op\":\"probe\",\"mount\":\"m\"}", CODE_INVALID_REQUEST,
	    "member \"mount\" is unknown for probe");
	assert_refused("{\"id\":1,\"op\":\"probe\",\"path\":\"p\"}", CODE_INVALID_REQUEST,
	    "member \"path\" is unknown for probe");
	assert_refused("{\"id\":1,\"op\":\"probe\",\"max_age_ms\":1}", CODE_INVALID_REQUEST,
	    "member \"max_age_ms\" is unknown for probe");
	assert_refused("{\"id\":1,\"op\":\"probe\",\"data\":{}}", CODE_INVALID_REQUEST,
	    "member \"data\" is unknown for probe");
}

static void test_a_get_with_everything(void **state)
{
	(void)state;
	assert_int_equal(decode(
			     "{\"id\":7,\"op\":\"kv.get\",\"mount\":\"team/kv\",\"path\":\"app/db\",\"version\":3,"
			     "\"min_version\":2,\"max_age_ms\":0,\"timeout_ms\":600000}"),
	    0);
	assert_int_equal(request.op, OP_KV_GET);
	assert_string_equal(secret_mount(&request.name), "team/kv");
	assert_string_equal(secret_path(&request.name), "app/db");
	assert_int_equal(request.version, 3);
	assert_int_equal(request.min_version, 2);
	assert_true(request.has_max_age);
	assert_int_equal(request.max_age_ms, 0);
	assert_int_equal(request.timeout_ms, 600000);
	assert_false(request.has_cas);
	assert_int_equal(request.data.len, 0);
}

static void test_a_get_with_only_what_it_needs(void **state)
{
	(void)state;
	assert_int_equal(decode("{\"id\":7,\"op\":\"kv.get\",\"mount\":\"secret\",\"path\":\"a\"}"), 0);
	assert_int_equal(request.version, 0);
	assert_int_equal(request.min_version, 0);
	assert_false(request.has_max_age);
	assert_int_equal(request.timeout_ms, 0);
}

static void test_a_puts_data_is_its_own_bytes(void **state)
{
	static const char data[] =
	    "{ \"big\":12345678901234567000,\"f\":1e-7,\"u\":\"\\u0000\xc3\xa9\",\"deep\":[[[]]],\"k\":1,"
	    "\"k\":null }";
	char text[300];

	(void)state;
	snprintf(text, sizeof(text),
	    "{\"id\":1,\"data\": %s ,\"cas\":0,\"op\":\"kv.put\",\"path\":\"p\",\"mount\":\"m\"}", data);
	assert_int_equal(decode(text), 0);
	assert_int_equal(request.op, OP_KV_PUT);
	assert_int_equal(request.data.len, sizeof(data) - 1);
	assert_memory_equal(request.data.p, data, request.data.len);
	assert_true(request.data.p > body && request.data.p < body + strlen(text));
	assert_true(request.has_cas);
	assert_int_equal(request.cas, 0);
	assert_int_equal(decode("{\"id\":1,\"op\":\"kv.put\",\"path\":\"p\",\"mount\":\"m\",\"data\":{}}"), 0);
	assert_false(request.has_cas);
	assert_int_equal(request.data.len, 2);
	assert_int_equal(
	    decode("{\"id\":1,\"op\":\"kv.put\",\"path\":\"p\",\"mount\":\"m\",\"data\":{},\"cas\":9999999999}"),
	    0);
	assert_true(request.cas == UINT64_C(9999999999));
}

static void test_names_and_ops_compare_after_unescaping(void **state)
{
	(void)state;
	assert_int_equal(
	    decode("{\"i\\u0064\":1,\"\\u006fp\":\"kv\\u002eput\",\"p\\u0061th\":\"\\u0070\",\"mount\":\"m\","
		   "\"data\":{},\"c\\u0061s\":5}"),
	    0);
	assert_int_equal(request.op, OP_KV_PUT);
	assert_string_equal(secret_path(&request.name), "p");
	assert_true(request.has_cas);
	assert_int_equal(request.cas, 5);
	assert_refused(
	    "{\"id\":1,\"op\":\"kv.put\",\"path\":\"p\",\"mount\":\"m\",\"data\":{},\"cas\":5,\"c\\u0061s\":6}",
	    CODE_INVALID_REQUEST, "member \"cas\" is repeated");
}

#define GET "\"id\":1,\"op\":\"kv.get\",\"mount\":\"m\",\"path\":\"p\""
#define PUT "\"id\":1,\"op\":\"kv.put\",\"mount\":\"m\",\"path\":\"p\",\"data\":{}"
#define PING "\"id\":1,\"op\":\"ping\""

static void test_what_an_op_does_not_take_is_refused_by_name(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "{" PUT ",\"Cas\":7}", "member \"Cas\" is unknown" },
		{ "{" PUT ",\"CAS\":7}", "member \"CAS\" is unknown" },
		{ "{" PUT ",\"cas \":7}", "a member is unknown" },
		{ "{" PUT ",\"\":7}", "a member is unknown" },
		{ "{" PUT ",\"cas\\u0000\":7}", "a member is unknown" },
		{ "{" PUT ",\"c\xc3\xa4s\":7}", "a member is unknown" },
		{ "{" PUT ",\"min-version\":7}", "member \"min-version\" is unknown" },
		{ "{" PUT ",\"version\":7}", "member \"version\" is unknown for kv.put" },
		{ "{" PUT ",\"min_version\":7}", "member \"min_version\"" },
		{ "{" PUT ",\"max_age_ms\":7}", "member \"max_age_ms\"" },
		{ "{" GET ",\"cas\":7}", "member \"cas\" is unknown for kv.get" },
		{ "{" GET ",\"data\":{}}", "member \"data\" is unknown for kv.get" },
		{ "{" PING ",\"mount\":\"m\"}", "member \"mount\" is unknown for ping" },
		{ "{" PING ",\"path\":\"p\"}", "member \"path\"" },
		{ "{" PING ",\"version\":1}", "member \"version\"" },
		{ "{\"id\":1,\"op\":\"status\",\"data\":{}}", "member \"data\" is unknown for status" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_refused(cases[i].text, CODE_INVALID_REQUEST, cases[i].message);
}

static void test_every_member_is_refused_if_repeated_or_null(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{ "id", "{" GET ",\"id\":1}" },
		{ "op", "{" GET ",\"op\":\"kv.get\"}" },
		{ "mount", "{" GET ",\"mount\":\"m\"}" },
		{ "path", "{" GET ",\"path\":\"p\"}" },
		{ "version", "{" GET ",\"version\":1,\"version\":1}" },
		{ "min_version", "{" GET ",\"min_version\":1,\"min_version\":1}" },
		{ "max_age_ms", "{" GET ",\"max_age_ms\":1,\"max_age_ms\":1}" },
		{ "timeout_ms", "{" PING ",\"timeout_ms\":1,\"timeout_ms\":1,\"timeout_ms\":1}" },
		{ "data", "{" PUT ",\"data\":{}}" },
		{ "cas", "{" PUT ",\"cas\":1,\"cas\":1}" },
		{ "cas", "{" PUT ",\"cas\":null,\"cas\":1}" },
	};
	static const struct {
		const char *name, *text;
	} nulls[] = {
		{ "id", "{\"id\":null,\"op\":\"ping\"}" },
		{ "op", "{\"id\":1,\"op\":null}" },
		{ "mount", "{\"id\":1,\"op\":\"kv.get\",\"mount\":null,\"path\":\"p\"}" },
		{ "path", "{\"id\":1,\"op\":\"kv.get\",\"mount\":\"m\",\"path\":null}" },
		{ "data", "{\"id\":1,\"op\":\"kv.put\",\"mount\":\"m\",\"path\":\"p\",\"data\":null}" },
		{ "cas", "{" PUT ",\"cas\":null}" },
		{ "version", "{" GET ",\"version\":null}" },
		{ "min_version", "{" GET ",\"min_version\":null}" },
		{ "max_age_ms", "{" GET ",\"max_age_ms\":null}" },
		{ "timeout_ms", "{" PING ",\"timeout_ms\":null}" },
	};
	char message[60];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		snprintf(message, sizeof(message), "member \"%s\" is repeated", cases[i].name);
		assert_refused(cases[i].text, CODE_INVALID_REQUEST, message);
	}
	for (i = 0; i < COUNT(nulls); i++) {
		snprintf(message, sizeof(message), "member \"%s\" ", nulls[i].name);
		assert_refused(nulls[i].text, CODE_INVALID_REQUEST, message);
	}
}

static void test_what_an_op_needs_is_missed_by_name(void **state)
{
	(void)state;
	assert_refused("{\"id\":1,\"op\":pung}", CODE_INVALID_REQUEST,
	    ": byte 14: a value is missing or not JSON");
	assert_refused("", CODE_INVALID_REQUEST, ": byte 1: it ends too early");
	assert_refused("{}", CODE_INVALID_REQUEST, "member \"id\" is missing");
	assert_refused("{\"op\":\"ping\"}", CODE_INVALID_REQUEST, "member \"id\" is missing");
	assert_refused("{\"id\":1}", CODE_INVALID_REQUEST, "member \"op\" is missing");
	assert_refused("{\"id\":1,\"op\":\"kv.get\",\"path\":\"p\"}", CODE_INVALID_REQUEST,
	    "member \"mount\" is missing");
	assert_refused("{\"id\":1,\"op\":\"kv.get\",\"mount\":\"m\"}", CODE_INVALID_REQUEST,
	    "member \"path\" is missing");
	assert_refused("{\"id\":1,\"op\":\"kv.put\",\"mount\":\"m\",\"path\":\"p\"}", CODE_INVALID_REQUEST,
	    "member \"data\" is missing");
	assert_refused("{\"id\":1,\"op\":\"kv.put\",\"data\":{},\"path\":\"p\"}", CODE_INVALID_REQUEST,
	    "member \"mount\" is missing");
}

static void test_types_are_not_converted(void **state)
{
	static const struct {
		const char *text, *name;
	} cases[] = {
		{ "{\"id\":true,\"op\":\"ping\"}", "id" },
		{ "{\"id\":[1],\"op\":\"ping\"}", "id" },
		{ "{\"id\":{},\"op\":\"ping\"}", "id" },
		{ "{\"id\":1,\"op\":1}", "op" },
		{ "{\"id\":1,\"op\":[\"ping\"]}", "op" },
		{ "{\"id\":1,\"op\":{}}", "op" },
		{ "{\"id\":1,\"op\":\"kv.get\",\"mount\":1,\"path\":\"p\"}", "mount" },
		{ "{\"id\":1,\"op\":\"kv.get\",\"mount\":\"m\",\"path\":[\"p\"]}", "path" },
		{ "{\"id\":1,\"op\":\"kv.put\",\"mount\":\"m\",\"path\":\"p\",\"data\":[]}", "data" },
		{ "{\"id\":1,\"op\":\"kv.put\",\"mount\":\"m\",\"path\":\"p\",\"data\":\"{}\"}", "data" },
		{ "{\"id\":1,\"op\":\"kv.put\",\"mount\":\"m\",\"path\":\"p\",\"data\":1}", "data" },
		{ "{\"id\":1,\"op\":\"kv.put\",\"mount\":\"m\",\"path\":\"p\",\"data\":true}", "data" },
		{ "{" PUT ",\"cas\":\"7\"}", "cas" },
		{ "{" PUT ",\"cas\":true}", "cas" },
		{ "{" PUT ",\"cas\":[7]}", "cas" },
		{ "{" PUT ",\"cas\":{}}", "cas" },
		{ "{" PING ",\"timeout_ms\":\"10s\"}", "timeout_ms" },
	};
	char message[40];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		snprintf(message, sizeof(message), "member \"%s\" must be", cases[i].name);
		assert_refused(cases[i].text, CODE_INVALID_REQUEST, message);
	}
}

static void test_numbers_are_plain_and_in_their_range(void **state)
{
	static const struct {
		const char *member;
		int ok;
	} cases[] = {
		{ "\"version\":1", 1 },
		{ "\"version\":9999999999", 1 },
		{ "\"version\":0", 0 },
		{ "\"version\":10000000000", 0 },
		{ "\"version\":-1", 0 },
		{ "\"version\":1.0", 0 },
		{ "\"version\":1e0", 0 },
		{ "\"version\":-0", 0 },
		{ "\"version\":12345678901234567000", 0 },
		{ "\"min_version\":0", 1 },
		{ "\"min_version\":1.5", 0 },
		{ "\"max_age_ms\":0", 1 },
		{ "\"max_age_ms\":9999999999", 1 },
		{ "\"max_age_ms\":-1", 0 },
		{ "\"timeout_ms\":1", 1 },
		{ "\"timeout_ms\":600000", 1 },
		{ "\"timeout_ms\":0", 0 },
		{ "\"timeout_ms\":600001", 0 },
		{ "\"timeout_ms\":1E3", 0 },
	};
	char text[200];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof(text), "{" GET ",%s}", cases[i].member);
		if (cases[i].ok)
			assert_int_equal(decode(text), 0);
		else
			assert_refused(text, CODE_INVALID_REQUEST, "must be an integer from");
	}
	assert_refused("{" GET ",\"timeout_ms\":600001}", CODE_INVALID_REQUEST,
	    "member \"timeout_ms\" must be an integer from 1 to 600000");
	assert_refused("{" PUT ",\"cas\":-1}", CODE_INVALID_REQUEST,
	    "member \"cas\" must be an integer from 0 to 9999999999");
	assert_refused("{" PUT ",\"cas\":007}", CODE_INVALID_REQUEST, "not a JSON object");
}

static void test_an_unknown_op_is_told_apart_from_a_bad_request(void **state)
{
	(void)state;
	assert_refused("{\"id\":1,\"op\":\"kv.list\"}", CODE_UNKNOWN_OP, "operation");
	assert_id("1");
	assert_refused("{\"id\":1,\"op\":\"kv.list\",\"mount\":\"m\",\"recursive\":true}", CODE_UNKNOWN_OP,
	    "operation");
	assert_refused("{\"id\":1,\"op\":\"\"}", CODE_UNKNOWN_OP, "");
	assert_refused("{\"id\":1,\"op\":\"ping\\u0000\"}", CODE_UNKNOWN_OP, "");
	assert_refused("{\"id\":1,\"op\":\"an operation whose name is longer than any that there is\"}",
	    CODE_UNKNOWN_OP, "");
	assert_refused("{\"id\":1,\"op\":\"kv.list\",\"op\":\"ping\"}", CODE_INVALID_REQUEST,
	    "member \"op\" is repeated");
}

static void test_ids_come_back_as_they_are_written(void **state)
{
	static const char *const good[] = { "0", "1", "9007199254740991", "\"\"", "\"x\"", "\"\\u0041\\n\"",
		"\"\xc3\xa9\"", "\"a b\"", "\"0123456789012345678901234567890123456789012345678901234567890123\"",
		"\"12345678901234567890\"" };
	static const char *const bad[] = { "-1", "-0", "1.0", "1e3", "9007199254740992", "12345678901234567",
		"99999999999999999999", "null", "true", "[]", "{}",
		"\"01234567890123456789012345678901234567890123456789012345678901234\"" };
	char text[200];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		snprintf(text, sizeof(text), "{\"id\": %s ,\"op\":\"ping\"}", good[i]);
		assert_int_equal(decode(text), 0);
		assert_id(good[i]);
	}
	for (i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof(text), "{\"id\":%s,\"op\":\"ping\"}", bad[i]);
		assert_refused(text, CODE_INVALID_REQUEST, "member \"id\"");
		assert_int_equal(request.id.len, 0);
	}
}

static void test_the_id_is_found_although_something_else_is_wrong(void **state)
{
	static const char *const bad[] = {
		"{\"id\":77,\"op\":\"none\"}",
		"{\"op\":\"none\",\"id\":77}",
		"{\"Cas\":1,\"op\":\"ping\",\"id\":77}",
		"{\"op\":\"ping\",\"op\":\"ping\",\"id\":77}",
		"{\"mount\":null,\"op\":\"ping\",\"id\":77}",
		"{\"op\":7,\"id\":77}",
		"{\"id\":77}",
		"{\"id\":77,\"op\":\"ping\"",
		"{\"id\":77,\"op\":ping}",
		"{\"id\":77,}",
		"{\"id\":77} x",
		"{\"x\":[[[[[[[[[[[[]]]]]]]]]]]],\"op\":\"ping\",\"id\":77}",
		"{\"op\":\"kv.get\",\"mount\":\"//\",\"path\":\"p\",\"id\":77}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		assert_int_equal(decode(bad[i]), -1);
		assert_id("77");
	}
	/* Nobody can know which of the two is meant. */
	assert_refused("{\"id\":77,\"id\":78,\"op\":\"ping\"}", CODE_INVALID_REQUEST, "member \"id\" is repeated");
	assert_int_equal(request.id.len, 0);
}

static void test_what_is_not_a_json_object_is_an_invalid_request(void **state)
{
	static const char *const bad[] = { "", " ", "x", "[]", "\"x\"", "1", "null", "{", "{}x", "{} {}",
		"[{\"id\":1,\"op\":\"ping\"}]", "{\"id\":1,\"op\":\"ping\"}}", "{\"id\":1,\"op\":\"ping\",}",
		"{\"id\":1 \"op\":\"ping\"}", "{\"id\":1,\"op\":\"p\xffing\"}",
		"\xef\xbb\xbf{\"id\":1,\"op\":\"ping\"}", "{'id':1}" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		assert_refused(bad[i], CODE_INVALID_REQUEST, "not a JSON object");
	assert_int_equal(decode_bytes("{\"id\":1,\"op\":\"ping\"}\0", 21), -1);
	assert_int_equal(why.code, CODE_INVALID_REQUEST);
}

static void test_every_truncation_of_a_request_is_refused(void **state)
{
	static const char text[] =
	    "{\"id\":\"a\",\"op\":\"kv.put\",\"mount\":\"m\",\"path\":\"p/q\",\"data\":{\"k\":[1,\"\\u00e9\"]},"
	    "\"cas\":3}";
	size_t n;

	(void)state;
	assert_int_equal(decode(text), 0);
	for (n = 0; n < sizeof(text) - 1; n++) {
		assert_int_equal(decode_bytes(text, n), -1);
		assert_int_equal(why.code, CODE_INVALID_REQUEST);
	}
}

static void test_paths_are_canonical(void **state)
{
	static const char *const good[] = { "a", "a/b", "a/b/c", "...", ".a", "a.", "a/.b/..c", "a b", "a%2Fb",
		"100%", "a+b#c?d", "\xc3\xa9", "-", "*", "~", "a\\\\b", "\\u00e9" };
	static const char *const bad[] = { "", "/", "//", "/a", "a/", "a//b", ".", "..", "./a", "a/.", "a/..",
		"../a", "a/./b", "a/../b", "a\\n", "a\\u0000", "\\u0000", "a\\u0000/b", "a\\u001fb", "a\\u007f",
		"a\x7f", "\\u002e\\u002e", "a\\u002f", "a\\/\\/b", "\\/a" };
	char text[200];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		snprintf(text, sizeof(text), "{\"id\":1,\"op\":\"kv.get\",\"mount\":\"%s\",\"path\":\"%s\"}",
		    good[i], good[i]);
		if (decode(text) != 0)
			fail_msg("refused: %s", text);
		assert_string_equal(secret_mount(&request.name), secret_path(&request.name));
	}
	for (i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof(text), "{\"id\":1,\"op\":\"kv.get\",\"mount\":\"%s\",\"path\":\"p\"}",
		    bad[i]);
		assert_refused(text, CODE_INVALID_REQUEST, "member \"mount\" has an empty");
		snprintf(text, sizeof(text), "{\"id\":1,\"op\":\"kv.get\",\"mount\":\"m\",\"path\":\"%s\"}",
		    bad[i]);
		assert_refused(text, CODE_INVALID_REQUEST, "member \"path\" has an empty");
	}
}

static void test_lengths_of_paths_count_after_unescaping(void **state)
{
	char segment[6 * SECRET_PATH_MAX + 7], text[2 * sizeof(segment)];
	size_t n, max, i;
	int is_mount;

	(void)state;
	for (is_mount = 0; is_mount < 2; is_mount++) {
		max = is_mount ? SECRET_MOUNT_MAX : SECRET_PATH_MAX;
		for (n = max - 1; n <= max + 1; n++) {
			segment[0] = '\0';
			for (i = 0; i < n; i++)
				memcpy(segment + 6 * i, "\\u0061", 7);
			snprintf(text, sizeof(text), "{\"id\":1,\"op\":\"kv.get\",\"%s\":\"%s\",\"%s\":\"x\"}",
			    is_mount ? "mount" : "path", segment, is_mount ? "path" : "mount");
			if (n <= max)
				assert_int_equal(decode(text), 0);
			else
				assert_refused(text, CODE_INVALID_REQUEST,
				    is_mount ? "\"mount\" is too long" : "\"path\" is too long");
		}
	}
}

static void test_clients_can_ask_for_a_path_beforehand(void **state)
{
	(void)state;
	assert_true(request_path_ok("app/db", 6));
	assert_false(request_path_ok("app/db", 5));
	assert_false(request_path_ok("", 10));
	assert_false(request_path_ok("/app", 10));
	assert_false(request_path_ok("app/", 10));
	assert_false(request_path_ok("a//b", 10));
	assert_false(request_path_ok("a/../b", 10));
	assert_false(request_path_ok("a\nb", 10));
	assert_false(request_path_ok("a\x7f", 10));
	assert_false(request_path_ok("a\xff", 10));
	assert_true(request_path_ok("gr\xc3\xbc\xc3\x9f/..x", 20));
}

/*
 * Makes a put whose data is nested that deep, the object itself counted. With another name the object is no data.
 */
static char *deep_put(const char *name, unsigned depth)
{
	char *text = malloc(2 * (size_t)depth + 200), *p = text;

	assert_non_null(text);
	p += sprintf(p, "{\"op\":\"kv.put\",\"mount\":\"m\",\"path\":\"p\",\"%s\":", name);
	if (depth > 0)
		p += sprintf(p, "{\"k\":");
	memset(p, '[', depth > 0 ? depth - 1 : 0);
	p += depth > 0 ? depth - 1 : 0;
	*p++ = '7';
	memset(p, ']', depth > 0 ? depth - 1 : 0);
	p += depth > 0 ? depth - 1 : 0;
	if (depth > 0)
		*p++ = '}';
	strcpy(p, ",\"id\":77}");
	return text;
}

static void test_data_may_be_deep_and_the_envelope_may_not(void **state)
{
	char *text;

	(void)state;
	text = deep_put("data", JSCAN_DEPTH_MAX);
	assert_int_equal(decode(text), 0);
	free(text);
	text = deep_put("data", JSCAN_DEPTH_MAX + 1);
	assert_refused(text, CODE_INVALID_REQUEST, "nested too deeply");
	free(text);
	text = deep_put("extra", REQUEST_ENVELOPE_DEPTH - 1);
	assert_refused(text, CODE_INVALID_REQUEST, "member \"extra\" is unknown");
	free(text);
	text = deep_put("extra", REQUEST_ENVELOPE_DEPTH);
	assert_refused(text, CODE_INVALID_REQUEST, "nested too deeply");
	assert_id("77");
	free(text);
	text = deep_put("cas", JSCAN_DEPTH_MAX + 1);
	assert_refused(text, CODE_INVALID_REQUEST, "nested too deeply");
	free(text);
}

/* A secret may end up anywhere in a request that someone got wrong: as a value, and even as a name. */
static void test_no_message_holds_a_value_or_a_long_name(void **state)
{
	static const char *const bad[] = {
		"{" PUT ",\"cas\":\"hvs.hunter2\"}",
		"{" PUT ",\"hvs.hunter2hvs.hunter2\":1}",
		"{\"id\":1,\"op\":\"hunter2\"}",
		"{\"id\":1,\"op\":\"kv.get\",\"mount\":\"hunter2/\",\"path\":\"p\"}",
		"{\"id\":{\"hunter2\":\"hunter2\"},\"op\":\"ping\"}",
		"{\"id\":1,\"op\":\"kv.put\",\"mount\":\"m\",\"path\":\"p\",\"data\":\"hunter2\"}",
		"{\"hunter2\":hunter2}",
		"hunter2",
		"{" PUT ",\"hunter2 hunter2\":1}",
		"{" PUT ",\"timeout_ms\":\"hunter2\"}",
		"{" GET ",\"data\":{\"hunter2\":1}}",
		"{" GET ",\"version\":77777}hunter2",
		"{" GET ",\"version\":77777777777}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		assert_int_equal(decode(bad[i]), -1);
		if (strstr(why.message, "unter2") != NULL || strstr(why.message, "7777") != NULL)
			fail_msg("%s", why.message);
	}
}

static void test_each_byte_is_told_apart_in_a_path(void **state)
{
	char path[4];

	(void)state;
	for (unsigned byte = 1; byte < 256; byte++) {
		snprintf(path, sizeof(path), "a%cb", (int)byte);
		assert_int_equal(request_path_ok(path, sizeof(path)), byte >= 0x20 && byte < 0x7f);
		snprintf(path, sizeof(path), "a/%c", (int)byte);
		assert_int_equal(request_path_ok(path, sizeof(path)),
		    byte >= 0x20 && byte < 0x7f && byte != '/' && byte != '.');
	}
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ops_have_names),
		TEST(test_a_ping_needs_only_id_and_op),
		TEST(test_a_probe_takes_a_timeout_and_nothing_else),
		TEST(test_snapshots_take_a_timeout_and_a_restore_may_be_forced),
		TEST(test_a_get_with_everything),
		TEST(test_a_get_with_only_what_it_needs),
		TEST(test_a_puts_data_is_its_own_bytes),
		TEST(test_names_and_ops_compare_after_unescaping),
		TEST(test_what_an_op_does_not_take_is_refused_by_name),
		TEST(test_every_member_is_refused_if_repeated_or_null),
		TEST(test_what_an_op_needs_is_missed_by_name),
		TEST(test_types_are_not_converted),
		TEST(test_numbers_are_plain_and_in_their_range),
		TEST(test_an_unknown_op_is_told_apart_from_a_bad_request),
		TEST(test_ids_come_back_as_they_are_written),
		TEST(test_the_id_is_found_although_something_else_is_wrong),
		TEST(test_what_is_not_a_json_object_is_an_invalid_request),
		TEST(test_every_truncation_of_a_request_is_refused),
		TEST(test_paths_are_canonical),
		TEST(test_each_byte_is_told_apart_in_a_path),
		TEST(test_lengths_of_paths_count_after_unescaping),
		TEST(test_clients_can_ask_for_a_path_beforehand),
		TEST(test_data_may_be_deep_and_the_envelope_may_not),
		TEST(test_no_message_holds_a_value_or_a_long_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
