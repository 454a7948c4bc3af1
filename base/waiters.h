/*
 * waiters: those who wait for one answer that is under way. Who comes while the answer is being told waits for the
 * next one. While it is told, a waiter that has been taken out may add itself again, and any other may be removed.
 */
#ifndef WAITERS_H
#define WAITERS_H

#include <stdbool.h>
#include <stddef.h>

/* Part of its owner's struct. */
struct waiter {
	struct waiter *prev, *next;
	unsigned round; /* of answers: the one it waits for */
};

/* All zero: nobody waits. */
struct waiters {
	struct waiter *list;
	unsigned round;
};

static inline bool waiters_empty(const struct waiters *all)
{
	return all->list == NULL;
}

void waiters_add(struct waiters *all, struct waiter *one);
void waiters_remove(struct waiters *all, struct waiter *one);

/* The answer is there. Gives the round to be told with waiters_take(). */
unsigned waiters_end_round(struct waiters *all);

/*
 * Takes out the next one that waits for that round's answer, in the order in which they came. NULL: all were told.
 */
struct waiter *waiters_take(struct waiters *all, unsigned round);

#endif
