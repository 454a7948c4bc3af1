/*
 * probe: one question about OpenBao's health at a time, those who wait for its answer, each until a deadline of its
 * own, and what the answer means.
 */
#include "daemon/store/probe.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/keeper.h"

#define TAG " (REQ-006, PX-0003)"

/*
 * So long a question may take. A connection that died without a word would otherwise be waited for without end, as
 * long as there is always somebody who waits.
 */
#define QUESTION_MS 5000u

struct probe_wait {
	struct probe_wait *prev, *next;
	struct probe *probe;
	unsigned round;     /* that of the question it waits for */
	struct event timer; /* the deadline */
	probe_done *done;
	void *arg;
};

struct probe {
	struct event_base *base;
	struct api *api;
	struct keeper *keeper;
	struct http_call *question;
	unsigned round; /* counts the questions that were answered */
	struct probe_wait *waits;
	bool stopping;
};

/* -- the end of a wait --------------------------------------------------------------------------------------- */

/* A question that nobody waits for any more is not worth a connection. */
static void leave(struct probe_wait *wait)
{
	struct probe *p = wait->probe;

	DL_DELETE(p->waits, wait);
	event_del(&wait->timer);
	free(wait);
	if (p->waits != NULL || p->question == NULL)
		return;
	http_cancel(p->question);
	p->question = NULL;
}

static void tell(struct probe_wait *wait, const struct failure *why)
{
	probe_done *done = wait->done;
	void *arg = wait->arg;

	leave(wait);
	done(arg, why);
}

static void set_stopping(struct failure *ret)
{
	failure_set(ret, CODE_NOT_READY, "the daemon is stopping" TAG);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct probe_wait *wait = arg;
	struct probe *p = wait->probe;
	struct failure why;

	(void)fd;
	(void)what;
	if (p->stopping) {
		set_stopping(&why);
	} else {
		failure_set(&why, CODE_TIMEOUT, "OpenBao did not answer in time" TAG);
		keeper_unreachable(p->keeper);
	}
	tell(wait, &why);
}

/* -- the question -------------------------------------------------------------------------------------------- */

static enum code code_of(const struct control *c)
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

/* False, with *ret set, if OpenBao is not fit. Of its own words, and of curl's, none is passed on. */
static bool is_fit(const struct control *c, struct failure *ret)
{
	enum code code = code_of(c);

	if (code == CODE_NONE)
		return true;
	if (!c->health && c->status >= 300)
		failure_set(ret, code, "OpenBao answered with HTTP status %d" TAG, c->status);
	else
		failure_set(ret, code, "%s" TAG, c->reason);
	ret->status = c->status;
	return false;
}

/* The reference has a client only once the first login has succeeded. */
static bool has_logged_in(const struct probe *p, struct failure *ret)
{
	struct keeper_status status;

	keeper_status(p->keeper, &status);
	if (status.logins > 0)
		return true;
	failure_set(ret, CODE_NOT_READY, "OpenBao is healthy, but the daemon has not logged in yet" TAG);
	return false;
}

/* A done may ask again, or abandon other waits: the list is looked at anew each time. */
static void tell_all(struct probe *p, const struct failure *why)
{
	unsigned round = p->round++;

	while (p->waits != NULL && p->waits->round == round)
		tell(p->waits, why);
}

static void on_health(void *arg, const struct control *control);

static int ask(struct probe *p)
{
	p->question = api_ask_control(p->api, API_HEALTH,
	    &(struct api_request){.deadline_ms = clock_now_ms() + QUESTION_MS}, on_health, p);
	return p->question != NULL ? 0 : -1;
}

static void on_health(void *arg, const struct control *control)
{
	struct probe *p = arg;
	struct failure why;
	bool good;

	p->question = NULL;
	if (control->result == CONTROL_UNREACHABLE)
		keeper_unreachable(p->keeper);
	/* Who is left has time for another try, on another connection and perhaps at another address. */
	if (control->outcome == HTTP_DEADLINE && ask(p) == 0)
		return;
	good = is_fit(control, &why) && has_logged_in(p, &why);
	tell_all(p, good ? NULL : &why);
}

/* -- callers ------------------------------------------------------------------------------------------------- */

struct probe_wait *probe_ask(struct probe *p, uint64_t deadline_ms, probe_done *done, void *arg)
{
	uint64_t now = clock_now_ms(), left = p->stopping || deadline_ms <= now ? 0 : deadline_ms - now;
	struct timeval tv = clock_timeval(left);
	struct probe_wait *wait = calloc(1, sizeof(*wait));

	if (wait == NULL || evtimer_assign(&wait->timer, p->base, on_deadline, wait) != 0 ||
	    evtimer_add(&wait->timer, &tv) != 0) {
		free(wait);
		return NULL;
	}
	wait->probe = p;
	wait->round = p->round;
	wait->done = done;
	wait->arg = arg;
	DL_APPEND(p->waits, wait);
	if (p->question != NULL || p->stopping || ask(p) == 0)
		return wait;
	leave(wait);
	return NULL;
}

void probe_abandon(struct probe_wait *wait)
{
	leave(wait);
}

bool probe_is_idle(const struct probe *p)
{
	return p->waits == NULL;
}

void probe_stop(struct probe *p)
{
	struct failure why;

	p->stopping = true;
	set_stopping(&why);
	tell_all(p, &why);
}

struct probe *probe_new(struct event_base *base, struct api *api, struct keeper *keeper)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->base = base;
	p->api = api;
	p->keeper = keeper;
	return p;
}

void probe_free(struct probe *p)
{
	if (p == NULL)
		return;
	while (p->waits != NULL)
		leave(p->waits);
	free(p);
}
