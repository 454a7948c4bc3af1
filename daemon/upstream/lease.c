/*
 * lease: the machine that decides when to log in and when to renew. Two things may be under way at once, a login
 * and the renewal of the token held meanwhile; the state names the one that matters more.
 */
#include "daemon/upstream/lease.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)

#define LEASE_MAX (100 * 366 * 24 * 60 * MINUTE) /* a longer one is taken for this: keeps sums in range */
#define RENEW_MIN SECOND                         /* between renewals near the max TTL */
#define LOGIN_MIN SECOND                         /* between logins while they fail */
#define BACK_OFF_MAX MINUTE
#define OUTAGE_SHORT SECOND /* OpenBao was there all the time, and yet the login got no answer */
#define STAGGER_MIN 200     /* most that a login waits after a short outage … */
#define STAGGER_MAX MINUTE  /* … and after a long one */
#define DENIED_LOGIN_MIN (30 * SECOND)
/*
 * OpenBao locks a role_id for 15 minutes after five refused logins within 15 minutes, counting all hosts. So one
 * host takes at most three of the five, and gives the same credentials another try only after the 15 minutes.
 */
#define REFUSED_WINDOW (15 * MINUTE)
#define REFUSED_RETRY_LOW (16 * MINUTE)
#define REFUSED_RETRY_HIGH (24 * MINUTE)
#define LOCKED_OUT (16 * MINUTE)

const char *lease_state_name(enum lease_state state)
{
	static const char *const names[] = {
		[LEASE_STARTING] = "starting",
		[LEASE_LOGGING_IN] = "logging_in",
		[LEASE_SERVING] = "serving",
		[LEASE_RENEWING] = "renewing",
		[LEASE_RELOGIN_WAIT] = "relogin_wait",
		[LEASE_REJECTED] = "rejected",
		[LEASE_STOPPING] = "stopping",
	};

	return names[state];
}

