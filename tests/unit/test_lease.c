/*
 * The life of a token that goes well, rule by rule: login, lease, renewal, and the end that its max TTL sets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/lease_helper.h"

/* -- the first login ----------------------------------------------------------------------------------------- */

static void test_nothing_is_due_before_the_start(void **state)
{
	struct lease l = lease_helper_fresh(LOWEST);

	(void)state;
	assert_int_equal(lease_step(&l, START), LEASE_NOTHING);
	assert_true(lease_next(&l) == CLOCK_NEVER);
	assert_int_equal(l.state, LEASE_STARTING);
	assert_true(lease_waits(&l));
	assert_false(lease_live(&l, START));
}

static void test_the_first_login_is_due_at_once_and_only_once(void **state)
{
	struct lease l = lease_helper_logging_in(LOWEST);

	(void)state;
	assert_int_equal(l.state, LEASE_LOGGING_IN);
	assert_true(lease_waits(&l));
	assert_true(lease_next(&l) == CLOCK_NEVER);
	assert_int_equal(lease_step(&l, START + HOUR), LEASE_NOTHING);
}

static void test_each_change_of_state_is_told(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, 60 * SECOND, true);
	uint64_t now = START;

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_renew_ok(&l, now, now, 60 * SECOND, true);
	lease_stop(&l);
	assert_int_equal(lease_helper_nseen, 5);
	assert_int_equal(lease_helper_seen[0], LEASE_LOGGING_IN);
	assert_int_equal(lease_helper_seen[1], LEASE_SERVING);
	assert_int_equal(lease_helper_seen[2], LEASE_RENEWING);
	assert_int_equal(lease_helper_seen[3], LEASE_SERVING);
	assert_int_equal(lease_helper_seen[4], LEASE_STOPPING);
}

static void test_states_have_names(void **state)
{
	(void)state;
	assert_string_equal(lease_state_name(LEASE_STARTING), "starting");
	assert_string_equal(lease_state_name(LEASE_LOGGING_IN), "logging_in");
	assert_string_equal(lease_state_name(LEASE_SERVING), "serving");
	assert_string_equal(lease_state_name(LEASE_RENEWING), "renewing");
	assert_string_equal(lease_state_name(LEASE_RELOGIN_WAIT), "relogin_wait");
	assert_string_equal(lease_state_name(LEASE_REJECTED), "rejected");
	assert_string_equal(lease_state_name(LEASE_STOPPING), "stopping");
}

/* -- the lease ----------------------------------------------------------------------------------------------- */

static void test_a_renewal_is_due_at_two_thirds_with_jitter(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, 100 * SECOND, true);

	(void)state;
	assert_true(lease_next(&l) == START + 63300);
	l = lease_helper_serving(HIGHEST, 100 * SECOND, true);
	assert_true(lease_next(&l) == START + 70000);
	assert_int_equal(lease_step(&l, START + 70000), LEASE_RENEW);
	assert_int_equal(l.state, LEASE_RENEWING);
	assert_false(lease_waits(&l));
	assert_true(lease_live(&l, START + 70000));
}

static void test_a_lease_that_cannot_be_renewed_is_followed_by_a_login_at_two_thirds(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, 100 * SECOND, false);
	uint64_t now = START;

	(void)state;
	assert_true(lease_next(&l) == START + 63300);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(lease_live(&l, now));
}

static void test_a_token_that_does_not_expire_needs_nothing(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, 0, true);

	(void)state;
	assert_true(lease_next(&l) == CLOCK_NEVER);
	assert_int_equal(lease_step(&l, START + 10000 * HOUR), LEASE_NOTHING);
	assert_true(lease_live(&l, START + 10000 * HOUR));
}

static void test_the_lease_counts_from_when_the_request_was_sent(void **state)
{
	struct lease l = lease_helper_logging_in(LOWEST);

	(void)state;
	lease_login_ok(&l, START + 9 * SECOND, START, 10 * SECOND, true);
	assert_true(lease_live(&l, START + 10 * SECOND - 1));
	assert_false(lease_live(&l, START + 10 * SECOND));
}

static void test_a_lease_that_is_over_when_its_answer_comes_counts_as_a_failed_login(void **state)
{
	struct lease l = lease_helper_logging_in(LOWEST);

	(void)state;
	assert_false(lease_login_ok(&l, START + 10 * SECOND, START, 10 * SECOND, true));
	assert_false(l.held);
	assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
	assert_true(lease_next(&l) == START + 11 * SECOND);
}

static void test_an_absurdly_long_lease_does_not_overflow(void **state)
{
	struct lease l = lease_helper_serving(HIGHEST, UINT64_MAX, true);

	(void)state;
	assert_true(lease_live(&l, START + 100 * 365 * 24 * HOUR));
	assert_true(lease_next(&l) > START + 60 * 365 * 24 * HOUR);
	assert_true(lease_next(&l) < START + 100 * 365 * 24 * HOUR);
}

