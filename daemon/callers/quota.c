/*
 * quota: a table of users by uid. Time is charged after it was used, since the cost of a request is not known
 * before: a ping takes a microsecond, a put of a megabyte a thousand.
 */
#include "daemon/callers/quota.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "daemon/host/log.h"

/* The slice of a user who is alone. It delays nobody, but the next user who comes, once. */
#define SOLE_SLICE_US 1000
#define DEBT_MAX_US 20000         /* the most that left_us may fall below 0 */
#define CONNECTING_MAX_US 100000u /* what a user may owe for connecting: some 1,500 connections at once */
#define RECENT_US 1000000u        /* for so long after it was served a user counts as one of the others */
#define PASSED_MAX_US 1000u /* no work is charged more of passed time: others had the processor in the rest */
#define WARN_MS 10000u

/* -- what a user holds --------------------------------------------------------------------------------------- */

static struct quota *find_quota(struct quotas *quotas, uid_t uid)
{
	struct quota *quota;
	HASH_FIND(hh, quotas->table, &uid, sizeof(uid), quota);
	return quota;
}

static void keep_quota(struct quotas *quotas, struct quota *quota)
{
	DL_APPEND2(quotas->kept, quota, prev_kept, next_kept);
	quotas->nkept++;
}

static void free_kept(struct quotas *quotas, struct quota *quota)
{
	if (quotas->unsettled == quota)
		quotas->unsettled = NULL;
	DL_DELETE2(quotas->kept, quota, prev_kept, next_kept);
	quotas->nkept--;
	HASH_DEL(quotas->table, quota);
	free(quota);
}

struct quota *quota_of(struct quotas *quotas, uid_t uid)
{
	struct quota *quota = find_quota(quotas, uid);
	if (quota != NULL)
		return quota;
	while (quotas->nkept >= QUOTA_KEPT_MAX)
		free_kept(quotas, quotas->kept);
	quota = calloc(1, sizeof(*quota));
	if (quota == NULL)
		return NULL;
	quota->uid = uid;
	quota->turn = quotas->turn;
	quota->left_us = QUOTA_SLICE_US;
	HASH_ADD(hh, quotas->table, uid, sizeof(quota->uid), quota);
	if (!TABLE_HAS(quota)) {
		free(quota);
		return NULL;
	}
	keep_quota(quotas, quota);
	return quota;
}

struct quota *quota_take(struct quotas *quotas, uid_t uid)
{
	struct quota *quota = quota_of(quotas, uid);
	if (quota == NULL)
		return NULL;
	if (quota->connections++ == 0) {
		DL_DELETE2(quotas->kept, quota, prev_kept, next_kept);
		quotas->nkept--;
	}
	return quota;
}

void quotas_clear(struct quotas *quotas)
{
	while (quotas->kept != NULL)
		free_kept(quotas, quotas->kept);
}

bool quota_may_call(const struct quotas *quotas, const struct quota *quota)
{
	return quota->calls < quotas->limits->requests_per_uid;
}

bool quota_may_hold(const struct quotas *quotas, const struct quota *quota, uint64_t n)
{
	uint64_t own = quota->bytes + n, most = QUOTA_BYTES_FOR * quotas->limits->bytes_per_uid;

	if (own > quotas->limits->bytes_per_uid)
		return false;
	return quotas->bytes + n <= most || own <= most / 2 / (HASH_COUNT(quotas->table) - quotas->nkept);
}

void quota_hold(struct quotas *quotas, struct quota *quota, int64_t more)
{
	quota->bytes += (uint64_t)more;
	quotas->bytes += (uint64_t)more;
}

void quota_warn(struct quotas *quotas, const struct quota *quota, const char *setting)
{
	uint64_t now = clock_now_ms();
	if (quotas->warned_ms != 0 && now < quotas->warned_ms + WARN_MS)
		return;
	quotas->warned_ms = now;
	if (quota->uid == QUOTA_STRANGERS)
		log_warning("callers whom no rule names are together at limits.%s: what is over it is refused",
		    setting);
	else
		log_warning("uid %lu is at limits.%s: what is over it is refused", (unsigned long)quota->uid,
		    setting);
}

/* -- time ---------------------------------------------------------------------------------------------------- */

bool quota_has_others(const struct quotas *quotas, const struct quota *quota, uint64_t now_us)
{
	uint64_t other_us = quota->uid == quotas->last_uid ? quotas->other_us : quotas->last_us;
	return other_us != 0 && now_us < other_us + RECENT_US;
}

bool quota_has_time(struct quotas *quotas, struct quota *quota, uint64_t now_us)
{
	uint64_t more = SOLE_SLICE_US, most = SOLE_SLICE_US;
	bool refills = quota->turn != quotas->turn;
	if (quota_has_others(quotas, quota, now_us)) {
		most = QUOTA_SLICE_US;
		more = (now_us - quota->refilled_us) / QUOTA_SHARE;
		refills = more > 0;
	}
	if (refills) {
		/* Unused time is not saved up, beyond one slice. */
		quota->turn = quotas->turn;
		quota->refilled_us = now_us;
		quota->left_us += (int64_t)(more < DEBT_MAX_US + QUOTA_SLICE_US ? more
										: DEBT_MAX_US + QUOTA_SLICE_US);
		if (quota->left_us > (int64_t)most)
			quota->left_us = (int64_t)most;
	}
	return quota->left_us > 0;
}

bool quota_may_connect(struct quotas *quotas, struct quota *quota, uint64_t now_us)
{
	uint64_t paid_us = (now_us - quota->connected_us) / QUOTA_SHARE;

	quota->connecting_us -= paid_us < quota->connecting_us ? paid_us : quota->connecting_us;
	quota->connected_us = now_us;
	return quota->uid == 0 || !quota_has_others(quotas, quota, now_us) ||
	    quota->connecting_us < CONNECTING_MAX_US;
}

void quota_spend_connecting(struct quotas *quotas, struct quota *quota, uint64_t now_us, uint64_t used_us)
{
	used_us = used_us < PASSED_MAX_US ? used_us : PASSED_MAX_US;
	quota->connecting_us += used_us;
	quota_spend(quotas, quota, now_us, used_us);
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

/* Charges the work that ended last to its user, now that the clock was read again. */
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
 * Processor time would be right, but reading it takes two system calls, and a get from the cache has only five. So
 * a user who is alone is charged the time that has passed, within bounds, until other work begins or the turn
 * ends.
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
	/* While there are others, the time that reading took counts before the first request is handled. */
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
	/* In this time a slice is refilled. */
	return quota_has_others(quotas, quota, quotas->began_us) ? QUOTA_SLICE_US * QUOTA_SHARE : 0;
}

void quota_end_turn(struct quotas *quotas)
{
	settle_work(quotas, clock_now_us());
	quota_next_turn(quotas);
}

void quota_drop(struct quotas *quotas, struct quota *quota)
{
	if (--quota->connections == 0)
		keep_quota(quotas, quota);
}
