/*
 * lease: the state machine. A login and the renewal of the token that is held meanwhile may be under way at the
 * same time; the state then names the login.
 */
#include "daemon/upstream/lease.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)

#define LEASE_MAX (100 * 366 * 24 * 60 * MINUTE) /* a longer lease is taken for this, so that sums stay in range */
#define RENEW_MIN SECOND /* least time to the next renewal, near the max TTL or after one failed */
#define LOGIN_MIN SECOND /* shortest time between logins while they fail */
#define BACK_OFF_MAX MINUTE
#define OUTAGE_SHORT \
	SECOND          /* after a shorter outage OpenBao was there all the time, but did not answer the login */
#define STAGGER_MIN 200 /* most that a login waits after a short outage … */
#define STAGGER_MAX MINUTE             /* … and after a long one */
#define DENIED_APART_MAX (30 * SECOND) /* most that logins are apart which dead tokens cause */
/*
 * OpenBao locks a role_id for 15 minutes after five refused logins within 15 minutes, those of all hosts together.
 * So one host makes at most three of the five, and tries the same credentials again only after the 15 minutes.
 */
#define REFUSED_WINDOW (15 * MINUTE)
#define REFUSED_RETRY_LOW (16 * MINUTE)
#define REFUSED_RETRY_HIGH (24 * MINUTE)
#define LOCKED_OUT (16 * MINUTE)
/* A standby that lags behind has caught up by then. */
#define DOUBT_LOW (3 * SECOND)
#define DOUBT_HIGH (6 * SECOND)
#define DOUBT_KEPT MINUTE /* a refusal in doubt confirms one that came no longer ago */

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

static void set_state(struct lease *lease, enum lease_state to)
{
	enum lease_state from = lease->state;

	if (from == to)
		return;
	lease->state = to;
	if (lease->changed != NULL)
		lease->changed(lease->arg, from, to);
}

void lease_init(struct lease *lease, uint64_t (*random)(void *, uint64_t, uint64_t),
    void (*changed)(void *, enum lease_state, enum lease_state), void *arg)
{
	memset(lease, 0, sizeof(*lease));
	lease->state = LEASE_STARTING;
	lease->expires = lease->login_due = lease->renew_due = CLOCK_NEVER;
	lease->random = random;
	lease->changed = changed;
	lease->arg = arg;
}

/* -- the token ----------------------------------------------------------------------------------------------- */

static void drop_token(struct lease *lease)
{
	lease->held = false;
	lease->near_max = false;
	lease->renew_under_way = false;
	lease->renew_due = CLOCK_NEVER;
	lease->expires = CLOCK_NEVER;
}

/* Tells whether a token is held, no login has failed since, and none is under way. */
static bool is_settled(const struct lease *lease)
{
	return lease->state == LEASE_SERVING || lease->state == LEASE_RENEWING;
}

/*
 * Gives a time about two thirds into a lease. It is random, so that hosts that started together do not act
 * together.
 */
static uint64_t two_thirds(const struct lease *lease, uint64_t since, uint64_t lease_ms)
{
	return since + lease->random(lease->arg, lease_ms * 633 / 1000, lease_ms * 700 / 1000);
}

/*
 * Plans the next login for due, but for not earlier than credentials that were refused may be tried again.
 */
static void plan_login(struct lease *lease, uint64_t now, uint64_t due)
{
	lease->login_due = max_ms(due, lease->refusals.not_before);
	if (!lease->held && lease->refusals.not_before > now)
		set_state(lease, LEASE_REJECTED);
	else if (!lease->held && lease->login_due > now)
		set_state(lease, LEASE_RELOGIN_WAIT);
}

static bool is_refused_lately(const struct lease *lease, size_t which, uint64_t now)
{
	return lease->refusals.at[which] != 0 && now < lease->refusals.at[which] + REFUSED_WINDOW;
}

/* Gives due, or when the third last refusal is old enough, so that a fourth may follow. */
static uint64_t after_three(const struct lease *lease, uint64_t now, uint64_t due)
{
	return is_refused_lately(lease, 2, now) ? max_ms(due, lease->refusals.at[2] + REFUSED_WINDOW) : due;
}