static void test_a_renewal_rearms_on_the_fresh_lease(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, 100 * SECOND, true);
	uint64_t now = START;

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_renew_ok(&l, now + 2000, now, 60 * SECOND, true);
	assert_int_equal(l.state, LEASE_SERVING);
	assert_true(l.expires == now + 60 * SECOND);
	assert_true(lease_next(&l) == now + 60 * 633);
}

static void test_a_token_that_turns_out_not_renewable_is_replaced_at_two_thirds(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, 100 * SECOND, true);
	uint64_t now = START, renewed;

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	renewed = now;
	lease_renew_ok(&l, now, now, 100 * SECOND, false);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == renewed + 63300);
}

static void test_a_renewal_that_grants_a_token_without_end_needs_nothing_more(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, 100 * SECOND, true);
	uint64_t now = START;

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_renew_ok(&l, now, now, 0, true);
	assert_int_equal(l.state, LEASE_SERVING);
	assert_int_equal(lease_step(&l, now), LEASE_NOTHING);
	assert_true(lease_next(&l) == CLOCK_NEVER);
}

static void test_a_failed_renewal_means_a_login_now_and_keeps_the_token(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, 100 * SECOND, true);
	uint64_t now = START;

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_renew_failed(&l, now + 50);
	assert_int_equal(lease_step(&l, now + 50), LEASE_LOGIN);
	assert_int_equal(l.state, LEASE_LOGGING_IN);
	assert_true(lease_live(&l, now + 50));
	lease_login_failed(&l, now + 60, LEASE_FAILED);
	assert_true(lease_live(&l, START + 100 * SECOND - 1));
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	lease_login_failed(&l, now, LEASE_REFUSED);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
}

static void test_a_held_token_is_dropped_when_its_lease_ends(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, 100 * SECOND, true);

	(void)state;
	assert_int_equal(lease_step(&l, START + 70 * SECOND), LEASE_RENEW);
	assert_int_equal(lease_step(&l, START + 99 * SECOND), LEASE_NOTHING);
	assert_true(lease_next(&l) == START + 100 * SECOND);
	assert_int_equal(lease_step(&l, START + 100 * SECOND), LEASE_LOGIN);
	assert_false(l.held);
	assert_false(l.renew_under_way);
	/* A renewal of the dropped token that ends after that does not count. */
	lease_renew_ok(&l, START + 101 * SECOND, START + 70 * SECOND, 100 * SECOND, true);
	assert_false(l.held);
	assert_int_equal(l.state, LEASE_LOGGING_IN);
}

static void test_a_machine_that_slept_logs_in_when_it_wakes(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, HOUR, true);
	uint64_t woke = START + 3 * HOUR;

	(void)state;
	assert_false(lease_live(&l, woke));
	assert_int_equal(lease_step(&l, woke), LEASE_LOGIN);
	assert_int_equal(lease_step(&l, woke), LEASE_NOTHING);
	assert_true(lease_waits(&l));
}

/* -- near the max TTL ---------------------------------------------------------------------------------------- */

static void test_half_the_lease_is_not_near_the_max_ttl_and_less_is(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, 90 * SECOND, true);
	uint64_t now = START;

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_renew_ok(&l, now, now, 45 * SECOND, true);
	assert_int_equal(lease_step(&l, now), LEASE_NOTHING);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_renew_ok(&l, now, now, 45 * SECOND - 1, true);
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
}

static void test_near_the_max_ttl_renewals_go_on_while_the_login_is_under_way(void **state)
{
	uint64_t now, first;
	struct lease l = lease_helper_near_max(LOWEST, &now);

	(void)state;
	first = now;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	assert_true(now == first + 10 * SECOND);
	assert_int_equal(l.state, LEASE_LOGGING_IN);
	lease_renew_ok(&l, now, now, 20 * SECOND, true);
	assert_int_equal(l.state, LEASE_LOGGING_IN);
	assert_true(l.expires == now + 20 * SECOND);
	first = now;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	assert_true(now - first == 20 * SECOND / 3);
}

static void test_near_the_max_ttl_renewals_are_a_second_apart_at_least(void **state)
{
	uint64_t now, first;
	struct lease l = lease_helper_near_max(LOWEST, &now);

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_renew_ok(&l, now, now, 1500, true);
	first = now;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	assert_true(now == first + SECOND);
}

