/*
 * Who waits for a token and for how long, and what a 403 leads to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/clock.h"
#include "tests/unit/keeper_helper.h"

#define MANY 50

static struct token *current(struct keeper *keeper)
{
	struct token *token = keeper_token(keeper);

	assert_non_null(token);
	return token;
}

static void deny(struct keeper *keeper, struct token *token, bool wrapped, struct waiter *waiter)
{
	assert_non_null(keeper_denied(keeper, token, wrapped, waiter_ready, waiter));
	assert_int_equal(waiter->times, 0);
}

static void wait_for_token(struct keeper *keeper, struct waiter *waiter)
{
	assert_non_null(keeper_wait(keeper, waiter_ready, waiter));
	assert_int_equal(waiter->times, 0);
}

/* -- waiting ------------------------------------------------------------------------------------------------- */

static void test_requests_wait_for_the_first_login(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_new(f, false);
	struct waiter w[3] = { { 0 } };

	fakebao_grant(f, FAKEBAO_LOGIN, "T-1", 60, true);
	fakebao_hold(f, FAKEBAO_LOGIN, true);
	wait_for_token(keeper, &w[0]);
	assert_true(keeper_helper_has(keeper, NULL));
	keeper_start(keeper);
	wait_for_token(keeper, &w[1]);
	fakebao_until(f, fakebao_count(f, FAKEBAO_LOGIN) == 1);
	wait_for_token(keeper, &w[2]);
	fakebao_pass(f, 50);
	assert_int_equal(waiters_with(w, 3, CODE_NONE), 0);
	assert_int_equal(keeper_helper_status(keeper).state, LEASE_LOGGING_IN);
	fakebao_hold(f, FAKEBAO_LOGIN, false);
	fakebao_until(f, waiters_with(w, 3, CODE_NONE) == 3);
	assert_true(keeper_helper_has(keeper, "T-1"));
	keeper_free(keeper);
}

static void test_with_a_live_token_nobody_waits(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_serving(f, 60, true);
	struct waiter w[1] = { { 0 } };

	wait_for_token(keeper, &w[0]);
	fakebao_until(f, waiters_with(w, 1, CODE_NONE) == 1);
	keeper_free(keeper);
}

static void test_a_failed_login_fails_all_who_wait(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_new(f, false);
	struct waiter w[MANY] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	fakebao_hold(f, FAKEBAO_LOGIN, true);
	keeper_start(keeper);
	for (size_t i = 0; i < MANY; i++)
		wait_for_token(keeper, &w[i]);
	fakebao_hold(f, FAKEBAO_LOGIN, false);
	fakebao_until(f, waiters_with(w, MANY, CODE_NOT_READY) == MANY);
	assert_string_equal(w[0].why.message, "no login at OpenBao: the credentials were refused");
	assert_int_equal(keeper_helper_status(keeper).state, LEASE_REJECTED);
	keeper_free(keeper);
}

static void test_without_hope_for_a_token_nobody_waits(void **state)
{
	static const struct {
		int status;
		const char *body, *message;
	} rows[] = {
		{ 400, FAKEBAO_REFUSED, "no login at OpenBao: the credentials were refused" },
		{ 403, FAKEBAO_DENIED, "no login at OpenBao: the login was denied" },
		{ 500, "{\"errors\":[\"x\"]}", "no login at OpenBao: the login failed" },
		{ 0, "", "no login at OpenBao: OpenBao does not answer" },
	};
	struct fakebao *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct keeper *keeper = keeper_helper_new(f, false);
		struct waiter w[1] = { { 0 } };

		fakebao_answer(f, FAKEBAO_LOGIN, rows[i].status, rows[i].body);
		keeper_start(keeper);
		fakebao_until(f, keeper_helper_status(keeper).login_failures == 1);
		wait_for_token(keeper, &w[0]);
		fakebao_until(f, waiters_with(w, 1, CODE_NOT_READY) == 1);
		assert_string_equal(w[0].why.message, rows[i].message);
		keeper_free(keeper);
	}
}

static void test_sealed_is_named_to_those_who_ask(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_new(f, false);
	struct waiter w[1] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOGIN, 503, "{\"errors\":[\"Vault is sealed\"]}");
	fakebao_answer(f, FAKEBAO_HEALTH, 299, FAKEBAO_SEALED);
	keeper_start(keeper);
	fakebao_until(f, keeper_reach(keeper) == REACH_SEALED);
	wait_for_token(keeper, &w[0]);
	fakebao_until(f, waiters_with(w, 1, CODE_NOT_READY) == 1);
	assert_string_equal(w[0].why.message, "no login at OpenBao: OpenBao is sealed");
	keeper_free(keeper);
}

