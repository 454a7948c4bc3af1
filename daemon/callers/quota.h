/*
 * quota: what each user has of the daemon, over all of its connections, and how much of the loop's time it gets.
 * One that floods the daemon takes its turn like everybody else; and where there are others it gets only a part of
 * the time, even if nobody else wants the rest, since OpenBao or the callers may need the processor.
 */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/table.h"
#include "daemon/ops/limits.h"

/*
 * Among others a user is heard for so long, and gets one part in so many of the time. A user with one request
 * waits for others' turns more than once, on the way there and back: with turns of 250 us its slowest gets took
 * half again as long.
 */
#define QUOTA_TURN_US 60
#define QUOTA_PART 4

/* One user's. Who holds calls and bytes for the user counts them here. */
struct quota {
	uid_t uid;
	uint64_t connections;
	uint64_t calls; /* in flight */
	uint64_t bytes; /* of requests that arrive or are under way, and of replies not yet written */
	uint64_t turn;  /* the last one in which the user was heard */
	uint64_t refilled_us;
	int64_t left_us; /* of its time; below 0: it has had more */
	UT_hash_handle hh;
};

/* All users', and the work that is being done for one of them. All zero but for limits at first. */
struct quotas {
	const struct call_limits *limits; /* borrowed; what they say may change */
	struct quota *table;
	uint64_t turn;
	uid_t last_uid;                  /* the user who was heard last */
	uint64_t last_us, other_us;      /* when that was, and when another user was heard before */
	uint64_t began_us, began_cpu_us; /* the work; began_cpu_us 0: the time that passes is what it costs */
	uint64_t now_us;                 /* when the clock was last looked at, in the work */
	/* the work's first request needs no look at the clock, which was just read */
	bool first_is_free;
	struct quota *unsettled; /* whose work has ended and is not charged yet; NULL: nobody's */
	uint64_t warned_ms;      /* when the log was last told of a user at a limit; 0: never */
};

/* The uid's quota, made if there is none, with one connection more. NULL: no memory. */
struct quota *quota_take(struct quotas *quotas, uid_t uid);

/* One connection less. The quota of a user without any has gone. */
void quota_drop(struct quotas *quotas, struct quota *quota);

/* How many connections the uid has. */
uint64_t quota_connections(struct quotas *quotas, uid_t uid);

/* Whether the user may have one more call in flight, and hold n bytes more. */
bool quota_may_call(const struct quotas *quotas, const struct quota *quota);
bool quota_may_hold(const struct quotas *quotas, const struct quota *quota, uint64_t n);

/* Tells the log that the user is at the limit of that name, though not every time. */
void quota_warn(struct quotas *quotas, const struct quota *quota, const char *setting);

/*
 * -- work: what is done for one user at a time, and charged to it ----------------------------------------------
 */

/*
 * Stand around all that is done for a connection; quotas->began_us says when that began. There is no
 * quota_end_work() where the connection ends meanwhile, and such work is not charged.
 */
void quota_begin_work(struct quotas *quotas, struct quota *quota);
void quota_end_work(struct quotas *quotas, struct quota *quota);

/* Whether the user may be heard in the work that was begun, and whether there is time left for another request. */
bool quota_may_begin(struct quotas *quotas, struct quota *quota);
bool quota_may_go_on(struct quotas *quotas, const struct quota *quota);

/* In how many microseconds a user that may not be heard is to be tried again; 0: in the next turn of the loop. */
uint64_t quota_wait_us(const struct quotas *quotas, const struct quota *quota);

/* All have had their turn; the work that ended last is charged. */
void quota_end_turn(struct quotas *quotas);

/*
 * -- the time itself, told by whoever asks ----------------------------------------------------------------------
 */

/*
 * Whether the user may be heard at now_us of clock_now_us(). If not, it may be in the next turn; or, where another
 * user was heard of late (quota_has_others), in some milliseconds.
 */
bool quota_has_time(struct quotas *quotas, struct quota *quota, uint64_t now_us);
bool quota_has_others(const struct quotas *quotas, const struct quota *quota, uint64_t now_us);

/* So much time is left for a user that may be heard. */
uint64_t quota_left_us(const struct quota *quota);

/* The user was heard at now_us, which took so much of the processor's time. */
void quota_spend(struct quotas *quotas, struct quota *quota, uint64_t now_us, uint64_t used_us);

/* From now on the next turn counts. */
void quota_next_turn(struct quotas *quotas);

#endif
