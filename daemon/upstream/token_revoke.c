/*
 * token_revoke: counted references to tokens, and their revocation when the last one goes, or when the daemon stops.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/host/log.h"
#include "daemon/upstream/token_internal.h"

#define REVOKE_MS 5000

struct revocation {
	TAILQ_ENTRY(revocation) link;
	struct keeper *keeper;
	struct http_call *call;
};

struct token *token_new(struct keeper *k, const char *text)
{
	size_t size = strlen(text) + 1;
	struct token *t = secmem_malloc(sizeof(*t) + size);

	if (t == NULL)
		return NULL;
	t->keeper = k;
	t->references = 1;
	t->dead = t->borrowed = false;
	memcpy(t->text, text, size);
	TAILQ_INSERT_TAIL(&k->tokens, t, link);
	return t;
}

const char *token_text(const struct token *t)
{
	return t->text;
}

/* -- revocation ---------------------------------------------------------------------------------------------- */

static void check_stopped(struct keeper *k)
{
	struct timeval now = {.tv_sec = 0};

	if (k->stopped != NULL && TAILQ_EMPTY(&k->revocations))
		event_add(&k->stop, &now);
}

static void revocation_free(struct revocation *r)
{
	TAILQ_REMOVE(&r->keeper->revocations, r, link);
	free(r);
}

/* Nothing more is to be done about one that fails: the token ends with its lease. */
static void on_revoked(void *arg, const struct control *control)
{
	struct revocation *r = arg;
	struct keeper *k = r->keeper;

	revocation_free(r);
	if (control->result != CONTROL_OK && control->result != CONTROL_DENIED)
		log_info("a token could not be revoked and will live until its lease ends: %s", control->reason);
	check_stopped(k);
}

static void revoke(struct token *t, uint64_t budget_ms)
{
	struct keeper *k = t->keeper;
	struct revocation *r = t->borrowed ? NULL : calloc(1, sizeof(*r));

	if (r == NULL)
		return;
	r->keeper = k;
	r->call = api_ask_control(k->api, API_REVOKE_SELF,
	    &(struct api_request){.token = t->text, .deadline_ms = clock_now_ms() + budget_ms}, on_revoked, r);
	if (r->call == NULL)
		free(r);
	else
		TAILQ_INSERT_TAIL(&k->revocations, r, link);
}

void token_release(struct token *t)
{
	if (--t->references > 0)
		return;
	if (t->keeper != NULL) {
		if (!t->dead)
			revoke(t, REVOKE_MS);
		TAILQ_REMOVE(&t->keeper->tokens, t, link);
	}
	secmem_free(t);
}

/* -- the end ------------------------------------------------------------------------------------------------- */

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;
	void (*stopped)(void *) = k->stopped;

	(void)fd;
	(void)what;
	k->stopped = NULL;
	stopped(k->stopped_arg);
}

void token_revoke_init(struct keeper *k)
{
	TAILQ_INIT(&k->tokens);
	TAILQ_INIT(&k->revocations);
	evtimer_assign(&k->stop, k->base, on_stop, k);
}

void keeper_stop(struct keeper *k, uint64_t budget_ms, void (*done)(void *arg), void *arg)
{
	struct timeval budget = clock_timeval(budget_ms);
	struct token *t;

	k->stopped = done;
	k->stopped_arg = arg;
	event_add(&k->stop, &budget);
	/* Requests that still refer to them have had their time. */
	TAILQ_FOREACH(t, &k->tokens, link) {
		if (k->revoke_on_stop && !t->dead)
			revoke(t, budget_ms);
		t->dead = true;
	}
	/* A login under way is given up: waiting for its token, only to revoke it, would hold up the stop. */
	auth_free(k->auth);
	k->auth = NULL;
	lease_stop(&k->lease);
	keeper_drive(k);
	check_stopped(k);
}

void token_revoke_free(struct keeper *k)
{
	struct revocation *r;
	struct token *t;

	while ((r = TAILQ_FIRST(&k->revocations)) != NULL) {
		http_cancel(r->call);
		revocation_free(r);
	}
	while ((t = TAILQ_FIRST(&k->tokens)) != NULL) {
		TAILQ_REMOVE(&k->tokens, t, link);
		t->keeper = NULL;
	}
	event_del(&k->stop);
}
