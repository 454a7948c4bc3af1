/*
 * write: the states of one put, in the order in which it goes through them; a step that waits for nothing leads on to the next
 * one at once.
 */
#include "daemon/store/write.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/host/log.h"
#include "daemon/store/answers.h"
#include "daemon/store/attempt.h"
#include "daemon/store/mounts.h"
#include "daemon/store/slots.h"
#include "daemon/store/versions.h"
#include "daemon/upstream/leader.h"

#define DENIALS_MAX 3u
#define NO_LEADER_MS 100 /* at least so long until the leader is looked for again */

enum write_state {
	WRITE_TOKEN,       /* waits for a login */
	WRITE_SLOT,        /* waits for a slot */
	WRITE_MOUNT,       /* waits for the mount guard */
	WRITE_FIND_LEADER, /* the leader is looked for */
	WRITE_SENT,        /* under way */
	WRITE_CONFIRM,     /* nothing was written: does the node that said so lead? */
	WRITE_DENIED,      /* waits for what the keeper says of a 403 */
	WRITE_PAUSE,       /* pauses before it begins again */
	WRITE_FAILED       /* waits for the loop, to tell its failure */
};

static const char *const write_state_names[] = {
	[WRITE_TOKEN] = "token", [WRITE_SLOT] = "slot", [WRITE_MOUNT] = "mount", [WRITE_FIND_LEADER] = "find leader",
	[WRITE_SENT] = "sent", [WRITE_CONFIRM] = "confirm", [WRITE_DENIED] = "denied", [WRITE_PAUSE] = "pause",
	[WRITE_FAILED] = "failed" };

struct write {
	struct write *prev, *next; /* of store->writes */
	struct store *store;
	struct secret_name *name;  /* with a hold on it */
	enum api_row row;
	uint64_t number, caller, deadline_ms, cas;
	bool has_cas;
	char *data;
	size_t data_len;
	enum write_state state;
	struct event timer;        /* the deadline, or the end of a pause; while a node is asked http keeps the time */
	struct attempt attempt;
	struct slot slot;
	struct mounts_wait *guard;
	struct leader_wait *search;
	struct http_call *http;
	char *node;                /* where it went; NULL: to any */
	struct answer mismatch;    /* WRITE_CONFIRM */
	bool abandoned;
	struct claim claim;
	kv_done *done;
	void *arg;
};

static void write_go_on(struct write *w);
static void write_send(struct write *w, const char *node);

/* The only place where the state changes. until_ms: when the timer runs; CLOCK_NEVER: http keeps the time. */
static void write_enter(struct write *w, enum write_state state, uint64_t until_ms)
{
	struct timeval tv;

	if (state != w->state)
		log_debug("request %llu: write: %s -> %s", (unsigned long long)w->number, write_state_names[w->state],
		    write_state_names[state]);
	w->state = state;
	if (until_ms == CLOCK_NEVER) {
		(void)event_del(&w->timer);
		return;
	}
	tv = clock_until(until_ms);
	(void)event_add(&w->timer, &tv);
}

bool write_is_sent(const struct write *w)
{
	return w->state == WRITE_SENT;
}

/* -- the end ------------------------------------------------------------------------------------------------- */

static void write_let_go(struct write *w)
{
	attempt_let_go(&w->attempt);
	if (w->guard != NULL)
		mounts_cancel(w->guard);
	if (w->search != NULL)
		leader_cancel(w->search);
	if (w->http != NULL)
		http_cancel(w->http);
	w->guard = NULL;
	w->search = NULL;
	w->http = NULL;
	slot_end(&w->slot);
}

static void write_free(struct write *w)
{
	struct store *store = w->store;

	write_let_go(w);
	answers_release(store->answers, &w->claim);
	event_del(&w->timer);
	secmem_free(w->data);
	free(w->node);
	secret_name_release(w->name);
	DL_DELETE(store->writes, w);
	free(w);
	store_ended(store);
}

static void write_finish(struct write *w, const struct failure *why)
{
	w->done(w->arg, &(struct kv_reply){ .failure = why });
	write_free(w);
}

/* Not from within write_begin(): its caller does not have the handle yet. The failure is the attempt's. */
static void write_fail_later(struct write *w)
{
	write_let_go(w);
	write_enter(w, WRITE_FAILED, 0);
}

static void write_fail(struct write *w, enum code code, const char *message)
{
	failure_set(&w->attempt.failure, code, "%s", message);
	write_fail_later(w);
}

static void write_out_of_memory(struct write *w)
{
	write_fail(w, CODE_INTERNAL, "out of memory");
}

