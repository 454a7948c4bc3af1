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
#include "tests/unit/login_helper.h"

#define MANY 50

static struct token *current(struct login *login)
{
	struct token *token = login_token(login);

	assert_non_null(token);
	return token;
}

static void deny(struct login *login, struct token *token, bool wrapped, struct waiter *waiter)
{
	assert_non_null(login_denied(login, token, wrapped, waiter_ready, waiter));
	assert_int_equal(waiter->times, 0);
}

static void wait_for_token(struct login *login, struct waiter *waiter)
{
	assert_non_null(login_wait(login, waiter_ready, waiter));
	assert_int_equal(waiter->times, 0);
}

/* -- waiting ------------------------------------------------------------------------------------------------- */

static void test_requests_wait_for_the_first_login(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_new(f, false);
	struct waiter w[3] = { { 0 } };

	fakebao_grant(f, FAKEBAO_LOGIN, "T-1", 60, true);
	fakebao_hold(f, FAKEBAO_LOGIN, true);
	wait_for_token(login, &w[0]);
	assert_true(login_helper_has(login, NULL));
	login_start(login);
	wait_for_token(login, &w[1]);
	fakebao_until(f, fakebao_count(f, FAKEBAO_LOGIN) == 1);
	wait_for_token(login, &w[2]);
	fakebao_pass(f, 50);
	assert_int_equal(waiters_with(w, 3, CODE_NONE), 0);
	assert_int_equal(login_helper_status(login).state, LEASE_LOGGING_IN);
	fakebao_hold(f, FAKEBAO_LOGIN, false);
	fakebao_until(f, waiters_with(w, 3, CODE_NONE) == 3);
	assert_true(login_helper_has(login, "T-1"));
	login_free(login);
}

static void test_with_a_live_token_nobody_waits(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);
	struct waiter w[1] = { { 0 } };

	wait_for_token(login, &w[0]);
	fakebao_until(f, waiters_with(w, 1, CODE_NONE) == 1);
	login_free(login);
}

static void test_a_failed_login_fails_all_who_wait(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_new(f, false);
	struct waiter w[MANY] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	fakebao_hold(f, FAKEBAO_LOGIN, true);
	login_start(login);
	for (size_t i = 0; i < MANY; i++)
		wait_for_token(login, &w[i]);
	fakebao_hold(f, FAKEBAO_LOGIN, false);
	fakebao_until(f, waiters_with(w, MANY, CODE_NOT_READY) == MANY);
	assert_string_equal(w[0].why.message, "no login at OpenBao: the credentials were refused");
	assert_int_equal(login_helper_status(login).state, LEASE_REJECTED);
	login_free(login);
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
		struct login *login = login_helper_new(f, false);
		struct waiter w[1] = { { 0 } };

		fakebao_answer(f, FAKEBAO_LOGIN, rows[i].status, rows[i].body);
		login_start(login);
		fakebao_until(f, login_helper_status(login).counters.login_failures == 1);
		wait_for_token(login, &w[0]);
		fakebao_until(f, waiters_with(w, 1, CODE_NOT_READY) == 1);
		assert_string_equal(w[0].why.message, rows[i].message);
		login_free(login);
	}
}

static void test_sealed_is_named_to_those_who_ask(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_new(f, false);
	struct waiter w[1] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOGIN, 503, "{\"errors\":[\"Vault is sealed\"]}");
	fakebao_answer(f, FAKEBAO_HEALTH, 299, FAKEBAO_SEALED);
	login_start(login);
	fakebao_until(f, login_health(login) == HEALTH_SEALED);
	wait_for_token(login, &w[0]);
	fakebao_until(f, waiters_with(w, 1, CODE_NOT_READY) == 1);
	assert_string_equal(w[0].why.message, "no login at OpenBao: OpenBao is sealed");
	login_free(login);
}

static void test_a_cancelled_wait_is_not_called_back(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_new(f, false);
	struct waiter w[3] = { { 0 } };
	struct login_wait *wait;
	struct token *token;

	fakebao_grant(f, FAKEBAO_LOGIN, "T-1", 60, true);
	wait = login_wait(login, waiter_ready, &w[0]);
	login_wait_cancel(wait); /* the login has not ended yet */
	login_start(login);
	fakebao_until(f, login_helper_has(login, "T-1"));
	wait = login_wait(login, waiter_ready, &w[1]);
	login_wait_cancel(wait); /* the wait is decided, but not told yet */
	fakebao_hold(f, FAKEBAO_LOOKUP, true);
	token = current(login);
	wait = login_denied(login, token, false, waiter_ready, &w[2]);
	fakebao_until(f, fakebao_count(f, FAKEBAO_LOOKUP) == 1);
	login_wait_cancel(wait); /* the lookup has not ended yet */
	fakebao_hold(f, FAKEBAO_LOOKUP, false);
	fakebao_pass(f, 100);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(w[i].times, 0);
	token_release(token);
	login_free(login);
}

