/*
 * What the lease machine does when logins fail, are refused or locked out, and when tokens die, rule by rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/lease_helper.h"

static struct lease failed(enum chance how, enum lease_failure failure)
{
	struct lease l = lease_helper_logging_in(how);

	lease_login_failed(&l, START, failure);
	assert_int_equal(lease_step(&l, START), LEASE_NOTHING);
	return l;
}

/* -- renewals that fail -------------------------------------------------------------------------------------- */

/* A machine with a lease of 100 s whose renewal at 63.3 s failed, and whose login then ended in this way. */
static struct lease renewal_failed(enum lease_failure failure, uint64_t *now)
{
	struct lease l = lease_helper_serving(LOWEST, 100 * SECOND, true);

	*now = START;
	assert_int_equal(lease_helper_next(&l, now), LEASE_RENEW);
	lease_renew_failed(&l, *now);
	assert_int_equal(lease_step(&l, *now), LEASE_LOGIN);
	assert_int_equal(lease_step(&l, *now), LEASE_NOTHING);
	lease_login_failed(&l, *now, failure);
	return l;
}

static void test_after_a_failed_renewal_the_token_is_renewed_again_whatever_the_login_does(void **state)
{
	static const enum lease_failure failures[] = { LEASE_UNREACHABLE, LEASE_FAILED, LEASE_CREDENTIAL,
		LEASE_REFUSED, LEASE_DENIED };

	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		uint64_t now, failed_at;
		struct lease l = renewal_failed(failures[i], &now);

		failed_at = now;
		while (now < START + 100 * SECOND && !l.renew_under_way) {
			if (lease_helper_next(&l, &now) == LEASE_LOGIN)
				lease_login_failed(&l, now, failures[i]);
		}
		/* A third of what was left has passed, and the renewal can still be tried again after this one. */
		assert_true(now == failed_at + 36700 / 3);
		assert_true(lease_live(&l, now));
		lease_renew_ok(&l, now, now, 100 * SECOND, true);
		assert_true(l.expires == now + 100 * SECOND);
	}
}

static void test_a_token_that_was_renewed_in_full_needs_no_login(void **state)
{
	uint64_t now, renewed;
	struct lease l = renewal_failed(LEASE_REFUSED, &now);

	(void)state;
	assert_int_equal(l.state, LEASE_REJECTED);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	renewed = now;
	lease_renew_ok(&l, now, now, 100 * SECOND, true);
	assert_int_equal(l.state, LEASE_SERVING);
	assert_true(l.login_due == CLOCK_NEVER);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	assert_true(now == renewed + 63300);
	/* New credentials are still looked out for, and tried at once. */
	lease_renew_ok(&l, now, now, 100 * SECOND, true);
	assert_true(lease_watches_credentials(&l));
	lease_credential_changed(&l, now);
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
}

static void test_credentials_that_were_refused_wait_also_when_the_token_is_lost(void **state)
{
	uint64_t now, refused;
	struct lease l = renewal_failed(LEASE_REFUSED, &now);

	(void)state;
	refused = now;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_renew_ok(&l, now, now, 100 * SECOND, true);
	lease_dead(&l, now);
	assert_int_equal(l.state, LEASE_REJECTED);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == refused + 16 * MINUTE);
}

static void test_each_failed_renewal_does_not_try_refused_credentials_again(void **state)
{
	uint64_t now, logins = 1;
	struct lease l = renewal_failed(LEASE_REFUSED, &now);

	(void)state;
	/* Every second renewal fails, for as long as the credentials may not be tried again. */
	for (int i = 0; i < 18; i++) {
		assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
		if (i % 2 != 0)
			lease_renew_failed(&l, now);
		else
			lease_renew_ok(&l, now, now, 100 * SECOND, true);
		logins += l.login_under_way;
		assert_true(lease_live(&l, now));
	}
	assert_int_equal(logins, 1);
}

/* -- failed logins ------------------------------------------------------------------------------------------- */