static void write_on_token(void *arg, const struct failure *why)
{
	struct write *w = arg;

	w->attempt.wait = NULL;
	if (why == NULL) {
		write_go_on(w);
		return;
	}
	w->attempt.failure = *why;
	write_fail_later(w);
}

/* An answer that is not good, be it to the mount guard or to the write itself. */
static void write_refused(struct write *w, const struct answer *answer)
{
	struct store *store = w->store;
	uint64_t until;

	if (answer->unreachable)
		keeper_unreachable(store->keeper);
	if (answer->odd)
		mounts_forget(store->mounts, secret_mount(w->name));
	switch (attempt_judge(&w->attempt, answer, keeper_reach(store->keeper))) {
	case ATTEMPT_FAILS:
		write_fail_later(w);
		break;
	case ATTEMPT_DENIED:
		if (attempt_await_verdict(&w->attempt, answer->denied_wrapped, write_on_token, w) == 0)
			write_enter(w, WRITE_DENIED, w->deadline_ms);
		else
			write_out_of_memory(w);
		break;
	case ATTEMPT_PAUSES:
		until = clock_now_ms() + attempt_pause_ms(&w->attempt, answer->again_ms);
		write_let_go(w);
		if (w->abandoned || store->stopping || until >= w->deadline_ms)
			write_fail_later(w);
		else
			write_enter(w, WRITE_PAUSE, until);
		break;
	}
}

/* Nothing was written. */
static void write_without_leader(struct write *w)
{
	struct answer answer = { .verdict = VERDICT_AGAIN, .again_ms = NO_LEADER_MS };

	failure_set(&answer.failure, CODE_UNAVAILABLE, "OpenBao has no leader that can be reached; nothing was written");
	write_refused(w, &answer);
}

/* -- until it is sent ---------------------------------------------------------------------------------------- */

static void write_on_mount(void *arg, const struct answer *answer)
{
	struct write *w = arg;

	w->guard = NULL;
	if (answer->verdict == VERDICT_OK)
		write_go_on(w);
	else
		write_refused(w, answer);
}

static void write_on_slot(void *arg)
{
	write_go_on(arg);
}

static void write_on_found(void *arg, const char *node)
{
	struct write *w = arg;

	w->search = NULL;
	if (node != NULL)
		write_send(w, node);
	else
		write_without_leader(w);
}

/* From the beginning to the sending, as far as it does not have to wait. */
static void write_go_on(struct write *w)
{
	struct store *store = w->store;
	const char *mount = secret_mount(w->name), *node = leader_known(store->leader);

	if (!attempt_take_token(&w->attempt)) {
		if (attempt_await_login(&w->attempt, write_on_token, w) == 0)
			write_enter(w, WRITE_TOKEN, w->deadline_ms);
		else
			write_out_of_memory(w);
		return;
	}
	if (keeper_reach(store->keeper) == REACH_DOWN) {
		write_fail(w, reach_code(REACH_DOWN), reach_words(REACH_DOWN));
		return;
	}
	if (w->slot.slots == NULL && slots_ask(store->slots, &w->slot, w->caller, write_on_slot, w) != 0) {
		write_out_of_memory(w);
		return;
	}
	if (!w->slot.is_held) {
		write_enter(w, WRITE_SLOT, w->deadline_ms);
		return;
	}
	if (!mounts_known(store->mounts, mount)) {
		w->guard = mounts_ask(store->mounts, mount, token_text(w->attempt.token), w->number, write_on_mount, w);
		if (w->guard != NULL)
			write_enter(w, WRITE_MOUNT, w->deadline_ms);
		else
			write_out_of_memory(w);
		return;
	}
	answers_sent(store->answers, &w->claim);
	if (node != NULL || !leader_was_found(store->leader)) {
		write_send(w, node);
		return;
	}
	w->search = leader_find(store->leader, write_on_found, w);
	if (w->search != NULL)
		write_enter(w, WRITE_FIND_LEADER, w->deadline_ms);
	else
		write_out_of_memory(w);
}

/* -- the answer ---------------------------------------------------------------------------------------------- */

static void write_on_confirmed(void *arg, bool leads, const char *active_time)
{
	struct write *w = arg;

	(void)active_time;
	w->http = NULL;
	if (leads)
		write_refused(w, &w->mismatch);
	else
		write_without_leader(w);
}

