/*
 * health: polls sys/health while OpenBao does not answer, so that nothing else has to try, and says in the log
 * what it finds: a warning when OpenBao goes away, a line for each further round of questions, a line when it is
 * back.
 */
#include "daemon/upstream/health.h"

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
#define HEALTH_TIMEOUT_MIN_MS 200 /* between questions, when requests fail and sys/health does not */

/* To one node. */
struct question {
	struct health *health;
	const char *address;
	struct http_call *call; /* NULL: answered, or not asked */
};

struct health {
	struct api *api;
	health_back *back;
	void *arg;
	void (*changed)(void *arg);
	void *changed_arg;
	enum health_state state;
	bool tls;                /* HEALTH_DOWN: because of the certificate, or of the handshake */
	uint64_t failed_ms;      /* when the first failure was told */
	uint64_t asked_ms;       /* when sys/health was asked last; 0: never */
	bool undecided;          /* a round of questions is under way, and no node was fit so far */
	enum health_state found; /* the best of its answers */
	bool found_tls;          /* HEALTH_DOWN: as above */
	struct event timer;      /* the next questions */
	size_t asking;           /* questions without an answer so far */
	size_t count;
	struct question questions[]; /* one for each address */
};

const char *health_state_name(enum health_state state)
{
	static const char *const names[] = {
		[HEALTH_UP] = "up",
		[HEALTH_SUSPECT] = "suspect",
		[HEALTH_DOWN] = "down",
		[HEALTH_SEALED] = "sealed",
		[HEALTH_NOT_INITIALIZED] = "not_initialized",
	};

	return names[state];
}

enum code health_code(enum health_state state)
{
	switch (state) {
	case HEALTH_UP:
	case HEALTH_SUSPECT:
		break;
	case HEALTH_DOWN:
		return CODE_UNAVAILABLE;
	case HEALTH_SEALED:
		return CODE_SEALED;
	case HEALTH_NOT_INITIALIZED:
		return CODE_NOT_INITIALIZED;
	}
	return CODE_NONE;
}

const char *health_words(enum health_state state)
{
	enum code code = health_code(state);

	return code != CODE_NONE ? code_meaning(code) : "";
}

static void ask_after(struct health *r, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);

	event_add(&r->timer, &tv);
}

static double seconds(uint64_t ms)
{
	return (double)ms / 1000;
}

/* The log is told more than callers are. */
static const char *health_log_words(enum health_state state, bool tls)
{
	return tls ? "OpenBao's certificate is not accepted, or the TLS handshake fails" : health_words(state);
}

static void tell_change(const struct health *r)
{
	if (r->changed != NULL)
		r->changed(r->changed_arg);
}

static void health_set_state(struct health *r, enum health_state state)
{
	if (state != r->state)
		log_debug("OpenBao: %s -> %s", health_state_name(r->state), health_state_name(state));
	r->state = state;
}

/* OpenBao is there, or at least something that answers in its place. */
static void set_up(struct health *r)
{
	enum health_state from = r->state;
	uint64_t outage = clock_now_ms() - r->failed_ms;

	health_set_state(r, HEALTH_UP);
	if (from != HEALTH_SUSPECT)
		log_info("OpenBao answers again after %.1f s", seconds(outage));
	r->back(r->arg, outage);
	tell_change(r);
}

uint64_t health_pause_ms(uint64_t (*random)(void *, uint64_t, uint64_t), void *arg)
{
	return random(arg, POLL_LOW_MS, POLL_HIGH_MS);
}

static uint64_t roll(void *arg, uint64_t low, uint64_t high)
{
	(void)arg;
	return clock_random(low, high);
}

static void set_down(struct health *r, enum health_state state, bool tls)
{
	uint64_t poll = health_pause_ms(roll, NULL);
	bool same = r->state == state && r->tls == tls;

	health_set_state(r, state);
	r->tls = tls;
	if (same)
		log_info("%s, still; asking again in %.1f s", health_log_words(state, tls), seconds(poll));
	else
		log_warning("%s; asking again in %.1f s", health_log_words(state, tls), seconds(poll));
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

static enum health_state meaning(const struct control *control)
{
	if (control->health && !control->initialized)
		return HEALTH_NOT_INITIALIZED;
	if (control->health && control->sealed)
		return HEALTH_SEALED;
	return control->result == CONTROL_OK || is_answer(control) ? HEALTH_UP : HEALTH_DOWN;
}

static void on_health_answer(void *arg, const struct control *control)
{
	struct question *q = arg;
	struct health *r = q->health;
	enum health_state state = meaning(control);

	q->call = NULL;
	r->asking--;
	if (state == HEALTH_UP) {
		r->undecided = false;
		if (r->state != HEALTH_UP)
			set_up(r);
		return;
	}
	api_node_failed(r->api, (size_t)(q - r->questions));
	r->found_tls |= state == HEALTH_DOWN && control->tls;
	if (r->found == HEALTH_DOWN || state == HEALTH_SEALED)
		r->found = state;
	if (r->undecided && r->asking == 0) {
		r->undecided = false;
		set_down(r, r->found, r->found == HEALTH_DOWN && r->found_tls);
	}
}

static void on_health_timer(evutil_socket_t fd, short what, void *arg)
{
	struct health *r = arg;

	(void)fd;
	(void)what;
	r->asked_ms = clock_now_ms();
	r->found = HEALTH_DOWN;
	r->found_tls = false;
	for (size_t i = 0; i < r->count; i++) {
		struct question *q = &r->questions[i];
		const struct api_request request = { .node = q->address, .deadline_ms = r->asked_ms + HEALTH_MS };

		if (q->call != NULL)
			continue; /* it is still being asked since the last time */
		q->call = api_ask_control(r->api, API_HEALTH, &request, on_health_answer, q);
		r->asking += q->call != NULL;
	}
	r->undecided = r->asking > 0;
	if (!r->undecided)
		ask_after(r, POLL_LOW_MS);
}

struct health *health_new(struct event_base *base, struct api *api, char *const *addresses, size_t count,
    health_back *back, void *arg)
{
	struct health *r = calloc(1, sizeof(*r) + count * sizeof(r->questions[0]));

	if (r == NULL)
		return NULL;
	r->api = api;
	r->back = back;
	r->arg = arg;
	r->count = count;
	for (size_t i = 0; i < count; i++)
		r->questions[i] = (struct question){ .health = r, .address = addresses[i] };
	if (evtimer_assign(&r->timer, base, on_health_timer, r) == 0)
		return r;
	free(r);
	return NULL;
}

void health_free(struct health *r)
{
	if (r == NULL)
		return;
	event_del(&r->timer);
	for (size_t i = 0; i < r->count; i++)
		http_cancel(r->questions[i].call);
	free(r);
}

void health_watch(struct health *r, void (*changed)(void *arg), void *arg)
{
	r->changed = changed;
	r->changed_arg = arg;
}

void health_failed(struct health *r)
{
	uint64_t now = clock_now_ms();

	if (r->state != HEALTH_UP)
		return;
	health_set_state(r, HEALTH_SUSPECT);
	r->tls = false;
	r->failed_ms = now;
	ask_after(r,
	    r->asked_ms != 0 && now < r->asked_ms + HEALTH_TIMEOUT_MIN_MS
		? r->asked_ms + HEALTH_TIMEOUT_MIN_MS - now
		: 0);
}

enum health_state health_state(const struct health *r)
{
	return r->state;
}
