/*
 * drain: waits until a part of the daemon has nothing under way any more, or until its time is over, and then
 * calls back once, from the loop. Both the end of the daemon and a reload wait for parts in this way.
 */
#ifndef DRAIN_H
#define DRAIN_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

/* The owner embeds this in its struct, and keeps it all zero until drain_begin(). */
struct drain {
	struct event timer;
	void (*drained)(void *arg); /* NULL: not draining, or called already */
	void *arg;
};

/*
 * Begins to drain: `drained` runs once, from the loop, after drain_check() was told that nothing is left, or after
 * budget_ms (CLOCK_NEVER: no limit). If a drain is under way already it is replaced, and its callback does not
 * run.
 */
void drain_begin(struct drain *drain, struct event_base *base, uint64_t budget_ms, void (*drained)(void *arg),
    void *arg);

/* The owner calls this whenever something has ended, and once after drain_begin(). idle: nothing is left. */
void drain_check(struct drain *drain, bool idle);

/* Cancels the drain: its callback will not run. */
void drain_end(struct drain *drain);

#endif
