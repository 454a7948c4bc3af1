/*
 * The lease machine over long times: an OpenBao of a few lines that grants, refuses and goes away, hours of it
 * in a moment; and random events by the hundred thousand, after each of which the promises must hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/upstream/lease.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

static uint64_t seed;

/* xorshift64* gives the same numbers in every run. */
static uint64_t roll(uint64_t low, uint64_t high)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return low + (seed * UINT64_C(0x2545F4914F6CDD1D)) % (high - low + 1);
}

static uint64_t dice(void *arg, uint64_t low, uint64_t high)
{
	(void)arg;
	assert_true(low <= high);
	return roll(low, high);
}

/* -- scenarios ----------------------------------------------------------------------------------------------- */

struct world {
	struct lease l;
	uint64_t now;
	/* The server's side. */
	uint64_t ttl, max_ttl, rtt;
	uint64_t down_from, down_until;
	bool refuses;
	uint64_t token_made;
	/* Requests under way: when they were sent, and when they are answered; 0: none. */
	uint64_t login_since, login_at, renew_since, renew_at;
	/* Results. */
	unsigned logins, renewals, attempts;
	uint64_t without_token; /* ms without a live token since the first login */
};

static struct world world_new(uint64_t ttl, uint64_t max_ttl)
{
	struct world w = { .now = HOUR, .ttl = ttl, .max_ttl = max_ttl, .rtt = 3 };

	lease_init(&w.l, dice, NULL, NULL);
	lease_start(&w.l, w.now);
	return w;
}

static bool is_down(const struct world *w)
{
	return w->now >= w->down_from && w->now < w->down_until;
}

static void answer_login(struct world *w)
{
	w->login_at = 0;
	if (is_down(w)) {
		lease_login_failed(&w->l, w->now, LEASE_UNREACHABLE);
	} else if (w->refuses) {
		lease_login_failed(&w->l, w->now, LEASE_REFUSED);
	} else {
		w->logins++;
		w->token_made = w->now;
		lease_login_ok(&w->l, w->now, w->login_since, w->ttl, true);
	}
}

/* OpenBao counts in whole seconds. */
static void answer_renewal(struct world *w)
{
	uint64_t left = w->token_made + w->max_ttl - w->now, grant = left < w->ttl ? left : w->ttl;

	w->renew_at = 0;
	if (!w->l.renew_under_way)
		return;
	if (is_down(w)) {
		lease_renew_failed(&w->l, w->now);
	} else {
		w->renewals++;
		lease_renew_ok(&w->l, w->now, w->renew_since, grant / SECOND * SECOND, true);
	}
}

static void step(struct world *w)
{
	for (;;) {
		switch (lease_step(&w->l, w->now)) {
		case LEASE_LOGIN:
			assert_true(w->login_at == 0);
			w->attempts++;
			w->login_since = w->now;
			w->login_at = w->now + w->rtt;
			break;
		case LEASE_RENEW:
			w->renew_since = w->now;
			w->renew_at = w->now + w->rtt;
			break;
		case LEASE_NOTHING:
			return;
		}
	}
}

/* Lets ms milliseconds pass, one by one. */
static void pass(struct world *w, uint64_t ms)
{
	for (uint64_t end = w->now + ms; w->now < end; w->now++) {
		if (w->login_at == w->now)
			answer_login(w);
		if (w->renew_at == w->now)
			answer_renewal(w);
		if (w->down_until == w->now)
			lease_recovered(&w->l, w->now, w->down_until - w->down_from);
		step(w);
		if (w->logins > 0 && !lease_live(&w->l, w->now))
			w->without_token++;
	}
}

static void test_a_short_max_ttl_is_served_without_a_gap_with_few_logins(void **state)
{
	(void)state;
	for (seed = 1; seed < 100; seed += 7) {
		struct world w = world_new(6 * SECOND, 20 * SECOND);

		pass(&w, MINUTE);
		assert_true(w.logins < 6);
		assert_true(w.logins >= 3);
		assert_int_equal(w.attempts, w.logins);
		assert_true(w.without_token == 0);
		assert_true(w.renewals < 30);
	}
}

