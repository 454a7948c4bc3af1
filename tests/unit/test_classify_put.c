/*
 * What answers to puts mean, and what holds for gets and puts alike. Bodies are those of OpenBao 2.7.2 unless a
 * test says otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/upstream/classify.h"
#include "tests/unit/classify_answers.h"

/* -- what holds for gets and puts -- */

static void test_no_connection_is_unavailable(void **state)
{
	static const enum what both[] = { GET, PUT };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct answer a = answers_none(both[i], HTTP_CONNECT, false);

		answers_expect_failed(a, CODE_UNAVAILABLE, 0);
		assert_true(a.unreachable);
		a = answers_none(both[i], HTTP_TLS, false);
		answers_expect_failed(a, CODE_UNAVAILABLE, 0);
		assert_true(a.unreachable);
		assert_non_null(strstr(a.failure.message, "certificate"));
	}
}

static void test_sealed_is_told_at_once(void **state)
{
	static const enum what both[] = { GET, PUT };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct answer a = answers_read(both[i], 503, ERRORS("Vault is sealed"));

		answers_expect_failed(a, CODE_SEALED, 503);
		assert_true(a.unreachable);
		answers_expect_failed(answers_read(both[i], 503, ERRORS("Vault is not initialized")),
		    CODE_NOT_INITIALIZED, 503);
	}
}

/*
 * A service mesh, a firewall or the default page of an ingress. What they say of a token, a path or a mount is
 * nothing that OpenBao has said; a write may have been passed on before its answer was replaced.
 */
static void test_what_stands_in_front_of_openbao_is_not_believed(void **state)
{
	static const char *const pages[] = { "", "RBAC: access denied", "<html><h1>403 Forbidden</h1></html>",
		"{\"message\":\"Forbidden\"}", "{\"errors\":[{\"code\":1010}]}", "{\"errors\":null}",
		"default backend - 404", "Client sent an HTTP request to an HTTPS server.\n" };
	static const int statuses[] = { 301, 302, 303, 308, 400, 401, 403, 404, 405, 500 };

	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		for (size_t k = 0; k < sizeof(statuses) / sizeof(statuses[0]); k++) {
			struct answer a = answers_read(GET, statuses[k], pages[i]);

			answers_expect_again(a, 100, CODE_UNAVAILABLE);
			assert_int_equal(a.failure.status, 0); /* it is not OpenBao's */
			assert_true(a.foreign);
			a = answers_read(PUT, statuses[k], pages[i]);
			answers_expect_failed(a, CODE_UNKNOWN_OUTCOME, 0);
			assert_true(a.foreign);
			a = answers_read(RESTORE, statuses[k], pages[i]);
			answers_expect_failed(a, CODE_UNKNOWN_OUTCOME, 0);
			a = answers_read(SAVE, statuses[k], pages[i]);
			answers_expect_again(a, 100, CODE_UNAVAILABLE);
		}
	}
}

/* Go's server says so in plain text, in place of OpenBao. */
static void test_a_listener_that_wants_tls_is_told_as_such(void **state)
{
	static const char said[] = "Client sent an HTTP request to an HTTPS server.\n";
	static const char words[] = "OpenBao's listener wants https://, and got http://, with HTTP status 400";
	struct answer a = answers_read(GET, 400, said);

	(void)state;
	answers_expect_again(a, 100, CODE_UNAVAILABLE);
	assert_true(a.foreign);
	assert_string_equal(a.failure.message, words);
	a = answers_read(GET, 400, "Client sent an HTTP request");
	assert_non_null(strstr(a.failure.message, "in front of OpenBao"));
}

