/*
 * The token's life as the login leads it: login, renewal, recovery, revocation, stop, and what the log says of
 * it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/upstream/auth.h"
#include "tests/unit/login_helper.h"

static char secret_file[] = "/tmp/test_token_XXXXXX";

#define STOP_MS 9000 /* a budget that is not used up */

static int global_setup(void **state)
{
	int fd = mkstemp(secret_file);

	if (fd < 0)
		return -1;
	close(fd);
	return fakebao_global_setup(state);
}

static int global_teardown(void **state)
{
	(void)state;
	unlink(secret_file);
	return 0;
}

static void on_stopped(void *arg)
{
	(*(unsigned *)arg)++;
}

static void stop_fixture(struct fakebao *f, struct login *login, unsigned budget_ms)
{
	unsigned stopped = 0;
	uint64_t begin = clock_now_ms();

	login_stop(login, budget_ms, on_stopped, &stopped);
	assert_int_equal(stopped, 0);
	fakebao_until(f, stopped == 1);
	assert_true(clock_now_ms() < begin + STOP_MS / 2);
	fakebao_pass(f, 30);
	assert_int_equal(stopped, 1);
}

/* -- login and renewal --------------------------------------------------------------------------------------- */

static void test_the_status_tells_a_login_that_failed(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_new(f, false);
	struct login_status status = login_helper_status(login);

	assert_int_equal(status.state, LEASE_STARTING);
	assert_false(status.ready);
	assert_true(status.lease_left_ms == 0);
	assert_true(status.next_renewal_ms == CLOCK_NEVER);
	assert_string_equal(status.reason, "");
	fakebao_answer(f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	login_start(login);
	fakebao_until(f, login_helper_status(login).counters.login_failures == 1);
	status = login_helper_status(login);
	assert_int_equal(status.state, LEASE_REJECTED);
	assert_string_not_equal(status.reason, "");
	assert_in_range(status.next_login_ms, 15 * 60000, 24 * 60000);
	login_free(login);
}

static void test_the_status_tells_lease_and_renewal(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);
	struct login_status status = login_helper_status(login);

	assert_int_equal(status.state, LEASE_SERVING);
	assert_int_equal(status.health, HEALTH_UP);
	assert_true(status.ready);
	assert_in_range(status.lease_left_ms, 50000, 60000);
	assert_in_range(status.next_renewal_ms, 30000, 42000);
	assert_true(status.next_login_ms == CLOCK_NEVER);
	assert_int_equal(status.counters.logins, 1);
	assert_string_equal(status.reason, "");
	login_free(login);
}

static void test_a_token_without_end_has_no_lease_left_to_tell(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_new(f, false);

	fakebao_grant(f, FAKEBAO_LOGIN, "T", 0, false);
	login_start(login);
	fakebao_until(f, login_helper_status(login).ready);
	assert_true(login_helper_status(login).lease_left_ms == CLOCK_NEVER);
	assert_true(login_helper_status(login).next_renewal_ms == CLOCK_NEVER);
	login_free(login);
}

static void test_the_token_is_renewed_again_and_again(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 3, true);

	fakebao_grant(f, FAKEBAO_RENEW, NULL, 3, true);
	while (fakebao_count(f, FAKEBAO_RENEW) < 3) {
		fakebao_pass(f, 10);
		assert_true(login_helper_has(login, "TOKEN-CANARY-1"));
	}
	assert_string_equal(fakebao_token(f, FAKEBAO_RENEW), "TOKEN-CANARY-1");
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 1);
	assert_in_range(login_helper_status(login).counters.renewals, 2, 3);
	login_free(login);
}

