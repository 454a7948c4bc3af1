/*
 * fresh: the steps of one read: any node, and where its answer is too old the leader, and the leader's word that it
 * led when it answered.
 */
#include "daemon/store/fresh.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/store/fresh_internal.h"
#include "daemon/store/versions.h"
#include "daemon/upstream/leader.h"

#define PAUSE_MS 20          /* between questions while there is no leader to ask */
#define LEADER_LEAST_MS 3000 /* the leader has half of the time that is left, but no less than this, to answer a read */

enum fresh_step {
	FRESH_ANY,     /* the read, at any node */
	FRESH_FIND,    /* looking for the leader */
	FRESH_LEADER,  /* the read, at the leader */
	FRESH_CONFIRM, /* does it still lead? */
	FRESH_PAUSE    /* no leader, or no longer: again after a pause */
};

struct fresh_call {
	TAILQ_ENTRY(fresh_call) link;
	struct fresh *fresh;
	enum fresh_step step;
	char *token, *mount, *path, *node;
	uint64_t version, min_version, deadline_ms;
	bool behind;          /* an answer was too old, be it the leader's */
	uint64_t asked_ms;    /* FRESH_LEADER, FRESH_CONFIRM: when the read began */
	struct http_call *http;
	struct leader_wait *search;
	struct event timer;
	struct answer answer; /* FRESH_CONFIRM: the leader's; its spans lie in body */
	struct buf body;
	api_answer *done;
	void *arg;
};

static void find_leader(struct fresh_call *call);

static void call_free(struct fresh_call *call)
{
	TAILQ_REMOVE(&call->fresh->calls, call, link);
	if (call->http != NULL)
		http_cancel(call->http);
	if (call->search != NULL)
		leader_cancel(call->search);
	if (event_initialized(&call->timer))
		event_del(&call->timer);
	buf_free(&call->body);
	secmem_free(call->token);
	free(call->mount);
	free(call->path);
	free(call->node);
	free(call);
}

static void finish(struct fresh_call *call, const struct answer *answer)
{
	call->done(call->arg, answer);
	call_free(call);
}

static void fail(struct fresh_call *call, enum code code, const char *message)
{
	struct answer answer = {.verdict = VERDICT_FAILED};

	failure_set(&answer.failure, code, "%s", message);
	finish(call, &answer);
}

/* -- how new an answer must be ------------------------------------------------------------------------------- */

static uint64_t least(const struct fresh_call *call, bool *ret_ask_leader)
{
	uint64_t seen = versions_least(call->fresh->versions, call->mount, call->path, clock_now_ms(), ret_ask_leader);

	if (call->version != 0)
		return seen;
	return seen > call->min_version ? seen : call->min_version;
}

/*
 * The version of the secret's state that an answer to a get of the latest tells: 0 for a secret that is not there.
 * False: it tells nothing of it.
 */
static bool tells_version(const struct answer *answer, uint64_t *ret)
{
	bool absent = answer->verdict == VERDICT_FAILED && answer->failure.code == CODE_NOT_FOUND;

	*ret = answer->verdict == VERDICT_OK ? answer->version : absent ? answer->failure.version : 0;
	return answer->verdict == VERDICT_OK || absent;
}

/*
 * Of a write whose outcome is unknown only a leader can tell: a standby may not have what the next leader keeps. But
 * where none was ever found none will be, and any node's word has to do.
 */
static bool needs_leader(const struct fresh_call *call)
{
	bool ask_leader;

	(void)least(call, &ask_leader);
	return ask_leader && leader_was_found(call->fresh->leader);
}

static bool is_too_old(const struct fresh_call *call, const struct answer *answer)
{
	bool ask_leader;
	uint64_t needed = least(call, &ask_leader), told;

	if (!tells_version(answer, &told))
		return false;
	if (call->version != 0) /* a version that was written is there, or said to be deleted */
		return told == 0 && call->version <= needed;
	return told < needed;
}

/* -- steps --------------------------------------------------------------------------------------------------- */

static const char not_new_enough[] = "no node of OpenBao that can be reached gives the secret's newest version";