static void test_failures_back_off_with_full_jitter_up_to_a_minute(void **state)
{
	static const uint64_t most[] = { 2, 4, 8, 16, 32, 60, 60, 60 };
	struct lease l;
	uint64_t now = START, before;

	(void)state;
	l = lease_helper_logging_in(HIGHEST);
	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		before = now;
		lease_login_failed(&l, now, LEASE_FAILED);
		assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
		assert_false(lease_waits(&l));
		assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
		assert_true(now == before + most[i] * SECOND);
	}
	lease_helper_chance = LOWEST;
	before = now;
	lease_login_failed(&l, now, LEASE_FAILED);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == before + SECOND);
}

static void test_a_login_that_works_resets_the_back_off(void **state)
{
	struct lease l = failed(HIGHEST, LEASE_FAILED);
	uint64_t now = START, before;

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	lease_login_ok(&l, now, now, 90 * SECOND, false);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	before = now;
	lease_login_failed(&l, now, LEASE_FAILED);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == before + 2 * SECOND);
}

static void test_unreachable_waits_until_openbao_is_back(void **state)
{
	struct lease l = failed(LOWEST, LEASE_UNREACHABLE);

	(void)state;
	assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
	assert_true(lease_next(&l) == CLOCK_NEVER);
	assert_int_equal(lease_step(&l, START + HOUR), LEASE_NOTHING);
	lease_recovered(&l, START + HOUR, HOUR);
	assert_int_equal(lease_step(&l, START + HOUR), LEASE_LOGIN);
}

static void test_the_login_after_an_outage_is_staggered_by_its_length(void **state)
{
	static const struct {
		uint64_t outage, most;
	} rows[] = {
		{ SECOND, 200 },
		{ 2 * SECOND, 200 },
		{ 20 * SECOND, 2 * SECOND },
		{ 10 * MINUTE, MINUTE },
		{ 24 * HOUR, MINUTE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lease l = failed(HIGHEST, LEASE_UNREACHABLE);
		uint64_t back = START + rows[i].outage;

		lease_recovered(&l, back, rows[i].outage);
		assert_true(lease_next(&l) == back + rows[i].most);
	}
}

static void test_no_answer_from_a_server_that_is_there_backs_off(void **state)
{
	struct lease l = failed(LOWEST, LEASE_UNREACHABLE);
	uint64_t now = START;

	(void)state;
	lease_recovered(&l, START + 5, 999);
	assert_true(lease_next(&l) == START + 5 + SECOND);
	assert_int_equal(l.failures, 1);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
}

static void test_a_recovery_that_nobody_waits_for_changes_nothing(void **state)
{
	struct lease l = failed(LOWEST, LEASE_REFUSED);
	uint64_t due = lease_next(&l);

	(void)state;
	lease_recovered(&l, START + 1, MINUTE);
	assert_true(lease_next(&l) == due);
	l = lease_helper_serving(LOWEST, 90 * SECOND, true);
	due = lease_next(&l);
	lease_recovered(&l, START + 1, MINUTE);
	assert_true(lease_next(&l) == due);
	l = lease_helper_logging_in(LOWEST);
	lease_recovered(&l, START + 1, MINUTE);
	assert_int_equal(lease_step(&l, START + 1), LEASE_NOTHING);
}

static void test_logins_that_failed_are_a_second_apart_even_when_openbao_comes_and_goes(void **state)
{
	struct lease l = failed(LOWEST, LEASE_UNREACHABLE);

	(void)state;
	lease_recovered(&l, START + 100, 20 * SECOND);
	assert_true(lease_next(&l) == START + SECOND);
}

static void test_a_held_token_serves_on_while_logins_fail(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, 100 * SECOND, false);
	uint64_t now = START;

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	lease_login_failed(&l, now, LEASE_UNREACHABLE);
	assert_true(lease_live(&l, START + 100 * SECOND - 1));
	/* The token's end does not change what is waited for. */
	assert_true(lease_next(&l) == START + 100 * SECOND);
	assert_int_equal(lease_step(&l, START + 100 * SECOND), LEASE_NOTHING);
	assert_false(l.held);
	assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
	assert_true(l.awaiting_recovery);
}

