/*
 * leader: asks all configured addresses, so that one that does not answer holds up nobody, and if none of them
 * leads the node that one of them named.
 */
#include "daemon/upstream/leader.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/waiters.h"
#include "daemon/host/log.h"
#include "daemon/upstream/api.h"

#define QUESTION_MS 3000

struct leader_wait {
	struct waiter waiter; /* the first member */
	struct leader *leader;
	leader_found *found;
	void *arg;
};

/* To one node. */
struct question {
	struct leader *leader;
	const char *node;
	struct http_call *call; /* NULL: answered, or not asked */
};

struct leader {
	struct api *api;
	char *known; /* NULL: not known */
	bool was_found;
	struct waiters waits;
	size_t asking; /* questions without an answer so far */
	char *named;   /* whom a node named as its leader */
	bool named_asked;
	const char *why;    /* no leader is found so far, though nodes answer; NULL: none has */
	const char *logged; /* that why; NULL: a leader was found since */
	size_t count;
	struct question questions[]; /* one for each address, and one for the node that was named */
};

struct leader *leader_new(struct api *api, char *const *addresses, size_t count)
{
	struct leader *l = calloc(1, sizeof(*l) + (count + 1) * sizeof(l->questions[0]));

	if (l == NULL)
		return NULL;
	l->api = api;
	l->count = count;
	for (size_t i = 0; i < count; i++)
		l->questions[i] = (struct question){ .leader = l, .node = addresses[i] };
	l->questions[count].leader = l;
	return l;
}

static void cancel_search(struct leader *l)
{
	for (size_t i = 0; i <= l->count; i++) {
		http_cancel(l->questions[i].call);
		l->questions[i].call = NULL;
	}
	l->asking = 0;
}

void leader_free(struct leader *l)
{
	if (l == NULL)
		return;
	cancel_search(l);
	while (!waiters_empty(&l->waits))
		leader_cancel((struct leader_wait *)(void *)l->waits.list);
	free(l->known);
	free(l->named);
	free(l);
}

const char *leader_known(const struct leader *l)
{
	return l->known;
}

bool leader_was_found(const struct leader *l)
{
	return l->was_found;
}

void leader_wrong(struct leader *l, const char *node)
{
	if (l->known == NULL || strcmp(l->known, node) != 0)
		return;
	free(l->known);
	l->known = NULL;
}

/* Each reason is logged once. Where no node answers at all health.c says so. */
static void log_result(struct leader *l, const char *node)
{
	if (node != NULL && l->logged != NULL)
		log_info("OpenBao has a leader that can be reached");
	else if (node == NULL && l->why != NULL && l->why != l->logged)
		log_warning("OpenBao has no leader that can be reached: %s", l->why);
	if (node != NULL || l->why != NULL)
		l->logged = node != NULL ? NULL : l->why;
}

/* Who asks again from within its callback begins another search. */
static void end_search(struct leader *l, const char *node)
{
	char *found_node = node != NULL ? strdup(node) : NULL;
	unsigned round = waiters_end_round(&l->waits);
	struct waiter *one;

	cancel_search(l);
	log_result(l, node);
	free(l->known);
	l->known = found_node != NULL ? strdup(found_node) : NULL;
	l->was_found |= found_node != NULL;
	free(l->named);
	l->named = NULL;
	while ((one = waiters_take(&l->waits, round)) != NULL) {
		struct leader_wait w = *(struct leader_wait *)(void *)one;

		free(one);
		w.found(w.arg, found_node);
	}
	free(found_node);
}

/* Tells whether the named leader may be asked: not over a weaker connection than the node that named it. */
static bool is_acceptable(const char *named, const char *by)
{
	if (strncasecmp(named, "https://", 8) == 0)
		return true;
	return strncasecmp(named, "http://", 7) == 0 && strncasecmp(by, "http://", 7) == 0;
}

static void on_leader_answer(void *arg, const struct control *control);

static void ask_node(struct question *q)
{
	const struct api_request request = { .node = q->node, .deadline_ms = clock_now_ms() + QUESTION_MS };

	q->call = api_ask_control(q->leader->api, API_LEADER, &request, on_leader_answer, q);
	q->leader->asking += q->call != NULL;
}

/* Draws its conclusions from the answer of a node that does not lead. */
static void note_standby(struct leader *l, const struct question *q, const struct control *control)
{
	if (q == &l->questions[l->count]) {
		l->why = control->result == CONTROL_OK ? "the one that is named does not lead" : control->reason;
		return;
	}
	if (control->result != CONTROL_OK)
		return;
	if (l->why == NULL)
		l->why = "none is named";
	if (l->named != NULL || control->leader_address == NULL)
		return;
	if (is_acceptable(control->leader_address, q->node))
		l->named = strdup(control->leader_address);
	else
		l->why = "the one that is named is without TLS";
}

static void on_leader_answer(void *arg, const struct control *control)
{
	struct question *q = arg;
	struct leader *l = q->leader;

	q->call = NULL;
	l->asking--;
	if (control->result == CONTROL_OK && control->is_self) {
		end_search(l, q->node);
		return;
	}
	note_standby(l, q, control);
	/* The named one comes last, so that a leader is known by its configured address if it has one. */
	if (l->asking == 0 && l->named != NULL && !l->named_asked) {
		l->named_asked = true;
		l->questions[l->count].node = l->named;
		ask_node(&l->questions[l->count]);
	}
	if (l->asking == 0)
		end_search(l, NULL);
}

struct leader_wait *leader_find(struct leader *l, leader_found *found, void *arg)
{
	struct leader_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	if (l->asking == 0) {
		l->named_asked = false;
		l->why = NULL;
		for (size_t i = 0; i < l->count; i++)
			ask_node(&l->questions[i]);
	}
	if (l->asking == 0) {
		free(w);
		return NULL;
	}
	w->leader = l;
	w->found = found;
	w->arg = arg;
	waiters_add(&l->waits, &w->waiter);
	return w;
}

/* The search itself goes on: what comes of it is worth remembering. */
void leader_cancel(struct leader_wait *w)
{
	waiters_remove(&w->leader->waits, &w->waiter);
	free(w);
}

/* -- does it still lead? -- */

struct confirmation {
	struct leader *leader;
	const char *node;
	leader_confirmed *done;
	void *arg;
};

_Static_assert(sizeof(struct confirmation) <= API_ARG_MAX, "it travels with the call");

static void take_confirmation(void *arg, const struct control *control)
{
	const struct confirmation *c = arg;
	bool leads = control->result == CONTROL_OK && control->is_self;

	if (!leads)
		leader_wrong(c->leader, c->node);
	c->done(c->arg, leads, leads ? control->active_time : NULL);
}

struct http_call *leader_confirm(struct leader *l, const char *node, uint64_t deadline_ms, uint64_t number,
    leader_confirmed *done, void *arg)
{
	struct confirmation confirmation = { .leader = l, .node = node, .done = done, .arg = arg };
	uint64_t latest_ms = clock_now_ms() + QUESTION_MS;
	const struct api_request request = { .node = node,
		.deadline_ms = deadline_ms < latest_ms ? deadline_ms : latest_ms,
		.number = number,
		.arg_size = sizeof(confirmation) };

	return api_ask_control(l->api, API_LEADER, &request, take_confirmation, &confirmation);
}