static void test_near_the_max_ttl_a_failed_login_backs_off_while_renewals_go_on(void **state)
{
	uint64_t now, failed_at;
	struct lease l = lease_helper_near_max(HIGHEST, &now);

	(void)state;
	failed_at = now;
	lease_login_failed(&l, now, LEASE_REFUSED);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	assert_true(now == failed_at + 10 * SECOND);
	assert_int_equal(l.state, LEASE_REJECTED);
	lease_renew_failed(&l, now);
	assert_int_equal(l.state, LEASE_REJECTED);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_renew_ok(&l, now, now, 10 * SECOND, true);
	assert_int_equal(l.state, LEASE_REJECTED);
	assert_true(lease_live(&l, now));
	assert_true(l.login_due == failed_at + 24 * MINUTE);
}

static void test_near_the_max_ttl_a_token_that_is_no_longer_renewable_is_left_alone(void **state)
{
	uint64_t now, left;
	struct lease l = lease_helper_near_max(LOWEST, &now);

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_renew_ok(&l, now, now, 20 * SECOND, false);
	left = now + 20 * SECOND;
	assert_true(lease_next(&l) == left);
}

static void test_a_new_login_ends_the_care_for_the_old_token(void **state)
{
	uint64_t now, then;
	struct lease l = lease_helper_near_max(LOWEST, &now);

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_login_ok(&l, now, now, 90 * SECOND, true);
	assert_int_equal(l.state, LEASE_SERVING);
	assert_false(l.renew_under_way);
	assert_false(l.near_max);
	/* The old token's renewal says nothing of the new one. */
	lease_renew_ok(&l, now, now, 3 * SECOND, true);
	lease_renew_failed(&l, now);
	assert_int_equal(lease_step(&l, now), LEASE_NOTHING);
	then = now;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	assert_true(now == then + 90 * 633);
}

/* -- the end ------------------------------------------------------------------------------------------------- */

static void test_after_the_stop_nothing_happens_any_more(void **state)
{
	struct lease l = lease_helper_near_max(LOWEST, &(uint64_t){ 0 });

	(void)state;
	lease_stop(&l);
	assert_int_equal(l.state, LEASE_STOPPING);
	assert_true(lease_next(&l) == CLOCK_NEVER);
	assert_false(lease_live(&l, START));
	assert_false(lease_waits(&l));
	lease_login_ok(&l, START, START, HOUR, true);
	lease_login_failed(&l, START, LEASE_REFUSED);
	lease_renew_ok(&l, START, START, HOUR, true);
	lease_renew_failed(&l, START);
	lease_recovered(&l, START, MINUTE);
	lease_credential_changed(&l, START);
	lease_dead(&l, START);
	lease_start(&l, START);
	assert_int_equal(l.state, LEASE_STOPPING);
	assert_int_equal(lease_step(&l, START + HOUR), LEASE_NOTHING);
	assert_true(lease_next(&l) == CLOCK_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_due_before_the_start),
		cmocka_unit_test(test_the_first_login_is_due_at_once_and_only_once),
		cmocka_unit_test(test_each_change_of_state_is_told),
		cmocka_unit_test(test_states_have_names),
		cmocka_unit_test(test_a_renewal_is_due_at_two_thirds_with_jitter),
		cmocka_unit_test(test_a_lease_that_cannot_be_renewed_is_followed_by_a_login_at_two_thirds),
		cmocka_unit_test(test_a_token_that_does_not_expire_needs_nothing),
		cmocka_unit_test(test_the_lease_counts_from_when_the_request_was_sent),
		cmocka_unit_test(test_a_lease_that_is_over_when_its_answer_comes_counts_as_a_failed_login),
		cmocka_unit_test(test_an_absurdly_long_lease_does_not_overflow),
		cmocka_unit_test(test_a_renewal_rearms_on_the_fresh_lease),
		cmocka_unit_test(test_a_token_that_turns_out_not_renewable_is_replaced_at_two_thirds),
		cmocka_unit_test(test_a_renewal_that_grants_a_token_without_end_needs_nothing_more),
		cmocka_unit_test(test_a_failed_renewal_means_a_login_now_and_keeps_the_token),
		cmocka_unit_test(test_a_held_token_is_dropped_when_its_lease_ends),
		cmocka_unit_test(test_a_machine_that_slept_logs_in_when_it_wakes),
		cmocka_unit_test(test_half_the_lease_is_not_near_the_max_ttl_and_less_is),
		cmocka_unit_test(test_near_the_max_ttl_renewals_go_on_while_the_login_is_under_way),
		cmocka_unit_test(test_near_the_max_ttl_renewals_are_a_second_apart_at_least),
		cmocka_unit_test(test_near_the_max_ttl_a_failed_login_backs_off_while_renewals_go_on),
		cmocka_unit_test(test_near_the_max_ttl_a_token_that_is_no_longer_renewable_is_left_alone),
		cmocka_unit_test(test_a_new_login_ends_the_care_for_the_old_token),
		cmocka_unit_test(test_after_the_stop_nothing_happens_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
