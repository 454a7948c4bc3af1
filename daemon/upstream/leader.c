/*
 * leader: asks all configured addresses at once, so that one that does not answer delays nobody, and if none of
 * them leads, the node that one of them names.
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

/* The question to one node. */
struct question {
	struct leader *leader;
	const char *node;
	struct http_call *call; /* under way; NULL: it was answered, or not asked */
};

struct leader {
	struct api *api;
	char *known; /* NULL: not known */
	bool was_found;
	struct waiters waits;
	size_t asking; /* questions without an answer so far */
	char *named;   /* the address that a node named as that of its leader; NULL: none did */
	bool named_asked;
	const char *why;    /* the reason why no leader is found so far; NULL: no node has answered */
	const char *logged; /* the reason that was logged last; NULL: a leader was found since */
	size_t count;
	struct question questions[]; /* one for each address, and one for the node that was named */
};

struct leader *leader_new(struct api *api, char *const *addresses, size_t count)
{
	struct leader *leader = calloc(1, sizeof(*leader) + (count + 1) * sizeof(leader->questions[0]));

	if (leader == NULL)
		return NULL;
	leader->api = api;
	leader->count = count;
	for (size_t i = 0; i < count; i++)
		leader->questions[i] = (struct question){ .leader = leader, .node = addresses[i] };
	leader->questions[count].leader = leader;
	return leader;
}

static void cancel_search(struct leader *leader)
{
	for (size_t i = 0; i <= leader->count; i++) {
		http_cancel(leader->questions[i].call);
		leader->questions[i].call = NULL;
	}
	leader->asking = 0;
}

void leader_free(struct leader *leader)
{
	if (leader == NULL)
		return;
	cancel_search(leader);
	while (!waiters_empty(&leader->waits))
		leader_cancel((struct leader_wait *)(void *)leader->waits.list);
	free(leader->known);
	free(leader->named);
	free(leader);
}

const char *leader_known(const struct leader *leader)
{
	return leader->known;
}

bool leader_was_found(const struct leader *leader)
{
	return leader->was_found;
}

void leader_wrong(struct leader *leader, const char *node)
{
	if (leader->known == NULL || strcmp(leader->known, node) != 0)
		return;
	free(leader->known);
	leader->known = NULL;
}

/* Logs the end of a search, each reason once. If no node answers at all health.c logs that. */
static void log_result(struct leader *leader, const char *node)
{
	if (node != NULL && leader->logged != NULL)
		log_info("OpenBao has a leader that can be reached");
	else if (node == NULL && leader->why != NULL && leader->why != leader->logged)
		log_warning("OpenBao has no leader that can be reached: %s", leader->why);
	if (node != NULL || leader->why != NULL)
		leader->logged = node != NULL ? NULL : leader->why;
}

/* Tells the result to all who wait. A callback that asks again begins another search. */
static void end_search(struct leader *leader, const char *node)
{
	char *found_node = node != NULL ? strdup(node) : NULL;
	unsigned round = waiters_end_round(&leader->waits);
	struct waiter *one;

	cancel_search(leader);
	log_result(leader, node);
	free(leader->known);
	leader->known = found_node != NULL ? strdup(found_node) : NULL;
	leader->was_found |= found_node != NULL;
	free(leader->named);
	leader->named = NULL;
	while ((one = waiters_take(&leader->waits, round)) != NULL) {
		struct leader_wait w = *(struct leader_wait *)(void *)one;

		free(one);
		w.found(w.arg, found_node);
	}
	free(found_node);
}

/* Tells whether the named leader may be asked: http:// only if the node that named it was asked by http:// too. */
static bool is_acceptable(const char *named, const char *by)
{
	if (strncasecmp(named, "https://", 8) == 0)
		return true;
	return strncasecmp(named, "http://", 7) == 0 && strncasecmp(by, "http://", 7) == 0;
}

static void on_leader_answer(void *arg, const struct control *control);

static void ask_node(struct question *question)
{
	const struct api_request request = { .node = question->node, .deadline_ms = clock_now_ms() + QUESTION_MS };

	question->call = api_ask_control(question->leader->api, API_LEADER, &request, on_leader_answer, question);
	question->leader->asking += question->call != NULL;
}

/* Notes what the answer of a node that does not lead tells of the leader. */
static void note_standby(struct leader *leader, const struct question *question, const struct control *control)
{
	if (question == &leader->questions[leader->count]) {
		leader->why = control->result == CONTROL_OK ? "the one that is named does not lead"
							    : control->reason;
		return;
	}
	if (control->result != CONTROL_OK)
		return;
	if (leader->why == NULL)
		leader->why = "none is named";
	if (leader->named != NULL || control->leader_address == NULL)
		return;
	if (is_acceptable(control->leader_address, question->node))
		leader->named = strdup(control->leader_address);
	else
		leader->why = "the one that is named is without TLS";
}

static void on_leader_answer(void *arg, const struct control *control)
{
	struct question *question = arg;
	struct leader *leader = question->leader;

	question->call = NULL;
	leader->asking--;
	if (control->result == CONTROL_OK && control->is_self) {
		end_search(leader, question->node);
		return;
	}
	note_standby(leader, question, control);
	/* The named node is asked last, so that a leader with a configured address is known by that one. */
	if (leader->asking == 0 && leader->named != NULL && !leader->named_asked) {
		leader->named_asked = true;
		leader->questions[leader->count].node = leader->named;
		ask_node(&leader->questions[leader->count]);
	}
	if (leader->asking == 0)
		end_search(leader, NULL);
}

struct leader_wait *leader_find(struct leader *leader, leader_found *found, void *arg)
{
	struct leader_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	if (leader->asking == 0) {
		leader->named_asked = false;
		leader->why = NULL;
		for (size_t i = 0; i < leader->count; i++)
			ask_node(&leader->questions[i]);
	}
	if (leader->asking == 0) {
		free(w);
		return NULL;
	}
	w->leader = leader;
	w->found = found;
	w->arg = arg;
	waiters_add(&leader->waits, &w->waiter);
	return w;
}

/* The search goes on, since its result is remembered. */
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

struct http_call *leader_confirm(struct leader *leader, const char *node, uint64_t deadline_ms, uint64_t number,
    leader_confirmed *done, void *arg)
{
	struct confirmation confirmation = { .leader = leader, .node = node, .done = done, .arg = arg };
	uint64_t latest_ms = clock_now_ms() + QUESTION_MS;
	const struct api_request request = { .node = node,
		.deadline_ms = deadline_ms < latest_ms ? deadline_ms : latest_ms,
		.number = number,
		.arg_size = sizeof(confirmation) };

	return api_ask_control(leader->api, API_LEADER, &request, take_confirmation, &confirmation);
}
