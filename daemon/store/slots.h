/*
 * slots: whose request goes upstream next. There are only so many slots; callers get them in turn, and where there
 * is more than one caller none gets all of them, so that one with many requests never holds up another with one.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct slot_caller;
struct slots;

/* One request's, from its asking to its end; part of its owner's struct. All zero: not asked for. */
struct slot {
	struct slot *prev, *next; /* while it waits */
	struct slots *slots;      /* NULL: not asked for, or given back */
	struct slot_caller *caller;
	bool is_held; /* else it waits */
	void (*come)(void *arg);
	void *arg;
};

/* NULL: no memory. All slots must have ended before slots_free(). */
struct slots *slots_new(struct event_base *base, unsigned count);
void slots_free(struct slots *slots);

/*
 * Asks for a slot for a request of that caller. If slot->is_held is set at once, come does not run; else it runs
 * once, from the loop, when the slot is there, unless slot_end() was called first. 0, or -1: no memory.
 */
int slots_ask(struct slots *slots, struct slot *slot, uint64_t caller, void (*come)(void *arg), void *arg);

/* The slot is free again, or is not waited for any more. If it was not asked for, nothing happens. */
void slot_end(struct slot *slot);

#endif
