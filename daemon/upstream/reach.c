/*
 * reach: polls sys/health while OpenBao does not answer, so that nothing else has to try, and says in the log what
 * it finds: a warning when OpenBao goes away, a line for each further round of questions, a line when it is back.
 */
#include "daemon/upstream/reach.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/host/log.h"
#include "daemon/upstream/api.h"

#define HEALTH_MS 3000
#define POLL_LOW_MS 1000
#define POLL_HIGH_MS 4000
#define HEALTH_LEAST_MS 200 /* between questions, when requests fail and sys/health does not */

/* To one node. */
struct question {
	struct reach *reach;
	const char *address;
	struct http_call *call; /* NULL: answered, or not asked */
};

struct reach {
	struct api *api;
	reach_back *back;
	void *arg;
	void (*changed)(void *arg);
	void *changed_arg;
	enum reach_state state;
	bool tls;               /* REACH_DOWN: because of the certificate, or of the handshake */
	uint64_t failed_ms;     /* when the first failure was told */
	uint64_t asked_ms;      /* when sys/health was asked last; 0: never */
	bool undecided;         /* a round of questions is under way, and no node was fit so far */
	enum reach_state found; /* the best of its answers */
	bool found_tls;         /* REACH_DOWN: as above */
	struct event timer;     /* the next questions */
	size_t asking;          /* questions without an answer so far */
	size_t count;
	struct question questions[]; /* one for each address */
};

const char *reach_state_name(enum reach_state state)
{
	static const char *const names[] = {
		[REACH_UP] = "up",
		[REACH_SUSPECT] = "suspect",
		[REACH_DOWN] = "down",
		[REACH_SEALED] = "sealed",
		[REACH_NOT_INITIALIZED] = "not_initialized",
	};

	return names[state];
}

enum code reach_code(enum reach_state state)
{
	switch (state) {
	case REACH_UP:
	case REACH_SUSPECT:
		break;
	case REACH_DOWN:
		return CODE_UNAVAILABLE;
	case REACH_SEALED:
		return CODE_SEALED;
	case REACH_NOT_INITIALIZED:
		return CODE_NOT_INITIALIZED;
	}
	return CODE_NONE;
}

const char *reach_words(enum reach_state state)
{
	enum code code = reach_code(state);

	return code != CODE_NONE ? code_meaning(code) : "";
}

static void ask_after(struct reach *r, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);

	event_add(&r->timer, &tv);
}

static double seconds(uint64_t ms)
{
	return (double)ms / 1000;
}

/* The log is told more than callers are. */
static const char *reach_log_words(enum reach_state state, bool tls)
{
	return tls ? "OpenBao's certificate is not accepted, or the TLS handshake fails" : reach_words(state);
}

static void tell_change(const struct reach *r)
{
	if (r->changed != NULL)
		r->changed(r->changed_arg);
}

static void reach_set_state(struct reach *r, enum reach_state state)
{
	if (state != r->state)
		log_debug("OpenBao: %s -> %s", reach_state_name(r->state), reach_state_name(state));
	r->state = state;
}

/* OpenBao is there, or at least something that answers in its place. */
static void set_up(struct reach *r)
{
	enum reach_state from = r->state;
	uint64_t outage = clock_now_ms() - r->failed_ms;

	reach_set_state(r, REACH_UP);
	if (from != REACH_SUSPECT)
		log_info("OpenBao answers again after %.1f s", seconds(outage));
	r->back(r->arg, outage);
	tell_change(r);
}

uint64_t reach_pause_ms(uint64_t (*random)(void *, uint64_t, uint64_t), void *arg)
{
	return random(arg, POLL_LOW_MS, POLL_HIGH_MS);
}

static uint64_t roll(void *arg, uint64_t low, uint64_t high)
{
	(void)arg;
	return clock_random(low, high);
}

