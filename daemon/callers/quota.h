/*
 * quota: counts what each user (a uid) has of the daemon over all of its connections, and gives it its share of
 * the loop's time. A uid is not a person: who has subordinate uids (subuid(5)) can be 65,536 of them. So all
 * callers whom no rule names are one user here, QUOTA_STRANGERS, and there is a bound on the bytes of all users. A
 * user who floods the daemon is served in slices, like everybody else. While there are others it gets only a share
 * of the time, even if nobody else wants the rest, since OpenBao and the callers may need the processor.
 */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/table.h"
#include "daemon/ops/limits.h"

/*
 * While there are others, a user is served for at most QUOTA_SLICE_US at a time, and gets one part in QUOTA_SHARE
 * of the time. A user with a single request waits for the slices of others several times, on the way there and
 * back: with slices of 250 us its slowest gets took half again as long.
 */
#define QUOTA_SLICE_US 60
#define QUOTA_SHARE 4

#define QUOTA_STRANGERS ((uid_t)-1) /* no process has this uid */
#define QUOTA_BYTES_FOR 2           /* all users may hold as many bytes as so many users may */
#define QUOTA_KEPT_MAX 256          /* users without a connection whose used time is remembered */

/* The quota of one user. conn.c and call.c count calls and bytes here. */
struct quota {
	uid_t uid;
	uint64_t connections;
	uint64_t calls;         /* in flight */
	uint64_t bytes;         /* of requests that arrive or are under way, and of replies not yet written */
	uint64_t turn;          /* the turn of the loop in which left_us was last refilled */
	uint64_t refilled_us;   /* when it was refilled, on clock_now_us() */
	int64_t left_us;        /* time that the user has left; below 0: it has used more than it had */
	uint64_t connecting_us; /* time that was used for connecting, less what was paid off until connected_us */
	uint64_t connected_us;
	struct quota *prev_kept, *next_kept; /* in kept, while it has no connection */
	UT_hash_handle hh;
};

/* The quotas of all users, and the work that is being done for one of them. At first only limits is set. */
struct quotas {
	const struct call_limits *limits; /* borrowed; their values may change */
	struct quota *table;
	struct quota *kept; /* those in the table without a connection, nkept of them, the latest last */
	unsigned nkept;
	uint64_t bytes;                  /* of all users */
	uint64_t turn;                   /* counts the turns of the loop */
	uid_t last_uid;                  /* the user who was served last */
	uint64_t last_us, other_us;      /* when that was, and when another user was served before */
	uint64_t began_us, began_cpu_us; /* when the work began; cpu 0: passed time is charged */
	uint64_t now_us;                 /* what the clock said when it was last read for the work */
	/* the work's first request is handled without reading the clock, which was just read */
	bool first_is_free;
	struct quota *unsettled; /* the user whose work has ended and is not charged yet; NULL: none */
	uint64_t warned_ms;      /* when the log was last told of a user at a limit; 0: never */
};

/*
 * Gives the quota of the uid, which is made if there is none. It stays while the uid has connections; without one
 * it may be freed by the next call of this. NULL: no memory.
 */
struct quota *quota_of(struct quotas *quotas, uid_t uid);

/* Counts a connection of the uid, and gives its quota. NULL: no memory. */
struct quota *quota_take(struct quotas *quotas, uid_t uid);

/*
 * Uncounts a connection. Without one a user's quota is kept for a while, so that the time it used is not
 * forgotten.
 */
void quota_drop(struct quotas *quotas, struct quota *quota);

/* Frees what is kept of users without connections. */
void quotas_clear(struct quotas *quotas);

/*
 * These tell whether the user may have one more call in flight, and whether it may hold n bytes more. If all users
 * together hold what they may, a user may still hold its part, so that those who hold most are refused.
 */
bool quota_may_call(const struct quotas *quotas, const struct quota *quota);
bool quota_may_hold(const struct quotas *quotas, const struct quota *quota, uint64_t n);

/* Counts that the user holds so many bytes more, or less if it is negative. */
void quota_hold(struct quotas *quotas, struct quota *quota, int64_t more);

/*
 * Tells the log that the user, or all of them, are at the limit of that name, at most once in 10 s for all users.
 */
void quota_warn(struct quotas *quotas, const struct quota *quota, const char *setting);

/*
 * -- work: it is done for one user at a time, and its time is charged to that user ------------------------------
 */

/* These enclose all that is done for a connection, one at a time; quotas->began_us then says when that began. */
void quota_begin_work(struct quotas *quotas, struct quota *quota);
void quota_end_work(struct quotas *quotas, struct quota *quota);

/*
 * These tell within the work whether the user may be served at all, and whether it has time for another request.
 */
bool quota_may_begin(struct quotas *quotas, struct quota *quota);
bool quota_may_go_on(struct quotas *quotas, const struct quota *quota);

/* Gives in how many us a user that may not be served now is to be tried again; 0: in the next turn of the loop. */
uint64_t quota_wait_us(const struct quotas *quotas, const struct quota *quota);

/* Ends a turn of the loop, and charges the work that ended last. */
void quota_end_turn(struct quotas *quotas);

/*
 * -- the account of time that work is charged to; times come from the caller -------------------------------------
 */

/*
 * quota_has_time() tells whether the user may be served at now_us of clock_now_us(). If not, it may be in the
 * loop's next turn; or, if another user was served within the last second (quota_has_others), when its share has
 * grown again.
 */
bool quota_has_time(struct quotas *quotas, struct quota *quota, uint64_t now_us);
bool quota_has_others(const struct quotas *quotas, const struct quota *quota, uint64_t now_us);

/*
 * quota_may_connect() tells whether the user may connect once more: not if it owes much time for that and there
 * are others; root always may, since it looks after the daemon. All clients of a user may connect at the same
 * time, but no user can go on with it. What is done for a caller until it has a connection is charged by
 * quota_spend_connecting().
 */
bool quota_may_connect(struct quotas *quotas, struct quota *quota, uint64_t now_us);
void quota_spend_connecting(struct quotas *quotas, struct quota *quota, uint64_t now_us, uint64_t used_us);

/* Gives how much time the user has left; 0: none. */
uint64_t quota_left_us(const struct quota *quota);

/* Charges used_us of time to the user, who was served at now_us. */
void quota_spend(struct quotas *quotas, struct quota *quota, uint64_t now_us, uint64_t used_us);

/* Counts the next turn of the loop. */
void quota_next_turn(struct quotas *quotas);

#endif