/* -- refused and locked out ---------------------------------------------------------------------------------- */

static void test_refused_credentials_get_another_try_after_the_lockout_window_only(void **state)
{
	struct lease l = failed(LOWEST, LEASE_REFUSED);

	(void)state;
	assert_int_equal(l.state, LEASE_REJECTED);
	assert_false(lease_waits(&l));
	assert_true(lease_watches_credentials(&l));
	assert_true(lease_next(&l) == START + 16 * MINUTE);
	l = failed(HIGHEST, LEASE_REFUSED);
	assert_true(lease_next(&l) == START + 24 * MINUTE);
}

static void test_new_credentials_are_tried_at_once(void **state)
{
	struct lease l = failed(LOWEST, LEASE_REFUSED);
	uint64_t now = START + MINUTE;

	(void)state;
	lease_credential_changed(&l, now);
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
	assert_false(lease_watches_credentials(&l));
	lease_login_ok(&l, now, now, HOUR, true);
	assert_int_equal(l.state, LEASE_SERVING);
}

static void test_at_most_three_contents_are_refused_in_fifteen_minutes(void **state)
{
	struct lease l = failed(HIGHEST, LEASE_REFUSED);
	uint64_t now = START;

	(void)state;
	for (int i = 0; i < 2; i++) {
		now += MINUTE;
		lease_credential_changed(&l, now);
		assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
		lease_login_failed(&l, now, LEASE_REFUSED);
	}
	now += MINUTE;
	lease_credential_changed(&l, now);
	lease_credential_changed(&l, now + 250);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == START + 15 * MINUTE);
	/* The window moves on: the next login waits until the second refusal is old enough. */
	lease_login_failed(&l, now, LEASE_REFUSED);
	lease_credential_changed(&l, now);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == START + 16 * MINUTE);
}

static void test_a_denied_login_after_a_refused_one_is_a_lockout(void **state)
{
	struct lease l = failed(LOWEST, LEASE_REFUSED);
	uint64_t now = START + 14 * MINUTE;

	(void)state;
	lease_credential_changed(&l, now);
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
	lease_login_failed(&l, now, LEASE_DENIED);
	assert_true(l.refusals.locked_out);
	assert_int_equal(l.state, LEASE_REJECTED);
	assert_false(lease_watches_credentials(&l));
	lease_credential_changed(&l, now + MINUTE);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == START + 30 * MINUTE);
	assert_false(l.refusals.locked_out);
}

static void test_a_denied_login_without_a_refused_one_backs_off(void **state)
{
	struct lease l = failed(LOWEST, LEASE_DENIED);
	uint64_t now = START;

	(void)state;
	assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
	assert_true(lease_next(&l) == START + SECOND);
	/* A refusal before the window does not count either. */
	l = failed(LOWEST, LEASE_REFUSED);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	lease_login_failed(&l, now, LEASE_DENIED);
	assert_false(l.refusals.locked_out);
	assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
}

static void test_a_login_that_worked_ends_the_suspicion_of_a_lockout(void **state)
{
	struct lease l = failed(LOWEST, LEASE_REFUSED);
	uint64_t now = START + MINUTE;

	(void)state;
	lease_credential_changed(&l, now);
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
	assert_true(lease_login_ok(&l, now, now, HOUR, true));
	lease_dead(&l, now);
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
	lease_login_failed(&l, now, LEASE_DENIED);
	assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
	assert_true(lease_next(&l) == now + SECOND);
}