static void test_a_cancelled_wait_is_not_called_back(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_new(f, false);
	struct waiter w[3] = { { 0 } };
	struct token_wait *wait;
	struct token *token;

	fakebao_grant(f, FAKEBAO_LOGIN, "T-1", 60, true);
	wait = keeper_wait(keeper, waiter_ready, &w[0]);
	token_wait_cancel(wait); /* while it waits for the login */
	keeper_start(keeper);
	fakebao_until(f, keeper_helper_has(keeper, "T-1"));
	wait = keeper_wait(keeper, waiter_ready, &w[1]);
	token_wait_cancel(wait); /* when it is decided */
	fakebao_hold(f, FAKEBAO_LOOKUP, true);
	token = current(keeper);
	wait = keeper_denied(keeper, token, false, waiter_ready, &w[2]);
	fakebao_until(f, fakebao_count(f, FAKEBAO_LOOKUP) == 1);
	token_wait_cancel(wait); /* while it waits for the lookup */
	fakebao_hold(f, FAKEBAO_LOOKUP, false);
	fakebao_pass(f, 100);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(w[i].times, 0);
	token_release(token);
	keeper_free(keeper);
}

struct meddler {
	struct keeper *keeper;
	struct token_wait *other;
	struct waiter waiter, next;
	unsigned turns;
};

/* Cancels the other one, which is decided as well, and waits anew. */
static void meddle(void *arg, const struct failure *why)
{
	struct meddler *m = arg;

	waiter_ready(&m->waiter, why);
	token_wait_cancel(m->other);
	assert_non_null(keeper_wait(m->keeper, waiter_ready, &m->next));
	assert_int_equal(m->next.times, 0);
}

static void test_a_callback_may_cancel_others_and_wait_anew(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_serving(f, 60, true);
	struct meddler m = { .keeper = keeper };
	struct waiter other = { 0 };

	assert_non_null(keeper_wait(keeper, meddle, &m));
	m.other = keeper_wait(keeper, waiter_ready, &other);
	fakebao_until(f, m.next.times == 1);
	assert_int_equal(m.waiter.times, 1);
	assert_int_equal(other.times, 0);
	keeper_free(keeper);
}

struct eager {
	struct keeper *keeper;
	unsigned turns;
};

static void wait_again(void *arg, const struct failure *why)
{
	struct eager *e = arg;

	assert_null(why);
	if (++e->turns < 1000)
		assert_non_null(keeper_wait(e->keeper, wait_again, e));
}

static void test_who_always_waits_anew_does_not_hold_up_the_loop(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_serving(f, 60, true);
	struct eager e = { .keeper = keeper };

	assert_non_null(keeper_wait(keeper, wait_again, &e));
	event_base_loop(f->base, EVLOOP_ONCE);
	assert_in_range(e.turns, 0, 1);
	event_base_loop(f->base, EVLOOP_ONCE);
	assert_in_range(e.turns, 1, 2);
	keeper_free(keeper);
}

static void test_a_failure_is_forgotten_when_a_login_works(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_new(f, false);
	struct waiter w[2] = { { 0 } };
	struct token *token;

	fakebao_answer(f, FAKEBAO_LOGIN, 500, "{\"errors\":[\"x\"]}");
	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	keeper_start(keeper);
	fakebao_until(f, keeper_helper_status(keeper).login_failures == 1);
	assert_string_not_equal(keeper_helper_status(keeper).reason, "");
	fakebao_grant(f, FAKEBAO_LOGIN, "T", 60, true);
	fakebao_until(f, keeper_helper_status(keeper).ready);
	assert_string_equal(keeper_helper_status(keeper).reason, "");
	token = current(keeper);
	deny(keeper, token, false, &w[0]);
	token_release(token);
	fakebao_until(f, waiters_with(w, 1, CODE_NONE) == 1);
	token = current(keeper);
	deny(keeper, token, false, &w[1]);
	token_release(token);
	fakebao_until(f, waiters_with(w, 2, CODE_NOT_READY) == 1);
	assert_non_null(strstr(w[1].why.message, "revoked soon after the login"));
	keeper_free(keeper);
}

/* -- denied requests ----------------------------------------------------------------------------------------- */

static void test_a_403_with_a_token_that_was_replaced_means_again(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_serving(f, 1, false);
	struct token *old = current(keeper);
	struct waiter w[1] = { { 0 } };

	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 60, true);
	fakebao_until(f, keeper_helper_has(keeper, "TOKEN-CANARY-2"));
	deny(keeper, old, false, &w[0]);
	fakebao_until(f, waiters_with(w, 1, CODE_NONE) == 1);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOOKUP), 0);
	token_release(old);
	keeper_free(keeper);
}