static void test_near_the_max_ttl_a_fresh_login_replaces_the_token_without_a_gap(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 3, true);

	fakebao_grant(f, FAKEBAO_RENEW, NULL, 1, true);
	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 60, true);
	fakebao_hold(f, FAKEBAO_LOGIN, true);
	fakebao_until(f, fakebao_count(f, FAKEBAO_LOGIN) == 2);
	assert_true(login_helper_has(login, "TOKEN-CANARY-1"));
	fakebao_hold(f, FAKEBAO_LOGIN, false);
	fakebao_until(f, !login_helper_has(login, "TOKEN-CANARY-1"));
	assert_true(login_helper_has(login, "TOKEN-CANARY-2"));
	fakebao_until(f, fakebao_count(f, FAKEBAO_REVOKE) == 1);
	assert_string_equal(fakebao_token(f, FAKEBAO_REVOKE), "TOKEN-CANARY-1");
	login_free(login);
}

static void test_a_failed_renewal_leads_to_a_login_while_the_token_serves_on(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 2, true);

	fakebao_answer(f, FAKEBAO_RENEW, 500, "{\"errors\":[\"x\"]}");
	fakebao_hold(f, FAKEBAO_LOGIN, true);
	fakebao_until(f, fakebao_count(f, FAKEBAO_LOGIN) == 2);
	assert_true(login_helper_has(login, "TOKEN-CANARY-1"));
	assert_int_equal(login_helper_status(login).counters.renewal_failures, 1);
	fakebao_hold(f, FAKEBAO_LOGIN, false);
	fakebao_until(f, login_helper_has(login, "TOKEN-CANARY-2"));
	login_free(login);
}

static void test_a_token_found_dead_at_its_renewal_serves_no_more(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 2, true);

	fakebao_answer(f, FAKEBAO_RENEW, 403, FAKEBAO_DENIED);
	fakebao_hold(f, FAKEBAO_LOGIN, true);
	fakebao_until(f, fakebao_count(f, FAKEBAO_LOGIN) == 2);
	assert_true(login_helper_has(login, NULL));
	fakebao_hold(f, FAKEBAO_LOGIN, false);
	fakebao_until(f, login_helper_has(login, "TOKEN-CANARY-2"));
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 0);
	login_free(login);
}

static void test_a_token_is_not_given_out_after_its_lease(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 1, true);

	fakebao_hold(f, FAKEBAO_RENEW, true);
	fakebao_hold(f, FAKEBAO_LOGIN, true);
	fakebao_until(f, login_helper_has(login, NULL));
	assert_int_equal(login_helper_status(login).state, LEASE_LOGGING_IN);
	assert_true(login_helper_status(login).lease_left_ms == 0);
	fakebao_pass(f, 50);
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 0); /* the token has ended by itself */
	login_free(login);
}

/* A machine that slept has this effect: no timer has told that the lease is over. */
static void test_a_lease_that_ended_while_the_loop_stood_still_is_noticed(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 1, true);
	struct waiter w[1] = { { 0 } };

	usleep(1100000);
	assert_false(login_helper_status(login).ready);
	assert_true(login_helper_has(login, NULL));
	assert_non_null(login_wait(login, waiter_ready, &w[0]));
	fakebao_until(f, waiters_with(w, 1, CODE_NONE) == 1);
	assert_true(login_helper_has(login, "TOKEN-CANARY-2"));
	login_free(login);
}

static void test_a_lease_that_is_over_when_its_answer_comes_is_of_no_use(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_new(f, true);

	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 1, true);
	fakebao_hold(f, FAKEBAO_LOGIN, true);
	login_start(login);
	fakebao_pass(f, 1100);
	fakebao_hold(f, FAKEBAO_LOGIN, false);
	fakebao_until(f, login_helper_status(login).counters.login_failures == 1);
	assert_int_equal(login_helper_status(login).state, LEASE_RELOGIN_WAIT);
	assert_true(login_helper_has(login, NULL));
	fakebao_pass(f, 50);
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 0);
	login_free(login);
}

static void test_a_renewal_without_an_answer_leaves_time_for_a_login(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 3, true);

	fakebao_hold(f, FAKEBAO_RENEW, true);
	fakebao_until(f, login_helper_status(login).counters.renewal_failures == 1);
	assert_true(login_helper_has(login, "TOKEN-CANARY-1"));
	assert_int_not_equal(login_health(login), HEALTH_UP);
	fakebao_until(f, !login_helper_has(login, "TOKEN-CANARY-1"));
	assert_true(login_helper_has(login, "TOKEN-CANARY-2"));
	login_free(login);
}

