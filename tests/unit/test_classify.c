/*
 * What answers to gets and to the mount guard mean, and the phrases of errors. Bodies are those of OpenBao 2.7.2
 * unless a test says otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/upstream/classify.h"
#include "daemon/upstream/classify_phrase.h"
#include "tests/unit/classify_answers.h"

/* -- gets -- */

static void test_get_gives_the_payload_byte_for_byte(void **state)
{
	char *copy;
	struct http_reply reply = answers_reply(200, GET_OK, strlen(GET_OK), &copy);
	struct answer a = answers_classify(GET, &reply);

	(void)state;
	assert_int_equal(a.verdict, VERDICT_OK);
	answers_expect_span(a.data, "{\"a\":1,\"u\":\"\\u003c\\u0026\\u003e\\u0000\xc3\xa9\"}");
	assert_int_equal(a.data.type, JSON_OBJECT);
	answers_expect_span(a.created_time, "\"2026-11-23T22:54:18.711929766Z\"");
	answers_expect_span(a.metadata, "null");
	assert_int_equal(a.version, 1);
	assert_false(a.odd);
	assert_false(a.unreachable);
	free(copy);
}

static void test_get_of_a_version_that_will_be_deleted_later_gives_it(void **state)
{
	struct answer a = answers_read(GET, 200, GET_TO_BE_DELETED);

	(void)state;
	assert_int_equal(a.verdict, VERDICT_OK);
	assert_int_equal(a.version, 4);
	assert_false(a.odd);
}

static void test_get_takes_what_jansson_would_refuse(void **state)
{
	static const char body[] =
	    "{\"data\":{\"metadata\":{\"version\":7,\"custom_metadata\":{\"k\":\"v\"}},\"data\": "
	    "{\"big\":12345678901234567000,\"f\":1e-7,\"u\":\"\\u0000\xc3\xa9\",\"deep\":[[[]]],\"a\":1,\"a\":2} "
	    "}}";
	char *copy;
	struct http_reply reply = answers_reply(200, body, strlen(body), &copy);
	struct answer a = answers_classify(GET, &reply);

	(void)state;
	assert_int_equal(a.verdict, VERDICT_OK);
	answers_expect_span(a.data,
	    "{\"big\":12345678901234567000,\"f\":1e-7,\"u\":\"\\u0000\xc3\xa9\",\"deep\":[[[]]],\"a\":1,\"a\":2}");
	answers_expect_span(a.metadata, "{\"k\":\"v\"}");
	assert_int_equal(a.created_time.len, 0);
	assert_int_equal(a.version, 7);
	free(copy);
}

static void test_get_takes_a_payload_as_deep_as_the_scanner_goes(void **state)
{
	static const char head[] = "{\"data\":{\"data\":{\"d\":", tail[] = "},\"metadata\":{\"version\":1}}}";

	(void)state;
	for (size_t extra = 0; extra < 2; extra++) {
		size_t n = JSCAN_DEPTH_MAX - 1 + extra, len = strlen(head) + 2 * n + strlen(tail);
		char *body = malloc(len + 1);
		struct answer a;

		assert_non_null(body);
		memcpy(body, head, strlen(head));
		memset(body + strlen(head), '[', n);
		memset(body + strlen(head) + n, ']', n);
		memcpy(body + strlen(head) + 2 * n, tail, strlen(tail) + 1);
		a = answers_read(GET, 200, body);
		assert_int_equal(a.verdict, extra == 0 ? VERDICT_OK : VERDICT_FAILED);
		free(body);
	}
}

