/*
 * quota: a table of users by uid. Time is counted as it is used, since what a request costs cannot be told
 * beforehand: a ping a microsecond, a put of a megabyte a thousand.
 */
#include "daemon/callers/quota.h"

#include <stdlib.h>

#include "base/clock.h"
#include "daemon/host/log.h"

#define ALONE_US \
	1000 /* a turn of a user without others costs nobody anything: the next to come waits so long, once */
#define DEBT_MAX_US 20000 /* of a user that had more than its time */
#define RECENT_US 1000000u
#define PASSED_MAX_US 1000u /* a request costs hardly more: in the rest of the time others had the processor */
#define WARN_MS 10000u

/* -- what a user holds --------------------------------------------------------------------------------------- */

static struct quota *find_quota(struct quotas *quotas, uid_t uid)
{
	struct quota *quota;
	HASH_FIND(hh, quotas->table, &uid, sizeof(uid), quota);
	return quota;
}

struct quota *quota_take(struct quotas *quotas, uid_t uid)
{
	struct quota *quota = find_quota(quotas, uid);
	if (quota == NULL) {
		quota = calloc(1, sizeof(*quota));
		if (quota == NULL)
			return NULL;
		quota->uid = uid;
		quota->turn = quotas->turn;
		quota->left_us = QUOTA_TURN_US;
		HASH_ADD(hh, quotas->table, uid, sizeof(quota->uid), quota);
		if (!TABLE_HAS(quota)) {
			free(quota);
			return NULL;
		}
	}
	quota->connections++;
	return quota;
}

uint64_t quota_connections(struct quotas *quotas, uid_t uid)
{
	const struct quota *quota = find_quota(quotas, uid);
	return quota != NULL ? quota->connections : 0;
}

bool quota_may_call(const struct quotas *quotas, const struct quota *quota)
{
	return quota->calls < quotas->limits->requests_per_uid;
}

bool quota_may_hold(const struct quotas *quotas, const struct quota *quota, uint64_t n)
{
	return quota->bytes + n <= quotas->limits->bytes_per_uid;
}

void quota_warn(struct quotas *quotas, const struct quota *quota, const char *setting)
{
	uint64_t now = clock_now_ms();
	if (quotas->warned_ms != 0 && now < quotas->warned_ms + WARN_MS)
		return;
	quotas->warned_ms = now;
	log_warning("uid %lu is at limits.%s: what is over it is refused", (unsigned long)quota->uid, setting);
}

/* -- time ---------------------------------------------------------------------------------------------------- */

bool quota_has_others(const struct quotas *quotas, const struct quota *quota, uint64_t now_us)
{
	uint64_t other_us = quota->uid == quotas->last_uid ? quotas->other_us : quotas->last_us;
	return other_us != 0 && now_us < other_us + RECENT_US;
}

bool quota_has_time(struct quotas *quotas, struct quota *quota, uint64_t now_us)
{
	uint64_t more = ALONE_US, most = ALONE_US;
	bool refills = quota->turn != quotas->turn;
	if (quota_has_others(quotas, quota, now_us)) {
		most = QUOTA_TURN_US;
		more = (now_us - quota->refilled_us) / QUOTA_PART;
		refills = more > 0;
	}
	if (refills) {
		/* Time that was not used is not kept for later, but for one turn's. */
		quota->turn = quotas->turn;
		quota->refilled_us = now_us;
		quota->left_us += (int64_t)(more < DEBT_MAX_US + QUOTA_TURN_US ? more
									       : DEBT_MAX_US + QUOTA_TURN_US);
		if (quota->left_us > (int64_t)most)
			quota->left_us = (int64_t)most;
	}
	return quota->left_us > 0;
}

uint64_t quota_left_us(const struct quota *quota)
{
	return quota->left_us > 0 ? (uint64_t)quota->left_us : 0;
}

void quota_spend(struct quotas *quotas, struct quota *quota, uint64_t now_us, uint64_t used_us)
{
	if (quota->uid != quotas->last_uid) {
		quotas->other_us = quotas->last_us;
		quotas->last_uid = quota->uid;
	}
	quotas->last_us = now_us;
	quota->left_us -= (int64_t)(used_us < DEBT_MAX_US ? used_us : DEBT_MAX_US);
	if (quota->left_us < -DEBT_MAX_US)
		quota->left_us = -DEBT_MAX_US;
}

void quota_next_turn(struct quotas *quotas)
{
	quotas->turn++;
}

/* -- work ---------------------------------------------------------------------------------------------------- */

/* The work that ended last is charged to its user, now that the clock is looked at again. */
static void settle_work(struct quotas *quotas, uint64_t now_us)
{
	uint64_t passed_us = now_us - quotas->began_us;
	if (quotas->unsettled == NULL)
		return;
	quota_spend(quotas, quotas->unsettled, quotas->began_us,
	    passed_us < PASSED_MAX_US ? passed_us : PASSED_MAX_US);
	quotas->unsettled = NULL;
}

/*
 * The processor's time is what counts, but it takes two system calls to ask for it, of the five that a get from
 * memory is. So a user who is alone is charged the time that has passed, within reason, until other work begins or
 * the turn ends.
 */
void quota_begin_work(struct quotas *quotas, struct quota *quota)
{
	uint64_t now_us = clock_now_us();
	settle_work(quotas, now_us);
	quotas->began_us = quotas->now_us = now_us;
	quotas->first_is_free = false;
	quotas->began_cpu_us = quota_has_others(quotas, quota, now_us) ? clock_cpu_us() : 0;
}

void quota_end_work(struct quotas *quotas, struct quota *quota)
{
	if (quotas->began_cpu_us != 0)
		quota_spend(quotas, quota, quotas->began_us, clock_cpu_us() - quotas->began_cpu_us);
	else
		quotas->unsettled = quota;
}

bool quota_may_begin(struct quotas *quotas, struct quota *quota)
{
	bool may = quota_has_time(quotas, quota, quotas->began_us);
	/* Among others the time in which it was read counts before a request of it is handled. */
	quotas->first_is_free = may && quotas->began_cpu_us == 0;
	return may;
}

bool quota_may_go_on(struct quotas *quotas, const struct quota *quota)
{
	if (quotas->first_is_free) {
		quotas->first_is_free = false;
		return true;
	}
	quotas->now_us = clock_now_us();
	return quotas->now_us - quotas->began_us < quota_left_us(quota);
}

uint64_t quota_wait_us(const struct quotas *quotas, const struct quota *quota)
{
	/* A turn's worth of time comes in that. */
	return quota_has_others(quotas, quota, quotas->began_us) ? QUOTA_TURN_US * QUOTA_PART : 0;
}

void quota_end_turn(struct quotas *quotas)
{
	settle_work(quotas, clock_now_us());
	quota_next_turn(quotas);
}

void quota_drop(struct quotas *quotas, struct quota *quota)
{
	if (quotas->unsettled == quota)
		settle_work(quotas, clock_now_us());
	if (--quota->connections > 0)
		return;
	HASH_DEL(quotas->table, quota);
	free(quota);
}
