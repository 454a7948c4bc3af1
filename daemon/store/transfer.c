/*
 * transfer: makes ready, watches the time, and ends what the daemon's own end leaves no time for.
 */
#include "daemon/store/transfer.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/host/log.h"
#include "daemon/upstream/leader.h"

#define TICK_MS 100
#define PAUSE_MS 250u
#define DENIALS_MAX 2u

static void transfer_prepare(struct transfer *t);

/* The only place where the state changes. */
static void transfer_enter(struct transfer *t, enum transfer_state state)
{
	static const char *const names[] = { [TRANSFER_TOKEN] = "token", [TRANSFER_LEADER] = "leader",
		[TRANSFER_READY] = "ready", [TRANSFER_DENIED] = "denied", [TRANSFER_PAUSE] = "pause",
		[TRANSFER_FAILED] = "failed" };

	if (state != t->state)
		log_debug("request %llu: snapshot: %s -> %s", (unsigned long long)t->number, names[t->state], names[state]);
	t->state = state;
}

/* -- the end ------------------------------------------------------------------------------------------------- */

static void transfer_let_go(struct transfer *t)
{
	attempt_let_go(&t->attempt);
	if (t->search != NULL)
		leader_cancel(t->search);
	t->search = NULL;
	free(t->node);
	t->node = NULL;
}

void transfer_end(struct transfer *t)
{
	struct transfers *all = t->all;

	transfer_let_go(t);
	event_del(&t->tick);
	event_del(&t->next_turn);
	LIST_REMOVE(t, link);
	if (--all->count > 0)
		return;
	drain_check(&all->drain, true);
	if (all->idle != NULL)
		all->idle(all->idle_arg);
}

/* Its owner may still need token and node. */
void transfer_fail(struct transfer *t, const struct failure *why)
{
	if (why != &t->attempt.failure)
		t->attempt.failure = *why;
	if (t->attempt.wait != NULL)
		token_wait_cancel(t->attempt.wait);
	if (t->search != NULL)
		leader_cancel(t->search);
	t->attempt.wait = NULL;
	t->search = NULL;
	transfer_enter(t, TRANSFER_FAILED);
	transfer_yield(t);
}

static void transfer_fail_with(struct transfer *t, enum code code, const char *message)
{
	failure_set(&t->attempt.failure, code, "%s", message);
	transfer_fail(t, &t->attempt.failure);
}

static void transfer_out_of_memory(struct transfer *t)
{
	transfer_fail_with(t, CODE_INTERNAL, "out of memory");
}

/* -- turns and time ------------------------------------------------------------------------------------------ */

/* A timer, since what is made active at once would run before the loop looks at its sockets again. */
void transfer_yield(struct transfer *t)
{
	struct timeval now = {.tv_sec = 0};

	(void)evtimer_add(&t->next_turn, &now);
}

static void transfer_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct transfer *t = arg;

	(void)fd;
	(void)what;
	if (t->state == TRANSFER_FAILED)
		t->ops->failed(t, &t->attempt.failure);
	else
		t->ops->turn(t);
}

void transfer_moved(struct transfer *t)
{
	t->moved_ms = clock_now_ms();
}

static void transfer_on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct transfer *t = arg;
	uint64_t now = clock_now_ms();
	struct failure why;

	(void)fd;
	(void)what;
	if (t->state == TRANSFER_FAILED)
		return;
	if (now < t->deadline_ms && now - t->moved_ms < t->all->stall_ms) {
		if (t->state == TRANSFER_PAUSE && now >= t->again_ms)
			transfer_prepare(t);
		return;
	}
	if (t->state == TRANSFER_TOKEN)
		failure_set(&why, CODE_NOT_READY, "the login at OpenBao did not end in time");
	else if (t->attempt.failure.code != CODE_NONE)
		why = t->attempt.failure; /* what kept it waiting */
	else if (now >= t->deadline_ms)
		failure_set(&why, CODE_TIMEOUT, "the snapshot was not through in the time that was given");
	else
		failure_set(&why, CODE_TIMEOUT, "nothing of the snapshot has moved for %llu s",
		    (unsigned long long)(t->all->stall_ms / 1000));
	t->ops->failed(t, &why);
}

/* -- making ready -------------------------------------------------------------------------------------------- */

static void transfer_pause(struct transfer *t, uint64_t least_ms)
{
	transfer_let_go(t);
	t->again_ms = clock_now_ms() + (least_ms > PAUSE_MS ? least_ms : PAUSE_MS);
	transfer_enter(t, TRANSFER_PAUSE);
}

static void transfer_on_found(void *arg, const char *node)
{
	struct transfer *t = arg;

	t->search = NULL;
	if (node == NULL) {
		failure_set(&t->attempt.failure, CODE_UNAVAILABLE, "OpenBao's leader cannot be reached from here");
		transfer_pause(t, 0);
		return;
	}
	t->node = strdup(node);
	if (t->node == NULL) {
		transfer_out_of_memory(t);
		return;
	}
	transfer_enter(t, TRANSFER_READY);
	t->attempt.failure.code = CODE_NONE;
	t->ops->ready(t);
}