static void test_get_of_what_is_no_kv_v2_answer_is_odd(void **state)
{
	static const char *const bodies[] = {
		GET_V1,
		GET_NULL,
		"{\"data\":null}",
		"{}",
		"{\"data\":{\"data\":[1],\"metadata\":{\"version\":1}}}",
		"{\"data\":{\"data\":\"x\",\"metadata\":{\"version\":1}}}",
		"{\"data\":{\"data\":{},\"metadata\":{}}}",
		"{\"data\":{\"data\":{},\"metadata\":null}}",
		"{\"data\":{\"data\":{},\"metadata\":[{\"version\":1}]}}",
		"{\"data\":{\"data\":{},\"metadata\":{\"version\":0}}}",
		"{\"data\":{\"data\":{},\"metadata\":{\"version\":-1}}}",
		"{\"data\":{\"data\":{},\"metadata\":{\"version\":1.0}}}",
		"{\"data\":{\"data\":{},\"metadata\":{\"version\":\"1\"}}}",
		"{\"data\":{\"data\":{},\"metadata\":{\"version\":null}}}",
		"{\"data\":{\"data\":{},\"metadata\":{\"version\":99999999999999999999}}}",
		"{\"data\":{\"data\":{},\"metadata\":{\"version\":1,\"created_time\":5}}}",
		"{\"data\":{\"data\":{},\"metadata\":{\"version\":1,\"custom_metadata\":\"x\"}}}",
		/* which of the two would be the secret? */
		("{\"data\":{\"data\":{},\"metadata\":{\"version\":1}},"
		 "\"data\":{\"data\":{},\"metadata\":{\"version\":2}}}"),
		"{\"data\":{\"data\":{},\"data\":{},\"metadata\":{\"version\":1}}}",
		"{\"data\":{\"data\":{},\"metadata\":{\"version\":1},\"metadata\":{\"version\":1}}}",
		"{\"data\":{\"data\":{},\"metadata\":{\"version\":1,\"\\u0076ersion\":1}}}",
		/* cut, or more than one document */
		"{\"data\":{\"data\":{},\"metadata\":{\"version\":1}}",
		"{\"data\":{\"data\":{},\"metadata\":{\"version\":1}}}}",
		"{\"data\":{\"data\":{\"a\":\"\xff\"},\"metadata\":{\"version\":1}}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct answer a = answers_read(GET, 200, bodies[i]);

		answers_expect_failed(a, CODE_UPSTREAM_ERROR, 200);
		assert_true(a.odd);
	}
}

static void test_get_without_content_is_an_empty_response(void **state)
{
	struct answer a = answers_read(GET, 200, "");

	(void)state;
	answers_expect_failed(a, CODE_EMPTY_RESPONSE, 200);
	assert_true(a.odd);
	a = answers_read(GET, 204, "");
	answers_expect_failed(a, CODE_EMPTY_RESPONSE, 204);
	assert_true(a.odd);
}

static void test_missing_secret_is_not_found(void **state)
{
	struct answer a = answers_read(GET, 404, NONE);

	(void)state;
	answers_expect_failed(a, CODE_NOT_FOUND, 404);
	assert_false(a.failure.deleted);
	assert_int_equal(a.failure.version, 0);
	assert_false(a.odd);
}

static void test_deleted_and_destroyed_versions_are_told_with_their_number(void **state)
{
	struct answer a = answers_read(GET, 404, GET_DELETED);

	(void)state;
	answers_expect_failed(a, CODE_NOT_FOUND, 404);
	assert_true(a.failure.deleted);
	assert_int_equal(a.failure.version, 12);
	a = answers_read(GET, 404, GET_DESTROYED);
	answers_expect_failed(a, CODE_NOT_FOUND, 404);
	assert_true(a.failure.deleted);
	assert_int_equal(a.failure.version, 3);
	assert_non_null(strstr(a.failure.message, "destroyed"));
}

/* A proxy's 404 page, or a mount that is gone, must not be taken for "there is no such secret". */
static void test_other_404s_are_not_not_found(void **state)
{
	static const char *const foreign[] = { "", "<html>Not Found</html>", "{}", "{\"errors\":null}",
		"{\"errors\":{}}", "{\"errors\":[],\"errors\":[]}", "{\"data\":{\"data\":null,\"metadata\":{}}}",
		"{\"data\":{\"data\":{},\"metadata\":{\"version\":1}}}" };
	static const char *const own[] = { "{\"errors\":[\"\"]}",
		ERRORS("no handler for route \\\"nope/data/a\\\". route entry not found.") };

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		answers_expect_again(answers_read(GET, 404, foreign[i]), 100, CODE_UNAVAILABLE);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		struct answer a = answers_read(GET, 404, own[i]);

		answers_expect_failed(a, CODE_UPSTREAM_ERROR, 404);
		assert_true(a.odd);
	}
}