/* A proxy's login page comes with a 200. OpenBao answers with a JSON object or with nothing. */
static void test_a_page_with_status_200_is_not_believed(void **state)
{
	static const char *const pages[] = { "<html>log in first</html>", " \n<!DOCTYPE html>", "ok", "[]", "null",
		"\"x\"", "1", "\xef\xbb\xbf{}", " " };
	static const int statuses[] = { 200, 201, 202, 206 };

	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		for (size_t k = 0; k < sizeof(statuses) / sizeof(statuses[0]); k++) {
			struct answer a = answers_read(GET, statuses[k], pages[i]);

			answers_expect_again(a, 100, CODE_UNAVAILABLE);
			assert_true(a.foreign && a.unreachable && !a.odd);
			assert_int_equal(a.failure.status, 0);
			a = answers_read(PUT, statuses[k], pages[i]);
			answers_expect_failed(a, CODE_UNKNOWN_OUTCOME, 0);
			assert_true(a.foreign && a.unreachable && !a.odd);
			a = answers_read(RESTORE, statuses[k], pages[i]);
			answers_expect_failed(a, CODE_UNKNOWN_OUTCOME, 0);
			assert_true(a.foreign);
		}
	}
	assert_false(answers_read(GET, 200, " \r\n\t" GET_OK).foreign);
	assert_false(answers_read(RESTORE, 204, "").foreign);
}

/* The phrases are those of OpenBao 2.7.2. Health is not asked: OpenBao is well, and the node not at fault. */
static void test_a_closed_namespace_is_told_at_once_and_nothing_was_written(void **state)
{
	static const enum what both[] = { GET, PUT };
	static const char locked[] = ERRORS(
	    "API access to this namespace has been locked by an administrator - \\\"canary/\\\" must be "
	    "unlocked to gain access.");

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct answer a = answers_read(both[i], 503, ERRORS("namespace is sealed"));

		answers_expect_failed(a, CODE_SEALED, 503);
		assert_string_equal(a.failure.message, "the namespace is sealed in OpenBao");
		assert_false(a.unreachable);
		a = answers_read(both[i], 503, locked);
		answers_expect_failed(a, CODE_SEALED, 503);
		assert_string_equal(a.failure.message, "the namespace is locked in OpenBao");
		assert_false(a.unreachable);
	}
}

static void test_denied_tells_wrapped_from_unwrapped(void **state)
{
	static const struct {
		const char *body;
		bool wrapped;
	} cases[] = {
		{ ERRORS("permission denied"), false },
		{ ERRORS(WRAPPED), true },
		{ ERRORS(
		      "preflight capability check returned 403, please ensure client's policies grant access to "
		      "path \\\"nope/\\\""),
		    true },
		{ ERRORS("2 errors occurred:\\n\\t* permission denied\\n\\t* invalid token\\n\\n"), false },
		{ ERRORS("something else"), false },
	};
	static const enum what both[] = { GET, PUT };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct answer a = answers_read(both[i % 2], 403, cases[i / 2].body);

		assert_int_equal(a.verdict, VERDICT_DENIED);
		assert_int_equal(a.denied_wrapped, cases[i / 2].wrapped);
		assert_int_equal(a.failure.code, CODE_PERMISSION_DENIED);
		assert_int_equal(a.failure.status, 403);
	}
}

static void test_rate_limit_waits_as_long_as_openbao_says(void **state)
{
	static const enum what both[] = { GET, PUT };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct http_reply reply = { .outcome = HTTP_REPLY,
			.sent = true,
			.status = 429,
			.body = "",
			.retry_after_ms = 7000 };

		answers_expect_again(answers_classify(both[i], &reply), 7000, CODE_OVERLOADED);
		reply.retry_after_ms = 0;
		answers_expect_again(answers_classify(both[i], &reply), 1000, CODE_OVERLOADED);
	}
}

static void test_no_text_of_openbao_is_passed_on(void **state)
{
	static const int statuses[] = { 200, 204, 302, 400, 403, 404, 405, 413, 429, 500, 502, 503 };
	static const char *const bodies[] = { ERRORS("canary"), ERRORS("permission denied canary"),
		ERRORS("Vault is sealed canary"), ERRORS("cas mismatch canary"),
		ERRORS("namespace not found canary"), "canary", "{\"data\":{\"data\":\"canary\"}}" };

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		for (size_t k = 0; k < sizeof(bodies) / sizeof(bodies[0]); k++) {
			assert_null(strstr(answers_read(GET, statuses[i], bodies[k]).failure.message, "canary"));
			assert_null(strstr(answers_read(PUT, statuses[i], bodies[k]).failure.message, "canary"));
		}
	}
}

