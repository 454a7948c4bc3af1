/*
 * transfer: makes ready, watches the time, and ends what the daemon's own end leaves no time for.
 */
#include "daemon/store/transfer.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/upstream/keeper.h"
#include "daemon/upstream/leader.h"

#define TICK_MS 100
#define PAUSE_MS 250u
#define DENIALS_MAX 2u

static void prepare(struct transfer *t);

/* -- the end ------------------------------------------------------------------------------------------------- */

static void stop_waiting(struct transfer *t)
{
	if (t->token_wait != NULL)
		token_wait_cancel(t->token_wait);
	if (t->search != NULL)
		leader_cancel(t->search);
	t->token_wait = NULL;
	t->search = NULL;
}

static void let_go(struct transfer *t)
{
	stop_waiting(t);
	if (t->token != NULL)
		token_release(t->token);
	free(t->node);
	t->token = NULL;
	t->node = NULL;
}

void transfer_end(struct transfer *t)
{
	struct transfers *all = t->all;

	let_go(t);
	event_del(&t->tick);
	event_del(&t->next_turn);
	LIST_REMOVE(t, link);
	all->count--;
	if (all->drained != NULL && all->count == 0)
		event_active(&all->drain_timer, EV_TIMEOUT, 0);
}

void transfer_fail(struct transfer *t, const struct failure *why)
{
	if (why != &t->failure)
		t->failure = *why;
	stop_waiting(t);
	t->step = TRANSFER_FAILED;
	transfer_yield(t);
}

static void fail_with(struct transfer *t, enum code code, const char *message)
{
	failure_set(&t->failure, code, "%s", message);
	transfer_fail(t, &t->failure);
}

/* -- turns and time ------------------------------------------------------------------------------------------ */

/* A timer, since what is made active at once would run before the loop looks at its sockets again. */
void transfer_yield(struct transfer *t)
{
	struct timeval now = {.tv_sec = 0};

	(void)evtimer_add(&t->next_turn, &now);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct transfer *t = arg;

	(void)fd;
	(void)what;
	if (t->step == TRANSFER_FAILED)
		t->ops->failed(t, &t->failure);
	else
		t->ops->turn(t);
}

void transfer_moved(struct transfer *t)
{
	t->moved_ms = clock_now_ms();
}

static void set_overdue(const struct transfer *t, bool deadline, struct failure *ret)
{
	if (t->step == TRANSFER_TOKEN)
		failure_set(ret, CODE_NOT_READY, "the login at OpenBao did not end in time");
	else if (t->failure.code != CODE_NONE)
		*ret = t->failure; /* what kept it waiting */
	else if (deadline)
		failure_set(ret, CODE_TIMEOUT, "the snapshot was not through in the time that was given");
	else
		failure_set(ret, CODE_TIMEOUT, "nothing of the snapshot has moved for %llu s",
		    (unsigned long long)(t->all->stall_ms / 1000));
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct transfer *t = arg;
	uint64_t now = clock_now_ms();
	struct failure why;

	(void)fd;
	(void)what;
	if (t->step == TRANSFER_FAILED)
		return;
	if (now >= t->deadline_ms || now - t->moved_ms >= t->all->stall_ms) {
		set_overdue(t, now >= t->deadline_ms, &why);
		t->ops->failed(t, &why);
	} else if (t->step == TRANSFER_PAUSE && now >= t->again_ms) {
		prepare(t);
	}
}

/* -- making ready -------------------------------------------------------------------------------------------- */

void transfer_again(struct transfer *t, const struct failure *why, uint64_t least_ms)
{
	if (why != &t->failure)
		t->failure = *why;
	let_go(t);
	t->step = TRANSFER_PAUSE;
	t->again_ms = clock_now_ms() + (least_ms > PAUSE_MS ? least_ms : PAUSE_MS);
}

static void on_found(void *arg, const char *node)
{
	struct transfer *t = arg;

	t->search = NULL;
	if (node == NULL) {
		failure_set(&t->failure, CODE_UNAVAILABLE, "OpenBao's leader cannot be reached from here");
		transfer_again(t, &t->failure, 0);
		return;
	}
	t->node = strdup(node);
	if (t->node == NULL) {
		fail_with(t, CODE_INTERNAL, "out of memory");
		return;
	}
	t->step = TRANSFER_READY;
	t->failure.code = CODE_NONE;
	t->ops->ready(t);
}

/* Whoever led a moment ago may not now, and a standby would do the wrong thing: so it is asked each time. */
static void find_leader(struct transfer *t)
{
	t->step = TRANSFER_LEADER;
	t->search = leader_find(t->all->leader, on_found, t);
	if (t->search == NULL)
		fail_with(t, CODE_INTERNAL, "out of memory");
}