static void test_the_renewal_of_a_token_that_died_meanwhile_counts_for_nothing(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 2, true);
	struct token *token;
	struct waiter w[1] = { { 0 } };

	fakebao_grant(f, FAKEBAO_RENEW, NULL, 2, true);
	fakebao_hold(f, FAKEBAO_RENEW, true);
	fakebao_until(f, fakebao_count(f, FAKEBAO_RENEW) == 1);
	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 60, true);
	token = login_token(login);
	assert_non_null(login_denied(login, token, false, waiter_ready, &w[0]));
	fakebao_until(f, waiters_with(w, 1, CODE_NONE) == 1);
	fakebao_hold(f, FAKEBAO_RENEW, false);
	fakebao_pass(f, 50);
	assert_int_equal(login_helper_status(login).counters.renewals, 0);
	token_release(token);
	login_free(login);
}

static void test_after_an_outage_the_login_comes_by_itself(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_new(f, false);

	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 60, true);
	fakebao_down(f);
	login_start(login);
	fakebao_until(f, login_health(login) == HEALTH_DOWN);
	assert_int_equal(login_helper_status(login).state, LEASE_RELOGIN_WAIT);
	assert_int_equal(login_helper_status(login).counters.login_failures, 1);
	fakebao_back(f);
	fakebao_until(f, login_helper_status(login).ready);
	assert_int_equal(login_health(login), HEALTH_UP);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 1);
	login_free(login);
}

static void test_a_request_without_an_answer_leads_to_a_look_at_openbao(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);

	login_unreachable(login);
	assert_int_equal(login_health(login), HEALTH_SUSPECT);
	fakebao_until(f, login_health(login) == HEALTH_UP);
	assert_int_equal(fakebao_count(f, FAKEBAO_HEALTH), 1);
	login_free(login);
}

static void test_a_role_with_tokens_for_a_number_of_uses_is_refused_in_clear_words(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_new(f, true);

	fakebao_answer(f, FAKEBAO_LOGIN, 200,
	    "{\"auth\":{\"client_token\":\"TOKEN-CANARY-%u\",\"lease_duration\":60,\"renewable\":true,"
	    "\"num_uses\":10}}");
	login_start(login);
	fakebao_until(f, login_helper_status(login).counters.login_failures == 1);
	assert_int_equal(login_helper_status(login).state, LEASE_RELOGIN_WAIT);
	assert_non_null(strstr(login_helper_status(login).reason, "token_num_uses"));
	/* The token that was made is not left behind. */
	fakebao_until(f, fakebao_count(f, FAKEBAO_REVOKE) == 1);
	assert_string_equal(fakebao_token(f, FAKEBAO_REVOKE), "TOKEN-CANARY-1");
	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 60, true);
	fakebao_until(f, login_helper_has(login, "TOKEN-CANARY-2"));
	login_free(login);
}

static void test_a_batch_token_is_not_revoked(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_new(f, true);

	fakebao_answer(f, FAKEBAO_LOGIN, 200,
	    "{\"auth\":{\"client_token\":\"TOKEN-CANARY-%u\",\"lease_duration\":1,\"renewable\":false,"
	    "\"token_type\":\"batch\"}}");
	login_start(login);
	fakebao_until(f, login_helper_has(login, "TOKEN-CANARY-2"));
	stop_fixture(f, login, STOP_MS);
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 0);
	login_free(login);
}