static uint64_t min_ms(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_ms(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void set_state(struct lease *l, enum lease_state to)
{
	enum lease_state from = l->state;

	if (from == to)
		return;
	l->state = to;
	if (l->changed != NULL)
		l->changed(l->arg, from, to);
}

void lease_init(struct lease *l, uint64_t (*random)(void *, uint64_t, uint64_t),
    void (*changed)(void *, enum lease_state, enum lease_state), void *arg)
{
	memset(l, 0, sizeof(*l));
	l->state = LEASE_STARTING;
	l->expires = l->login_due = l->renew_due = CLOCK_NEVER;
	l->random = random;
	l->changed = changed;
	l->arg = arg;
}

void lease_start(struct lease *l, uint64_t now)
{
	if (l->state == LEASE_STARTING)
		l->login_due = now;
}

/* -- the token ----------------------------------------------------------------------------------------------- */

static void drop_token(struct lease *l)
{
	l->held = false;
	l->near_max = false;
	l->renew_under_way = false;
	l->renew_due = CLOCK_NEVER;
	l->expires = CLOCK_NEVER;
}

/* A token is held and no login has failed since, nor is one under way. */
static bool is_settled(const struct lease *l)
{
	return l->state == LEASE_SERVING || l->state == LEASE_RENEWING;
}

/* About two thirds into a lease; not all hosts that were started together at the same moment. */
static uint64_t two_thirds(const struct lease *l, uint64_t since, uint64_t lease_ms)
{
	return since + l->random(l->arg, lease_ms * 633 / 1000, lease_ms * 700 / 1000);
}

static void take_lease(struct lease *l, uint64_t since, uint64_t lease_ms)
{
	l->granted = lease_ms;
	l->expires = lease_ms > 0 ? since + lease_ms : CLOCK_NEVER;
}

/* What is to come of a fresh, full lease: a renewal, or where that cannot be a login. */
static void plan(struct lease *l, uint64_t since, bool renewable)
{
	if (l->granted == 0)
		return;
	if (renewable)
		l->renew_due = two_thirds(l, since, l->granted);
	else
		l->login_due = two_thirds(l, since, l->granted);
}

static uint64_t near_max_interval(const struct lease *l)
{
	return max_ms(RENEW_MIN, l->granted / 3);
}

/* -- logins -------------------------------------------------------------------------------------------------- */

bool lease_login_ok(struct lease *l, uint64_t now, uint64_t since, uint64_t lease_ms, bool renewable)
{
	if (!l->login_under_way)
		return false;
	lease_ms = min_ms(lease_ms, LEASE_MAX);
	/* The answer was longer on its way than it is good for, or the machine slept meanwhile. */
	if (lease_ms > 0 && since + lease_ms <= now) {
		lease_login_failed(l, now, LEASE_FAILED);
		return false;
	}
	l->login_under_way = false;
	drop_token(l);
	l->held = true;
	l->failures = 0;
	l->login_lease = lease_ms;
	take_lease(l, since, lease_ms);
	plan(l, since, renewable);
	set_state(l, LEASE_SERVING);
	return true;
}

/* Full jitter, so that hosts that failed together do not come back together. */
static void back_off(struct lease *l, uint64_t now)
{
	uint64_t most = BACK_OFF_MAX;

	if (l->failures < 6)
		most = min_ms(most, SECOND << (l->failures + 1));
	l->failures++;
	l->login_due = now + l->random(l->arg, SECOND, most);
	set_state(l, LEASE_RELOGIN_WAIT);
}

static bool is_refused_lately(const struct lease *l, size_t which, uint64_t now)
{
	return l->refused[which] != 0 && now < l->refused[which] + REFUSED_WINDOW;
}

static void wait_refused(struct lease *l, uint64_t now)
{
	l->refused[2] = l->refused[1];
	l->refused[1] = l->refused[0];
	l->refused[0] = max_ms(now, 1);
	l->watching = true;
	l->login_due = now + l->random(l->arg, REFUSED_RETRY_LOW, REFUSED_RETRY_HIGH);
	set_state(l, LEASE_REJECTED);
}

/* Even the right credentials get a 403 now. They cannot be told from wrong ones, so new ones do not help. */
static void wait_locked_out(struct lease *l, uint64_t now)
{
	l->locked_out = true;
	l->login_due = now + LOCKED_OUT;
	set_state(l, LEASE_REJECTED);
}

void lease_login_failed(struct lease *l, uint64_t now, enum lease_failure failure)
{
	if (!l->login_under_way)
		return;
	l->login_under_way = false;
	switch (failure) {
	case LEASE_UNREACHABLE:
		l->awaiting_recovery = true;
		set_state(l, LEASE_RELOGIN_WAIT);
		return;
	case LEASE_REFUSED:
		wait_refused(l, now);
		return;
	case LEASE_DENIED:
		if (is_refused_lately(l, 0, now)) {
			wait_locked_out(l, now);
			return;
		}
		break;
	case LEASE_CREDENTIAL:
		l->watching = true;
		break;
	case LEASE_FAILED:
		break;
	}
	back_off(l, now);
}

void lease_recovered(struct lease *l, uint64_t now, uint64_t outage_ms)
{
	uint64_t most = outage_ms / 10;

	if (!l->awaiting_recovery)
		return;
	l->awaiting_recovery = false;
	if (outage_ms < OUTAGE_SHORT) {
		back_off(l, now);
		return;
	}
	/* Short outages heal at once; after long ones a fleet of hosts does not come all at once. */
	most = max_ms(STAGGER_MIN, min_ms(most, STAGGER_MAX));
	l->login_due = max_ms(now + l->random(l->arg, 0, most), l->last_login + LOGIN_MIN);
}

void lease_credential_changed(struct lease *l, uint64_t now)
{
	uint64_t due = max_ms(now, l->last_login + LOGIN_MIN);

	if (!l->watching)
		return;
	if (is_refused_lately(l, 2, now))
		due = max_ms(due, l->refused[2] + REFUSED_WINDOW);
	l->login_due = due;
}

/* -- renewals ------------------------------------------------------------------------------------------------ */

/*
 * OpenBao cuts a renewal at the token's max TTL, and says so only by granting less. Renewing on would come ever
 * faster and end with the token, so a fresh login is due; until it succeeds the token is kept alive, slowly.
 */
static void renew_near_max(struct lease *l, uint64_t now, uint64_t since, bool renewable)
{
	if (!l->near_max)
		l->login_due = now;
	l->near_max = true;
	l->renew_due = renewable ? since + near_max_interval(l) : CLOCK_NEVER;
}

void lease_renew_ok(struct lease *l, uint64_t now, uint64_t since, uint64_t lease_ms, bool renewable)
{
	if (!l->renew_under_way)
		return;
	l->renew_under_way = false;
	lease_ms = min_ms(lease_ms, LEASE_MAX);
	take_lease(l, since, lease_ms);
	if (l->near_max || (lease_ms > 0 && lease_ms * 2 < l->login_lease))
		renew_near_max(l, now, since, renewable);
	else
		plan(l, since, renewable);
	if (l->state == LEASE_RENEWING)
		set_state(l, LEASE_SERVING);
}

void lease_renew_failed(struct lease *l, uint64_t now)
{
	if (!l->renew_under_way)
		return;
	l->renew_under_way = false;
	if (l->near_max)
		l->renew_due = now + near_max_interval(l);
	if (is_settled(l))
		l->login_due = now;
}

void lease_dead(struct lease *l, uint64_t now)
{
	if (!l->held)
		return;
	drop_token(l);
	/* A login is under way, or waits for good reason. */
	if (!is_settled(l))
		return;
	l->login_due = now;
	/* Tokens that die as soon as they are made must not become a storm of logins. */
	if (l->last_denied_login != 0 && now < l->last_denied_login + DENIED_LOGIN_MIN) {
		l->login_due = l->last_denied_login + DENIED_LOGIN_MIN;
		set_state(l, LEASE_RELOGIN_WAIT);
	}
	l->last_denied_login = max_ms(l->login_due, 1);
}

void lease_login_wanted(struct lease *l, uint64_t now)
{
	if (is_settled(l))
		l->login_due = now;
}

/* -- the driver's side --------------------------------------------------------------------------------------- */

static enum lease_action begin_login(struct lease *l, uint64_t now)
{
	l->login_under_way = true;
	l->login_due = CLOCK_NEVER;
	l->last_login = max_ms(now, 1);
	l->watching = l->locked_out = false;
	set_state(l, LEASE_LOGGING_IN);
	return LEASE_LOGIN;
}

static enum lease_action begin_renewal(struct lease *l)
{
	l->renew_under_way = true;
	l->renew_due = CLOCK_NEVER;
	if (l->state == LEASE_SERVING)
		set_state(l, LEASE_RENEWING);
	return LEASE_RENEW;
}

enum lease_action lease_step(struct lease *l, uint64_t now)
{
	if (l->held && now >= l->expires) {
		drop_token(l);
		if (is_settled(l))
			l->login_due = now;
	}
	if (now >= l->login_due)
		return begin_login(l, now);
	if (now >= l->renew_due)
		return begin_renewal(l);
	return LEASE_NOTHING;
}

uint64_t lease_next(const struct lease *l)
{
	return min_ms(l->login_due, min_ms(l->renew_due, l->expires));
}

void lease_stop(struct lease *l)
{
	drop_token(l);
	l->login_due = CLOCK_NEVER;
	l->login_under_way = l->awaiting_recovery = l->watching = false;
	set_state(l, LEASE_STOPPING);
}

bool lease_live(const struct lease *l, uint64_t now)
{
	return l->held && now < l->expires;
}

bool lease_waits(const struct lease *l)
{
	return l->state == LEASE_STARTING || l->state == LEASE_LOGGING_IN;
}

bool lease_watches_credentials(const struct lease *l)
{
	return l->watching;
}