static void test_unknown_namespace_is_told_as_such(void **state)
{
	static const enum what both[] = { GET, PUT };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct answer a = answers_read(both[i], 404, ERRORS("namespace not found"));

		answers_expect_failed(a, CODE_UPSTREAM_ERROR, 404);
		assert_non_null(strstr(a.failure.message, "namespace"));
		assert_false(a.odd);
	}
}

static void test_transient_answers_to_gets_are_asked_again(void **state)
{
	static const struct {
		int status;
		const char *body;
	} cases[] = {
		{ 500, ERRORS("local node not active but active cluster node not found") },
		{ 503, ERRORS("no active Vault instance found") },
		{ 500, ERRORS("active context canceled after getting state lock") },
		{ 502, "<html>" },
		{ 503, "<html>" },
		{ 504, "" },
	};
	struct answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = answers_read(GET, cases[i].status, cases[i].body);
		answers_expect_again(a, 100, CODE_UNAVAILABLE);
		assert_true(a.unreachable);
	}
	a = answers_read(GET, 400,
	    ERRORS("Upgrading from non-versioned to versioned data. This backend will be unavailable "
		   "for a brief period and will resume service shortly."));
	answers_expect_again(a, 100, CODE_UNAVAILABLE);
	assert_false(a.unreachable);
}

/*
 * OpenBao 2.7.2 sends a 307 with an empty body while a standby cannot reach the leader that it passes requests on
 * to.
 */
static void test_get_that_a_standby_could_not_pass_on_may_be_tried_again(void **state)
{
	struct answer a = answers_read(GET, 307, "");

	(void)state;
	answers_expect_again(a, 100, CODE_UNAVAILABLE);
	assert_true(a.unreachable);
	assert_false(a.odd);
}

static void test_other_answers_to_gets_are_upstream_errors(void **state)
{
	static const int statuses[] = { 301, 302, 308, 400, 401, 405, 412, 418, 472, 500, 501, 599 };

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		answers_expect_failed(answers_read(GET, statuses[i], ERRORS("canary")), CODE_UPSTREAM_ERROR,
		    statuses[i]);
	assert_true(answers_read(GET, 302, ERRORS("")).odd);
	assert_true(answers_read(GET, 405, ERRORS("unsupported operation")).odd);
	assert_false(answers_read(GET, 500, ERRORS("internal error")).odd);
}

static void test_get_without_reply(void **state)
{
	struct answer a;

	(void)state;
	for (int sent = 0; sent < 2; sent++) {
		a = answers_none(GET, HTTP_DEADLINE, sent);
		answers_expect_failed(a, CODE_TIMEOUT, 0);
		assert_true(a.unreachable);
		a = answers_none(GET, HTTP_BROKEN, sent);
		answers_expect_again(a, 50, CODE_UNAVAILABLE);
		assert_true(a.unreachable);
	}
	a = answers_none(GET, HTTP_TOO_BIG, true);
	answers_expect_failed(a, CODE_TOO_LARGE, 0);
	assert_false(a.unreachable);
	answers_expect_failed(answers_none(GET, HTTP_HEAD_TOO_LONG, true), CODE_UPSTREAM_ERROR, 0);
	answers_expect_failed(answers_none(GET, HTTP_INTERNAL, false), CODE_INTERNAL, 0);
}

/* -- the mount guard -- */

static struct answer read_mount(int status, const char *body, const char *mount)
{
	char *copy;
	struct http_reply reply = answers_reply(status, body, strlen(body), &copy);
	struct answer ret;

	memset(&ret, 0x55, sizeof(ret));
	classify_mount(&reply, mount, &ret);
	free(copy);
	return ret;
}

static void test_mount_of_kv_v2_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(read_mount(200, MOUNT("{\"version\":\"2\"}", "secret/", "kv"), "secret").verdict,
	    VERDICT_OK);
	assert_int_equal(read_mount(200, MOUNT("{\"version\":\"2\",\"x\":\"y\"}", "team/kv/", "kv"), "team/kv")
			     .verdict,
	    VERDICT_OK);
	assert_int_equal(read_mount(200, MOUNT("{\"version\":\"2\"}", "caf\\u00e9/", "kv"), "caf\xc3\xa9").verdict,
	    VERDICT_OK);
}