static void test_a_day_of_an_ordinary_lease_needs_no_second_login(void **state)
{
	struct world w = world_new(HOUR, 32 * 24 * HOUR);

	(void)state;
	seed = 1;
	pass(&w, 24 * HOUR);
	assert_int_equal(w.logins, 1);
	assert_in_range(w.renewals, 33, 38);
	assert_true(w.without_token == 0);
}

static void test_wrong_credentials_for_ten_minutes_make_one_attempt(void **state)
{
	(void)state;
	for (seed = 1; seed < 100; seed += 7) {
		struct world w = world_new(HOUR, 24 * HOUR);

		w.refuses = true;
		pass(&w, 10 * MINUTE);
		assert_int_equal(w.attempts, 1);
		w.refuses = false;
		lease_credential_changed(&w.l, w.now);
		pass(&w, 10);
		assert_int_equal(w.attempts, 2);
		assert_true(lease_live(&w.l, w.now));
	}
}

static void test_wrong_credentials_for_a_day_never_lock_the_role(void **state)
{
	struct world w = world_new(HOUR, 24 * HOUR);

	(void)state;
	seed = 1;
	w.refuses = true;
	pass(&w, 24 * HOUR);
	assert_in_range(w.attempts, 24 * 60 / 24, 24 * 60 / 16 + 1);
}

static void test_an_outage_of_twenty_seconds_costs_nothing_while_the_token_lives(void **state)
{
	struct world w = world_new(HOUR, 24 * HOUR);

	(void)state;
	seed = 1;
	pass(&w, MINUTE);
	w.down_from = w.now;
	w.down_until = w.now + 20 * SECOND;
	pass(&w, MINUTE);
	assert_int_equal(w.attempts, 1);
	assert_true(w.without_token == 0);
}

static void test_after_an_outage_without_a_token_service_is_back_within_five_seconds(void **state)
{
	(void)state;
	for (seed = 1; seed < 100; seed += 7) {
		struct world w = world_new(6 * SECOND, 20 * SECOND);

		w.down_from = w.now;
		w.down_until = w.now + 20 * SECOND;
		pass(&w, 25 * SECOND);
		assert_int_equal(w.attempts, 2);
		assert_true(lease_live(&w.l, w.now));
		w.down_from = w.now;
		w.down_until = w.now + 20 * SECOND;
		pass(&w, 25 * SECOND);
		assert_int_equal(w.attempts, 4);
		assert_true(lease_live(&w.l, w.now));
	}
}

static void test_a_machine_that_slept_two_hours_is_back_with_one_login(void **state)
{
	struct world w = world_new(HOUR, 24 * HOUR);

	(void)state;
	seed = 1;
	pass(&w, MINUTE);
	w.now += 2 * HOUR;
	assert_false(lease_live(&w.l, w.now));
	pass(&w, SECOND);
	assert_int_equal(w.attempts, 2);
	assert_true(lease_live(&w.l, w.now));
	/* The machine slept in the middle of a login, whose answer is there when it wakes up. */
	w = world_new(HOUR, 24 * HOUR);
	step(&w);
	w.now += 2 * HOUR;
	answer_login(&w);
	assert_false(lease_live(&w.l, w.now));
	pass(&w, 5 * SECOND);
	assert_int_equal(w.attempts, 2);
	assert_true(lease_live(&w.l, w.now));
}

/* -- promises, whatever happens ------------------------------------------------------------------------------ */

struct history {
	uint64_t login_started, login_failed; /* the latest; login_failed is 0 if it worked */
	uint64_t dead_login;                  /* when the latest login that a dead token caused was due */
	uint64_t earliest;                    /* when the next such login may come */
	unsigned deaths;                      /* tokens that died in a row within 30 s after such a login */
	bool dead;                            /* the next login will be such a one */
	uint64_t renew_started;               /* of the token that is held */
	uint64_t expires;                     /* of the token that is held, by its grants */
	uint64_t refused[4];
};