static void test_a_second_token_that_dies_soon_is_told_with_its_time(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);
	struct waiter w[2] = { { 0 } };
	struct token *token;

	fakebao_answer(f, FAKEBAO_LOOKUP, 403, FAKEBAO_DENIED);
	for (unsigned i = 0; i < 2; i++) {
		token = login_token(login);
		assert_non_null(login_denied(login, token, false, waiter_ready, &w[i]));
		fakebao_until(f, w[i].times == 1);
		token_release(token);
	}
	assert_int_equal(w[0].code, CODE_NONE);
	assert_int_equal(w[1].code, CODE_NOT_READY);
	assert_int_equal(login_helper_status(login).state, LEASE_RELOGIN_WAIT);
	assert_non_null(
	    strstr(login_helper_status(login).reason, "OpenBao revoked the token soon after its login"));
	assert_in_range(login_helper_status(login).next_login_ms, 1, 1000);
	assert_int_equal(fakebao_logged(f, "OpenBao does not know the token any more; next login in "), 1);
	fakebao_until(f, login_helper_has(login, "TOKEN-CANARY-3"));
	assert_string_equal(login_helper_status(login).reason, "");
	login_free(login);
}

/* -- credentials in files ------------------------------------------------------------------------------------ */

static void write_secret(const char *content)
{
	FILE *file = fopen(secret_file, "w");

	assert_non_null(file);
	fputs(content, file);
	fclose(file);
}

static struct login *from_file(struct fakebao *f, const char *content)
{
	struct auth_approle_options options = { .mount = "approle",
		.role_id = "R",
		.secret_id_file = secret_file };
	struct login *login = login_new(f->base, f->api, auth_approle_new(f->base, f->api, &options), f->addresses,
	    1, false);

	assert_non_null(login);
	unlink(secret_file);
	if (content != NULL)
		write_secret(content);
	login_start(login);
	return login;
}

static void test_new_credentials_are_tried_at_once(void **state)
{
	struct fakebao *f = *state;
	struct login *login;

	fakebao_answer(f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	login = from_file(f, "wrong");
	fakebao_until(f, login_helper_status(login).state == LEASE_REJECTED);
	fakebao_pass(f, 700);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 1);
	fakebao_grant(f, FAKEBAO_LOGIN, "T", 60, true);
	write_secret("right");
	fakebao_until(f, login_helper_status(login).ready);
	assert_string_equal(fakebao_body(f, FAKEBAO_LOGIN), "{\"role_id\":\"R\",\"secret_id\":\"right\"}");
	login_free(login);
}

static void test_a_fourth_wrong_content_is_not_tried(void **state)
{
	struct fakebao *f = *state;
	struct login *login;
	char content[] = "wrong 0";

	fakebao_answer(f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	login = from_file(f, content);
	for (unsigned n = 1; n <= 3; n++) {
		fakebao_until(f, login_helper_status(login).counters.login_failures == n);
		content[6]++;
		write_secret(content);
	}
	fakebao_until(f, fakebao_logged(f, "the credentials have changed") == 3);
	fakebao_pass(f, 700);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 3);
	assert_int_equal(fakebao_logged(f, "the credentials have changed"), 3);
	assert_in_range(login_helper_status(login).next_login_ms, 14 * 60000, 15 * 60000);
	login_free(login);
}