void lease_start(struct lease *lease, uint64_t now)
{
	if (lease->state == LEASE_STARTING)
		plan_login(lease, now, now);
}

/* Forgets what a clock of another boot has told. */
static void check_remembered(struct lease *lease, uint64_t now)
{
	if (lease->refusals.at[0] > now || lease->refusals.not_before > now + REFUSED_RETRY_HIGH)
		memset(&lease->refusals, 0, sizeof(lease->refusals));
}

void lease_remember(struct lease *lease, uint64_t now, const struct lease_refusals *before, bool same_credentials)
{
	lease->refusals = *before;
	if (!same_credentials && !before->locked_out)
		lease->refusals.not_before = 0;
	check_remembered(lease, now);
	lease->refusals.not_before = after_three(lease, now, lease->refusals.not_before);
	lease->watching = lease->refusals.not_before > now && !lease->refusals.locked_out;
	plan_login(lease, now, lease->login_due);
}

static void take_lease(struct lease *lease, uint64_t since, uint64_t lease_ms)
{
	lease->granted = lease_ms;
	lease->expires = lease_ms > 0 ? since + lease_ms : CLOCK_NEVER;
}

/*
 * Plans what follows a lease that was granted in full: a renewal, or a login if the token is not renewable and no
 * login is planned or under way.
 */
static void plan_next(struct lease *lease, uint64_t now, uint64_t since, bool renewable)
{
	if (lease->granted == 0)
		return;
	if (renewable)
		lease->renew_due = two_thirds(lease, since, lease->granted);
	else if (is_settled(lease))
		plan_login(lease, now, two_thirds(lease, since, lease->granted));
}

static uint64_t near_max_interval(const struct lease *lease)
{
	return max_ms(RENEW_MIN, lease->granted / 3);
}

/* -- logins -------------------------------------------------------------------------------------------------- */

bool lease_login_ok(struct lease *lease, uint64_t now, uint64_t since, uint64_t lease_ms, bool renewable)
{
	if (!lease->login_under_way)
		return false;
	lease_ms = min_ms(lease_ms, LEASE_MAX);
	/* The answer took longer than the lease lasts, or the machine slept meanwhile. */
	if (lease_ms > 0 && since + lease_ms <= now) {
		lease_login_failed(lease, now, LEASE_FAILED);
		return false;
	}
	lease->login_under_way = false;
	drop_token(lease);
	lease->held = true;
	lease->failures = 0;
	/* OpenBao has forgotten the refusals, too: its count is reset by a login that works. */
	memset(&lease->refusals, 0, sizeof(lease->refusals));
	lease->doubted_at = 0;
	lease->login_lease = lease_ms;
	take_lease(lease, since, lease_ms);
	set_state(lease, LEASE_SERVING);
	plan_next(lease, now, since, renewable);
	return true;
}

/* Plans the next login with full jitter, so that hosts that failed together do not come back together. */
static void back_off(struct lease *lease, uint64_t now)
{
	uint64_t most = BACK_OFF_MAX;

	if (lease->failures < 6)
		most = min_ms(most, SECOND << (lease->failures + 1));
	lease->failures++;
	lease->login_due = now + lease->random(lease->arg, SECOND, most);
	set_state(lease, LEASE_RELOGIN_WAIT);
}

static void note_refusal(struct lease *lease, uint64_t now)
{
	lease->refusals.at[2] = lease->refusals.at[1];
	lease->refusals.at[1] = lease->refusals.at[0];
	lease->refusals.at[0] = max_ms(now, 1);
	lease->watching = true;
}

static void wait_refused(struct lease *lease, uint64_t now)
{
	lease->doubted_at = 0;
	lease->refusals.not_before = now + lease->random(lease->arg, REFUSED_RETRY_LOW, REFUSED_RETRY_HIGH);
	lease->login_due = lease->refusals.not_before;
	set_state(lease, LEASE_REJECTED);
}

/*
 * A node that lags behind refuses a role or SecretID that is new. If there is no leader to ask, a refusal is final
 * when it comes again after some seconds. OpenBao may count both. After three of them not_before must hold back
 * the next login, since a renewal may make that login needless and a later event plan another one.
 */
