/*
 * health: polls sys/health while OpenBao does not answer, so that nothing else has to try. It logs a warning when
 * OpenBao goes away, what is wrong with each node after 1, 2, 4, 8 … minutes, and a line when OpenBao is back.
 * http.c logs that an address is not reached, and why, when that begins, and its end.
 */
#include "daemon/upstream/health.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/host/log.h"
#include "daemon/upstream/api.h"

#define HEALTH_TIMEOUT_MS 3000
#define POLL_LOW_MS 1000
#define POLL_HIGH_MS 4000
#define TELL_FIRST_MS 60000
#define ASK_INTERVAL_MIN_MS 200 /* between rounds, when requests fail and sys/health does not */

/* The question to one node. */
struct question {
	struct health *health;
	const char *address;
	struct http_call *call; /* under way; NULL: it was answered, or not asked */
	bool told;              /* it is logged that the node answers and is not fit, and not yet that it is */
};

struct health {
	struct api *api;
	health_recovered *back;
	void *arg;
	void (*changed)(void *arg);
	void *changed_arg;
	enum health_state state;
	bool tls;                /* HEALTH_DOWN: the certificate or the TLS handshake is the reason */
	uint64_t failed_ms;      /* when the first failure was told */
	uint64_t tell_after_ms;  /* how long the outage must last to be logged again */
	bool telling;            /* this round's answers are logged */
	uint64_t asked_ms;       /* when sys/health was asked last; 0: never */
	bool undecided;          /* a round of questions is under way, and no node was fit so far */
	enum health_state found; /* what the round's answers amount to so far */
	bool found_tls;          /* what tls is to become, if the round ends with HEALTH_DOWN */
	struct event timer;      /* when the next round begins */
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

static void ask_health_after(struct health *health, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);

	event_add(&health->timer, &tv);
}

static double to_seconds(uint64_t ms)
{
	return (double)ms / 1000;
}

/* Gives the words for the log, which may say more than callers are told. */
static const char *health_log_words(enum health_state state, bool tls)
{
	return tls ? "OpenBao's certificate is not accepted, or the TLS handshake fails" : health_words(state);
}

static void tell_change(const struct health *health)
{
	if (health->changed != NULL)
		health->changed(health->changed_arg);
}

static void health_set_state(struct health *health, enum health_state state)
{
	if (state != health->state)
		log_debug("OpenBao: %s -> %s", health_state_name(health->state), health_state_name(state));
	health->state = state;
}

/* The node is fit, or something answers in its place. */
static void enter_up(struct health *health, const char *node)
{
	enum health_state from = health->state;
	uint64_t outage = clock_now_ms() - health->failed_ms;

	health_set_state(health, HEALTH_UP);
	if (from != HEALTH_SUSPECT)
		log_info("OpenBao answers again after %.1f s, at %s", to_seconds(outage), node);
	health->back(health->arg, outage);
	tell_change(health);
}

uint64_t health_pause_ms(uint64_t (*random)(void *, uint64_t, uint64_t), void *arg)
{
	return random(arg, POLL_LOW_MS, POLL_HIGH_MS);
}

bool health_tells(uint64_t *after_ms, uint64_t outage_ms)
{
	if (outage_ms < *after_ms)
		return false;
	while (*after_ms <= outage_ms)
		*after_ms *= 2;
	return true;
}

static uint64_t health_random(void *arg, uint64_t low, uint64_t high)
{
	(void)arg;
	return clock_random(low, high);
}

static void enter_down(struct health *health, enum health_state state, bool tls)
{
	uint64_t poll = health_pause_ms(health_random, NULL);
	bool same = health->state == state && health->tls == tls;

	health_set_state(health, state);
	health->tls = tls;
	if (same && health->telling)
		log_info("%s, for %.0f min now; it is asked every few seconds", health_log_words(state, tls),
		    to_seconds(health->asked_ms - health->failed_ms) / 60);
	else if (same)
		log_debug("%s, still; asking again in %.1f s", health_log_words(state, tls), to_seconds(poll));
	else
		log_warning("%s; asking again in %.1f s", health_log_words(state, tls), to_seconds(poll));
	ask_health_after(health, poll);
	if (!same)
		tell_change(health);
}

/*
 * Tells whether something else than OpenBao answered, such as a proxy that does not pass sys/health on. This
 * counts as fit: if it counted as no answer one lost request would put OpenBao down for good. An answer that was
 * not taken to its end counts as none, although its status is known.
 */
static bool is_foreign_answer(const struct control *control)
{
	return control->outcome == HTTP_REPLY && control->result != CONTROL_UNREACHABLE && control->status < 500;
}

