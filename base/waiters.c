/*
 * waiters: a list in the order of arrival, so that the waiters of an earlier round stand before those of a later
 * one.
 */
#include "base/waiters.h"

#include <utlist.h>

void waiters_add(struct waiters *waiters, struct waiter *waiter)
{
	waiter->round = waiters->round;
	DL_APPEND(waiters->list, waiter);
}

void waiters_remove(struct waiters *waiters, struct waiter *waiter)
{
	DL_DELETE(waiters->list, waiter);
}

unsigned waiters_end_round(struct waiters *waiters)
{
	return waiters->round++;
}

struct waiter *waiters_take(struct waiters *waiters, unsigned round)
{
	struct waiter *first = waiters->list;

	if (first == NULL || first->round != round)
		return NULL;
	DL_DELETE(waiters->list, first);
	return first;
}
