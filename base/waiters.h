/*
 * waiters: a list of those who wait for one answer that is under way. When it is there, waiters_end_round() ends
 * the round of those who waited for it, and they are taken out one by one with waiters_take(). Who is added
 * meanwhile waits for the next answer. A waiter that was taken out may be added again at once, and any other may
 * be removed.
 */
#ifndef WAITERS_H
#define WAITERS_H

#include <stdbool.h>
#include <stddef.h>

/* The owner embeds this in its struct, which must live while it waits. */
struct waiter {
	struct waiter *prev, *next;
	unsigned round; /* the number of the answer that it waits for */
};

/* When it is all zero nobody waits. */
struct waiters {
	struct waiter *list; /* in the order in which they came */
	unsigned round;      /* the number of the next answer */
};

static inline bool waiters_empty(const struct waiters *waiters)
{
	return waiters->list == NULL;
}

void waiters_add(struct waiters *waiters, struct waiter *waiter);
void waiters_remove(struct waiters *waiters, struct waiter *waiter);

/* To be called when the answer is there. Gives the number of the round that ended, for waiters_take(). */
unsigned waiters_end_round(struct waiters *waiters);

/*
 * Takes out the next one that waits for that round's answer, in the order in which they came. NULL: none is left.
 */
struct waiter *waiters_take(struct waiters *waiters, unsigned round);

#endif