static void test_a_refusal_by_a_node_that_may_lag_is_believed_when_it_is_repeated(void **state)
{
	struct lease l = failed(LOWEST, LEASE_DOUBTED);
	uint64_t now = START;

	(void)state;
	assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
	assert_true(lease_watches_credentials(&l));
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == START + 3 * SECOND);
	lease_login_failed(&l, now, LEASE_DOUBTED);
	assert_int_equal(l.state, LEASE_REJECTED);
	assert_true(lease_next(&l) == now + 16 * MINUTE);
	/* What the leader says is believed at once. */
	l = failed(HIGHEST, LEASE_DOUBTED);
	now = START;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == START + 6 * SECOND);
	lease_login_failed(&l, now, LEASE_REFUSED);
	assert_int_equal(l.state, LEASE_REJECTED);
}

static void test_refusals_in_doubt_count_towards_the_three(void **state)
{
	struct lease l = failed(LOWEST, LEASE_DOUBTED);
	uint64_t now = START;

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	lease_login_failed(&l, now, LEASE_DOUBTED);
	now += MINUTE;
	lease_credential_changed(&l, now);
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
	lease_login_failed(&l, now, LEASE_DOUBTED);
	assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == START + 15 * MINUTE);
}

static void test_a_renewal_does_not_make_a_fourth_refusal_possible(void **state)
{
	uint64_t now, first;
	struct lease l = renewal_failed(LEASE_DOUBTED, &now);

	(void)state;
	first = now;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	lease_login_failed(&l, now, LEASE_DOUBTED);
	now += 2 * SECOND;
	lease_credential_changed(&l, now);
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
	lease_login_failed(&l, now, LEASE_DOUBTED);
	assert_true(l.login_due == first + 15 * MINUTE);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_renew_ok(&l, now, now, 100 * SECOND, true);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_renew_failed(&l, now);
	assert_int_equal(lease_step(&l, now), LEASE_NOTHING);
	assert_true(l.login_due == first + 15 * MINUTE);
	lease_dead(&l, now);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == first + 15 * MINUTE);
}

/* Has the machine log in now, and be refused in doubt. */
static void refuse_in_doubt(struct lease *l, uint64_t now)
{
	assert_int_equal(lease_step(l, now), LEASE_LOGIN);
	lease_login_failed(l, now, LEASE_DOUBTED);
}

static void test_a_refusal_in_doubt_confirms_one_of_the_last_minute_only(void **state)
{
	struct lease l = failed(LOWEST, LEASE_DOUBTED);

	(void)state;
	refuse_in_doubt(&l, START + 59 * SECOND);
	assert_int_equal(l.state, LEASE_REJECTED);
	l = failed(LOWEST, LEASE_DOUBTED);
	refuse_in_doubt(&l, START + MINUTE);
	assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
	/* That one is confirmed by the next. */
	refuse_in_doubt(&l, START + MINUTE + 3 * SECOND);
	assert_int_equal(l.state, LEASE_REJECTED);
}

static void test_a_doubt_ends_when_the_token_is_renewed(void **state)
{
	uint64_t now;
	struct lease l = renewal_failed(LEASE_DOUBTED, &now);

	(void)state;
	/* The renewal comes before the login where little of the lease is left. */
	l.renew_due = now + SECOND;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_renew_ok(&l, now, now, 100 * SECOND, true);
	assert_int_equal(l.state, LEASE_SERVING);
	now += 5 * SECOND;
	lease_dead(&l, now);
	refuse_in_doubt(&l, now);
	assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
}

static void test_a_doubt_ends_when_openbao_is_away(void **state)
{
	struct lease l = failed(LOWEST, LEASE_DOUBTED);
	uint64_t now = START;

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	lease_login_failed(&l, now, LEASE_UNREACHABLE);
	now += 10 * SECOND;
	lease_recovered(&l, now, 10 * SECOND);
	refuse_in_doubt(&l, now);
	assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
}

static void test_a_doubt_ends_when_the_credentials_change(void **state)
{
	struct lease l = failed(LOWEST, LEASE_DOUBTED);
	uint64_t now = START + 3 * SECOND;

	(void)state;
	lease_credential_changed(&l, now);
	refuse_in_doubt(&l, now);
	assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
}