struct meddler {
	struct login *login;
	struct login_wait *other;
	struct waiter waiter, next;
	unsigned turns;
};

/* Cancels the other wait, which is decided as well, and waits once more. */
static void meddle(void *arg, const struct failure *why)
{
	struct meddler *m = arg;

	waiter_ready(&m->waiter, why);
	login_wait_cancel(m->other);
	assert_non_null(login_wait(m->login, waiter_ready, &m->next));
	assert_int_equal(m->next.times, 0);
}

static void test_a_callback_may_cancel_others_and_wait_anew(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);
	struct meddler m = { .login = login };
	struct waiter other = { 0 };

	assert_non_null(login_wait(login, meddle, &m));
	m.other = login_wait(login, waiter_ready, &other);
	fakebao_until(f, m.next.times == 1);
	assert_int_equal(m.waiter.times, 1);
	assert_int_equal(other.times, 0);
	login_free(login);
}

struct eager {
	struct login *login;
	unsigned turns;
};

static void wait_again(void *arg, const struct failure *why)
{
	struct eager *e = arg;

	assert_null(why);
	if (++e->turns < 1000)
		assert_non_null(login_wait(e->login, wait_again, e));
}

static void test_who_always_waits_anew_does_not_hold_up_the_loop(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);
	struct eager e = { .login = login };

	assert_non_null(login_wait(login, wait_again, &e));
	event_base_loop(f->base, EVLOOP_ONCE);
	assert_in_range(e.turns, 0, 1);
	event_base_loop(f->base, EVLOOP_ONCE);
	assert_in_range(e.turns, 1, 2);
	login_free(login);
}

static void test_a_failure_is_forgotten_when_a_login_works(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_new(f, false);
	struct waiter w[2] = { { 0 } };
	struct token *token;

	fakebao_answer(f, FAKEBAO_LOGIN, 500, "{\"errors\":[\"x\"]}");
	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	login_start(login);
	fakebao_until(f, login_helper_status(login).counters.login_failures == 1);
	assert_string_not_equal(login_helper_status(login).reason, "");
	fakebao_grant(f, FAKEBAO_LOGIN, "T", 60, true);
	fakebao_until(f, login_helper_status(login).ready);
	assert_string_equal(login_helper_status(login).reason, "");
	token = current(login);
	deny(login, token, false, &w[0]);
	token_release(token);
	fakebao_until(f, waiters_with(w, 1, CODE_NONE) == 1);
	token = current(login);
	deny(login, token, false, &w[1]);
	token_release(token);
	fakebao_until(f, waiters_with(w, 2, CODE_NOT_READY) == 1);
	assert_non_null(strstr(w[1].why.message, "revoked soon after the login"));
	login_free(login);
}

/* -- denied requests ----------------------------------------------------------------------------------------- */

static void test_a_403_with_a_token_that_was_replaced_means_again(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 1, false);
	struct token *old = current(login);
	struct waiter w[1] = { { 0 } };

	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 60, true);
	fakebao_until(f, login_helper_has(login, "TOKEN-CANARY-2"));
	deny(login, old, false, &w[0]);
	fakebao_until(f, waiters_with(w, 1, CODE_NONE) == 1);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOOKUP), 0);
	token_release(old);
	login_free(login);
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
	struct login *login = login_helper_serving(f, 60, true);
	struct token *token = current(login);

	for (size_t i = 0; i < 2; i++) {
		struct waiter w[MANY] = { { 0 } };

		fakebao_answer(f, FAKEBAO_LOOKUP, alive[i].status, alive[i].body);
		for (size_t j = 0; j < MANY; j++)
			deny(login, token, true, &w[j]);
		fakebao_until(f, waiters_with(w, MANY, CODE_PERMISSION_DENIED) == MANY);
		assert_int_equal(w[0].why.status, 403);
		assert_int_equal(fakebao_count(f, FAKEBAO_LOOKUP), i + 1);
		assert_string_equal(fakebao_token(f, FAKEBAO_LOOKUP), "TOKEN-CANARY-1");
	}
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 1);
	token_release(token);
	login_free(login);
}

static void test_a_dead_token_under_many_requests_is_one_lookup_and_one_login(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);
	struct token *tokens[MANY];
	struct waiter w[MANY] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	for (size_t i = 0; i < MANY; i++) {
		tokens[i] = current(login);
		deny(login, tokens[i], false, &w[i]);
	}
	fakebao_until(f, waiters_with(w, MANY, CODE_NONE) == MANY);
	assert_true(login_helper_has(login, "TOKEN-CANARY-2"));
	assert_int_equal(fakebao_count(f, FAKEBAO_LOOKUP), 1);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 2);
	for (size_t i = 0; i < MANY; i++)
		token_release(tokens[i]);
	fakebao_pass(f, 50);
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 0); /* a dead token need not be revoked */
	login_free(login);
}