static void test_a_403_with_a_live_token_is_a_policy(void **state)
{
	static const struct {
		int status;
		const char *body;
	} alive[] = {
		{ 200, "{\"data\":{}}" },
		{ 403, FAKEBAO_DENIED_WRAPPED },
	};
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_serving(f, 60, true);
	struct token *token = current(keeper);

	for (size_t i = 0; i < 2; i++) {
		struct waiter w[MANY] = { { 0 } };

		fakebao_answer(f, FAKEBAO_LOOKUP, alive[i].status, alive[i].body);
		for (size_t j = 0; j < MANY; j++)
			deny(keeper, token, true, &w[j]);
		fakebao_until(f, waiters_with(w, MANY, CODE_PERMISSION_DENIED) == MANY);
		assert_int_equal(w[0].why.status, 403);
		assert_int_equal(fakebao_count(f, FAKEBAO_LOOKUP), i + 1);
		assert_string_equal(fakebao_token(f, FAKEBAO_LOOKUP), "TOKEN-CANARY-1");
	}
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 1);
	token_release(token);
	keeper_free(keeper);
}

static void test_a_dead_token_under_many_requests_is_one_lookup_and_one_login(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_serving(f, 60, true);
	struct token *tokens[MANY];
	struct waiter w[MANY] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	for (size_t i = 0; i < MANY; i++) {
		tokens[i] = current(keeper);
		deny(keeper, tokens[i], false, &w[i]);
	}
	fakebao_until(f, waiters_with(w, MANY, CODE_NONE) == MANY);
	assert_true(keeper_helper_has(keeper, "TOKEN-CANARY-2"));
	assert_int_equal(fakebao_count(f, FAKEBAO_LOOKUP), 1);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 2);
	for (size_t i = 0; i < MANY; i++)
		token_release(tokens[i]);
	fakebao_pass(f, 50);
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 0); /* of a dead token there is nothing to revoke */
	keeper_free(keeper);
}

static void test_a_token_known_to_be_dead_is_not_looked_up_again(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_serving(f, 60, true);
	struct token *token = current(keeper);
	struct waiter w[2] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	fakebao_hold(f, FAKEBAO_LOGIN, true);
	deny(keeper, token, false, &w[0]);
	fakebao_until(f, fakebao_count(f, FAKEBAO_LOGIN) == 2);
	deny(keeper, token, false, &w[1]);
	fakebao_pass(f, 50);
	assert_int_equal(w[0].times + w[1].times, 0);
	fakebao_hold(f, FAKEBAO_LOGIN, false);
	fakebao_until(f, waiters_with(w, 2, CODE_NONE) == 2);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOOKUP), 1);
	token_release(token);
	keeper_free(keeper);
}

static void test_a_login_that_fails_after_a_dead_token_is_told(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_serving(f, 60, true);
	struct token *token = current(keeper);
	struct waiter w[1] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	fakebao_answer(f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	deny(keeper, token, false, &w[0]);
	fakebao_until(f, waiters_with(w, 1, CODE_NOT_READY) == 1);
	assert_true(keeper_helper_has(keeper, NULL));
	token_release(token);
	keeper_free(keeper);
}

static void test_a_token_that_dies_again_at_once_is_not_waited_for(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_serving(f, 60, true);
	struct token *token;
	struct waiter w[2] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	token = current(keeper);
	deny(keeper, token, false, &w[0]);
	fakebao_until(f, waiters_with(w, 2, CODE_NONE) == 1);
	token_release(token);
	token = current(keeper);
	deny(keeper, token, false, &w[1]);
	fakebao_until(f, waiters_with(w, 2, CODE_NOT_READY) == 1);
	assert_non_null(strstr(w[1].why.message, "revoked soon after the login"));
	assert_int_equal(keeper_helper_status(keeper).state, LEASE_RELOGIN_WAIT);
	assert_in_range(keeper_helper_status(keeper).next_login_ms, 20000, 30000);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 2);
	token_release(token);
	keeper_free(keeper);
}

static void test_no_answer_about_the_token_means_unavailable(void **state)
{
	static const struct {
		int status;
		const char *body;
	} rows[] = {
		{ 0, "" },
		{ 503, "{\"errors\":[\"Vault is sealed\"]}" },
		{ 500, "{\"errors\":[\"x\"]}" },
	};
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_serving(f, 60, true);
	struct token *token = current(keeper);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct waiter w[2] = { { 0 } };

		fakebao_answer(f, FAKEBAO_LOOKUP, rows[i].status, rows[i].body);
		deny(keeper, token, false, &w[0]);
		deny(keeper, token, true, &w[1]);
		fakebao_until(f, waiters_with(w, 2, CODE_UNAVAILABLE) == 2);
		assert_true(keeper_helper_has(keeper, "TOKEN-CANARY-1"));
	}
	fakebao_until(f, fakebao_count(f, FAKEBAO_HEALTH) > 0);
	token_release(token);
	keeper_free(keeper);
}

