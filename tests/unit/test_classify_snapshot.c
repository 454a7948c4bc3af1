/*
 * What answers to a snapshot's save and restore mean. Bodies are those of OpenBao 2.7.2 unless a test says
 * otherwise.
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

#define WRAPPED_ERROR(text) ERRORS("1 error occurred:\\n\\t* " text "\\n\\n")

static struct answer save(int status, const char *body)
{
	return answers_read(SAVE, status, body);
}

static struct answer restore(int status, const char *body)
{
	return answers_read(RESTORE, status, body);
}

static void test_a_2xx_is_good(void **state)
{
	(void)state;
	assert_int_equal(save(200, "").verdict, VERDICT_OK);
	assert_int_equal(restore(204, "").verdict, VERDICT_OK);
	assert_int_equal(restore(200, "{}").verdict, VERDICT_OK);
}

static void test_no_raft_is_known_by_its_phrase_whatever_the_status(void **state)
{
	static const struct {
		int status;
		const char *body, *cause;
	} cases[] = {
		{ 404, WRAPPED_ERROR("unsupported path"), "404: unsupported path" },
		{ 400, ERRORS("raft storage is not in use"), "400: raft storage is not in use" },
		{ 500, WRAPPED_ERROR("raft storage is not in use"), "500: raft storage is not in use" },
		{ 404, ERRORS("Raft storage is not in use"), "404: raft storage is not in use" },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct answer a = (i % 2 ? save : restore)(cases[i / 2].status, cases[i / 2].body);

		answers_expect_failed(a, CODE_RAFT_UNSUPPORTED, cases[i / 2].status);
		assert_ptr_equal(strstr(a.failure.message, "secretstore: raft storage not in use"),
		    a.failure.message);
		assert_non_null(strstr(a.failure.message, cases[i / 2].cause));
		assert_false(a.unreachable);
	}
	/* A 404 that says nothing about raft storage is an error like any other. */
	answers_expect_failed(save(404, NONE), CODE_UPSTREAM_ERROR, 404);
	answers_expect_failed(restore(404, NONE), CODE_UPSTREAM_ERROR, 404);
}

static void test_a_refusal_is_told_as_that_of_others(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct answer (*read)(int, const char *) = i ? save : restore;
		struct answer a = read(403, WRAPPED_ERROR("permission denied"));

		assert_int_equal(a.verdict, VERDICT_DENIED);
		assert_true(a.denied_wrapped);
		assert_false(read(403, ERRORS("permission denied")).denied_wrapped);
		answers_expect_failed(read(503, ERRORS("Vault is sealed")), CODE_SEALED, 503);
		assert_int_equal(read(429, "").verdict, VERDICT_AGAIN);
		answers_expect_again(read(500, ERRORS("local node not active but active cluster node not found")),
		    100, CODE_UNAVAILABLE);
	}
}

static void test_a_restore_that_openbao_did_not_take_changed_nothing(void **state)
{
	static const struct {
		int status;
		const char *body, *says;
	} cases[] = {
		{ 400,
		    ERRORS("could not verify hash file, possibly the snapshot is using a different set of unseal "
			   "keys; use the snapshot-force API to bypass this check"),
		    "other unseal keys" },
		{ 400,
		    ERRORS(
			"could not verify hash file, possibly the snapshot is using a different autoseal key; use "
			"the snapshot-force API to bypass this check"),
		    "by force" },
		{ 500, WRAPPED_ERROR("failed to decompress snapshot: gzip: invalid header"), "could not read" },
		{ 500, WRAPPED_ERROR("failed to read snapshot file: failed reading snapshot: unexpected EOF"),
		    "could not read" },
		{ 500,
		    WRAPPED_ERROR(
			"failed to read snapshot file: failed reading snapshot: read tcp 127.0.0.1:8200: i/o "
			"timeout"),
		    "http_read_timeout" },
		{ 400, ERRORS("something else"), "did not accept" },
		{ 413, "", "did not accept" },
		{ 307, "", "did not accept" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct answer a = restore(cases[i].status, cases[i].body);

		answers_expect_failed(a, CODE_UPSTREAM_ERROR, cases[i].status);
		assert_non_null(strstr(a.failure.message, cases[i].says));
		assert_non_null(strstr(a.failure.message, "nothing was restored"));
	}
}

static void test_a_restore_whose_fate_is_not_known_is_told_so(void **state)
{
	static const enum http_outcome outcomes[] = { HTTP_DEADLINE, HTTP_BROKEN, HTTP_TOO_BIG };

	(void)state;
	answers_expect_failed(restore(500, ERRORS("internal error")), CODE_UNKNOWN_OUTCOME, 500);
	answers_expect_failed(restore(502, "<html>"), CODE_UNKNOWN_OUTCOME, 502);
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		answers_expect_failed(answers_none(RESTORE, outcomes[i], true), CODE_UNKNOWN_OUTCOME, 0);
	answers_expect_failed(answers_none(RESTORE, HTTP_CONNECT, false), CODE_UNAVAILABLE, 0);
	answers_expect_failed(answers_none(RESTORE, HTTP_TLS, false), CODE_UNAVAILABLE, 0);
	answers_expect_failed(answers_none(RESTORE, HTTP_BROKEN, false), CODE_UNAVAILABLE, 0);
	answers_expect_failed(answers_none(RESTORE, HTTP_INTERNAL, false), CODE_INTERNAL, 0);
}

static void test_a_save_without_an_answer_is_unavailable(void **state)
{
	struct answer a = answers_none(SAVE, HTTP_BROKEN, true);

	(void)state;
	assert_int_equal(a.failure.code, CODE_UNAVAILABLE);
	answers_expect_failed(answers_none(SAVE, HTTP_CONNECT, false), CODE_UNAVAILABLE, 0);
	answers_expect_failed(answers_none(SAVE, HTTP_DEADLINE, true), CODE_TIMEOUT, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_2xx_is_good),
		cmocka_unit_test(test_no_raft_is_known_by_its_phrase_whatever_the_status),
		cmocka_unit_test(test_a_refusal_is_told_as_that_of_others),
		cmocka_unit_test(test_a_restore_that_openbao_did_not_take_changed_nothing),
		cmocka_unit_test(test_a_restore_whose_fate_is_not_known_is_told_so),
		cmocka_unit_test(test_a_save_without_an_answer_is_unavailable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