static void give_up(struct fresh_call *call)
{
	fail(call, CODE_UNAVAILABLE, not_new_enough);
}

bool fresh_overdue(const struct fresh_call *call, struct failure *why)
{
	bool no_leader = call->step == FRESH_FIND || call->step == FRESH_PAUSE;

	if (!no_leader && !call->behind)
		return false;
	failure_set(why, CODE_UNAVAILABLE, "%s", not_new_enough);
	return true;
}

/* At the deadline it must not matter which node is being asked then, or that none is. */
static void finish_read(struct fresh_call *call, const struct answer *answer)
{
	if (call->behind && answer->failure.code == CODE_TIMEOUT)
		give_up(call);
	else
		finish(call, answer);
}

static void arm(struct fresh_call *call, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);

	event_add(&call->timer, &tv);
}

static void pause_call(struct fresh_call *call)
{
	if (clock_now_ms() + PAUSE_MS >= call->deadline_ms) {
		give_up(call);
		return;
	}
	call->step = FRESH_PAUSE;
	arm(call, PAUSE_MS);
}

static void on_any(void *arg, const struct answer *answer)
{
	struct fresh_call *call = arg;

	call->http = NULL;
	if (is_too_old(call, answer)) {
		call->behind = true;
		find_leader(call);
	} else {
		finish_read(call, answer);
	}
}

static int read_any(struct fresh_call *call)
{
	call->step = FRESH_ANY;
	call->http = api_ask(call->fresh->api, API_KV_GET, &(struct api_request){.token = call->token, .mount = call->mount,
	    .path = call->path, .version = call->version, .deadline_ms = call->deadline_ms}, on_any, call);
	return call->http != NULL ? 0 : -1;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct fresh_call *call = arg;

	(void)fd;
	(void)what;
	if (call->step == FRESH_FIND)
		give_up(call); /* the deadline */
	else if (needs_leader(call))
		find_leader(call);
	else if (read_any(call) < 0)
		fail(call, CODE_INTERNAL, "out of memory");
}

/* Min_version is a caller's wish, not a fact: what the leader says is all there is. But then that wish is not met. */
static void take_leaders_word(struct fresh_call *call)
{
	uint64_t told;

	if (call->version == 0 && tells_version(&call->answer, &told)) {
		versions_confirm(call->fresh->versions, call->mount, call->path, told, call->asked_ms, clock_now_ms());
		if (told < call->min_version) {
			call->behind = true;
			pause_call(call);
			return;
		}
	}
	finish(call, &call->answer);
}

static void on_confirmed(void *arg, bool leads, const char *active_time)
{
	struct fresh_call *call = arg;

	(void)active_time;
	call->http = NULL;
	if (leads)
		take_leaders_word(call);
	else
		pause_call(call);
}

static int keep_span(struct buf *body, struct jspan *span)
{
	size_t at = buf_len(body);

	if (buf_put(body, span->p, span->len) < 0)
		return -1;
	span->p = (const char *)buf_data(body) + at;
	return 0;
}

/* The answer goes with its callback, and is still wanted afterwards. */
static int keep_answer(struct fresh_call *call, const struct answer *answer)
{
	struct answer *kept = &call->answer;

	*kept = *answer;
	buf_free(&call->body);
	/* All room at once, so that the spans stay where they are. */
	if (buf_reserve(&call->body, kept->data.len + kept->metadata.len + kept->created_time.len + 1) < 0)
		return -1;
	return keep_span(&call->body, &kept->data) < 0 || keep_span(&call->body, &kept->metadata) < 0 ||
	    keep_span(&call->body, &kept->created_time) < 0 ? -1 : 0;
}

static void on_leader(void *arg, const struct answer *answer)
{
	struct fresh_call *call = arg;
	uint64_t told;

	call->http = NULL;
	if (answer->unreachable)
		leader_wrong(call->fresh->leader, call->node);
	if (answer->failure.code == CODE_TIMEOUT && clock_now_ms() < call->deadline_ms) {
		pause_call(call); /* there may be another leader by now */
		return;
	}
	if (!tells_version(answer, &told)) {
		finish_read(call, answer);
		return;
	}
	call->step = FRESH_CONFIRM;
	if (keep_answer(call, answer) == 0)
		call->http = leader_confirm(call->fresh->leader, call->node, call->deadline_ms, 0, on_confirmed, call);
	if (call->http == NULL)
		fail(call, CODE_INTERNAL, "out of memory");
}