static void set_down(struct reach *r, enum reach_state state, bool tls)
{
	uint64_t poll = reach_pause_ms(roll, NULL);
	bool same = r->state == state && r->tls == tls;

	reach_set_state(r, state);
	r->tls = tls;
	if (same)
		log_info("%s, still; asking again in %.1f s", reach_log_words(state, tls), seconds(poll));
	else
		log_warning("%s; asking again in %.1f s", reach_log_words(state, tls), seconds(poll));
	ask_after(r, poll);
	if (!same)
		tell_change(r);
}

/*
 * An answer that is none of OpenBao's own, as from a proxy in front that keeps sys/health to itself, has to do:
 * were it taken for silence, one lost request would end the service for good.
 */
static bool is_answer(const struct control *control)
{
	return control->result != CONTROL_UNREACHABLE && control->status != 0 && control->status < 500;
}

static enum reach_state meaning(const struct control *control)
{
	if (control->health && !control->initialized)
		return REACH_NOT_INITIALIZED;
	if (control->health && control->sealed)
		return REACH_SEALED;
	return control->result == CONTROL_OK || is_answer(control) ? REACH_UP : REACH_DOWN;
}

static void on_reach_health(void *arg, const struct control *control)
{
	struct question *q = arg;
	struct reach *r = q->reach;
	enum reach_state state = meaning(control);

	q->call = NULL;
	r->asking--;
	if (state == REACH_UP) {
		r->undecided = false;
		if (r->state != REACH_UP)
			set_up(r);
		return;
	}
	api_node_failed(r->api, (size_t)(q - r->questions));
	r->found_tls |= state == REACH_DOWN && control->tls;
	if (r->found == REACH_DOWN || state == REACH_SEALED)
		r->found = state;
	if (r->undecided && r->asking == 0) {
		r->undecided = false;
		set_down(r, r->found, r->found == REACH_DOWN && r->found_tls);
	}
}

static void on_reach_timer(evutil_socket_t fd, short what, void *arg)
{
	struct reach *r = arg;

	(void)fd;
	(void)what;
	r->asked_ms = clock_now_ms();
	r->found = REACH_DOWN;
	r->found_tls = false;
	for (size_t i = 0; i < r->count; i++) {
		struct question *q = &r->questions[i];
		const struct api_request request = { .node = q->address, .deadline_ms = r->asked_ms + HEALTH_MS };

		if (q->call != NULL)
			continue; /* it is still being asked since the last time */
		q->call = api_ask_control(r->api, API_HEALTH, &request, on_reach_health, q);
		r->asking += q->call != NULL;
	}
	r->undecided = r->asking > 0;
	if (!r->undecided)
		ask_after(r, POLL_LOW_MS);
}

struct reach *reach_new(struct event_base *base, struct api *api, char *const *addresses, size_t count,
    reach_back *back, void *arg)
{
	struct reach *r = calloc(1, sizeof(*r) + count * sizeof(r->questions[0]));

	if (r == NULL)
		return NULL;
	r->api = api;
	r->back = back;
	r->arg = arg;
	r->count = count;
	for (size_t i = 0; i < count; i++)
		r->questions[i] = (struct question){ .reach = r, .address = addresses[i] };
	if (evtimer_assign(&r->timer, base, on_reach_timer, r) == 0)
		return r;
	free(r);
	return NULL;
}

void reach_free(struct reach *r)
{
	if (r == NULL)
		return;
	event_del(&r->timer);
	for (size_t i = 0; i < r->count; i++)
		http_cancel(r->questions[i].call);
	free(r);
}

void reach_watch(struct reach *r, void (*changed)(void *arg), void *arg)
{
	r->changed = changed;
	r->changed_arg = arg;
}

void reach_failed(struct reach *r)
{
	uint64_t now = clock_now_ms();

	if (r->state != REACH_UP)
		return;
	reach_set_state(r, REACH_SUSPECT);
	r->tls = false;
	r->failed_ms = now;
	ask_after(r,
	    r->asked_ms != 0 && now < r->asked_ms + HEALTH_LEAST_MS ? r->asked_ms + HEALTH_LEAST_MS - now : 0);
}

enum reach_state reach_state(const struct reach *r)
{
	return r->state;
}