static void transfer_on_login(void *arg, const struct failure *why)
{
	struct transfer *t = arg;

	t->attempt.wait = NULL;
	if (why != NULL)
		transfer_fail(t, why);
	else
		transfer_prepare(t);
}

static void transfer_prepare(struct transfer *t)
{
	transfer_let_go(t);
	if (keeper_reach(t->all->keeper) == REACH_DOWN) {
		transfer_fail_with(t, reach_code(REACH_DOWN), reach_words(REACH_DOWN));
	} else if (!attempt_take_token(&t->attempt)) {
		transfer_enter(t, TRANSFER_TOKEN);
		if (attempt_await_login(&t->attempt, transfer_on_login, t) != 0)
			transfer_out_of_memory(t);
	} else {
		/* Whoever led a moment ago may not now, and a standby would do the wrong thing: so it is asked each time. */
		transfer_enter(t, TRANSFER_LEADER);
		t->search = leader_find(t->all->leader, transfer_on_found, t);
		if (t->search == NULL)
			transfer_out_of_memory(t);
	}
}

static void transfer_on_verdict(void *arg, const struct failure *why)
{
	struct transfer *t = arg;

	t->attempt.wait = NULL;
	if (why != NULL)
		transfer_fail(t, why);
	else if (t->tries_again)
		transfer_prepare(t);
	else
		transfer_fail_with(t, CODE_NOT_READY, "the daemon's token had been revoked, and it has logged in anew: try again");
}

/* It is the node's word that counts, whatever is known of the others. */
void transfer_refused(struct transfer *t, const struct answer *answer, bool tries_again)
{
	t->tries_again = tries_again;
	switch (attempt_judge(&t->attempt, answer, REACH_UP)) {
	case ATTEMPT_FAILS:
		transfer_fail(t, &t->attempt.failure);
		break;
	case ATTEMPT_DENIED:
		t->attempt.failure.code = CODE_NONE; /* it is not known yet what it was */
		transfer_enter(t, TRANSFER_DENIED);
		if (attempt_await_verdict(&t->attempt, answer->denied_wrapped, transfer_on_verdict, t) != 0)
			transfer_out_of_memory(t);
		break;
	case ATTEMPT_PAUSES:
		transfer_pause(t, answer->again_ms);
		break;
	}
}

void transfer_start(struct transfer *t, struct transfers *all, const struct transfer_ops *ops, uint64_t number,
    uint64_t deadline_ms)
{
	struct timeval tick = {.tv_usec = TICK_MS * 1000};

	t->all = all;
	t->ops = ops;
	t->number = number;
	t->deadline_ms = deadline_ms;
	t->moved_ms = clock_now_ms();
	attempt_init(&t->attempt, all->keeper, DENIALS_MAX);
	LIST_INSERT_HEAD(&all->list, t, link);
	all->count++;
	(void)event_assign(&t->tick, all->base, -1, EV_PERSIST, transfer_on_tick, t);
	(void)evtimer_assign(&t->next_turn, all->base, transfer_on_turn, t);
	(void)event_add(&t->tick, &tick);
	if (all->stopping)
		transfer_fail_with(t, CODE_UNAVAILABLE, "the daemon is stopping");
	else if (all->count > TRANSFERS_MAX)
		transfer_fail_with(t, CODE_OVERLOADED, "as many snapshots are under way as the daemon takes at a time");
	else
		transfer_prepare(t);
}

/* -- all of them --------------------------------------------------------------------------------------------- */

static void transfers_fail(struct transfers *all)
{
	struct failure why;
	struct transfer *t;

	failure_set(&why, CODE_UNAVAILABLE, "the daemon is stopping");
	while ((t = LIST_FIRST(&all->list)) != NULL)
		t->ops->failed(t, &why);
}

static void transfers_on_drained(void *arg)
{
	struct transfers *all = arg;

	transfers_fail(all);
	all->drained(all->drained_arg);
}

void transfers_drain(struct transfers *all, uint64_t budget_ms, void (*drained)(void *arg), void *arg)
{
	struct transfer *t;

	all->stopping = true;
	all->drained = drained;
	all->drained_arg = arg;
	LIST_FOREACH(t, &all->list, link) {
		if (t->ops->may_stop(t))
			transfer_fail_with(t, CODE_UNAVAILABLE, "the daemon is stopping");
	}
	drain_begin(&all->drain, all->base, budget_ms, transfers_on_drained, all);
	drain_check(&all->drain, all->count == 0);
}

void transfers_watch_idle(struct transfers *all, void (*idle)(void *arg), void *arg)
{
	all->idle = idle;
	all->idle_arg = arg;
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
	return all;
}

void transfers_free(struct transfers *all)
{
	if (all == NULL)
		return;
	drain_end(&all->drain);
	all->idle = NULL;
	transfers_fail(all);
	free(all);
}