/* -- what was refused before a reload or a restart ---------------------------------------------------------- */

static struct lease remembering(const struct lease *before, bool same, uint64_t now)
{
	struct lease l = lease_helper_fresh(LOWEST);

	lease_start(&l, now);
	lease_remember(&l, now, &before->refusals, same);
	return l;
}

static void test_what_was_refused_is_not_tried_again_after_a_reload(void **state)
{
	struct lease before = failed(LOWEST, LEASE_REFUSED);
	uint64_t now = START + MINUTE;
	struct lease l = remembering(&before, true, now);

	(void)state;
	assert_int_equal(l.state, LEASE_REJECTED);
	assert_true(lease_watches_credentials(&l));
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == START + 16 * MINUTE);
	now = START + MINUTE;
	l = remembering(&before, true, now);
	lease_credential_changed(&l, now);
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
}

static void test_what_was_refused_counts_also_when_the_credentials_could_not_be_read_at_first(void **state)
{
	struct lease before = failed(LOWEST, LEASE_REFUSED);
	struct lease l = failed(LOWEST, LEASE_CREDENTIAL);
	uint64_t now = START + SECOND;

	(void)state;
	assert_true(lease_next(&l) == now);
	lease_remember(&l, now, &before.refusals, true);
	assert_int_equal(l.state, LEASE_REJECTED);
	assert_true(lease_watches_credentials(&l));
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == START + 16 * MINUTE);
	l = failed(LOWEST, LEASE_CREDENTIAL);
	now = START + SECOND;
	lease_remember(&l, now, &before.refusals, false);
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
}

static void test_other_credentials_of_the_role_are_tried_at_once_but_three_times_at_most(void **state)
{
	struct lease l = failed(LOWEST, LEASE_REFUSED);
	uint64_t now = START;

	(void)state;
	for (int i = 0; i < 2; i++) {
		now += MINUTE;
		l = remembering(&l, false, now);
		assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
		lease_login_failed(&l, now, LEASE_REFUSED);
	}
	l = remembering(&l, false, now);
	assert_int_equal(l.state, LEASE_REJECTED);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == START + 15 * MINUTE);
}

static void test_a_lockout_is_waited_for_with_any_credentials(void **state)
{
	struct lease before = failed(LOWEST, LEASE_REFUSED);
	uint64_t now = START + MINUTE;
	struct lease l;

	(void)state;
	lease_credential_changed(&before, now);
	assert_int_equal(lease_step(&before, now), LEASE_LOGIN);
	lease_login_failed(&before, now, LEASE_DENIED);
	l = remembering(&before, false, now + MINUTE);
	assert_int_equal(l.state, LEASE_REJECTED);
	assert_false(lease_watches_credentials(&l));
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == START + 17 * MINUTE);
}

static void test_what_was_refused_long_ago_holds_nothing_up(void **state)
{
	struct lease before = failed(LOWEST, LEASE_REFUSED);
	struct lease l = remembering(&before, true, START + 16 * MINUTE);

	(void)state;
	assert_int_equal(lease_step(&l, START + 16 * MINUTE), LEASE_LOGIN);
	/* Times that cannot be right are those of another boot. */
	before.refusals.not_before = START + 10 * HOUR;
	l = remembering(&before, true, START + MINUTE);
	assert_int_equal(lease_step(&l, START + MINUTE), LEASE_LOGIN);
	l = remembering(&before, true, START - MINUTE);
	assert_int_equal(lease_step(&l, START - MINUTE), LEASE_LOGIN);
}

static void test_missing_credentials_back_off_and_are_watched(void **state)
{
	struct lease l = failed(HIGHEST, LEASE_CREDENTIAL);

	(void)state;
	assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
	assert_true(lease_watches_credentials(&l));
	assert_true(lease_next(&l) == START + 2 * SECOND);
	lease_credential_changed(&l, START + 1200);
	assert_int_equal(lease_step(&l, START + 1200), LEASE_LOGIN);
}