static void test_mount_of_another_kind_is_refused(void **state)
{
	static const struct {
		const char *body, *mount;
	} cases[] = {
		/* OpenBao answers about the mount that the path lies in */
		{ MOUNT("{\"version\":\"2\"}", "secret/", "kv"), "secret/metadata" },
		{ MOUNT("{\"version\":\"2\"}", "secret/", "kv"), "secret/data/a" },
		{ MOUNT("{\"version\":\"2\"}", "secret/", "kv"), "secre" },
		{ MOUNT("{\"version\":\"2\"}", "secret/", "kv"), "secret2" },
		{ MOUNT("{\"version\":\"2\"}", "secret", "kv"), "secret" },
		{ MOUNT("{\"version\":\"2\"}", "secretx", "kv"), "secret" },
		{ MOUNT("{\"version\":\"2\"}", "secret/\\u0000", "kv"), "secret" },
		{ MOUNT("{\"version\":\"2\"}", "", "kv"), "" },
		{ MOUNT("{\"version\":\"1\"}", "secret/", "kv"), "secret" },
		{ MOUNT("{\"version\":2}", "secret/", "kv"), "secret" },
		{ MOUNT("{}", "secret/", "kv"), "secret" },
		{ MOUNT("null", "secret/", "kv"), "secret" },
		{ MOUNT("null", "cubbyhole/", "cubbyhole"), "cubbyhole" },
		{ MOUNT("{\"version\":\"2\"}", "secret/", "generic"), "secret" },
		{ "{\"data\":{}}", "secret" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		answers_expect_failed(read_mount(200, cases[i].body, cases[i].mount), CODE_NOT_KV_V2, 200);
}

static void test_mount_answers_that_cannot_be_read_are_upstream_errors(void **state)
{
	static const char *const bodies[] = { "{}", "{\"data\":null}", "{\"data\":[]}",
		"{\"data\":{\"path\":\"secret/\",\"path\":\"secret/\"}}" };

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		answers_expect_failed(read_mount(200, bodies[i], "secret"), CODE_UPSTREAM_ERROR, 200);
	answers_expect_failed(read_mount(200, "", "secret"), CODE_EMPTY_RESPONSE, 200);
}

static void test_mount_refusals_and_failures(void **state)
{
	struct http_reply none = { .outcome = HTTP_CONNECT };
	struct answer a;

	(void)state;
	a = read_mount(403,
	    ERRORS("preflight capability check returned 403, please ensure client's policies grant access to "
		   "path \\\"nope/\\\""),
	    "nope");
	assert_int_equal(a.verdict, VERDICT_DENIED);
	assert_true(a.denied_wrapped);
	assert_int_equal(a.failure.code, CODE_PERMISSION_DENIED);
	assert_non_null(strstr(a.failure.message, "mount"));
	assert_false(read_mount(403, ERRORS("permission denied"), "secret").denied_wrapped);
	answers_expect_failed(read_mount(404, NONE, "nope"), CODE_NOT_KV_V2, 404);
	answers_expect_failed(read_mount(400, NONE, "nope"), CODE_NOT_KV_V2, 400);
	answers_expect_failed(read_mount(404, ERRORS("namespace not found"), "secret"), CODE_UPSTREAM_ERROR, 404);
	answers_expect_again(read_mount(503, ERRORS("no active Vault instance found"), "secret"), 100,
	    CODE_UNAVAILABLE);
	answers_expect_failed(read_mount(503, ERRORS("Vault is sealed"), "secret"), CODE_SEALED, 503);
	answers_expect_failed(read_mount(500, ERRORS("internal error"), "secret"), CODE_UPSTREAM_ERROR, 500);
	for (int status = 400; status < 406; status++)
		answers_expect_again(read_mount(status, "<html>default backend</html>", "secret"), 100,
		    CODE_UNAVAILABLE);
	answers_expect_again(read_mount(200, "<html>log in first</html>", "secret"), 100, CODE_UNAVAILABLE);
	answers_expect_again(read_mount(302, "", "secret"), 100, CODE_UNAVAILABLE);
	classify_mount(&none, "secret", &a);
	answers_expect_failed(a, CODE_UNAVAILABLE, 0);
}

/* -- phrases -- */

static void test_phrases_are_found(void **state)
{
	static const struct {
		const char *body;
		enum upstream_phrase phrase;
	} cases[] = {
		{ ERRORS("permission denied"), PHRASE_PERMISSION_DENIED },
		{ ERRORS(WRAPPED), PHRASE_PERMISSION_DENIED_WRAPPED },
		{ ERRORS("invalid role or secret ID"), PHRASE_INVALID_ROLE_OR_SECRET_ID },
		{ ERRORS("wrapping token is not valid or does not exist"), PHRASE_WRAPPING_TOKEN },
		{ "{\"errors\":[\"nothing\", \"Vault is sealed\"]}", PHRASE_SEALED },
		{ "{\"errors\":[1,{\"a\":[\"Vault is sealed\"]} , null,\t\"no active Vault instance found\"]}",
		    PHRASE_NO_ACTIVE_NODE },
		{ "{\"warnings\":[\"Vault is sealed\"],\"errors\":[\"namespace not found\"],\"data\":null}",
		    PHRASE_NAMESPACE_NOT_FOUND },
		{ ERRORS("V\\u0061ult is sealed"), PHRASE_SEALED },
		{ ERRORS("the Vault is sealed"), PHRASE_OTHER },
		{ "{\"errors\":[[\"Vault is sealed\"]]}", PHRASE_FOREIGN },
		{ "{\"errors\":\"Vault is sealed\"}", PHRASE_FOREIGN },
		{ "{\"errors\":[\"Vault is sealed\"],\"errors\":[]}", PHRASE_FOREIGN },
		{ "{\"errors\":[\"Vault is sealed\"]", PHRASE_FOREIGN },
		{ "[\"Vault is sealed\"]", PHRASE_FOREIGN },
		{ "Vault is sealed", PHRASE_FOREIGN },
		{ "", PHRASE_FOREIGN },
		{ "{\"errors\":[]}", PHRASE_OTHER },
		{ "{\"errors\":[null,1]}", PHRASE_FOREIGN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *copy;
		struct http_reply reply = answers_reply(500, cases[i].body, strlen(cases[i].body), &copy);

		assert_int_equal(classify_phrase(reply.body, reply.body_len, NULL), cases[i].phrase);
		free(copy);
	}
}

static void test_text_longer_than_any_phrase_is_passed_over(void **state)
{
	static const char start[] = "{\"errors\":[\"Vault is sealed";
	size_t len = 100000;
	char *body = malloc(len + 64), *end = body + len;

	(void)state;
	assert_non_null(body);
	memset(body, 'x', len);
	memcpy(body, start, strlen(start));
	strcpy(end, "\"]}");
	assert_int_equal(classify_phrase(body, strlen(body), NULL), PHRASE_OTHER);
	strcpy(end, "\",\"Vault is sealed\"]}");
	assert_int_equal(classify_phrase(body, strlen(body), NULL), PHRASE_SEALED);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get_gives_the_payload_byte_for_byte),
		cmocka_unit_test(test_get_of_a_version_that_will_be_deleted_later_gives_it),
		cmocka_unit_test(test_get_takes_what_jansson_would_refuse),
		cmocka_unit_test(test_get_takes_a_payload_as_deep_as_the_scanner_goes),
		cmocka_unit_test(test_get_of_what_is_no_kv_v2_answer_is_odd),
		cmocka_unit_test(test_get_without_content_is_an_empty_response),
		cmocka_unit_test(test_missing_secret_is_not_found),
		cmocka_unit_test(test_deleted_and_destroyed_versions_are_told_with_their_number),
		cmocka_unit_test(test_other_404s_are_not_not_found),
		cmocka_unit_test(test_unknown_namespace_is_told_as_such),
		cmocka_unit_test(test_transient_answers_to_gets_are_asked_again),
		cmocka_unit_test(test_get_that_a_standby_could_not_pass_on_may_be_tried_again),
		cmocka_unit_test(test_other_answers_to_gets_are_upstream_errors),
		cmocka_unit_test(test_get_without_reply),
		cmocka_unit_test(test_mount_of_kv_v2_is_accepted),
		cmocka_unit_test(test_mount_of_another_kind_is_refused),
		cmocka_unit_test(test_mount_answers_that_cannot_be_read_are_upstream_errors),
		cmocka_unit_test(test_mount_refusals_and_failures),
		cmocka_unit_test(test_phrases_are_found),
		cmocka_unit_test(test_text_longer_than_any_phrase_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
