/*
 * drain: the end of a part that has something under way. When nothing is left, or after a while all the same, its
 * owner is told, once and from the loop.
 */
#ifndef DRAIN_H
#define DRAIN_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

/* Part of its owner's struct; all zero until drain_begin(). */
struct drain {
	struct event timer;
	void (*drained)(void *arg); /* NULL: not draining, or told already */
	void *arg;
};

/*
 * drained runs when drain_check() has been told that nothing is left, or after budget_ms; CLOCK_NEVER: however
 * long that takes. It takes the place of what was to be told before.
 */
void drain_begin(struct drain *drain, struct event_base *base, uint64_t budget_ms, void (*drained)(void *arg),
    void *arg);

/* To be called when something has ended. idle: nothing is left. */
void drain_check(struct drain *drain, bool idle);

/* It will not be told any more. */
void drain_end(struct drain *drain);

#endif
