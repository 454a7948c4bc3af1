/*
 * transfer: makes transfers ready, watches their time, and ends those that have not ended when the daemon stops.
 */
#include "daemon/store/transfer.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/host/log.h"
#include "daemon/upstream/leader.h"

#define TICK_MS 100
#define PAUSE_MS 250u
#define DENIALS_MAX 2u

static void transfer_prepare(struct attempt *a);

/* Sets the state; nothing else does. */
static void transfer_set_state(struct transfer *t, enum transfer_state state)
{
	static const char *const names[] = { [TRANSFER_TOKEN] = "token",
		[TRANSFER_LEADER] = "leader",
		[TRANSFER_READY] = "ready",
		[TRANSFER_DENIED] = "denied",
		[TRANSFER_PAUSE] = "pause",
		[TRANSFER_FAILED] = "failed" };

	if (state != t->state)
		log_request(t->number, "snapshot: %s -> %s", names[t->state], names[state]);
	t->state = state;
}

/* -- the end ------------------------------------------------------------------------------------------------- */

static struct transfer *transfer_of(struct attempt *a)
{
	return (struct transfer *)(void *)a;
}

void transfer_end(struct transfer *t)
{
	struct transfers *transfers = t->transfers;

	attempt_release(&t->attempt);
	event_del(&t->tick);
	event_del(&t->resume_event);
	LIST_REMOVE(t, link);
	drain_check(&transfers->drain, --transfers->count == 0);
}

static void transfer_fail_later(struct attempt *a)
{
	struct transfer *t = transfer_of(a);

	attempt_stop_waiting(a); /* the owner may still need token and node */
	transfer_set_state(t, TRANSFER_FAILED);
	transfer_yield(t);
}

void transfer_fail(struct transfer *t, enum code code, const char *message)
{
	failure_set(&t->attempt.failure, code, "%s", message);
	transfer_fail_later(&t->attempt);
}

void transfer_fail_with(struct transfer *t, const struct failure *why)
{
	t->attempt.failure = *why;
	transfer_fail_later(&t->attempt);
}

static void transfer_await(struct transfer *t, enum transfer_state state, bool begun)
{
	if (begun)
		transfer_set_state(t, state);
	else
		transfer_fail(t, CODE_INTERNAL, "out of memory");
}

/* -- turns and time ------------------------------------------------------------------------------------------ */

/* This takes a timer, since an event that is made active runs before the loop looks at its sockets again. */
void transfer_yield(struct transfer *t)
{
	struct timeval now = { .tv_sec = 0 };

	(void)evtimer_add(&t->resume_event, &now);
}

static void transfer_on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct transfer *t = arg;

	(void)fd;
	(void)what;
	if (t->state == TRANSFER_FAILED)
		t->ops->failed(t, &t->attempt.failure);
	else
		t->ops->resume(t);
}

void transfer_note_progress(struct transfer *t)
{
	t->progress_ms = clock_now_ms();
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
	if (now < t->deadline_ms && now - t->progress_ms < t->transfers->stall_ms) {
		if (t->state == TRANSFER_PAUSE && now >= t->again_ms)
			transfer_prepare(&t->attempt);
		return;
	}
	if (t->state == TRANSFER_TOKEN)
		failure_set(&why, CODE_NOT_READY, "the login at OpenBao did not end in time");
	else if (t->attempt.failure.code != CODE_NONE)
		why = t->attempt.failure; /* the reason why it was waiting */
	else if (now >= t->deadline_ms)
		failure_set(&why, CODE_TIMEOUT, "the snapshot was not through in the time that was given");
	else
		failure_set(&why, CODE_TIMEOUT, "nothing of the snapshot has moved for %llu s",
		    (unsigned long long)(t->transfers->stall_ms / 1000));
	t->ops->failed(t, &why);
}

/* -- making ready -------------------------------------------------------------------------------------------- */

static void transfer_pause(struct transfer *t, uint64_t least_ms)
{
	attempt_release(&t->attempt);
	t->again_ms = clock_now_ms() + (least_ms > PAUSE_MS ? least_ms : PAUSE_MS);
	transfer_set_state(t, TRANSFER_PAUSE);
}

static void transfer_on_found(void *arg, const char *node)
{
	struct transfer *t = arg;

	t->attempt.search = NULL;
	if (node == NULL) {
		failure_set(&t->attempt.failure, CODE_UNAVAILABLE, "OpenBao's leader cannot be reached from here");
		transfer_pause(t, 0);
	} else if (attempt_set_node(&t->attempt, node)) {
		transfer_set_state(t, TRANSFER_READY);
		t->attempt.failure.code = CODE_NONE;
		t->ops->ready(t);
	} else {
		transfer_fail(t, CODE_INTERNAL, "out of memory");
	}
}

