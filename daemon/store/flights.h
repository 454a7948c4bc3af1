/*
 * flights: lets callers that read the same secret at the same time share reads. A flight is one such read with the
 * callers who wait for it, its members. A caller that comes after a flight's read was sent joins the next flight,
 * never that one: its read may have seen the secret as it was before a write that the caller knows of. So for each
 * key one flight runs and one waits, however many callers there are. A flight that runs unusually long does not
 * keep the next one waiting any longer. A flight that has begun but whose read is not sent yet, as when it waits
 * for a login or a slot, still takes every caller that comes.
 *
 * It has no effects beyond its memory: no I/O and no clock of its own. Times are milliseconds of one clock; each
 * call brings the present time, which does not go backwards.
 */
#ifndef FLIGHTS_H
#define FLIGHTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/upstream/api_rows.h"
#include "proto/secret_name.h"

#define FLIGHTS_RUNNING_MAX 3 /* flights of one key that run at a time */
#define FLIGHTS_SLOW_MS 50    /* the next flight need not wait for one that has run for this long, and for … */
#define FLIGHTS_SLOW_TIMES 4 /* … this many times the 99th percentile of the last 100 reads, of the last minute */

#define FLIGHT_NO_SAMPLE UINT64_MAX

struct flights;
struct flight_group;

/* Two reads with equal keys are the same read. */
struct flight_key {
	const struct secret_name *name;
	enum api_row row;     /* the kind of read */
	uint64_t version;     /* 0: the latest */
	uint64_t min_version; /* 0: any. A read that waits for a version must not delay those that do not */
};

/*
 * One caller's membership in a flight. It is part of a struct of the caller's; only the functions below change it.
 */
struct flight_member {
	TAILQ_ENTRY(flight_member) link;
	struct flight *flight; /* NULL: a member of none */
};

TAILQ_HEAD(flight_members, flight_member);
TAILQ_HEAD(running_flights, flight);

enum flight_state {
	FLIGHT_WAITING,  /* others of its key run, and it has not begun */
	FLIGHT_BOARDING, /* has begun, and its read is not sent yet: callers still join it */
	FLIGHT_RUNNING,  /* its read is sent */
	FLIGHT_ENDED     /* flights_end() was called */
};

/* Gives the state's name, for the log. */
const char *flight_state_name(enum flight_state state);

/* Users of flights may read all of it. work is theirs to set, and is not used here. */
struct flight {
	enum flight_state state;
	struct flight_group *group; /* NULL in FLIGHT_ENDED */
	struct flight_members members;
	uint64_t deadline; /* the latest deadline of the callers who joined */
	uint64_t sent_ms;  /* FLIGHT_RUNNING: when its read was sent first */
	void *work;
	TAILQ_ENTRY(flight) link;
};

struct flights_ops {
	/*
	 * Begins the flight's read. The read is sent now or later, which flight_mark_sent() tells, and ends later,
	 * never from within, which flights_end() tells. Returns 0, or -1 if there is no memory; then begin may be
	 * called again for the same flight.
	 */
	int (*begin)(void *arg, struct flight *flight);
	/* Ends a read that was begun, since nobody waits for it any more. The flight is freed afterwards. */
	void (*cancel)(void *arg, struct flight *flight);
};

/*
 * ops is borrowed. flights_new() returns NULL if there is no memory. flights_free() frees all flights and runs no
 * callback; their members and work belong to others.
 */
struct flights *flights_new(const struct flights_ops *ops, void *arg);
void flights_free(struct flights *flights);

/*
 * Joins the next flight of this key whose read is not sent yet. The flight begins at once if none of the key runs.
 * The name is held as long as there is a flight for it. Returns 0, or -1 if there is no memory; then the caller is
 * a member of none.
 */
int flights_join(struct flights *flights, const struct flight_key *key, struct flight_member *member,
    uint64_t deadline, uint64_t now);

/*
 * Leaves the flight, whatever its state. A flight that has not ended and has no members any more is cancelled. A
 * member of no flight may call this, too.
 */
void flights_leave(struct flights *flights, struct flight_member *member, uint64_t now);

/*
 * The flight's read is sent: callers do not join it any more. A second call, as when the read is sent again, does
 * nothing.
 */
void flight_mark_sent(struct flight *flight, uint64_t now);

/*
 * The flight's read has ended; the flight of its key that waits, if any, may begin. took_ms is how long the read
 * took if it shall count among the samples of how long reads take, else FLIGHT_NO_SAMPLE. The caller then takes
 * the members out one by one with flight_take_member(), which gives NULL after the last one, and frees the flight
 * with flight_free().
 */
void flights_end(struct flights *flights, struct flight *flight, uint64_t took_ms, uint64_t now);
struct flight_member *flight_take_member(struct flight *flight);
void flight_free(struct flight *flight);

/*
 * flights_due() gives when flights_run() has something to do, UINT64_MAX for never. flights_run() begins the
 * flights that need not wait any longer.
 */
uint64_t flights_due(const struct flights *flights);
void flights_run(struct flights *flights, uint64_t now);

/* Gives the key of a flight that has not ended; the name is valid until it ends. */
struct flight_key flight_key(const struct flight *flight);

/*
 * Gives the flight of the same key that has run longest, which best shows what is being waited for; the others
 * that run follow by their link. NULL: none runs.
 */
const struct flight *flight_oldest_running(const struct flight *flight);

#endif
