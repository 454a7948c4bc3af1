/*
 * turns: a queue for each caller, served one request each in rotation. A caller that has the daemon to itself may have
 * all places. For a second after another was heard of it may not: what comes next from the other must not find OpenBao
 * busy with all that the first could think of.
 */
#include "daemon/store/turns.h"

#include <event2/event.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/table.h"

#define RECENT_MS 1000u
#define SHARED_MOST 8u /* places of one caller among others */
#define QUEUE_LONG 64u /* a caller that has so many waiting asks for more than it is given whatever that is: */
#define FLOOD_MOST 1u  /* places of such a one among others */

struct caller {
	struct caller *prev, *next; /* in rotation */
	uint64_t key;
	struct turn *waiting;
	unsigned nwaiting, running;
	uint64_t heard_ms;
	UT_hash_handle hh;
};

struct turn {
	struct turn *prev, *next; /* while it waits */
	struct turns *turns;
	struct caller *caller;
	bool has_come;
	void (*come)(void *arg);
	void *arg;
};

struct turns {
	unsigned places, running, waiting;
	uint64_t swept_ms;
	struct caller *table, *rotation;
	struct event *serve;
};

/* How many of the places one caller may have now. */
static unsigned places_of(const struct turns *turns, const struct caller *caller)
{
	unsigned callers = HASH_COUNT(turns->table);
	unsigned each = callers > 0 ? turns->places / callers : turns->places;
	if (callers <= 1)
		return turns->places;
	if (each > SHARED_MOST)
		each = SHARED_MOST;
	if (each > FLOOD_MOST && caller->nwaiting >= QUEUE_LONG)
		each = FLOOD_MOST;
	return each > 0 ? each : 1;
}

static bool has_place(const struct turns *turns, const struct caller *caller)
{
	return turns->running < turns->places && caller->running < places_of(turns, caller);
}

/* Callers that were not heard of lately do not count. */
static void sweep(struct turns *turns, uint64_t now)
{
	struct caller *caller, *next;
	if (now < turns->swept_ms + RECENT_MS / 4)
		return;
	turns->swept_ms = now;
	DL_FOREACH_SAFE(turns->rotation, caller, next) {
		if (caller->running > 0 || caller->waiting != NULL || now < caller->heard_ms + RECENT_MS)
			continue;
		DL_DELETE(turns->rotation, caller);
		HASH_DEL(turns->table, caller);
		free(caller);
	}
}

static struct caller *find_caller(struct turns *turns, uint64_t key)
{
	struct caller *caller;
	HASH_FIND(hh, turns->table, &key, sizeof(key), caller);
	if (caller != NULL)
		return caller;
	caller = calloc(1, sizeof(*caller));
	if (caller == NULL)
		return NULL;
	caller->key = key;
	HASH_ADD(hh, turns->table, key, sizeof(caller->key), caller);
	if (!TABLE_HAS(caller)) {
		free(caller);
		return NULL;
	}
	DL_APPEND(turns->rotation, caller);
	return caller;
}

static void take_place(struct turn *turn)
{
	turn->has_come = true;
	turn->caller->running++;
	turn->turns->running++;
}

static void stop_waiting(struct turn *turn)
{
	DL_DELETE(turn->caller->waiting, turn);
	turn->caller->nwaiting--;
	turn->turns->waiting--;
}

/* The next in rotation that waits and may have a place; NULL: there is none. */
static struct turn *next_turn(struct turns *turns)
{
	struct caller *caller;
	DL_FOREACH(turns->rotation, caller) {
		if (caller->waiting == NULL || !has_place(turns, caller))
			continue;
		DL_DELETE(turns->rotation, caller);
		DL_APPEND(turns->rotation, caller);
		return caller->waiting;
	}
	return NULL;
}

static void on_serve(evutil_socket_t fd, short what, void *arg)
{
	struct turns *turns = arg;
	struct turn *turn;
	(void)fd;
	(void)what;
	sweep(turns, clock_now_ms());
	while (turns->waiting > 0 && (turn = next_turn(turns)) != NULL) {
		stop_waiting(turn);
		take_place(turn);
		turn->come(turn->arg);
	}
}

struct turns *turns_new(struct event_base *base, unsigned places)
{
	struct turns *turns = calloc(1, sizeof(*turns));
	if (turns == NULL)
		return NULL;
	turns->places = places;
	turns->serve = event_new(base, -1, 0, on_serve, turns);
	if (turns->serve != NULL)
		return turns;
	free(turns);
	return NULL;
}

void turns_free(struct turns *turns)
{
	struct caller *caller, *next;
	if (turns == NULL)
		return;
	DL_FOREACH_SAFE(turns->rotation, caller, next) {
		DL_DELETE(turns->rotation, caller);
		HASH_DEL(turns->table, caller);
		free(caller);
	}
	event_free(turns->serve);
	free(turns);
}

struct turn *turns_ask(struct turns *turns, uint64_t key, void (*come)(void *arg), void *arg)
{
	struct turn *turn = calloc(1, sizeof(*turn));
	struct caller *caller;
	uint64_t now = clock_now_ms();
	if (turn == NULL)
		return NULL;
	sweep(turns, now);
	caller = find_caller(turns, key);
	if (caller == NULL) {
		free(turn);
		return NULL;
	}
	caller->heard_ms = now;
	*turn = (struct turn){ .turns = turns, .caller = caller, .come = come, .arg = arg };
	if (caller->waiting == NULL && has_place(turns, caller)) {
		take_place(turn);
	} else {
		DL_APPEND(caller->waiting, turn);
		caller->nwaiting++;
		turns->waiting++;
	}
	return turn;
}

bool turn_has_come(const struct turn *turn)
{
	return turn->has_come;
}

void turn_end(struct turn *turn)
{
	struct turns *turns = turn->turns;
	if (turn->has_come) {
		turn->caller->running--;
		turns->running--;
	} else {
		stop_waiting(turn);
	}
	free(turn);
	if (turns->waiting > 0)
		event_active(turns->serve, 0, 0);
}