static enum health_state health_meaning(const struct control *control)
{
	if (control->health && !control->initialized)
		return HEALTH_NOT_INITIALIZED;
	if (control->health && control->sealed)
		return HEALTH_SEALED;
	return control->result == CONTROL_OK || is_foreign_answer(control) ? HEALTH_UP : HEALTH_DOWN;
}

/*
 * Logs what is wrong with a node: when it answers and is not fit, once, and in a round that is told anyhow.
 */
static void tell_node(struct question *question, const struct control *control)
{
	bool answered = control->outcome == HTTP_REPLY;

	if (!question->health->telling && (!answered || question->told))
		return;
	question->told |= answered;
	if (!answered)
		log_warning("OpenBao at %s is not reached: %s", question->address, control->why);
	else if (control->health)
		log_warning("OpenBao at %s is not fit: %s", question->address, control->reason);
	else
		log_warning("OpenBao at %s is not fit: HTTP status %d", question->address, control->status);
}

static void on_health_answer(void *arg, const struct control *control)
{
	struct question *question = arg;
	struct health *health = question->health;
	enum health_state state = health_meaning(control);

	question->call = NULL;
	health->asking--;
	if (state == HEALTH_UP) {
		if (control->foreign && !question->told)
			log_warning("OpenBao at %s: %s, with HTTP status %d", question->address, control->reason,
			    control->status);
		else if (!control->foreign && question->told)
			log_info("OpenBao at %s is fit again", question->address);
		question->told = control->foreign;
		health->undecided = false;
		if (health->state != HEALTH_UP)
			enter_up(health, question->address);
		return;
	}
	tell_node(question, control);
	api_node_failed(health->api, (size_t)(question - health->questions));
	health->found_tls |= state == HEALTH_DOWN && control->tls;
	if (health->found == HEALTH_DOWN || state == HEALTH_SEALED)
		health->found = state;
	if (health->undecided && health->asking == 0) {
		health->undecided = false;
		enter_down(health, health->found, health->found == HEALTH_DOWN && health->found_tls);
	}
}

static void on_health_timer(evutil_socket_t fd, short what, void *arg)
{
	struct health *health = arg;

	(void)fd;
	(void)what;
	health->asked_ms = clock_now_ms();
	health->telling = health_tells(&health->tell_after_ms, health->asked_ms - health->failed_ms);
	health->found = HEALTH_DOWN;
	health->found_tls = false;
	for (size_t i = 0; i < health->count; i++) {
		struct question *question = &health->questions[i];
		const struct api_request request = { .node = question->address,
			.deadline_ms = health->asked_ms + HEALTH_TIMEOUT_MS };

		if (question->call != NULL)
			continue; /* the question of an earlier round has not been answered yet */
		question->call = api_ask_control(health->api, API_HEALTH, &request, on_health_answer, question);
		health->asking += question->call != NULL;
	}
	health->undecided = health->asking > 0;
	if (!health->undecided)
		ask_health_after(health, POLL_LOW_MS);
}

struct health *health_new(struct event_base *base, struct api *api, char *const *addresses, size_t count,
    health_recovered *back, void *arg)
{
	struct health *health = calloc(1, sizeof(*health) + count * sizeof(health->questions[0]));

	if (health == NULL)
		return NULL;
	health->api = api;
	health->back = back;
	health->arg = arg;
	health->count = count;
	for (size_t i = 0; i < count; i++)
		health->questions[i] = (struct question){ .health = health, .address = addresses[i] };
	if (evtimer_assign(&health->timer, base, on_health_timer, health) == 0)
		return health;
	free(health);
	return NULL;
}

void health_free(struct health *health)
{
	if (health == NULL)
		return;
	event_del(&health->timer);
	for (size_t i = 0; i < health->count; i++)
		http_cancel(health->questions[i].call);
	free(health);
}

void health_watch(struct health *health, void (*changed)(void *arg), void *arg)
{
	health->changed = changed;
	health->changed_arg = arg;
}

void health_failed(struct health *health)
{
	uint64_t now = clock_now_ms();

	if (health->state != HEALTH_UP)
		return;
	health_set_state(health, HEALTH_SUSPECT);
	health->tls = false;
	health->failed_ms = now;
	health->tell_after_ms = TELL_FIRST_MS;
	ask_health_after(health,
	    health->asked_ms != 0 && now < health->asked_ms + ASK_INTERVAL_MIN_MS
		? health->asked_ms + ASK_INTERVAL_MIN_MS - now
		: 0);
}

enum health_state health_state(const struct health *health)
{
	return health->state;
}
