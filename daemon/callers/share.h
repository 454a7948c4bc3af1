/*
 * share: what each user holds of the daemon, over all of its connections, and how long it is heard in each turn of the
 * loop: one that floods the daemon takes its turn like everybody else.
 */
#ifndef SHARE_H
#define SHARE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uthash.h>

struct share {
	uid_t uid;
	uint64_t connections;
	uint64_t calls; /* in flight */
	uint64_t bytes; /* of requests that arrive or are under way, and of replies not yet written */
	uint64_t turn;  /* the last one in which it was heard */
	int64_t left_us; /* of its time in that turn; below 0: it has had more, which later turns make up for */
	UT_hash_handle hh;
};

struct shares {
	struct share *table;
	uint64_t turn;
};

/* The uid's share, made if there is none, with one connection more. NULL: no memory. */
struct share *share_take(struct shares *shares, uid_t uid);

/* One connection less; with the last one the share has gone. */
void share_drop(struct shares *shares, struct share *share);

/* The uid's connections. */
uint64_t share_connections(struct shares *shares, uid_t uid);

/* All have had their turn. */
void share_next_turn(struct shares *shares);

/* Whether the user may be heard on in this turn, after used_us more than share_spend() was told. */
bool share_has_time(const struct shares *shares, struct share *share, uint64_t used_us);
void share_spend(const struct shares *shares, struct share *share, uint64_t used_us);

#endif