static void test_credentials_that_keep_changing_do_not_make_a_storm(void **state)
{
	struct lease l = failed(HIGHEST, LEASE_CREDENTIAL);

	(void)state;
	lease_credential_changed(&l, START + 250);
	assert_true(lease_next(&l) == START + SECOND);
}

static void test_credentials_are_not_watched_while_they_are_not_to_blame(void **state)
{
	static const enum lease_failure failures[] = { LEASE_UNREACHABLE, LEASE_FAILED, LEASE_DENIED };

	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct lease l = failed(HIGHEST, failures[i]);
		uint64_t due = lease_next(&l);

		assert_false(lease_watches_credentials(&l));
		lease_credential_changed(&l, START + 1);
		assert_true(lease_next(&l) == due);
	}
}

/* -- dead tokens --------------------------------------------------------------------------------------------- */

static void test_a_dead_token_is_dropped_and_a_login_follows_at_once(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, HOUR, true);
	uint64_t now = START + MINUTE;

	(void)state;
	lease_dead(&l, now);
	lease_dead(&l, now);
	assert_false(lease_live(&l, now));
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
	assert_int_equal(lease_step(&l, now), LEASE_NOTHING);
	assert_true(lease_waits(&l));
	/* Reporting the dead token again changes nothing. */
	lease_dead(&l, now);
	assert_int_equal(lease_step(&l, now), LEASE_NOTHING);
}

static void test_logins_for_tokens_that_keep_dying_come_at_intervals_that_double(void **state)
{
	static const uint64_t apart[] = { 1, 2, 4, 8, 16, 30, 30 };
	struct lease l = lease_helper_serving(LOWEST, HOUR, true);
	uint64_t now = START + MINUTE, before = now;

	(void)state;
	lease_dead(&l, now);
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
	for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++) {
		lease_login_ok(&l, now, now, HOUR, true);
		now += 100;
		lease_dead(&l, now);
		assert_int_equal(lease_step(&l, now), LEASE_NOTHING);
		assert_int_equal(l.state, LEASE_RELOGIN_WAIT);
		assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
		assert_true(now == before + apart[i] * SECOND);
		before = now;
	}
	/* A token that has lived for a while ends the suspicion. */
	lease_login_ok(&l, now, now, HOUR, true);
	now += 31 * SECOND;
	lease_dead(&l, now);
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
	lease_login_ok(&l, now, now, HOUR, true);
	before = now;
	lease_dead(&l, now);
	assert_int_equal(lease_helper_next(&l, &now), LEASE_LOGIN);
	assert_true(now == before + SECOND);
}

static void test_a_token_found_dead_by_its_renewal_is_dropped(void **state)
{
	struct lease l = lease_helper_serving(LOWEST, 100 * SECOND, true);
	uint64_t now = START;

	(void)state;
	assert_int_equal(lease_helper_next(&l, &now), LEASE_RENEW);
	lease_dead(&l, now);
	assert_false(l.renew_under_way);
	assert_int_equal(lease_step(&l, now), LEASE_LOGIN);
}

static void test_a_dead_token_does_not_shorten_a_wait(void **state)
{
	static const enum lease_failure failures[] = {
		LEASE_UNREACHABLE,
		LEASE_FAILED,
		LEASE_CREDENTIAL,
		LEASE_REFUSED,
		LEASE_DENIED,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		uint64_t now, due;
		struct lease l = lease_helper_near_max(LOWEST, &now);
		enum lease_state before;

		lease_login_failed(&l, now, failures[i]);
		due = l.login_due;
		before = l.state;
		lease_dead(&l, now);
		assert_false(l.held);
		assert_true(lease_next(&l) == due);
		assert_int_equal(l.state, before);
	}
}