static void wait_doubted(struct lease *lease, uint64_t now)
{
	bool doubted = lease->doubted_at != 0 && now < lease->doubted_at + DOUBT_KEPT;
	uint64_t due = now + lease->random(lease->arg, DOUBT_LOW, DOUBT_HIGH);

	if (doubted && now >= lease->doubted_at + DOUBT_LOW) {
		wait_refused(lease, now);
		return;
	}
	if (!doubted)
		lease->doubted_at = max_ms(now, 1);
	lease->refusals.not_before = after_three(lease, now, 0);
	lease->login_due = max_ms(due, lease->refusals.not_before);
	set_state(lease, LEASE_RELOGIN_WAIT);
}

/* While the role is locked right credentials get a 403 too, so a change of the credentials is not waited for. */
static void wait_locked_out(struct lease *lease, uint64_t now)
{
	lease->refusals.locked_out = true;
	lease->refusals.not_before = now + LOCKED_OUT;
	lease->login_due = lease->refusals.not_before;
	set_state(lease, LEASE_REJECTED);
}

void lease_login_failed(struct lease *lease, uint64_t now, enum lease_failure failure)
{
	if (!lease->login_under_way)
		return;
	lease->login_under_way = false;
	switch (failure) {
	case LEASE_UNREACHABLE:
		lease->doubted_at = 0;
		lease->awaiting_recovery = true;
		set_state(lease, LEASE_RELOGIN_WAIT);
		return;
	case LEASE_REFUSED:
		note_refusal(lease, now);
		wait_refused(lease, now);
		return;
	case LEASE_DOUBTED:
		note_refusal(lease, now);
		wait_doubted(lease, now);
		return;
	case LEASE_DENIED:
		if (is_refused_lately(lease, 0, now)) {
			wait_locked_out(lease, now);
			return;
		}
		break;
	case LEASE_CREDENTIAL:
		lease->watching = true;
		break;
	case LEASE_FAILED:
		break;
	}
	back_off(lease, now);
}

void lease_recovered(struct lease *lease, uint64_t now, uint64_t outage_ms)
{
	uint64_t most = outage_ms / 10;

	if (!lease->awaiting_recovery)
		return;
	lease->awaiting_recovery = false;
	if (outage_ms < OUTAGE_SHORT) {
		back_off(lease, now);
		return;
	}
	/*
	 * After a short outage the login is due soon; after a long one hosts spread their logins over up to a
	 * minute.
	 */
	most = max_ms(STAGGER_MIN, min_ms(most, STAGGER_MAX));
	lease->login_due = max_ms(now + lease->random(lease->arg, 0, most), lease->last_login + LOGIN_MIN);
}

void lease_credential_changed(struct lease *lease, uint64_t now)
{
	uint64_t due = after_three(lease, now, max_ms(now, lease->last_login + LOGIN_MIN));

	if (!lease->watching)
		return;
	lease->doubted_at = 0;
	lease->refusals.not_before = due;
	lease->login_due = due;
}

/* -- renewals ------------------------------------------------------------------------------------------------ */

/*
 * OpenBao cuts a renewal at the token's max TTL, and shows that only by granting less. To go on renewing would
 * become faster and faster, and end with the token. So a fresh login is due; until it succeeds the token is
 * renewed, but not too often.
 */
static void renew_near_max(struct lease *lease, uint64_t now, uint64_t since, bool renewable)
{
	if (!lease->near_max && is_settled(lease))
		plan_login(lease, now, now);
	lease->near_max = true;
	lease->renew_due = renewable ? since + near_max_interval(lease) : CLOCK_NEVER;
}

/*
 * A token that was renewed in full needs no login, should one have failed or be planned because a renewal failed.
 * To try on would use up the attempts that OpenBao gives to the hosts of a role. New credentials are still watched
 * for.
 */
static void settle_renewed(struct lease *lease)
{
	if (lease->login_under_way)
		return;
	lease->login_due = CLOCK_NEVER;
	lease->doubted_at = 0;
	lease->awaiting_recovery = false;
	set_state(lease, LEASE_SERVING);
}

