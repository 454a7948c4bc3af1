/*
 * lease_helper: the fixed chance, and the first steps of a machine's life.
 */
#include "tests/unit/lease_helper.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"

enum chance lease_helper_chance;
enum lease_state lease_helper_seen[64];
size_t lease_helper_nseen;

static uint64_t dice(void *arg, uint64_t low, uint64_t high)
{
	(void)arg;
	assert_true(low <= high);
	return lease_helper_chance == LOWEST ? low
	    : lease_helper_chance == HIGHEST ? high
					     : low + (high - low) / 2;
}

static void on_changed(void *arg, enum lease_state from, enum lease_state to)
{
	(void)arg;
	assert_int_not_equal(from, to);
	if (lease_helper_nseen < sizeof(lease_helper_seen) / sizeof(lease_helper_seen[0]))
		lease_helper_seen[lease_helper_nseen++] = to;
}

struct lease lease_helper_fresh(enum chance how)
{
	struct lease l;

	lease_helper_chance = how;
	lease_helper_nseen = 0;
	lease_init(&l, dice, on_changed, NULL);
	return l;
}

struct lease lease_helper_logging_in(enum chance how)
{
	struct lease l = lease_helper_fresh(how);

	lease_start(&l, START);
	assert_int_equal(lease_step(&l, START), LEASE_LOGIN);
	assert_int_equal(lease_step(&l, START), LEASE_NOTHING);
	return l;
}

struct lease lease_helper_serving(enum chance how, uint64_t lease_ms, bool renewable)
{
	struct lease l = lease_helper_logging_in(how);

	assert_true(lease_login_ok(&l, START, START, lease_ms, renewable));
	assert_int_equal(lease_step(&l, START), LEASE_NOTHING);
	assert_int_equal(l.state, LEASE_SERVING);
	return l;
}

enum lease_action lease_helper_next(struct lease *l, uint64_t *now)
{
	uint64_t due = lease_next(l);

	assert_int_not_equal(due, CLOCK_NEVER);
	assert_true(due >= *now);
	if (due > *now)
		assert_int_equal(lease_step(l, due - 1), LEASE_NOTHING);
	*now = due;
	return lease_step(l, due);
}

struct lease lease_helper_near_max(enum chance how, uint64_t *now)
{
	struct lease l = lease_helper_serving(how, 90 * SECOND, true);

	*now = START;
	assert_int_equal(lease_helper_next(&l, now), LEASE_RENEW);
	lease_renew_ok(&l, *now, *now, 30 * SECOND, true);
	assert_int_equal(lease_step(&l, *now), LEASE_LOGIN);
	assert_int_equal(lease_step(&l, *now), LEASE_NOTHING);
	return l;
}