static void write_on_answer(void *arg, const struct answer *answer)
{
	struct write *w = arg;
	struct versions *versions = w->store->versions;
	enum code code = answer->failure.code;

	w->http = NULL;
	if (w->node != NULL && answer->unreachable)
		leader_wrong(w->store->leader, w->node);
	if (answer->verdict == VERDICT_OK) {
		versions_wrote(versions, w->name, answer->version, clock_now_ms());
		w->done(w->arg, &(struct kv_reply){ .data = answer->data, .metadata = answer->metadata,
			.created_time = answer->created_time, .version = answer->version });
		write_free(w);
		return;
	}
	if (code == CODE_CAS_MISMATCH || code == CODE_UNKNOWN_OUTCOME)
		versions_doubt(versions, w->name, clock_now_ms());
	if (code != CODE_CAS_MISMATCH || w->node == NULL) {
		write_refused(w, answer);
		return;
	}
	w->mismatch = *answer;
	w->http = leader_confirm(w->store->leader, w->node, w->deadline_ms, w->number, write_on_confirmed, w);
	if (w->http != NULL)
		write_enter(w, WRITE_CONFIRM, CLOCK_NEVER);
	else
		write_out_of_memory(w);
}

/* node: NULL for any. */
static void write_send(struct write *w, const char *node)
{
	struct buf body;
	struct api_request request = { .token = token_text(w->attempt.token), .deadline_ms = w->deadline_ms,
		.number = w->number, .mount = secret_mount(w->name), .path = secret_path(w->name), .body = &body };

	free(w->node);
	w->node = node != NULL ? strdup(node) : NULL;
	request.node = w->node;
	if ((node == NULL || w->node != NULL) && api_put_body(&body, w->data, w->data_len, w->has_cas ? &w->cas : NULL) == 0)
		w->http = api_ask(w->store->api, w->row, &request, write_on_answer, w);
	if (w->http != NULL)
		write_enter(w, WRITE_SENT, CLOCK_NEVER);
	else
		write_out_of_memory(w);
}

/* -- time ---------------------------------------------------------------------------------------------------- */

static void write_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct write *w = arg;
	struct failure why;

	(void)fd;
	(void)what;
	switch (w->state) {
	case WRITE_PAUSE:
		write_go_on(w);
		return;
	case WRITE_FIND_LEADER:
		write_without_leader(w);
		return;
	case WRITE_FAILED:
		write_finish(w, &w->attempt.failure);
		return;
	case WRITE_TOKEN:
		failure_set(&why, CODE_NOT_READY, "the login at OpenBao did not end in time");
		break;
	case WRITE_SLOT:
		failure_set(&why, CODE_TIMEOUT, "the request's turn did not come in time");
		break;
	case WRITE_MOUNT:
	case WRITE_DENIED:
	case WRITE_SENT:
	case WRITE_CONFIRM:
		failure_set(&why, CODE_TIMEOUT, "OpenBao did not answer in time");
		keeper_unreachable(w->store->keeper);
		break;
	}
	write_finish(w, &why);
}

/* -- writes -------------------------------------------------------------------------------------------------- */

struct write *write_begin(struct store *store, const struct kv_write *what, kv_done *done, void *arg)
{
	struct write *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->store = store;
	w->row = what->row;
	w->number = what->number;
	w->caller = what->caller;
	w->deadline_ms = what->deadline_ms;
	w->has_cas = what->cas != NULL;
	w->cas = what->cas != NULL ? *what->cas : 0;
	w->done = done;
	w->arg = arg;
	attempt_init(&w->attempt, store->keeper, DENIALS_MAX);
	(void)evtimer_assign(&w->timer, store->base, write_on_timer, w);
	DL_APPEND(store->writes, w);
	store_began(store);
	w->name = secret_name_hold(what->name);
	w->data = secmem_strndup(what->data, what->data_len);
	w->data_len = what->data_len;
	if (w->name == NULL || w->data == NULL || answers_claim_put(store->answers, &w->claim, w->name) != 0) {
		write_free(w);
		return NULL;
	}
	if (store->stopping)
		write_fail(w, CODE_UNAVAILABLE, "the daemon is stopping");
	else
		write_go_on(w);
	return w;
}

bool write_abandon(struct write *w)
{
	w->abandoned = true;
	if (write_is_sent(w))
		return true;
	write_free(w);
	return false;
}

void writes_stop(struct store *store, const struct failure *why)
{
	struct write *w, *next;

	DL_FOREACH_SAFE(store->writes, w, next) {
		if (write_is_sent(w))
			continue;
		w->attempt.failure = *why;
		write_fail_later(w);
	}
}

void writes_end(struct store *store, const struct failure *why)
{
	while (store->writes != NULL)
		write_finish(store->writes, why);
}

void writes_free(struct store *store)
{
	while (store->writes != NULL)
		write_free(store->writes);
}