/* The lookup under way may have been answered before the token died. */
static void test_a_late_403_in_the_words_of_a_dead_token_is_looked_up_anew(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_serving(f, 60, true);
	struct token *token = current(keeper);
	struct waiter w[3] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOOKUP, 200, "{\"data\":{}}");
	fakebao_hold(f, FAKEBAO_LOOKUP, true);
	deny(keeper, token, false, &w[0]);
	fakebao_until(f, fakebao_count(f, FAKEBAO_LOOKUP) == 1);
	deny(keeper, token, false, &w[1]);
	deny(keeper, token, true, &w[2]);
	fakebao_hold(f, FAKEBAO_LOOKUP, false);
	fakebao_until(f, waiters_with(w, 3, CODE_PERMISSION_DENIED) == 3);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOOKUP), 2);
	token_release(token);
	keeper_free(keeper);
}

static void test_a_login_answers_those_who_wait_for_a_lookup(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_serving(f, 1, false);
	struct token *token = current(keeper);
	struct waiter w[1] = { { 0 } };

	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 60, true);
	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	fakebao_hold(f, FAKEBAO_LOOKUP, true);
	deny(keeper, token, false, &w[0]);
	fakebao_until(f, waiters_with(w, 1, CODE_NONE) == 1);
	assert_true(keeper_helper_has(keeper, "TOKEN-CANARY-2"));
	/* What is said of the old token does not touch the new one. */
	fakebao_hold(f, FAKEBAO_LOOKUP, false);
	fakebao_pass(f, 50);
	assert_true(keeper_helper_has(keeper, "TOKEN-CANARY-2"));
	token_release(token);
	keeper_free(keeper);
}

static void test_freeing_calls_nobody_back(void **state)
{
	struct fakebao *f = *state;
	struct keeper *keeper = keeper_helper_serving(f, 60, true);
	struct token *token = current(keeper);
	struct waiter w[3] = { { 0 } };

	fakebao_hold(f, FAKEBAO_LOOKUP, true);
	deny(keeper, token, false, &w[0]);
	wait_for_token(keeper, &w[1]);
	keeper_free(keeper);
	keeper = keeper_helper_new(f, true);
	wait_for_token(keeper, &w[2]);
	keeper_free(keeper);
	fakebao_pass(f, 50);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(w[i].times, 0);
	assert_string_equal(token_text(token), "TOKEN-CANARY-1");
	token_release(token);
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 0);
}

#define WITH_FAKEBAO(test) cmocka_unit_test_setup_teardown(test, fakebao_setup, fakebao_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FAKEBAO(test_requests_wait_for_the_first_login),
		WITH_FAKEBAO(test_with_a_live_token_nobody_waits),
		WITH_FAKEBAO(test_a_failed_login_fails_all_who_wait),
		WITH_FAKEBAO(test_without_hope_for_a_token_nobody_waits),
		WITH_FAKEBAO(test_sealed_is_named_to_those_who_ask),
		WITH_FAKEBAO(test_a_cancelled_wait_is_not_called_back),
		WITH_FAKEBAO(test_a_callback_may_cancel_others_and_wait_anew),
		WITH_FAKEBAO(test_who_always_waits_anew_does_not_hold_up_the_loop),
		WITH_FAKEBAO(test_a_failure_is_forgotten_when_a_login_works),
		WITH_FAKEBAO(test_a_403_with_a_token_that_was_replaced_means_again),
		WITH_FAKEBAO(test_a_403_with_a_live_token_is_a_policy),
		WITH_FAKEBAO(test_a_dead_token_under_many_requests_is_one_lookup_and_one_login),
		WITH_FAKEBAO(test_a_token_known_to_be_dead_is_not_looked_up_again),
		WITH_FAKEBAO(test_a_login_that_fails_after_a_dead_token_is_told),
		WITH_FAKEBAO(test_a_token_that_dies_again_at_once_is_not_waited_for),
		WITH_FAKEBAO(test_no_answer_about_the_token_means_unavailable),
		WITH_FAKEBAO(test_a_late_403_in_the_words_of_a_dead_token_is_looked_up_anew),
		WITH_FAKEBAO(test_a_login_answers_those_who_wait_for_a_lookup),
		WITH_FAKEBAO(test_freeing_calls_nobody_back),
	};

	return cmocka_run_group_tests(tests, fakebao_global_setup, NULL);
}
