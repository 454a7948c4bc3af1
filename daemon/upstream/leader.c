/*
 * leader: asks one configured address after the other, and at last the node that one of them named.
 */
#include "daemon/upstream/leader.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "daemon/upstream/api.h"

#define QUESTION_MS 3000

struct leader_wait {
	TAILQ_ENTRY(leader_wait) link;
	struct leader *leader;
	unsigned round; /* of questions; it waits for the end of its own */
	leader_found *found;
	void *arg;
};

TAILQ_HEAD(wait_list, leader_wait);

struct leader {
	struct api *api;
	char *const *addresses;
	size_t count;
	char *known;            /* NULL: not known */
	struct wait_list waits;
	unsigned round;
	struct http_call *call; /* the question under way */
	size_t asked;           /* the address that it went to; count: named */
	char *named;            /* whom a node named as its leader */
};

struct leader *leader_new(struct api *api, char *const *addresses, size_t count)
{
	struct leader *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->api = api;
	l->addresses = addresses;
	l->count = count;
	TAILQ_INIT(&l->waits);
	return l;
}

void leader_free(struct leader *l)
{
	struct leader_wait *w;

	if (l == NULL)
		return;
	if (l->call != NULL)
		http_cancel(l->call);
	while ((w = TAILQ_FIRST(&l->waits)) != NULL)
		leader_cancel(w);
	free(l->known);
	free(l->named);
	free(l);
}

const char *leader_known(const struct leader *l)
{
	return l->known;
}

void leader_wrong(struct leader *l, const char *node)
{
	if (l->known == NULL || strcmp(l->known, node) != 0)
		return;
	free(l->known);
	l->known = NULL;
}

/* Ends the search. Who asks again from within its callback begins another one. */
static void tell(struct leader *l, const char *node)
{
	char *found_node = node != NULL ? strdup(node) : NULL;
	unsigned round = l->round++;
	struct leader_wait *w;

	free(l->known);
	l->known = found_node != NULL ? strdup(found_node) : NULL;
	free(l->named);
	l->named = NULL;
	while ((w = TAILQ_FIRST(&l->waits)) != NULL && w->round == round) {
		leader_found *found = w->found;
		void *arg = w->arg;

		leader_cancel(w);
		found(arg, found_node);
	}
	free(found_node);
}

/* Whether the named leader may be asked: not over a weaker connection than the node that named it. */
static bool is_acceptable(const char *named, const char *by)
{
	if (strncasecmp(named, "https://", 8) == 0)
		return true;
	return strncasecmp(named, "http://", 7) == 0 && strncasecmp(by, "http://", 7) == 0;
}

static int ask(struct leader *l);

static void on_answer(void *arg, const struct control *control)
{
	struct leader *l = arg;
	const char *asked = l->asked < l->count ? l->addresses[l->asked] : l->named;

	l->call = NULL;
	if (control->result == CONTROL_OK && control->is_self) {
		tell(l, asked);
		return;
	}
	if (control->result == CONTROL_OK && l->asked < l->count && l->named == NULL && control->leader_address != NULL &&
	    is_acceptable(control->leader_address, asked))
		l->named = strdup(control->leader_address);
	l->asked++;
	if (ask(l) < 0)
		tell(l, NULL);
}

/* The next node. 0, or -1: there is none, or no memory. */
static int ask(struct leader *l)
{
	const char *node = l->asked < l->count ? l->addresses[l->asked] : l->asked == l->count ? l->named : NULL;

	if (node != NULL)
		l->call = api_leader(l->api, node, clock_now_ms() + QUESTION_MS, on_answer, l);
	return l->call != NULL ? 0 : -1;
}

struct leader_wait *leader_find(struct leader *l, leader_found *found, void *arg)
{
	struct leader_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	if (l->call == NULL) {
		l->asked = 0;
		if (ask(l) < 0) {
			free(w);
			return NULL;
		}
	}
	w->leader = l;
	w->round = l->round;
	w->found = found;
	w->arg = arg;
	TAILQ_INSERT_TAIL(&l->waits, w, link);
	return w;
}

/* The search itself goes on: what comes of it is worth remembering. */
void leader_cancel(struct leader_wait *w)
{
	TAILQ_REMOVE(&w->leader->waits, w, link);
	free(w);
}