static void check_login_start(struct history *h, uint64_t now)
{
	if (h->login_failed != 0)
		assert_true(now - h->login_started >= SECOND);
	if (h->dead) {
		assert_true(now >= h->earliest);
	}
	h->dead = false;
	h->login_started = now;
	/* A login that would be the fourth refused within 15 minutes is never begun. */
	if (h->refused[2] != 0)
		assert_true(now - h->refused[2] >= 15 * MINUTE);
}

static void check_renewal_start(struct history *h, const struct lease *l, uint64_t now)
{
	assert_true(l->held && now < h->expires);
	if (h->renew_started != 0)
		assert_true(now - h->renew_started >= (l->near_max ? SECOND : 633));
	h->renew_started = now;
}

static void check(const struct lease *l, const struct history *h, uint64_t now)
{
	uint64_t next = lease_next(l);

	assert_true(next > now);
	assert_int_equal(l->login_under_way, l->state == LEASE_LOGGING_IN);
	if (l->state == LEASE_SERVING || l->state == LEASE_RENEWING)
		assert_true(l->held);
	if (l->state == LEASE_SERVING)
		assert_false(l->renew_under_way);
	if (l->state == LEASE_RENEWING)
		assert_true(l->renew_under_way);
	/* A token is never used past its end, and there is always something that leads to the next one. */
	assert_true(!lease_live(l, now) || now < h->expires);
	if (lease_live(l, now) && l->expires != CLOCK_NEVER)
		assert_true(next <= l->expires);
	if (!l->held)
		assert_true(l->login_under_way || l->awaiting_recovery || l->login_due != CLOCK_NEVER);
	if (l->login_due != CLOCK_NEVER)
		assert_true(
		    l->login_due <= now + 24 * MINUTE || l->state == LEASE_SERVING || l->state == LEASE_RENEWING);
	assert_false(l->login_under_way && (l->awaiting_recovery || l->login_due != CLOCK_NEVER));
}

static void steps(struct lease *l, struct history *h, uint64_t now)
{
	enum lease_action action;
	int n = 0;

	while ((action = lease_step(l, now)) != LEASE_NOTHING) {
		assert_true(++n <= 2);
		if (action == LEASE_LOGIN)
			check_login_start(h, now);
		else
			check_renewal_start(h, l, now);
	}
	check(l, h, now);
}

static uint64_t some_lease(void)
{
	static const uint64_t seconds[] = { 1, 2, 6, 20, 90, 3600, 86400 };

	return roll(0, 50) == 0 ? 0 : seconds[roll(0, 6)] * SECOND;
}

static void end_login(struct lease *l, struct history *h, uint64_t now)
{
	uint64_t lease_ms = some_lease();
	enum lease_failure failure = (enum lease_failure)roll(LEASE_UNREACHABLE, LEASE_DENIED);

	if (roll(0, 2) == 0) {
		lease_login_ok(l, now, h->login_started, lease_ms, roll(0, 3) > 0);
		h->login_failed = l->held && l->state == LEASE_SERVING ? 0 : now;
		if (h->login_failed == 0) {
			/* OpenBao's own count begins again, too. */
			memset(h->refused, 0, sizeof(h->refused));
			h->expires = lease_ms == 0 ? CLOCK_NEVER : h->login_started + lease_ms;
			h->renew_started = 0;
		}
		return;
	}
	lease_login_failed(l, now, failure);
	h->login_failed = now;
	if (failure == LEASE_REFUSED || failure == LEASE_DOUBTED) {
		for (size_t i = 3; i > 0; i--)
			h->refused[i] = h->refused[i - 1];
		h->refused[0] = now;
	}
}

static void end_renewal(struct lease *l, struct history *h, uint64_t now)
{
	uint64_t lease_ms = some_lease();

	if (roll(0, 3) == 0) {
		lease_renew_failed(l, now);
		return;
	}
	lease_renew_ok(l, now, h->renew_started, lease_ms, roll(0, 5) > 0);
	h->expires = lease_ms == 0 ? CLOCK_NEVER : h->renew_started + lease_ms;
}