static void test_a_token_that_dies_during_a_login_causes_no_second_one(void **state)
{
	uint64_t now;
	struct lease l = lease_helper_near_max(LOWEST, &now);

	(void)state;
	lease_dead(&l, now);
	assert_int_equal(l.state, LEASE_LOGGING_IN);
	assert_int_equal(lease_step(&l, now + MINUTE), LEASE_NOTHING);
	assert_true(lease_waits(&l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_after_a_failed_renewal_the_token_is_renewed_again_whatever_the_login_does),
		cmocka_unit_test(test_a_token_that_was_renewed_in_full_needs_no_login),
		cmocka_unit_test(test_credentials_that_were_refused_wait_also_when_the_token_is_lost),
		cmocka_unit_test(test_each_failed_renewal_does_not_try_refused_credentials_again),
		cmocka_unit_test(test_failures_back_off_with_full_jitter_up_to_a_minute),
		cmocka_unit_test(test_a_login_that_works_resets_the_back_off),
		cmocka_unit_test(test_unreachable_waits_until_openbao_is_back),
		cmocka_unit_test(test_the_login_after_an_outage_is_staggered_by_its_length),
		cmocka_unit_test(test_no_answer_from_a_server_that_is_there_backs_off),
		cmocka_unit_test(test_a_recovery_that_nobody_waits_for_changes_nothing),
		cmocka_unit_test(test_logins_that_failed_are_a_second_apart_even_when_openbao_comes_and_goes),
		cmocka_unit_test(test_a_held_token_serves_on_while_logins_fail),
		cmocka_unit_test(test_refused_credentials_get_another_try_after_the_lockout_window_only),
		cmocka_unit_test(test_new_credentials_are_tried_at_once),
		cmocka_unit_test(test_at_most_three_contents_are_refused_in_fifteen_minutes),
		cmocka_unit_test(test_a_denied_login_after_a_refused_one_is_a_lockout),
		cmocka_unit_test(test_a_denied_login_without_a_refused_one_backs_off),
		cmocka_unit_test(test_a_login_that_worked_ends_the_suspicion_of_a_lockout),
		cmocka_unit_test(test_a_refusal_by_a_node_that_may_lag_is_believed_when_it_is_repeated),
		cmocka_unit_test(test_refusals_in_doubt_count_towards_the_three),
		cmocka_unit_test(test_a_renewal_does_not_make_a_fourth_refusal_possible),
		cmocka_unit_test(test_a_refusal_in_doubt_confirms_one_of_the_last_minute_only),
		cmocka_unit_test(test_a_doubt_ends_when_the_token_is_renewed),
		cmocka_unit_test(test_a_doubt_ends_when_openbao_is_away),
		cmocka_unit_test(test_a_doubt_ends_when_the_credentials_change),
		cmocka_unit_test(test_what_was_refused_is_not_tried_again_after_a_reload),
		cmocka_unit_test(
		    test_what_was_refused_counts_also_when_the_credentials_could_not_be_read_at_first),
		cmocka_unit_test(test_other_credentials_of_the_role_are_tried_at_once_but_three_times_at_most),
		cmocka_unit_test(test_a_lockout_is_waited_for_with_any_credentials),
		cmocka_unit_test(test_what_was_refused_long_ago_holds_nothing_up),
		cmocka_unit_test(test_missing_credentials_back_off_and_are_watched),
		cmocka_unit_test(test_credentials_that_keep_changing_do_not_make_a_storm),
		cmocka_unit_test(test_credentials_are_not_watched_while_they_are_not_to_blame),
		cmocka_unit_test(test_a_dead_token_is_dropped_and_a_login_follows_at_once),
		cmocka_unit_test(test_logins_for_tokens_that_keep_dying_come_at_intervals_that_double),
		cmocka_unit_test(test_a_token_found_dead_by_its_renewal_is_dropped),
		cmocka_unit_test(test_a_dead_token_does_not_shorten_a_wait),
		cmocka_unit_test(test_a_token_that_dies_during_a_login_causes_no_second_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