static void test_a_token_known_to_be_dead_is_not_looked_up_again(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);
	struct token *token = current(login);
	struct waiter w[2] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	fakebao_hold(f, FAKEBAO_LOGIN, true);
	deny(login, token, false, &w[0]);
	fakebao_until(f, fakebao_count(f, FAKEBAO_LOGIN) == 2);
	deny(login, token, false, &w[1]);
	fakebao_pass(f, 50);
	assert_int_equal(w[0].times + w[1].times, 0);
	fakebao_hold(f, FAKEBAO_LOGIN, false);
	fakebao_until(f, waiters_with(w, 2, CODE_NONE) == 2);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOOKUP), 1);
	token_release(token);
	login_free(login);
}

static void test_a_login_that_fails_after_a_dead_token_is_told(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);
	struct token *token = current(login);
	struct waiter w[1] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	fakebao_answer(f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	deny(login, token, false, &w[0]);
	fakebao_until(f, waiters_with(w, 1, CODE_NOT_READY) == 1);
	assert_true(login_helper_has(login, NULL));
	token_release(token);
	login_free(login);
}

static void test_a_token_that_dies_again_at_once_is_not_waited_for(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);
	struct token *token;
	struct waiter w[2] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	token = current(login);
	deny(login, token, false, &w[0]);
	fakebao_until(f, waiters_with(w, 2, CODE_NONE) == 1);
	token_release(token);
	token = current(login);
	deny(login, token, false, &w[1]);
	fakebao_until(f, waiters_with(w, 2, CODE_NOT_READY) == 1);
	assert_non_null(strstr(w[1].why.message, "revoked soon after the login"));
	assert_int_equal(login_helper_status(login).state, LEASE_RELOGIN_WAIT);
	assert_in_range(login_helper_status(login).next_login_ms, 1, 1000);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 2);
	token_release(token);
	login_free(login);
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
	struct login *login = login_helper_serving(f, 60, true);
	struct token *token = current(login);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct waiter w[2] = { { 0 } };

		fakebao_answer(f, FAKEBAO_LOOKUP, rows[i].status, rows[i].body);
		deny(login, token, false, &w[0]);
		deny(login, token, true, &w[1]);
		fakebao_until(f, waiters_with(w, 2, CODE_UNAVAILABLE) == 2);
		assert_true(login_helper_has(login, "TOKEN-CANARY-1"));
	}
	fakebao_until(f, fakebao_count(f, FAKEBAO_HEALTH) > 0);
	token_release(token);
	login_free(login);
}

/* The lookup that is under way may have been answered before the token died. */
static void test_a_late_403_in_the_words_of_a_dead_token_is_looked_up_anew(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);
	struct token *token = current(login);
	struct waiter w[3] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOOKUP, 200, "{\"data\":{}}");
	fakebao_hold(f, FAKEBAO_LOOKUP, true);
	deny(login, token, false, &w[0]);
	fakebao_until(f, fakebao_count(f, FAKEBAO_LOOKUP) == 1);
	deny(login, token, false, &w[1]);
	deny(login, token, true, &w[2]);
	fakebao_hold(f, FAKEBAO_LOOKUP, false);
	fakebao_until(f, waiters_with(w, 3, CODE_PERMISSION_DENIED) == 3);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOOKUP), 2);
	token_release(token);
	login_free(login);
}

static void test_a_login_answers_those_who_wait_for_a_lookup(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 1, false);
	struct token *token = current(login);
	struct waiter w[1] = { { 0 } };

	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 60, true);
	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	fakebao_hold(f, FAKEBAO_LOOKUP, true);
	deny(login, token, false, &w[0]);
	fakebao_until(f, waiters_with(w, 1, CODE_NONE) == 1);
	assert_true(login_helper_has(login, "TOKEN-CANARY-2"));
	/* The verdict about the old token does not touch the new one. */
	fakebao_hold(f, FAKEBAO_LOOKUP, false);
	fakebao_pass(f, 50);
	assert_true(login_helper_has(login, "TOKEN-CANARY-2"));
	token_release(token);
	login_free(login);
}

static void test_freeing_calls_nobody_back(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);
	struct token *token = current(login);
	struct waiter w[3] = { { 0 } };

	fakebao_hold(f, FAKEBAO_LOOKUP, true);
	deny(login, token, false, &w[0]);
	wait_for_token(login, &w[1]);
	login_free(login);
	login = login_helper_new(f, true);
	wait_for_token(login, &w[2]);
	login_free(login);
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