static void test_a_403_after_a_refused_login_is_taken_for_a_lockout(void **state)
{
	struct fakebao *f = *state;
	struct login *login;
	struct waiter w[1] = { { 0 } };

	fakebao_answer(f, FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	login = from_file(f, "wrong");
	fakebao_until(f, login_helper_status(login).counters.login_failures == 1);
	fakebao_answer(f, FAKEBAO_LOGIN, 403, FAKEBAO_DENIED);
	write_secret("right");
	fakebao_until(f, login_helper_status(login).counters.login_failures == 2);
	assert_int_equal(login_helper_status(login).state, LEASE_REJECTED);
	assert_int_equal(fakebao_logged(f, "taken for a lockout, next try in 16 min"), 1);
	assert_non_null(login_wait(login, waiter_ready, &w[0]));
	fakebao_until(f, waiters_with(w, 1, CODE_NOT_READY) == 1);
	assert_string_equal(w[0].why.message, "no login at OpenBao: the role is locked after refused logins");
	login_free(login);
}

static void test_a_missing_file_is_watched_for_and_its_name_is_for_the_log_only(void **state)
{
	struct fakebao *f = *state;
	struct login *login;
	struct waiter w[1] = { { 0 } };

	fakebao_grant(f, FAKEBAO_LOGIN, "T", 60, true);
	login = from_file(f, NULL);
	fakebao_until(f, login_helper_status(login).counters.login_failures == 1);
	assert_non_null(strstr(fakebao_log(f), secret_file));
	assert_non_null(login_wait(login, waiter_ready, &w[0]));
	fakebao_until(f, waiters_with(w, 1, CODE_NOT_READY) == 1);
	assert_string_equal(w[0].why.message, "no login at OpenBao: there are no usable credentials");
	write_secret("S");
	fakebao_until(f, login_helper_status(login).ready);
	assert_int_equal(fakebao_logged(f, "the credentials have changed"), 1);
	login_free(login);
}

/* -- revocation ---------------------------------------------------------------------------------------------- */

static void test_the_old_token_is_revoked_when_its_last_request_ends(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 1, false);
	struct token *one = login_token(login), *two = login_token(login);

	assert_ptr_equal(one, two);
	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 60, true);
	fakebao_until(f, login_helper_has(login, "TOKEN-CANARY-2"));
	token_release(one);
	fakebao_pass(f, 100);
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 0);
	assert_string_equal(token_text(two), "TOKEN-CANARY-1");
	token_release(two);
	fakebao_until(f, fakebao_count(f, FAKEBAO_REVOKE) == 1);
	assert_string_equal(fakebao_token(f, FAKEBAO_REVOKE), "TOKEN-CANARY-1");
	login_free(login);
}

static void test_a_token_that_cannot_be_revoked_is_logged_and_left(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 1, false);

	fakebao_answer(f, FAKEBAO_REVOKE, 403, FAKEBAO_DENIED_WRAPPED);
	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 60, true);
	fakebao_until(f, strstr(fakebao_log(f), "could not be revoked") != NULL);
	fakebao_pass(f, 50);
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 1);
	assert_true(login_helper_has(login, "TOKEN-CANARY-2"));
	login_free(login);
}

static void test_freeing_ends_a_revocation(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 1, false);

	fakebao_answer(f, FAKEBAO_REVOKE, 500, "");
	fakebao_hold(f, FAKEBAO_REVOKE, true);
	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 60, true);
	fakebao_until(f, fakebao_count(f, FAKEBAO_REVOKE) == 1);
	login_free(login);
	fakebao_hold(f, FAKEBAO_REVOKE, false);
	fakebao_pass(f, 50);
	assert_null(strstr(fakebao_log(f), "could not be revoked"));
}

/* -- stop ---------------------------------------------------------------------------------------------------- */

static void test_stopping_revokes_the_token_even_when_requests_hold_it(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);
	struct token *token = login_token(login);

	stop_fixture(f, login, STOP_MS);
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 1);
	assert_string_equal(fakebao_token(f, FAKEBAO_REVOKE), "TOKEN-CANARY-1");
	assert_true(login_helper_has(login, NULL));
	assert_int_equal(login_helper_status(login).state, LEASE_STOPPING);
	token_release(token);
	fakebao_pass(f, 50);
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 1);
	login_free(login);
}

static void test_stopping_revokes_old_tokens_too(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 1, false);
	struct token *old = login_token(login);

	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 60, true);
	fakebao_until(f, login_helper_has(login, "TOKEN-CANARY-2"));
	stop_fixture(f, login, STOP_MS);
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 2);
	token_release(old);
	login_free(login);
}

static void test_stopping_revokes_nothing_if_told_so(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_new(f, false);
	struct token *token;

	fakebao_grant(f, FAKEBAO_LOGIN, "T-%u", 1, false);
	login_start(login);
	fakebao_until(f, login_helper_has(login, "T-1"));
	token = login_token(login);
	fakebao_grant(f, FAKEBAO_LOGIN, "T-%u", 60, true);
	fakebao_until(f, login_helper_has(login, "T-2"));
	stop_fixture(f, login, STOP_MS);
	token_release(token);
	fakebao_pass(f, 50);
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 0);
	login_free(login);
}