/* -- puts -- */

static void test_put_gives_the_new_version(void **state)
{
	char *copy;
	struct http_reply reply = answers_reply(200, PUT_OK, strlen(PUT_OK), &copy);
	struct answer a = answers_classify(PUT, &reply);

	(void)state;
	assert_int_equal(a.verdict, VERDICT_OK);
	assert_int_equal(a.version, 2);
	answers_expect_span(a.created_time, "\"2026-11-23T22:54:18.951055046Z\"");
	answers_expect_span(a.metadata, "{\"k\":\"v\"}");
	assert_int_equal(a.data.len, 0);
	free(copy);
}

static void test_cas_mismatch_is_final_and_carries_the_tags(void **state)
{
	static const char *const texts[] = {
		ERRORS("check-and-set parameter did not match the current version"),
		ERRORS("1 error occurred:\\n\\t* check-and-set parameter did not match the current version\\n\\n"),
		ERRORS("Check-And-Set parameter did not match"),
		ERRORS("write refused: CAS mismatch"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct answer a = answers_read(PUT, 400, texts[i]);

		answers_expect_failed(a, CODE_CAS_MISMATCH, 400);
		assert_non_null(strstr(a.failure.message, "cas mismatch"));
		assert_non_null(strstr(a.failure.message, "(REQ-004, PX-0003)"));
		assert_false(a.odd);
	}
}

static void test_puts_that_were_not_done(void **state)
{
	(void)state;
	answers_expect_failed(answers_read(PUT, 400, ERRORS("check-and-set parameter required for this call")),
	    CODE_CAS_REQUIRED, 400);
	answers_expect_failed(answers_read(PUT, 400,
				  ERRORS(
				      "failed to decode JSON input: json: cannot unmarshal number 1e400 into Go "
				      "value of type float64")),
	    CODE_UPSTREAM_ERROR, 400);
	answers_expect_failed(answers_read(PUT, 404, NONE), CODE_UPSTREAM_ERROR, 404);
	assert_true(answers_read(PUT, 404, NONE).odd);
	answers_expect_failed(answers_read(PUT, 405, ERRORS("unsupported operation")), CODE_UPSTREAM_ERROR, 405);
	assert_true(answers_read(PUT, 405, ERRORS("unsupported operation")).odd);
	answers_expect_failed(answers_read(PUT, 413, ERRORS("http: request body too large")), CODE_TOO_LARGE, 413);
	answers_expect_failed(
	    answers_read(PUT, 500,
		ERRORS("put failed due to value being too large; got 1572990 bytes, max: 1048576 bytes")),
	    CODE_TOO_LARGE, 500);
	answers_expect_failed(
	    answers_read(PUT, 500,
		ERRORS("1 error occurred:\\n\\t* put failed due to value being too large; got 2 bytes\\n\\n")),
	    CODE_TOO_LARGE, 500);
}

static void test_puts_that_were_not_done_and_may_be_tried_again(void **state)
{
	struct answer a;

	(void)state;
	a = answers_read(PUT, 500, ERRORS("local node not active but active cluster node not found"));
	answers_expect_again(a, 100, CODE_UNAVAILABLE);
	assert_true(a.unreachable);
	a = answers_read(PUT, 503, ERRORS("no active Vault instance found"));
	answers_expect_again(a, 100, CODE_UNAVAILABLE);
	assert_true(a.unreachable);
	answers_expect_again(answers_read(PUT, 400,
				 ERRORS("Upgrading from non-versioned to versioned data. This backend will be "
					"unavailable for a brief period and will resume service shortly.")),
	    100, CODE_UNAVAILABLE);
}

static void test_all_other_answers_to_puts_leave_the_outcome_unknown(void **state)
{
	static const struct {
		int status;
		const char *body;
	} cases[] = {
		/* odd successes: a v1 mount takes the write with 204 and stores something else */
		{ 200, "" },
		{ 200, "{}" },
		{ 200, GET_OK },
		{ 200, "{\"data\":{}}" },
		{ 200, "{\"data\":{\"version\":0}}" },
		{ 200, "{\"data\":{\"version\":2}" },
		{ 200, "{\"data\":{\"version\":2,\"version\":2}}" },
		{ 200, "{\"data\":{\"version\":null}}" },
		{ 201, PUT_OK },
		{ 202, "" },
		{ 204, "" },
		{ 206, PUT_OK },
		{ 299, PUT_OK },
		{ 302, ERRORS("canary") },
		{ 307, "" },
		{ 401, ERRORS("canary") },
		{ 408, ERRORS("canary") },
		{ 409, ERRORS("canary") },
		{ 412, ERRORS("canary") },
		{ 418, ERRORS("canary") },
		{ 500, ERRORS("canary") },
		{ 500, ERRORS("internal error") },
		{ 500, ERRORS("1 error occurred:\\n\\t* internal error\\n\\n") },
		{ 500, ERRORS("active context canceled after getting state lock") },
		/* a phrase counts only at the beginning of a text, and with its own status */
		{ 500, ERRORS("key \\\"local node not active but active cluster node not found\\\"") },
		{ 500, ERRORS("Vault is sealed") },
		{ 500, ERRORS("check-and-set parameter did not match the current version") },
		{ 500, ERRORS("Upgrading from non-versioned to versioned data") },
		{ 502, ERRORS("no active Vault instance found") },
		{ 502, "" },
		{ 503, "" },
		{ 503, "<html>" },
		{ 503, ERRORS("put failed due to value being too large") },
		{ 504, "" },
		{ 503, ERRORS("active context canceled after getting state lock") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		answers_expect_failed(answers_read(PUT, cases[i].status, cases[i].body), CODE_UNKNOWN_OUTCOME,
		    cases[i].status);
	assert_true(answers_read(PUT, 204, "").odd);
	assert_true(answers_read(PUT, 200, "{}").odd);
	assert_false(answers_read(PUT, 500, "").odd);
	assert_true(answers_read(PUT, 307, "").unreachable); /* a standby's, whose leader is lost */
	assert_false(answers_read(PUT, 302, ERRORS("")).unreachable);
}

static void test_put_without_reply_is_unknown_only_if_something_was_sent(void **state)
{
	static const enum http_outcome outcomes[] = { HTTP_CONNECT, HTTP_TLS, HTTP_DEADLINE, HTTP_BROKEN,
		HTTP_TOO_BIG, HTTP_HEAD_TOO_LONG, HTTP_INTERNAL };
	struct answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		answers_expect_failed(answers_none(PUT, outcomes[i], true), CODE_UNKNOWN_OUTCOME, 0);
	a = answers_none(PUT, HTTP_DEADLINE, false);
	answers_expect_failed(a, CODE_TIMEOUT, 0);
	assert_true(a.unreachable);
	answers_expect_again(answers_none(PUT, HTTP_BROKEN, false), 50, CODE_UNAVAILABLE);
	answers_expect_failed(answers_none(PUT, HTTP_INTERNAL, false), CODE_INTERNAL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_connection_is_unavailable),
		cmocka_unit_test(test_sealed_is_told_at_once),
		cmocka_unit_test(test_what_stands_in_front_of_openbao_is_not_believed),
		cmocka_unit_test(test_a_listener_that_wants_tls_is_told_as_such),
		cmocka_unit_test(test_a_page_with_status_200_is_not_believed),
		cmocka_unit_test(test_a_closed_namespace_is_told_at_once_and_nothing_was_written),
		cmocka_unit_test(test_denied_tells_wrapped_from_unwrapped),
		cmocka_unit_test(test_rate_limit_waits_as_long_as_openbao_says),
		cmocka_unit_test(test_no_text_of_openbao_is_passed_on),
		cmocka_unit_test(test_put_gives_the_new_version),
		cmocka_unit_test(test_cas_mismatch_is_final_and_carries_the_tags),
		cmocka_unit_test(test_puts_that_were_not_done),
		cmocka_unit_test(test_puts_that_were_not_done_and_may_be_tried_again),
		cmocka_unit_test(test_all_other_answers_to_puts_leave_the_outcome_unknown),
		cmocka_unit_test(test_put_without_reply_is_unknown_only_if_something_was_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