static int read_leader(struct fresh_call *call, const char *node)
{
	uint64_t now = clock_now_ms(), left = call->deadline_ms > now ? call->deadline_ms - now : 0;
	uint64_t most = left / 2 > LEADER_LEAST_MS ? left / 2 : LEADER_LEAST_MS;

	call->step = FRESH_LEADER;
	call->asked_ms = now;
	free(call->node);
	call->node = strdup(node);
	if (call->node != NULL)
		call->http = api_ask(call->fresh->api, API_KV_GET, &(struct api_request){.token = call->token,
		    .node = call->node, .mount = call->mount, .path = call->path, .version = call->version,
		    .deadline_ms = now + (most < left ? most : left)}, on_leader, call);
	return call->http != NULL ? 0 : -1;
}

static void on_found(void *arg, const char *node)
{
	struct fresh_call *call = arg;

	call->search = NULL;
	event_del(&call->timer);
	if (node == NULL)
		pause_call(call);
	else if (read_leader(call, node) < 0)
		fail(call, CODE_INTERNAL, "out of memory");
}

/* 0 or -1: no memory. */
static int start_at_leader(struct fresh_call *call)
{
	const char *node = leader_known(call->fresh->leader);
	uint64_t now = clock_now_ms();

	if (node != NULL)
		return read_leader(call, node);
	call->step = FRESH_FIND;
	arm(call, call->deadline_ms > now ? call->deadline_ms - now : 0);
	call->search = leader_find(call->fresh->leader, on_found, call);
	return call->search != NULL ? 0 : -1;
}

static void find_leader(struct fresh_call *call)
{
	if (start_at_leader(call) < 0)
		fail(call, CODE_INTERNAL, "out of memory");
}

/* -- calls --------------------------------------------------------------------------------------------------- */

struct fresh_call *fresh_get(struct fresh *fresh, const char *token, const char *mount, const char *path,
    uint64_t version, uint64_t min_version, uint64_t deadline_ms, api_answer *done, void *arg)
{
	struct fresh_call *call = calloc(1, sizeof(*call));
	bool ask_leader;

	if (call == NULL)
		return NULL;
	call->fresh = fresh;
	TAILQ_INSERT_TAIL(&fresh->calls, call, link);
	buf_init(&call->body, SIZE_MAX / 2);
	call->version = version;
	call->min_version = min_version;
	call->deadline_ms = deadline_ms;
	call->done = done;
	call->arg = arg;
	call->token = secmem_strdup(token);
	call->mount = strdup(mount);
	call->path = strdup(path);
	if (call->token == NULL || call->mount == NULL || call->path == NULL ||
	    evtimer_assign(&call->timer, fresh->base, on_timer, call) < 0)
		goto fail;
	(void)least(call, &ask_leader);
	if ((ask_leader ? start_at_leader(call) : read_any(call)) == 0)
		return call;
fail:
	call_free(call);
	return NULL;
}

void fresh_cancel(struct fresh_call *call)
{
	call_free(call);
}

void fresh_forget(struct fresh *fresh)
{
	versions_clear(fresh->versions);
}

struct fresh *fresh_new(struct event_base *base, struct api *api, struct leader *leader, struct versions *versions)
{
	struct fresh *fresh = calloc(1, sizeof(*fresh));

	if (fresh == NULL)
		return NULL;
	fresh->base = base;
	fresh->api = api;
	fresh->leader = leader;
	TAILQ_INIT(&fresh->calls);
	TAILQ_INIT(&fresh->puts);
	fresh->versions = versions;
	return fresh;
}

void fresh_free(struct fresh *fresh)
{
	struct fresh_call *call;

	if (fresh == NULL)
		return;
	while ((call = TAILQ_FIRST(&fresh->calls)) != NULL)
		call_free(call);
	fresh_put_end_all(fresh);
	free(fresh);
}