static void test_stopping_takes_no_longer_than_its_budget(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 60, true);
	uint64_t begin = clock_now_ms();

	fakebao_hold(f, FAKEBAO_REVOKE, true);
	stop_fixture(f, login, 300);
	assert_in_range(clock_now_ms() - begin, 300, 2000);
	assert_int_equal(fakebao_count(f, FAKEBAO_REVOKE), 1);
	login_free(login);
}

static void test_stopping_does_not_wait_longer_for_a_revocation_that_began_before(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 1, false);
	uint64_t begin;

	fakebao_hold(f, FAKEBAO_REVOKE, true);
	fakebao_grant(f, FAKEBAO_LOGIN, "TOKEN-CANARY-%u", 60, true);
	fakebao_until(f, fakebao_count(f, FAKEBAO_REVOKE) == 1);
	begin = clock_now_ms();
	stop_fixture(f, login, 300);
	assert_in_range(clock_now_ms() - begin, 300, 2000);
	login_free(login);
}

static void test_stopping_fails_those_who_wait(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_new(f, true);
	struct waiter w[3] = { { 0 } };

	fakebao_hold(f, FAKEBAO_LOGIN, true);
	login_start(login);
	login_wait(login, waiter_ready, &w[0]);
	fakebao_until(f, fakebao_count(f, FAKEBAO_LOGIN) == 1);
	stop_fixture(f, login, STOP_MS);
	login_wait(login, waiter_ready, &w[1]);
	fakebao_until(f, waiters_with(w, 3, CODE_NOT_READY) == 2);
	assert_string_equal(w[0].why.message, "no login at OpenBao: the daemon is stopping");
	/* The login that was under way has no effect any more. */
	fakebao_grant(f, FAKEBAO_LOGIN, "T", 60, true);
	fakebao_hold(f, FAKEBAO_LOGIN, false);
	fakebao_pass(f, 50);
	assert_true(login_helper_has(login, NULL));
	assert_int_equal(login_helper_status(login).counters.login_failures, 0);
	login_free(login);
}

static void test_stopping_during_a_renewal_and_a_lookup_ends_them(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 1, true);
	struct token *token = login_token(login);
	struct waiter w[1] = { { 0 } };

	fakebao_hold(f, FAKEBAO_RENEW, true);
	fakebao_hold(f, FAKEBAO_LOOKUP, true);
	fakebao_until(f, fakebao_count(f, FAKEBAO_RENEW) == 1);
	login_denied(login, token, false, waiter_ready, &w[0]);
	stop_fixture(f, login, STOP_MS);
	assert_int_equal(waiters_with(w, 1, CODE_NOT_READY), 1);
	fakebao_hold(f, FAKEBAO_RENEW, false);
	fakebao_hold(f, FAKEBAO_LOOKUP, false);
	fakebao_pass(f, 50);
	assert_int_equal(fakebao_count(f, FAKEBAO_LOGIN), 1);
	token_release(token);
	login_free(login);
}

/* -- the log ------------------------------------------------------------------------------------------------- */

static void test_the_log_tells_each_change_and_no_credential(void **state)
{
	struct fakebao *f = *state;
	struct login *login = login_helper_serving(f, 1, true);

	fakebao_grant(f, FAKEBAO_RENEW, NULL, 1, true);
	fakebao_until(f, login_helper_status(login).counters.renewals == 1);
	fakebao_answer(f, FAKEBAO_RENEW, 403, FAKEBAO_DENIED);
	fakebao_answer(f, FAKEBAO_LOGIN, 400, "{\"errors\":[\"invalid role or secret ID SECRET-CANARY\"]}");
	fakebao_until(f, login_helper_status(login).counters.login_failures == 1);
	stop_fixture(f, login, STOP_MS);
	login_free(login);
	assert_non_null(strstr(fakebao_log(f), "info: token: logging_in, was starting\n"));
	assert_non_null(strstr(fakebao_log(f), "info: token: serving, was logging_in\n"));
	assert_non_null(strstr(fakebao_log(f), "info: logged in: the lease is 1.0 s, renewable\n"));
	assert_non_null(strstr(fakebao_log(f), "info: token: renewing, was serving\n"));
	assert_non_null(strstr(fakebao_log(f), "warning: renewal failed: "));
	assert_non_null(strstr(fakebao_log(f), "warning: OpenBao does not know the token any more\n"));
	assert_non_null(strstr(fakebao_log(f), "error: login failed: "));
	assert_non_null(strstr(fakebao_log(f), "info: token: stopping, was "));
	assert_null(strstr(fakebao_log(f), "CANARY"));
	assert_null(strstr(fakebao_log(f), "127.0.0.1"));
}