static void token_dies(struct lease *l, struct history *h, uint64_t now)
{
	static const uint64_t apart[] = { 0, 1, 2, 4, 8, 16, 30 };
	bool counts = l->held && (l->state == LEASE_SERVING || l->state == LEASE_RENEWING);

	lease_dead(l, now);
	assert_false(lease_live(l, now));
	if (!counts)
		return;
	h->dead = true;
	h->deaths = h->dead_login != 0 && now < h->dead_login + 30 * SECOND ? h->deaths + 1 : 0;
	h->earliest = h->dead_login + apart[h->deaths < 6 ? h->deaths : 6] * SECOND;
	h->dead_login = l->login_due;
}

static uint64_t some_time(const struct lease *l, uint64_t now)
{
	uint64_t next = lease_next(l);

	switch (roll(0, 7)) {
	case 0:
		return 0;
	case 1:
		return roll(1, 300);
	case 2:
		return roll(1, 5 * SECOND);
	case 3:
		return roll(1, 2000) == 1 ? 2 * HOUR : roll(1, MINUTE);
	default:
		return next == CLOCK_NEVER || next > now + 25 * MINUTE ? roll(1, MINUTE) : next - now;
	}
}

static void some_event(struct lease *l, struct history *h, uint64_t now)
{
	switch (roll(0, 9)) {
	case 0:
	case 1:
	case 2:
		if (l->login_under_way)
			end_login(l, h, now);
		break;
	case 3:
	case 4:
	case 5:
		if (l->renew_under_way)
			end_renewal(l, h, now);
		break;
	case 6:
		lease_recovered(l, now, roll(0, 1) ? roll(0, 2 * SECOND) : roll(0, 2 * HOUR));
		break;
	case 7:
		if (lease_watches_credentials(l))
			lease_credential_changed(l, now);
		break;
	case 8:
		if (roll(0, 3) == 0)
			token_dies(l, h, now);
		break;
	default:
		break;
	}
}

static void test_the_promises_hold_over_random_events(void **state)
{
	unsigned visited[LEASE_STOPPING + 1] = { 0 }, near_max = 0, locked_out = 0;

	(void)state;
	for (uint64_t run = 1; run <= 10; run++) {
		struct history h = { .expires = 0 };
		struct lease l;
		uint64_t now = HOUR;

		seed = run;
		lease_init(&l, dice, NULL, NULL);
		lease_start(&l, now);
		steps(&l, &h, now);
		for (int i = 0; i < 100000; i++) {
			now += some_time(&l, now);
			/* Time passes first: what has come due is done, as the daemon's timer does it. */
			steps(&l, &h, now);
			some_event(&l, &h, now);
			steps(&l, &h, now);
			visited[l.state]++;
			near_max += l.near_max;
			locked_out += l.refusals.locked_out;
		}
	}
	/* Check that the random events led to every state. */
	for (int s = LEASE_LOGGING_IN; s < LEASE_STOPPING; s++)
		assert_true(visited[s] > 1000);
	assert_true(near_max > 1000);
	assert_true(locked_out > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_short_max_ttl_is_served_without_a_gap_with_few_logins),
		cmocka_unit_test(test_a_day_of_an_ordinary_lease_needs_no_second_login),
		cmocka_unit_test(test_wrong_credentials_for_ten_minutes_make_one_attempt),
		cmocka_unit_test(test_wrong_credentials_for_a_day_never_lock_the_role),
		cmocka_unit_test(test_an_outage_of_twenty_seconds_costs_nothing_while_the_token_lives),
		cmocka_unit_test(test_after_an_outage_without_a_token_service_is_back_within_five_seconds),
		cmocka_unit_test(test_a_machine_that_slept_two_hours_is_back_with_one_login),
		cmocka_unit_test(test_the_promises_hold_over_random_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
