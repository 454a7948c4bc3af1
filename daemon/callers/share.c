/*
 * share: a table of users by uid. Time is counted as it is used, since what a request costs cannot be told beforehand: a
 * ping a microsecond, a put of a megabyte a thousand.
 */
#include "daemon/callers/share.h"

#include <stdlib.h>

#define ALONE_US 1000      /* of a user without others, who costs nobody anything: the next to come waits so long, once */
#define DEBT_MOST_US 20000 /* of a user that had more than its time */
#define RECENT_US 1000000u

static struct share *find(struct shares *shares, uid_t uid)
{
	struct share *share;
	HASH_FIND(hh, shares->table, &uid, sizeof(uid), share);
	return share;
}

struct share *share_take(struct shares *shares, uid_t uid)
{
	struct share *share = find(shares, uid);
	if (share == NULL) {
		share = calloc(1, sizeof(*share));
		if (share == NULL)
			return NULL;
		share->uid = uid;
		share->turn = shares->turn;
		share->left_us = SHARE_TURN_US;
		HASH_ADD(hh, shares->table, uid, sizeof(share->uid), share);
		if (!TABLE_HAS(share)) {
			free(share);
			return NULL;
		}
	}
	share->connections++;
	return share;
}

void share_drop(struct shares *shares, struct share *share)
{
	if (--share->connections > 0)
		return;
	HASH_DEL(shares->table, share);
	free(share);
}

uint64_t share_connections(struct shares *shares, uid_t uid)
{
	const struct share *share = find(shares, uid);
	return share != NULL ? share->connections : 0;
}

void share_next_turn(struct shares *shares)
{
	shares->turn++;
}

bool share_has_others(const struct shares *shares, const struct share *share, uint64_t now_us)
{
	uint64_t other_us = share->uid == shares->last_uid ? shares->other_us : shares->last_us;
	return other_us != 0 && now_us < other_us + RECENT_US;
}

/* Time that was not used is not kept for later, but for one turn's. */
static void refill(const struct shares *shares, struct share *share, uint64_t now_us)
{
	uint64_t more = ALONE_US, most = ALONE_US;
	if (share_has_others(shares, share, now_us)) {
		most = SHARE_TURN_US;
		more = (now_us - share->refilled_us) / SHARE_PART;
		if (more == 0)
			return;
	} else if (share->turn == shares->turn) {
		return;
	}
	share->turn = shares->turn;
	share->refilled_us = now_us;
	share->left_us += (int64_t)(more < DEBT_MOST_US + SHARE_TURN_US ? more : DEBT_MOST_US + SHARE_TURN_US);
	if (share->left_us > (int64_t)most)
		share->left_us = (int64_t)most;
}

bool share_has_time(struct shares *shares, struct share *share, uint64_t now_us)
{
	refill(shares, share, now_us);
	return share->left_us > 0;
}

uint64_t share_left_us(const struct share *share)
{
	return share->left_us > 0 ? (uint64_t)share->left_us : 0;
}

void share_spend(struct shares *shares, struct share *share, uint64_t now_us, uint64_t used_us)
{
	if (share->uid != shares->last_uid) {
		shares->other_us = shares->last_us;
		shares->last_uid = share->uid;
	}
	shares->last_us = now_us;
	share->left_us -= (int64_t)(used_us < DEBT_MOST_US ? used_us : DEBT_MOST_US);
	if (share->left_us < -DEBT_MOST_US)
		share->left_us = -DEBT_MOST_US;
}
