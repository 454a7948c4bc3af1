/*
 * session_turn: whose turn it is. The time that a session's work takes is charged to its user, and one whose user has had
 * its time is not heard until a later turn of the loop.
 */
#include "daemon/callers/session_internal.h"

#include <event2/event.h>
#include <utlist.h>

#include "base/clock.h"

#define PARK_US (SHARE_TURN_US * SHARE_PART) /* a turn's worth of time comes in that */
#define ALONE_MOST_US 1000u /* a request costs hardly more: in the rest of the time others had the processor */

void session_settle(struct sessions *all, uint64_t now_us)
{
	uint64_t used_us = now_us - all->began_us;
	if (all->unsettled == NULL)
		return;
	share_spend(&all->shares, all->unsettled, all->began_us, used_us < ALONE_MOST_US ? used_us : ALONE_MOST_US);
	all->unsettled = NULL;
}

/*
 * The processor's time is what counts, but it takes two system calls to ask for, of the five that a get from memory is.
 * A user who is alone is charged the time that has passed, within reason, until other work begins or the turn ends.
 */
void session_begin_work(struct session *s)
{
	struct sessions *all = s->all;
	uint64_t now_us = clock_now_us();
	session_settle(all, now_us);
	all->began_us = all->now_us = now_us;
	all->just_begun = false;
	all->counts_cpu = share_has_others(&all->shares, s->share, now_us);
	if (all->counts_cpu)
		all->began_cpu_us = clock_cpu_us();
}

void session_end_work(struct session *s)
{
	struct sessions *all = s->all;
	session_count_bytes(s);
	if (all->counts_cpu)
		share_spend(&all->shares, s->share, all->began_us, clock_cpu_us() - all->began_cpu_us);
	else
		all->unsettled = s->share;
}

bool session_may_begin(const struct session *s)
{
	struct sessions *all = s->all;
	bool may = !s->parked && share_has_time(&all->shares, s->share, all->began_us);
	/* Among others the time in which it was read counts before a request of it is handled. */
	all->just_begun = may && !all->counts_cpu;
	return may;
}

bool session_may_go_on(const struct session *s)
{
	struct sessions *all = s->all;
	if (all->just_begun) {
		all->just_begun = false;
		return true;
	}
	all->now_us = clock_now_us();
	return all->now_us - all->began_us < share_left_us(s->share);
}

void session_park(struct session *s)
{
	struct sessions *all = s->all;
	struct timeval later = { .tv_usec = share_has_others(&all->shares, s->share, all->began_us) ? PARK_US : 0 };
	if (s->parked)
		return;
	s->parked = true;
	all->nparked++;
	session_stop_listening(s);
	DL_APPEND2(all->parked, s, prev_parked, next_parked);
	if (!event_pending(all->unpark, EV_TIMEOUT, NULL) || later.tv_usec == 0)
		(void)event_add(all->unpark, &later);
}

void session_leave_park(struct session *s)
{
	if (!s->parked)
		return;
	s->parked = false;
	s->all->nparked--;
	DL_DELETE2(s->all->parked, s, prev_parked, next_parked);
}

void session_on_unpark(evutil_socket_t fd, short what, void *arg)
{
	struct sessions *all = arg;
	(void)fd;
	(void)what;
	all->at_work = true;
	session_flush_soon(all);
	/* Those that find no time go to the list's end. */
	for (uint64_t n = all->nparked; n > 0 && all->parked != NULL; n--) {
		struct session *s = all->parked;
		session_leave_park(s);
		session_begin_work(s);
		if (!session_may_begin(s)) {
			session_park(s);
			continue;
		}
		(void)session_listen(s);
		if (s->state == SESSION_OPEN)
			session_pump(s);
		session_end_work(s);
	}
	all->at_work = false;
}