static void transfer_prepare(struct attempt *a)
{
	struct transfer *t = transfer_of(a);

	if (t->state == TRANSFER_DENIED && !t->tries_again) {
		transfer_fail(t, CODE_NOT_READY,
		    "the daemon's token had been revoked, and it has logged in anew: try again");
		return;
	}
	attempt_release(a);
	if (login_health(a->login) == HEALTH_DOWN) {
		transfer_fail(t, health_code(HEALTH_DOWN), health_words(HEALTH_DOWN));
	} else if (!attempt_take_token(a)) {
		transfer_await(t, TRANSFER_TOKEN, attempt_await_login(a));
	} else {
		/*
		 * The leader is looked for anew each time: the node that led a moment ago may be a standby by now,
		 * which would do the wrong thing.
		 */
		a->search = leader_find(t->transfers->leader, transfer_on_found, t);
		transfer_await(t, TRANSFER_LEADER, a->search != NULL);
	}
}

/* Only the word of the node that was asked counts here, whatever is known of the others: hence HEALTH_UP. */
void transfer_refused(struct transfer *t, const struct answer *answer, bool tries_again)
{
	struct attempt *a = &t->attempt;

	t->tries_again = tries_again;
	switch (attempt_judge(a, answer, HEALTH_UP)) {
	case ATTEMPT_FAILS:
		transfer_fail_later(a);
		break;
	case ATTEMPT_DENIED:
		a->failure.code = CODE_NONE; /* the failure is not known yet */
		transfer_await(t, TRANSFER_DENIED, attempt_await_verdict(a, answer->denied_wrapped));
		break;
	case ATTEMPT_PAUSES:
		transfer_pause(t, answer->again_ms);
		break;
	}
}

void transfer_start(struct transfer *t, struct transfers *transfers, const struct transfer_ops *ops,
    uint64_t number, uint64_t deadline_ms)
{
	static const struct attempt_ops attempt_ops = { .go_on = transfer_prepare, .failed = transfer_fail_later };
	struct timeval tick = { .tv_usec = TICK_MS * 1000 };

	t->transfers = transfers;
	t->ops = ops;
	t->number = number;
	t->deadline_ms = deadline_ms;
	t->progress_ms = clock_now_ms();
	t->attempt = (struct attempt){ .ops = &attempt_ops,
		.login = transfers->login,
		.denials_max = DENIALS_MAX };
	LIST_INSERT_HEAD(&transfers->list, t, link);
	transfers->count++;
	(void)event_assign(&t->tick, transfers->base, -1, EV_PERSIST, transfer_on_tick, t);
	(void)evtimer_assign(&t->resume_event, transfers->base, transfer_on_resume, t);
	(void)event_add(&t->tick, &tick);
	if (transfers->stopping)
		transfer_fail(t, CODE_UNAVAILABLE, "the daemon is stopping");
	else if (transfers->count > TRANSFERS_MAX)
		transfer_fail(t, CODE_OVERLOADED, "as many snapshots are under way as the daemon takes at a time");
	else
		transfer_prepare(&t->attempt);
}

/* -- all of them --------------------------------------------------------------------------------------------- */

static void transfers_fail(struct transfers *transfers)
{
	struct failure why;
	struct transfer *t;

	failure_set(&why, CODE_UNAVAILABLE, "the daemon is stopping");
	while ((t = LIST_FIRST(&transfers->list)) != NULL)
		t->ops->failed(t, &why);
}

static void transfers_on_drained(void *arg)
{
	struct transfers *transfers = arg;

	transfers_fail(transfers);
	transfers->drained(transfers->drained_arg);
}

void transfers_drain(struct transfers *transfers, uint64_t budget_ms, void (*drained)(void *arg), void *arg)
{
	struct transfer *t;

	transfers->stopping = true;
	transfers->drained = drained;
	transfers->drained_arg = arg;
	LIST_FOREACH(t, &transfers->list, link) {
		if (t->ops->may_stop(t))
			transfer_fail(t, CODE_UNAVAILABLE, "the daemon is stopping");
	}
	drain_begin(&transfers->drain, transfers->base, budget_ms, transfers_on_drained, transfers);
	drain_check(&transfers->drain, transfers->count == 0);
}

void transfers_when_idle(struct transfers *transfers, void (*idle)(void *arg), void *arg)
{
	drain_begin(&transfers->drain, transfers->base, CLOCK_NEVER, idle, arg);
	drain_check(&transfers->drain, transfers->count == 0);
}

struct transfers *transfers_new(struct event_base *base, struct api *api, struct login *login,
    struct leader *leader, struct kv *kv, uint64_t stall_ms)
{
	struct transfers *transfers = calloc(1, sizeof(*transfers));

	if (transfers == NULL)
		return NULL;
	transfers->base = base;
	transfers->api = api;
	transfers->login = login;
	transfers->leader = leader;
	transfers->kv = kv;
	transfers->stall_ms = stall_ms;
	LIST_INIT(&transfers->list);
	return transfers;
}

void transfers_free(struct transfers *transfers)
{
	if (transfers == NULL)
		return;
	drain_end(&transfers->drain);
	transfers_fail(transfers);
	free(transfers);
}
