/*
 * fresh_put: the steps of one write: the leader is looked for if it is not known, the write goes there, and a mismatch
 * counts if that node then says that it still leads.
 */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/store/fresh_internal.h"
#include "daemon/store/versions.h"
#include "daemon/upstream/leader.h"

#define AGAIN_MS 100

enum put_step {
	PUT_FIND,   /* looking for the leader */
	PUT_SENT,   /* the write is under way */
	PUT_CONFIRM /* nothing was written: does the node that said so lead? */
};

struct fresh_put {
	TAILQ_ENTRY(fresh_put) link;
	struct fresh *fresh;
	enum put_step step;
	struct fresh_write write;
	char *token, *node; /* node: where the write went; NULL: to any */
	uint64_t deadline_ms;
	struct http_call *http;
	struct leader_wait *search;
	struct event timer; /* the deadline, in PUT_FIND */
	struct answer mismatch;
	api_answer *done;
	void *arg;
};

static void put_free(struct fresh_put *put)
{
	TAILQ_REMOVE(&put->fresh->puts, put, link);
	if (put->http != NULL)
		http_cancel(put->http);
	if (put->search != NULL)
		leader_cancel(put->search);
	if (event_initialized(&put->timer))
		event_del(&put->timer);
	secmem_free(put->token);
	free(put->node);
	free(put);
}

static void finish(struct fresh_put *put, const struct answer *answer)
{
	put->done(put->arg, answer);
	put_free(put);
}

/* Nothing was written. */
static void fail(struct fresh_put *put, enum verdict verdict, enum code code, const char *message)
{
	struct answer answer = {.verdict = verdict, .again_ms = AGAIN_MS};

	failure_set(&answer.failure, code, "%s", message);
	finish(put, &answer);
}

static void no_leader(struct fresh_put *put)
{
	fail(put, VERDICT_AGAIN, CODE_UNAVAILABLE, "OpenBao has no leader that can be reached; nothing was written");
}

static void on_confirmed(void *arg, bool leads, const char *active_time)
{
	struct fresh_put *put = arg;

	(void)active_time;
	put->http = NULL;
	if (leads)
		finish(put, &put->mismatch);
	else
		no_leader(put);
}

static void confirm(struct fresh_put *put, const struct answer *mismatch)
{
	put->mismatch = *mismatch;
	put->step = PUT_CONFIRM;
	put->http = leader_confirm(put->fresh->leader, put->node, put->deadline_ms, 0, on_confirmed, put);
	if (put->http == NULL)
		fail(put, VERDICT_FAILED, CODE_INTERNAL, "out of memory");
}

static void on_put(void *arg, const struct answer *answer)
{
	struct fresh_put *put = arg;
	struct versions *versions = put->fresh->versions;
	const struct fresh_write *w = &put->write;
	enum code code = answer->failure.code;

	put->http = NULL;
	if (put->node != NULL && answer->unreachable)
		leader_wrong(put->fresh->leader, put->node);
	if (answer->verdict == VERDICT_OK)
		versions_wrote(versions, w->mount, w->path, answer->version, clock_now_ms());
	else if (code == CODE_CAS_MISMATCH || code == CODE_UNKNOWN_OUTCOME)
		versions_doubt(versions, w->mount, w->path, clock_now_ms());
	if (code == CODE_CAS_MISMATCH && put->node != NULL)
		confirm(put, answer);
	else
		finish(put, answer);
}

static int send_to(struct fresh_put *put, const char *node)
{
	const struct fresh_write *w = &put->write;
	struct buf body;

	put->node = node != NULL ? strdup(node) : NULL;
	if (node != NULL && put->node == NULL)
		return -1;
	put->step = PUT_SENT;
	if (api_put_body(&body, w->data, w->data_len, w->cas) < 0)
		return -1;
	put->http = api_ask(put->fresh->api, API_KV_PUT, &(struct api_request){.token = put->token, .node = put->node,
	    .mount = w->mount, .path = w->path, .body = &body, .deadline_ms = put->deadline_ms}, on_put, put);
	return put->http != NULL ? 0 : -1;
}

static void on_found(void *arg, const char *node)
{
	struct fresh_put *put = arg;

	put->search = NULL;
	event_del(&put->timer);
	if (node == NULL)
		no_leader(put);
	else if (send_to(put, node) < 0)
		fail(put, VERDICT_FAILED, CODE_INTERNAL, "out of memory");
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	no_leader(arg);
}

/* 0 or -1: no memory. */
static int start(struct fresh_put *put)
{
	struct leader *leader = put->fresh->leader;
	const char *node = leader_known(leader);
	uint64_t now = clock_now_ms(), ms = put->deadline_ms > now ? put->deadline_ms - now : 0;
	struct timeval tv = clock_timeval(ms);

	if (node != NULL || !leader_was_found(leader))
		return send_to(put, node);
	put->step = PUT_FIND;
	put->search = leader_find(leader, on_found, put);
	return put->search != NULL ? event_add(&put->timer, &tv) : -1;
}

struct fresh_put *fresh_put(struct fresh *fresh, const char *token, const struct fresh_write *write,
    uint64_t deadline_ms, api_answer *done, void *arg)
{
	struct fresh_put *put = calloc(1, sizeof(*put));

	if (put == NULL)
		return NULL;
	put->fresh = fresh;
	TAILQ_INSERT_TAIL(&fresh->puts, put, link);
	put->write = *write;
	put->deadline_ms = deadline_ms;
	put->done = done;
	put->arg = arg;
	put->token = secmem_strdup(token);
	if (put->token != NULL && evtimer_assign(&put->timer, fresh->base, on_deadline, put) == 0 && start(put) == 0)
		return put;
	put_free(put);
	return NULL;
}

bool fresh_put_sent(const struct fresh_put *put)
{
	return put->step == PUT_SENT;
}

void fresh_put_cancel(struct fresh_put *put)
{
	put_free(put);
}

void fresh_put_end_all(struct fresh *fresh)
{
	struct fresh_put *put;

	while ((put = TAILQ_FIRST(&fresh->puts)) != NULL)
		put_free(put);
}
