/*
 * slots: decides whose request is sent to OpenBao next. The number of slots bounds the requests under way. Callers
 * get them in turn, and where there is more than one caller none gets all of them, so that a caller with many
 * requests never holds up one with a single request.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct slot_caller;
struct slots;

/*
 * The slot of one request, or its place in the queue. It is part of the owner's struct; all zero means that it was
 * not asked for.
 */
struct slot {
	struct slot *prev, *next; /* the caller's queue, while it waits */
	struct slots *slots;      /* NULL: not asked for, or given back */
	struct slot_caller *caller;
	bool is_held; /* false: it waits */
	void (*come)(void *arg);
	void *arg;
};

/*
 * count is how many slots there are. Returns NULL if there is no memory. slot_end() must have run for every slot
 * before slots_free().
 */
struct slots *slots_new(struct event_base *base, unsigned count);
void slots_free(struct slots *slots);

/*
 * Asks for a slot for a request of that caller. If slot->is_held is set when it returns, come does not run; else
 * come runs once, from the loop, when the slot is there, unless slot_end() is called first. Returns 0, or -1 if
 * there is no memory.
 */
int slots_ask(struct slots *slots, struct slot *slot, uint64_t caller, void (*come)(void *arg), void *arg);

/* Gives the slot back, or leaves the queue. Does nothing for a slot that was not asked for. */
void slot_end(struct slot *slot);

#endif
