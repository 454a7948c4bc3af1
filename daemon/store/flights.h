/*
 * flights: callers that read the same secret at the same time share reads. Who comes while a read is under way
 * waits for the next one and never joins the one that has departed: that may have seen the secret as it was before
 * a write of which the caller knows already. So for each key one flight runs and one waits, however many callers
 * there are. One that takes unusually long keeps the next one no longer on the ground; one that has begun but
 * waits for something before its read is sent, as for a login or a slot, takes in whoever comes.
 *
 * Pure but for memory: no I/O and no clock of its own. Times are milliseconds of one clock; each call brings the
 * present one, which does not go backwards.
 */
#ifndef FLIGHTS_H
#define FLIGHTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/upstream/api_rows.h"
#include "proto/secret_name.h"

#define FLIGHTS_RUNNING_MAX 3 /* of one key */
#define FLIGHTS_SLOW_MS 50    /* a flight that has run for this long, and FLIGHTS_SLOW_TIMES … */
#define FLIGHTS_SLOW_TIMES 4 /* … the 99th percentile of the last hundred, of a minute, does not block the next */

#define FLIGHT_NO_SAMPLE UINT64_MAX

struct flights;
struct flight_group;

/* What makes two reads the same. */
struct flight_key {
	const struct secret_name *name;
	enum api_row row;     /* the kind of read */
	uint64_t version;     /* 0: the latest */
	uint64_t min_version; /* 0: any. A read that waits for a version must not hold up those that do not */
};

/* A caller's place; part of what the caller of flights_join has for it, and in no use by others. */
struct flight_member {
	TAILQ_ENTRY(flight_member) link;
	struct flight *flight; /* NULL: in none */
};

TAILQ_HEAD(flight_members, flight_member);
TAILQ_HEAD(running_flights, flight);

enum flight_state {
	FLIGHT_WAITING,  /* for others that run */
	FLIGHT_BOARDING, /* has begun, and its read is not sent yet */
	FLIGHT_RUNNING,
	FLIGHT_ENDED
};
const char *flight_state_name(enum flight_state state);

/* To be read by others, but for work, which is theirs. */
struct flight {
	enum flight_state state;
	struct flight_group *group; /* NULL when it has landed */
	struct flight_members members;
	uint64_t deadline; /* the latest of those who took a seat */
	uint64_t sent_ms;  /* FLIGHT_RUNNING: when */
	void *work;
	TAILQ_ENTRY(flight) link;
};

struct flights_ops {
	/*
	 * Begins the flight's read, which departs now or later, and ends later, with flights_land. -1: no memory;
	 * it may be asked for again.
	 */
	int (*begin)(void *arg, struct flight *flight);
	/* Ends a read that was begun: there is nobody left to wait for it. The flight is gone afterwards. */
	void (*cancel)(void *arg, struct flight *flight);
};

/*
 * ops is borrowed. NULL: no memory. Freeing cancels nothing and calls nothing; seats and work are their owners'.
 */
struct flights *flights_new(const struct flights_ops *ops, void *arg);
void flights_free(struct flights *flights);

/*
 * Takes a seat in the next flight for this key that departs, which begins at once if none is running. The name is
 * held for as long as there is a flight for it. 0; or -1: no memory, and there is no seat.
 */
int flights_join(struct flights *flights, const struct flight_key *key, struct flight_member *member,
    uint64_t deadline, uint64_t now);

/* Gives the seat back, whatever its flight's state. If it was the last one the flight is cancelled. */
void flights_leave(struct flights *flights, struct flight_member *member, uint64_t now);

/* The flight's read is sent: nobody gets a seat in it any more. Again, it does nothing. */
void flight_mark_sent(struct flight *flight, uint64_t now);

/*
 * The flight's read has ended; the one that waits for it, if any, begins. took_ms: how long the read took if it is
 * to count as an example of how long reads take, else FLIGHT_NO_EXAMPLE. Whoever calls it then takes the seats one
 * by one, with flight_unseat, and frees the flight with flight_free.
 */
void flights_end(struct flights *flights, struct flight *flight, uint64_t took_ms, uint64_t now);
struct flight_member *flight_take_member(struct flight *flight); /* NULL: nobody is left */
void flight_free(struct flight *flight);

/* When flights_run has something to do; UINT64_MAX: never. It begins the flights that need not wait any longer. */
uint64_t flights_due(const struct flights *flights);
void flights_run(struct flights *flights, uint64_t now);

/* What a flight that has not landed is for; valid as long as it has not. */
struct flight_key flight_key(const struct flight *flight);

/*
 * The flight of the same key that has run longest, and so shows best what is being waited for; the others that run
 * follow by their link. NULL: none runs.
 */
const struct flight *flight_oldest_running(const struct flight *flight);

#endif
