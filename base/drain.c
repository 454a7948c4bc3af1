/*
 * drain: a timer for the budget, which is made active early when nothing is left.
 */
#include "base/drain.h"

#include <event2/event.h>

#include "base/clock.h"

static void drain_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct drain *drain = arg;
	void (*drained)(void *) = drain->drained;

	(void)fd;
	(void)what;
	drain->drained = NULL;
	if (drained != NULL)
		drained(drain->arg);
}

void drain_begin(struct drain *drain, struct event_base *base, uint64_t budget_ms, void (*drained)(void *arg),
    void *arg)
{
	struct timeval tv = clock_timeval(budget_ms);

	drain_end(drain);
	drain->drained = drained;
	drain->arg = arg;
	(void)evtimer_assign(&drain->timer, base, drain_on_timer, drain);
	if (budget_ms != CLOCK_NEVER && evtimer_add(&drain->timer, &tv) != 0)
		event_active(&drain->timer, EV_TIMEOUT, 0);
}

void drain_check(struct drain *drain, bool idle)
{
	if (idle && drain->drained != NULL)
		event_active(&drain->timer, EV_TIMEOUT, 0);
}

void drain_end(struct drain *drain)
{
	drain->drained = NULL;
	if (event_initialized(&drain->timer))
		event_del(&drain->timer);
}
