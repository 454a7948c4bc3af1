/*
 * probe: keeps one question about OpenBao's health under way at a time, and the callers who wait for its answer,
 * each until its own deadline.
 */
#include "daemon/store/probe.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/drain.h"
#include "base/waiters.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/login.h"

#define TAG " (REQ-006, PX-0003)"

/*
 * A question is given up after this long. Otherwise a connection that died silently would be waited for without
 * end, as long as there is always somebody who waits.
 */
#define QUESTION_MS 5000u

struct probe_wait {
	struct waiter waiter; /* the first member, since the wait is found by it */
	struct probe *probe;
	struct event timer; /* runs at the deadline */
	probe_done *done;
	void *arg;
};

struct probe {
	struct event_base *base;
	struct api *api;
	struct login *login;
	struct http_call *question;
	struct waiters waiters;
	bool stopping;
	struct drain drain; /* tells when nobody waits any more */
};

static struct probe_wait *probe_wait_of(struct waiter *waiter)
{
	return (struct probe_wait *)(void *)waiter;
}

/* -- the end of a wait --------------------------------------------------------------------------------------- */

/* Frees a wait that is in no list any more. A question that nobody waits for is cancelled. */
static void probe_wait_free(struct probe_wait *wait)
{
	struct probe *p = wait->probe;

	event_del(&wait->timer);
	free(wait);
	if (!waiters_empty(&p->waiters))
		return;
	http_cancel(p->question);
	p->question = NULL;
	drain_check(&p->drain, true);
}

void probe_abandon(struct probe_wait *wait)
{
	waiters_remove(&wait->probe->waiters, &wait->waiter);
	probe_wait_free(wait);
}

/* Tells the outcome to a waiter that is in no list any more, and frees the wait. */
static void probe_wait_end(struct probe_wait *wait, const struct failure *why)
{
	probe_done *done = wait->done;
	void *arg = wait->arg;

	probe_wait_free(wait);
	done(arg, why);
}

static void probe_set_stopping(struct failure *ret)
{
	failure_set(ret, CODE_NOT_READY, "the daemon is stopping" TAG);
}

static void probe_on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct probe_wait *wait = arg;
	struct probe *p = wait->probe;
	struct failure why;

	(void)fd;
	(void)what;
	if (p->stopping) {
		probe_set_stopping(&why);
	} else {
		failure_set(&why, CODE_TIMEOUT, "OpenBao did not answer in time" TAG);
		login_unreachable(p->login);
	}
	waiters_remove(&p->waiters, &wait->waiter);
	probe_wait_end(wait, &why);
}

/* -- the question -------------------------------------------------------------------------------------------- */

static enum code probe_code_of(const struct control *c)
{
	if (c->health && !c->initialized)
		return CODE_NOT_INITIALIZED;
	if (c->health && c->sealed)
		return CODE_SEALED;
	switch (c->result) {
	case CONTROL_OK:
		return CODE_NONE;
	case CONTROL_EMPTY:
		return CODE_EMPTY_RESPONSE;
	case CONTROL_UNREACHABLE:
		return CODE_UNAVAILABLE;
	default:
		return c->outcome == HTTP_INTERNAL ? CODE_INTERNAL : CODE_UPSTREAM_ERROR;
	}
}

/*
 * Returns false, with *ret set, if OpenBao is not fit to serve. Neither OpenBao's own words nor curl's are passed
 * on.
 */
static bool probe_is_fit(const struct control *c, struct failure *ret)
{
	enum code code = probe_code_of(c);

	if (code == CODE_NONE)
		return true;
	if (c->foreign)
		failure_set(ret, code, "%s, with HTTP status %d" TAG, c->reason, c->status);
	else if (!c->health && c->status >= 300)
		failure_set(ret, code, "OpenBao answered with HTTP status %d" TAG, c->status);
	else
		failure_set(ret, code, "%s" TAG, c->reason);
	ret->status = c->status;
	return false;
}

/* The reference counts as ready only after the first login, since it has no client before. */
static bool probe_has_logged_in(const struct probe *p, struct failure *ret)
{
	struct login_status status;

	login_status(p->login, &status);
	if (status.logged_in_ms != 0)
		return true;
	failure_set(ret, CODE_NOT_READY, "OpenBao is healthy, but the daemon has not logged in yet" TAG);
	return false;
}

static void probe_wait_end_all(struct probe *p, const struct failure *why)
{
	unsigned round = waiters_end_round(&p->waiters);
	struct waiter *waiter;

	while ((waiter = waiters_take(&p->waiters, round)) != NULL)
		probe_wait_end(probe_wait_of(waiter), why);
}

static void probe_on_health(void *arg, const struct control *control);

static int probe_ask_health(struct probe *p)
{
	p->question = api_ask_control(p->api, API_HEALTH,
	    &(struct api_request){ .deadline_ms = clock_now_ms() + QUESTION_MS }, probe_on_health, p);
	return p->question != NULL ? 0 : -1;
}

static void probe_on_health(void *arg, const struct control *control)
{
	struct probe *p = arg;
	struct failure why;
	bool good;

	p->question = NULL;
	if (control->result == CONTROL_UNREACHABLE)
		login_unreachable(p->login);
	/*
	 * The waiters that are left have time for another try, on another connection and perhaps at another
	 * address.
	 */
	if (control->outcome == HTTP_DEADLINE && probe_ask_health(p) == 0)
		return;
	good = probe_is_fit(control, &why) && probe_has_logged_in(p, &why);
	probe_wait_end_all(p, good ? NULL : &why);
}

/* -- callers ------------------------------------------------------------------------------------------------- */

struct probe_wait *probe_ask(struct probe *p, uint64_t deadline_ms, probe_done *done, void *arg)
{
	struct timeval tv = clock_until(p->stopping ? 0 : deadline_ms);
	struct probe_wait *wait = calloc(1, sizeof(*wait));

	if (wait == NULL || evtimer_assign(&wait->timer, p->base, probe_on_deadline, wait) != 0 ||
	    evtimer_add(&wait->timer, &tv) != 0) {
		free(wait);
		return NULL;
	}
	wait->probe = p;
	wait->done = done;
	wait->arg = arg;
	waiters_add(&p->waiters, &wait->waiter);
	if (p->question != NULL || p->stopping || probe_ask_health(p) == 0)
		return wait;
	probe_abandon(wait);
	return NULL;
}

void probe_when_idle(struct probe *p, void (*idle)(void *arg), void *arg)
{
	drain_begin(&p->drain, p->base, CLOCK_NEVER, idle, arg);
	drain_check(&p->drain, waiters_empty(&p->waiters));
}

void probe_stop(struct probe *p)
{
	struct failure why;

	p->stopping = true;
	probe_set_stopping(&why);
	probe_wait_end_all(p, &why);
}

struct probe *probe_new(struct event_base *base, struct api *api, struct login *login)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->base = base;
	p->api = api;
	p->login = login;
	return p;
}

void probe_free(struct probe *p)
{
	if (p == NULL)
		return;
	drain_end(&p->drain);
	while (!waiters_empty(&p->waiters))
		probe_abandon(probe_wait_of(p->waiters.list));
	free(p);
}
