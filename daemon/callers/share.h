/*
 * share: what each user holds of the daemon, over all of its connections, and how much of the loop's time it gets: one
 * that floods the daemon takes its turn like everybody else, and where there are others it gets a part of the time even
 * if nobody else wants the rest, since OpenBao or the callers may need the processor.
 */
#ifndef SHARE_H
#define SHARE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/table.h"

/*
 * Among others a user is heard for so long, and gets one part in so many of the time. A user with one request waits for others'
 * turns more than once, on the way there and back: with turns of 250 us its slowest gets took half again as long.
 */
#define SHARE_TURN_US 60
#define SHARE_PART 4

struct share {
	uid_t uid;
	uint64_t connections;
	uint64_t calls; /* in flight */
	uint64_t bytes; /* of requests that arrive or are under way, and of replies not yet written */
	uint64_t turn;  /* the last one in which it was heard */
	uint64_t refilled_us;
	int64_t left_us; /* of its time; below 0: it has had more */
	UT_hash_handle hh;
};

struct shares {
	struct share *table;
	uint64_t turn;
	/* Who was heard last and when, and when another was before. */
	uid_t last_uid;
	uint64_t last_us, other_us;
};

/* The uid's share, made if there is none, with one connection more. NULL: no memory. */
struct share *share_take(struct shares *shares, uid_t uid);

/* One connection less; with the last one the share has gone. */
void share_drop(struct shares *shares, struct share *share);

/* The uid's connections. */
uint64_t share_connections(struct shares *shares, uid_t uid);

/* All have had their turn. */
void share_next_turn(struct shares *shares);

/*
 * Whether the user may be heard now, at now_us of clock_now_us(). If not, it may in the next turn, or where share_has_others()
 * says so, in some milliseconds.
 */
bool share_has_time(struct shares *shares, struct share *share, uint64_t now_us);
bool share_has_others(const struct shares *shares, const struct share *share, uint64_t now_us);

/* So much time is left, if it may be heard. */
uint64_t share_left_us(const struct share *share);

/* The user was heard, at the cost of so much of the processor's time. */
void share_spend(struct shares *shares, struct share *share, uint64_t now_us, uint64_t used_us);

#endif
