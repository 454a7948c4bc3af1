/*
 * share: a table of users by uid. Time is counted as it passes, since what a request costs cannot be told beforehand: a
 * ping a microsecond, a put of a megabyte a thousand.
 */
#include "daemon/callers/share.h"

#include <stdlib.h>

#define TURN_US 250 /* long enough that the turns themselves cost little beside it */
#define DEBT_MOST_US 100000 /* what a machine that slept, or stood still, may cost a user at most */

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
		share->left_us = TURN_US;
		HASH_ADD(hh, shares->table, uid, sizeof(share->uid), share);
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

/* Time that was not used is not kept for later, what was had beyond it is. */
static void begin_turn(const struct shares *shares, struct share *share)
{
	if (share->turn == shares->turn)
		return;
	share->turn = shares->turn;
	share->left_us = share->left_us < 0 ? share->left_us + TURN_US : TURN_US;
}

bool share_has_time(const struct shares *shares, struct share *share, uint64_t used_us)
{
	begin_turn(shares, share);
	return share->left_us > (int64_t)used_us;
}

void share_spend(const struct shares *shares, struct share *share, uint64_t used_us)
{
	begin_turn(shares, share);
	share->left_us -= (int64_t)(used_us < DEBT_MOST_US ? used_us : DEBT_MOST_US);
	if (share->left_us < -DEBT_MOST_US)
		share->left_us = -DEBT_MOST_US;
}
