/*
 * What follows an answer that is not good: the one place where that is decided, for reads, writes and snapshots.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/store/attempt.h"

#define DENIALS_MAX 3

static struct answer answer_of(enum verdict verdict, enum code code)
{
	struct answer answer = { .verdict = verdict };

	failure_set(&answer.failure, code, "said of the answer");
	return answer;
}

static enum attempt_next judge(enum verdict verdict, enum code code, enum health_state reach, struct attempt *ret)
{
	const struct answer answer = answer_of(verdict, code);

	*ret = (struct attempt){ .denials_max = DENIALS_MAX };
	return attempt_judge(ret, &answer, reach);
}

static void test_what_may_pass_is_tried_again(void **state)
{
	static const enum health_state there[] = { HEALTH_UP, HEALTH_SUSPECT, HEALTH_DOWN };
	struct attempt a;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(judge(VERDICT_AGAIN, CODE_OVERLOADED, there[i], &a), ATTEMPT_PAUSES);
		assert_int_equal(judge(VERDICT_FAILED, CODE_UNAVAILABLE, there[i], &a), ATTEMPT_PAUSES);
		assert_int_equal(a.failure.code, CODE_UNAVAILABLE);
	}
}

static void test_what_will_not_pass_fails_as_the_answer_says(void **state)
{
	static const enum code final[] = { CODE_NOT_FOUND, CODE_CAS_MISMATCH, CODE_UNKNOWN_OUTCOME, CODE_TIMEOUT,
		CODE_NOT_KV_V2 };
	struct attempt a;

	(void)state;
	for (size_t i = 0; i < sizeof(final) / sizeof(final[0]); i++) {
		assert_int_equal(judge(VERDICT_FAILED, final[i], HEALTH_UP, &a), ATTEMPT_FAILS);
		assert_int_equal(judge(VERDICT_FAILED, final[i], HEALTH_SUSPECT, &a), ATTEMPT_FAILS);
		assert_int_equal(a.failure.code, final[i]);
		assert_string_equal(a.failure.message, "said of the answer");
	}
}

static void test_a_closed_openbao_is_not_waited_for(void **state)
{
	struct attempt a;

	(void)state;
	assert_int_equal(judge(VERDICT_AGAIN, CODE_UNAVAILABLE, HEALTH_SEALED, &a), ATTEMPT_FAILS);
	assert_int_equal(a.failure.code, CODE_SEALED);
	assert_string_equal(a.failure.message, "OpenBao is sealed");
	assert_int_equal(judge(VERDICT_AGAIN, CODE_UNAVAILABLE, HEALTH_NOT_INITIALIZED, &a), ATTEMPT_FAILS);
	assert_int_equal(a.failure.code, CODE_NOT_INITIALIZED);
	assert_string_equal(a.failure.message, "OpenBao is not initialized");
}

static void test_one_nodes_word_does_not_count_until_the_others_were_asked(void **state)
{
	struct attempt a;

	(void)state;
	assert_int_equal(judge(VERDICT_FAILED, CODE_SEALED, HEALTH_SUSPECT, &a), ATTEMPT_PAUSES);
	assert_int_equal(judge(VERDICT_FAILED, CODE_NOT_INITIALIZED, HEALTH_SUSPECT, &a), ATTEMPT_PAUSES);
	assert_int_equal(judge(VERDICT_FAILED, CODE_SEALED, HEALTH_SEALED, &a), ATTEMPT_FAILS);
	/* Snapshots are judged in this way: their transfers pass HEALTH_UP. */
	assert_int_equal(judge(VERDICT_FAILED, CODE_SEALED, HEALTH_UP, &a), ATTEMPT_FAILS);
	assert_int_equal(a.failure.code, CODE_SEALED);
}

static void test_a_denial_is_asked_about_so_often_and_no_more(void **state)
{
	const struct answer denied = answer_of(VERDICT_DENIED, CODE_PERMISSION_DENIED);
	struct attempt a;

	(void)state;
	assert_int_equal(judge(VERDICT_DENIED, CODE_PERMISSION_DENIED, HEALTH_UP, &a), ATTEMPT_DENIED);
	for (unsigned i = 1; i < DENIALS_MAX; i++)
		assert_int_equal(attempt_judge(&a, &denied, HEALTH_UP), ATTEMPT_DENIED);
	assert_int_equal(attempt_judge(&a, &denied, HEALTH_UP), ATTEMPT_FAILS);
	assert_int_equal(a.failure.code, CODE_PERMISSION_DENIED);
	assert_int_equal(judge(VERDICT_DENIED, CODE_PERMISSION_DENIED, HEALTH_DOWN, &a), ATTEMPT_FAILS);
}

static void test_pauses_grow_and_last_as_long_as_is_asked_for(void **state)
{
	struct attempt a = { .tries = 0 };

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		uint64_t most = i < 5 ? 50u << i : 1000;

		assert_in_range(attempt_pause_ms(&a, 0), most / 2, most);
	}
	assert_int_equal(attempt_pause_ms(&a, 5000), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_may_pass_is_tried_again),
		cmocka_unit_test(test_what_will_not_pass_fails_as_the_answer_says),
		cmocka_unit_test(test_a_closed_openbao_is_not_waited_for),
		cmocka_unit_test(test_one_nodes_word_does_not_count_until_the_others_were_asked),
		cmocka_unit_test(test_a_denial_is_asked_about_so_often_and_no_more),
		cmocka_unit_test(test_pauses_grow_and_last_as_long_as_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
