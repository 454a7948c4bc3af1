/*
 * waiters: a list in the order of coming, and so of rounds.
 */
#include "base/waiters.h"

#include <utlist.h>

void waiters_add(struct waiters *all, struct waiter *one)
{
	one->round = all->round;
	DL_APPEND(all->list, one);
}

void waiters_remove(struct waiters *all, struct waiter *one)
{
	DL_DELETE(all->list, one);
}

unsigned waiters_end_round(struct waiters *all)
{
	return all->round++;
}

struct waiter *waiters_take(struct waiters *all, unsigned round)
{
	struct waiter *first = all->list;

	if (first == NULL || first->round != round)
		return NULL;
	DL_DELETE(all->list, first);
	return first;
}