#define WITH_FAKEBAO(test) cmocka_unit_test_setup_teardown(test, fakebao_setup, fakebao_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FAKEBAO(test_the_status_tells_a_login_that_failed),
		WITH_FAKEBAO(test_the_status_tells_lease_and_renewal),
		WITH_FAKEBAO(test_a_token_without_end_has_no_lease_left_to_tell),
		WITH_FAKEBAO(test_the_token_is_renewed_again_and_again),
		WITH_FAKEBAO(test_near_the_max_ttl_a_fresh_login_replaces_the_token_without_a_gap),
		WITH_FAKEBAO(test_a_failed_renewal_leads_to_a_login_while_the_token_serves_on),
		WITH_FAKEBAO(test_a_token_found_dead_at_its_renewal_serves_no_more),
		WITH_FAKEBAO(test_a_token_is_not_given_out_after_its_lease),
		WITH_FAKEBAO(test_a_lease_that_ended_while_the_loop_stood_still_is_noticed),
		WITH_FAKEBAO(test_a_lease_that_is_over_when_its_answer_comes_is_of_no_use),
		WITH_FAKEBAO(test_a_renewal_without_an_answer_leaves_time_for_a_login),
		WITH_FAKEBAO(test_the_renewal_of_a_token_that_died_meanwhile_counts_for_nothing),
		WITH_FAKEBAO(test_a_role_with_tokens_for_a_number_of_uses_is_refused_in_clear_words),
		WITH_FAKEBAO(test_a_batch_token_is_not_revoked),
		WITH_FAKEBAO(test_a_second_token_that_dies_soon_is_told_with_its_time),
		WITH_FAKEBAO(test_after_an_outage_the_login_comes_by_itself),
		WITH_FAKEBAO(test_a_request_without_an_answer_leads_to_a_look_at_openbao),
		WITH_FAKEBAO(test_new_credentials_are_tried_at_once),
		WITH_FAKEBAO(test_a_fourth_wrong_content_is_not_tried),
		WITH_FAKEBAO(test_a_403_after_a_refused_login_is_taken_for_a_lockout),
		WITH_FAKEBAO(test_a_missing_file_is_watched_for_and_its_name_is_for_the_log_only),
		WITH_FAKEBAO(test_the_old_token_is_revoked_when_its_last_request_ends),
		WITH_FAKEBAO(test_a_token_that_cannot_be_revoked_is_logged_and_left),
		WITH_FAKEBAO(test_freeing_ends_a_revocation),
		WITH_FAKEBAO(test_stopping_revokes_the_token_even_when_requests_hold_it),
		WITH_FAKEBAO(test_stopping_revokes_old_tokens_too),
		WITH_FAKEBAO(test_stopping_revokes_nothing_if_told_so),
		WITH_FAKEBAO(test_stopping_takes_no_longer_than_its_budget),
		WITH_FAKEBAO(test_stopping_does_not_wait_longer_for_a_revocation_that_began_before),
		WITH_FAKEBAO(test_stopping_fails_those_who_wait),
		WITH_FAKEBAO(test_stopping_during_a_renewal_and_a_lookup_ends_them),
		WITH_FAKEBAO(test_the_log_tells_each_change_and_no_credential),
	};

	return cmocka_run_group_tests(tests, global_setup, global_teardown);
}