void lease_renew_ok(struct lease *lease, uint64_t now, uint64_t since, uint64_t lease_ms, bool renewable)
{
	if (!lease->renew_under_way)
		return;
	lease->renew_under_way = false;
	lease_ms = min_ms(lease_ms, LEASE_MAX);
	take_lease(lease, since, lease_ms);
	if (lease->state == LEASE_RENEWING)
		set_state(lease, LEASE_SERVING);
	if (lease->near_max || (lease_ms > 0 && lease_ms * 2 < lease->login_lease)) {
		renew_near_max(lease, now, since, renewable);
		return;
	}
	if (renewable || lease_ms == 0)
		settle_renewed(lease);
	plan_next(lease, now, since, renewable);
}

/*
 * A login is due, but it may fail as well, or not be possible at all: a SecretID can be good for one login only.
 * So the token goes on being renewed: each time when a third of what is left of its lease has passed.
 */
void lease_renew_failed(struct lease *lease, uint64_t now)
{
	if (!lease->renew_under_way)
		return;
	lease->renew_under_way = false;
	lease->renew_due = now + max_ms(RENEW_MIN, now < lease->expires ? (lease->expires - now) / 3 : 0);
	if (lease->state == LEASE_RENEWING)
		set_state(lease, LEASE_SERVING);
	if (is_settled(lease))
		plan_login(lease, now, now);
}

void lease_dead(struct lease *lease, uint64_t now)
{
	uint64_t due = now;

	if (!lease->held)
		return;
	drop_token(lease);
	/* A login is under way already, or planned for later with good reason. */
	if (!is_settled(lease))
		return;
	/* Tokens that die as soon as they are made must not cause a storm of logins. */
	if (lease->last_denied_login != 0 && now < lease->last_denied_login + DENIED_APART_MAX) {
		due = max_ms(now, lease->last_denied_login + min_ms(SECOND << lease->deaths, DENIED_APART_MAX));
		if (lease->deaths < 5)
			lease->deaths++;
	} else {
		lease->deaths = 0;
	}
	plan_login(lease, now, due);
	lease->last_denied_login = max_ms(lease->login_due, 1);
}

void lease_login_wanted(struct lease *lease, uint64_t now)
{
	if (is_settled(lease))
		plan_login(lease, now, now);
}

/* -- the driver's side --------------------------------------------------------------------------------------- */

static enum lease_action begin_login(struct lease *lease, uint64_t now)
{
	lease->login_under_way = true;
	lease->login_due = CLOCK_NEVER;
	lease->last_login = max_ms(now, 1);
	lease->watching = lease->refusals.locked_out = false;
	lease->refusals.not_before = 0;
	set_state(lease, LEASE_LOGGING_IN);
	return LEASE_LOGIN;
}

static enum lease_action begin_renewal(struct lease *lease)
{
	lease->renew_under_way = true;
	lease->renew_due = CLOCK_NEVER;
	if (lease->state == LEASE_SERVING)
		set_state(lease, LEASE_RENEWING);
	return LEASE_RENEW;
}

enum lease_action lease_step(struct lease *lease, uint64_t now)
{
	if (lease->held && now >= lease->expires) {
		drop_token(lease);
		if (is_settled(lease))
			plan_login(lease, now, now);
	}
	if (now >= lease->login_due)
		return begin_login(lease, now);
	if (now >= lease->renew_due)
		return begin_renewal(lease);
	return LEASE_NOTHING;
}

uint64_t lease_next(const struct lease *lease)
{
	return min_ms(lease->login_due, min_ms(lease->renew_due, lease->expires));
}

void lease_stop(struct lease *lease)
{
	drop_token(lease);
	lease->login_due = CLOCK_NEVER;
	lease->login_under_way = lease->awaiting_recovery = lease->watching = false;
	set_state(lease, LEASE_STOPPING);
}

bool lease_live(const struct lease *lease, uint64_t now)
{
	return lease->held && now < lease->expires;
}

bool lease_waits(const struct lease *lease)
{
	return lease->state == LEASE_STARTING || lease->state == LEASE_LOGGING_IN;
}

bool lease_watches_credentials(const struct lease *lease)
{
	return lease->watching;
}
