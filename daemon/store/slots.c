/*
 * slots: a queue for each caller; the queues are served in rotation, one request each. A caller that is alone may
 * have all slots. Once another caller asks it is not alone for a second, so that the next request of the other
 * does not find OpenBao busy with all that the first one asked for.
 */
#include "daemon/store/slots.h"

#include <event2/event.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/table.h"

#define RECENT_MS 1000u
#define SHARED_MAX 8u  /* slots that one of several callers may have */
#define QUEUE_LONG 64u /* a caller with this many requests waiting would take any number of slots, and … */
#define FLOOD_MAX 1u   /* … may have only this many if there are other callers */

struct slot_caller {
	struct slot_caller *prev, *next; /* in the rotation */
	uint64_t key;
	struct slot *waiting;
	unsigned nwaiting, running;
	uint64_t heard_ms;
	UT_hash_handle hh;
};

struct slots {
	unsigned count, running, waiting;
	uint64_t swept_ms;
	struct slot_caller *table, *rotation;
	struct event *serve;
};

/* Gives how many of the slots the caller may have now. */
static unsigned slots_allowed(const struct slots *slots, const struct slot_caller *caller)
{
	unsigned callers = HASH_COUNT(slots->table);
	unsigned each = callers > 0 ? slots->count / callers : slots->count;
	if (callers <= 1)
		return slots->count;
	if (each > SHARED_MAX)
		each = SHARED_MAX;
	if (each > FLOOD_MAX && caller->nwaiting >= QUEUE_LONG)
		each = FLOOD_MAX;
	return each > 0 ? each : 1;
}

static bool slots_has_free(const struct slots *slots, const struct slot_caller *caller)
{
	return slots->running < slots->count && caller->running < slots_allowed(slots, caller);
}

/* Drops callers that have no requests and have asked for no slot lately: they do not count any more. */
static void slots_forget_idle_callers(struct slots *slots, uint64_t now)
{
	struct slot_caller *caller, *next;
	if (now < slots->swept_ms + RECENT_MS / 4)
		return;
	slots->swept_ms = now;
	DL_FOREACH_SAFE(slots->rotation, caller, next) {
		if (caller->running > 0 || caller->waiting != NULL || now < caller->heard_ms + RECENT_MS)
			continue;
		DL_DELETE(slots->rotation, caller);
		HASH_DEL(slots->table, caller);
		free(caller);
	}
}

static struct slot_caller *slots_find_or_add_caller(struct slots *slots, uint64_t key)
{
	struct slot_caller *caller;
	HASH_FIND(hh, slots->table, &key, sizeof(key), caller);
	if (caller != NULL)
		return caller;
	caller = calloc(1, sizeof(*caller));
	if (caller == NULL)
		return NULL;
	caller->key = key;
	HASH_ADD(hh, slots->table, key, sizeof(caller->key), caller);
	if (!TABLE_HAS(caller)) {
		free(caller);
		return NULL;
	}
	DL_APPEND(slots->rotation, caller);
	return caller;
}

static void slot_take(struct slot *slot)
{
	slot->is_held = true;
	slot->caller->running++;
	slot->slots->running++;
}

static void slot_leave_queue(struct slot *slot)
{
	DL_DELETE(slot->caller->waiting, slot);
	slot->caller->nwaiting--;
	slot->slots->waiting--;
}

/* Gives the first waiting slot of the next caller in rotation that may have one; NULL: there is none. */
static struct slot *slots_next_waiting(struct slots *slots)
{
	struct slot_caller *caller;
	DL_FOREACH(slots->rotation, caller) {
		if (caller->waiting == NULL || !slots_has_free(slots, caller))
			continue;
		DL_DELETE(slots->rotation, caller);
		DL_APPEND(slots->rotation, caller);
		return caller->waiting;
	}
	return NULL;
}

static void slots_on_serve(evutil_socket_t fd, short what, void *arg)
{
	struct slots *slots = arg;
	struct slot *slot;
	(void)fd;
	(void)what;
	slots_forget_idle_callers(slots, clock_now_ms());
	while (slots->waiting > 0 && (slot = slots_next_waiting(slots)) != NULL) {
		slot_leave_queue(slot);
		slot_take(slot);
		slot->come(slot->arg);
	}
}

struct slots *slots_new(struct event_base *base, unsigned count)
{
	struct slots *slots = calloc(1, sizeof(*slots));
	if (slots == NULL)
		return NULL;
	slots->count = count;
	slots->serve = event_new(base, -1, 0, slots_on_serve, slots);
	if (slots->serve != NULL)
		return slots;
	free(slots);
	return NULL;
}

void slots_free(struct slots *slots)
{
	struct slot_caller *caller, *next;
	if (slots == NULL)
		return;
	DL_FOREACH_SAFE(slots->rotation, caller, next) {
		DL_DELETE(slots->rotation, caller);
		HASH_DEL(slots->table, caller);
		free(caller);
	}
	event_free(slots->serve);
	free(slots);
}

int slots_ask(struct slots *slots, struct slot *slot, uint64_t key, void (*come)(void *arg), void *arg)
{
	uint64_t now = clock_now_ms();
	struct slot_caller *caller;
	slots_forget_idle_callers(slots, now);
	caller = slots_find_or_add_caller(slots, key);
	if (caller == NULL)
		return -1;
	caller->heard_ms = now;
	*slot = (struct slot){ .slots = slots, .caller = caller, .come = come, .arg = arg };
	if (caller->waiting == NULL && slots_has_free(slots, caller)) {
		slot_take(slot);
	} else {
		DL_APPEND(caller->waiting, slot);
		caller->nwaiting++;
		slots->waiting++;
	}
	return 0;
}

void slot_end(struct slot *slot)
{
	struct slots *slots = slot->slots;
	if (slots == NULL)
		return;
	if (slot->is_held) {
		slot->caller->running--;
		slots->running--;
	} else {
		slot_leave_queue(slot);
	}
	slot->slots = NULL;
	slot->is_held = false;
	if (slots->waiting > 0)
		event_active(slots->serve, 0, 0);
}