static void on_token(void *arg, const struct failure *why)
{
	struct transfer *t = arg;

	t->token_wait = NULL;
	if (why != NULL)
		transfer_fail(t, why);
	else
		prepare(t);
}

static void prepare(struct transfer *t)
{
	struct keeper *keeper = t->all->keeper;

	let_go(t);
	if (keeper_reach(keeper) == REACH_DOWN) {
		fail_with(t, CODE_UNAVAILABLE, "OpenBao does not answer");
		return;
	}
	t->token = keeper_token(keeper);
	if (t->token != NULL) {
		find_leader(t);
		return;
	}
	t->step = TRANSFER_TOKEN;
	t->token_wait = keeper_wait(keeper, on_token, t);
	if (t->token_wait == NULL)
		fail_with(t, CODE_INTERNAL, "out of memory");
}

static void on_denied(void *arg, const struct failure *why)
{
	struct transfer *t = arg;

	t->token_wait = NULL;
	if (why != NULL)
		transfer_fail(t, why);
	else if (t->tries_again)
		prepare(t);
	else
		fail_with(t, CODE_NOT_READY, "the daemon's token had been revoked, and it has logged in anew: try again");
}

void transfer_denied(struct transfer *t, bool wrapped, const struct failure *why, bool tries_again)
{
	t->tries_again = tries_again;
	if (++t->denials > DENIALS_MAX) {
		transfer_fail(t, why);
		return;
	}
	t->step = TRANSFER_DENIED;
	t->token_wait = keeper_denied(t->all->keeper, t->token, wrapped, on_denied, t);
	if (t->token_wait == NULL)
		fail_with(t, CODE_INTERNAL, "out of memory");
}

void transfer_start(struct transfer *t, struct transfers *all, const struct transfer_ops *ops, uint64_t deadline_ms)
{
	struct timeval tick = {.tv_usec = TICK_MS * 1000};

	t->all = all;
	t->ops = ops;
	t->deadline_ms = deadline_ms;
	t->moved_ms = clock_now_ms();
	t->failure.code = CODE_NONE;
	LIST_INSERT_HEAD(&all->list, t, link);
	all->count++;
	(void)event_assign(&t->tick, all->base, -1, EV_PERSIST, on_tick, t);
	(void)evtimer_assign(&t->next_turn, all->base, on_turn, t);
	(void)event_add(&t->tick, &tick);
	if (all->draining)
		fail_with(t, CODE_UNAVAILABLE, "the daemon is stopping");
	else if (all->count > TRANSFERS_MAX)
		fail_with(t, CODE_OVERLOADED, "as many snapshots are under way as the daemon takes at a time");
	else
		prepare(t);
}

/* -- all of them --------------------------------------------------------------------------------------------- */

static void set_stopping(struct failure *ret)
{
	failure_set(ret, CODE_UNAVAILABLE, "the daemon is stopping");
}

static void fail_all(struct transfers *all)
{
	struct failure why;
	struct transfer *t;

	set_stopping(&why);
	while ((t = LIST_FIRST(&all->list)) != NULL)
		t->ops->failed(t, &why);
}

static void on_drained(evutil_socket_t fd, short what, void *arg)
{
	struct transfers *all = arg;
	void (*drained)(void *) = all->drained;

	(void)fd;
	(void)what;
	all->drained = NULL;
	fail_all(all);
	if (drained != NULL)
		drained(all->drained_arg);
}

void transfers_drain(struct transfers *all, uint64_t budget_ms, void (*drained)(void *arg), void *arg)
{
	struct timeval tv = clock_timeval(budget_ms);
	struct failure why;
	struct transfer *t;

	all->draining = true;
	all->drained = drained;
	all->drained_arg = arg;
	set_stopping(&why);
	LIST_FOREACH(t, &all->list, link) {
		if (t->ops->may_stop(t))
			transfer_fail(t, &why);
	}
	if (all->count == 0)
		event_active(&all->drain_timer, EV_TIMEOUT, 0);
	else
		(void)evtimer_add(&all->drain_timer, &tv);
}

struct transfers *transfers_new(struct event_base *base, struct api *api, struct keeper *keeper, struct leader *leader,
    struct kv *kv, uint64_t stall_ms)
{
	struct transfers *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all->base = base;
	all->api = api;
	all->keeper = keeper;
	all->leader = leader;
	all->kv = kv;
	all->stall_ms = stall_ms;
	LIST_INIT(&all->list);
	(void)evtimer_assign(&all->drain_timer, base, on_drained, all);
	return all;
}

void transfers_free(struct transfers *all)
{
	if (all == NULL)
		return;
	all->drained = NULL;
	fail_all(all);
	event_del(&all->drain_timer);
	free(all);
}
