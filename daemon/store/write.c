/*
 * write: the states of one put, in the order in which it goes through them. A step that waits for nothing leads on
 * to the next one at once.
 */
#include "daemon/store/write.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/host/log.h"
#include "daemon/store/answers.h"
#include "daemon/store/attempt.h"
#include "daemon/store/mounts.h"
#include "daemon/store/polls.h"
#include "daemon/store/slots.h"
#include "daemon/store/versions.h"
#include "daemon/upstream/leader.h"

#define DENIALS_MAX 3u
#define NO_LEADER_MS 100 /* the least pause before the leader is looked for again */

enum write_state {
	WRITE_TOKEN,       /* waits for a login */
	WRITE_SLOT,        /* waits for a slot */
	WRITE_MOUNT,       /* waits for the mount guard */
	WRITE_FIND_LEADER, /* the leader is being looked for */
	WRITE_SENT,        /* sent, and not answered yet */
	WRITE_CONFIRM,     /* a mismatch: asks whether the node that found it leads */
	WRITE_DENIED,      /* waits for the login's verdict on a 403 */
	WRITE_PAUSE,       /* pauses before it begins again */
	WRITE_FAILED       /* has failed, and done is due from the loop */
};

static const char *const write_state_names[] = { [WRITE_TOKEN] = "token",
	[WRITE_SLOT] = "slot",
	[WRITE_MOUNT] = "mount",
	[WRITE_FIND_LEADER] = "find leader",
	[WRITE_SENT] = "sent",
	[WRITE_CONFIRM] = "confirm",
	[WRITE_DENIED] = "denied",
	[WRITE_PAUSE] = "pause",
	[WRITE_FAILED] = "failed" };

struct write {
	struct attempt attempt;    /* the first member, since the write is found by it */
	struct write *prev, *next; /* in store->writes */
	struct store *store;
	const struct secret_name *name; /* with a reference to it */
	enum api_row row;
	uint64_t number, caller, deadline_ms, cas;
	bool has_cas;
	char *data;
	size_t data_len;
	enum write_state state;
	/* runs at the deadline or the end of a pause; not set while HTTP keeps the deadline */
	struct event timer;
	struct slot slot;
	struct answer mismatch; /* WRITE_CONFIRM: the answer that said so */
	bool abandoned;
	struct cache_use cache_use;
	kv_done *done;
	void *arg;
};

static struct write *write_of(struct attempt *a)
{
	return (struct write *)(void *)a;
}

/* Sets the state; nothing else does. until_ms is when the timer runs; CLOCK_NEVER: HTTP keeps the deadline. */
static void write_set_state(struct write *w, enum write_state state, uint64_t until_ms)
{
	struct timeval tv;

	if (state != w->state)
		log_request(w->number, "write: %s -> %s", write_state_names[w->state], write_state_names[state]);
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

static void write_release(struct write *w)
{
	attempt_release(&w->attempt);
	slot_end(&w->slot);
}

static void write_free(struct write *w)
{
	struct store *store = w->store;

	write_release(w);
	answers_end(store->answers, &w->cache_use);
	event_del(&w->timer);
	secmem_free(w->data);
	secret_name_release(w->name);
	DL_DELETE(store->writes, w);
	free(w);
	store_ended(store);
}

static void write_finish(struct write *w, const struct kv_reply *reply)
{
	w->done(w->arg, reply);
	write_free(w);
}

/* Lets the write fail from the loop with the attempt's failure: the caller of write_begin() has no handle yet. */
static void write_fail_later(struct attempt *a)
{
	struct write *w = write_of(a);

	write_release(w);
	write_set_state(w, WRITE_FAILED, 0);
}

static void write_fail(struct write *w, enum code code, const char *message)
{
	failure_set(&w->attempt.failure, code, "%s", message);
	write_fail_later(&w->attempt);
}

/*
 * Enters the state in which it waits for what was just begun. If that was not begun there was no memory, and the
 * write fails.
 */
static void write_await(struct write *w, enum write_state state, bool begun)
{
	bool http = state == WRITE_SENT || state == WRITE_CONFIRM;

	if (begun)
		write_set_state(w, state, http ? CLOCK_NEVER : w->deadline_ms);
	else
		write_fail(w, CODE_INTERNAL, "out of memory");
}

/* Takes an answer that is not good, from the mount guard or to the write itself. */
static void write_refused(struct attempt *a, const struct answer *answer)
{
	struct write *w = write_of(a);
	struct store *store = w->store;
	uint64_t until;

	if (answer->unreachable)
		login_unreachable(store->login);
	if (answer->odd)
		mounts_forget(store->mounts, secret_mount(w->name));
	switch (attempt_judge(a, answer, login_health(store->login))) {
	case ATTEMPT_FAILS:
		write_fail_later(a);
		break;
	case ATTEMPT_DENIED:
		write_await(w, WRITE_DENIED, attempt_await_verdict(a, answer->denied_wrapped));
		break;
	case ATTEMPT_PAUSES:
		until = clock_now_ms() + attempt_pause_ms(a, answer->again_ms);
		write_release(w);
		if (w->abandoned || store->stopping || until >= w->deadline_ms)
			write_fail_later(a);
		else
			write_set_state(w, WRITE_PAUSE, until);
		break;
	}
}

/* There is no leader to ask, and nothing was written: tries again after a pause, or fails. */
static void write_without_leader(struct write *w)
{
	struct answer answer = { .verdict = VERDICT_AGAIN, .again_ms = NO_LEADER_MS };

	failure_set(&answer.failure, CODE_UNAVAILABLE,
	    "OpenBao has no leader that can be reached; nothing was written");
	write_refused(&w->attempt, &answer);
}

/* -- until it is sent ---------------------------------------------------------------------------------------- */

static void write_on_answer(void *arg, const struct answer *answer);
static void write_go_on(struct attempt *a);

static void write_on_slot(void *arg)
{
	write_go_on(arg);
}

/* Sends the write to node; NULL: to any node. */
static void write_send(struct write *w, const char *node)
{
	struct attempt *a = &w->attempt;
	struct buf body;

	if (attempt_set_node(a, node) &&
	    api_put_body(&body, w->data, w->data_len, w->has_cas ? &w->cas : NULL) == 0) {
		const struct api_request request = { .token = token_text(a->token),
			.node = a->node,
			.deadline_ms = w->deadline_ms,
			.number = w->number,
			.mount = secret_mount(w->name),
			.path = secret_path(w->name),
			.body = &body };
		a->http = api_ask(w->store->api, w->row, &request, write_on_answer, w);
	}
	write_await(w, WRITE_SENT, a->http != NULL);
}

static void write_on_found(void *arg, const char *node)
{
	struct write *w = arg;

	w->attempt.search = NULL;
	if (node != NULL)
		write_send(w, node);
	else
		write_without_leader(w);
}

/* Goes on from the beginning to the sending, as far as nothing has to be waited for. */
static void write_go_on(struct attempt *a)
{
	struct write *w = write_of(a);
	struct store *store = w->store;
	const char *mount = secret_mount(w->name), *node = leader_known(store->leader);

	if (!attempt_take_token(a)) {
		write_await(w, WRITE_TOKEN, attempt_await_login(a));
	} else if (login_health(a->login) == HEALTH_DOWN) {
		write_fail(w, health_code(HEALTH_DOWN), health_words(HEALTH_DOWN));
	} else if (w->slot.slots == NULL && slots_ask(store->slots, &w->slot, w->caller, write_on_slot, w) != 0) {
		write_await(w, WRITE_SLOT, false);
	} else if (!w->slot.is_held) {
		write_await(w, WRITE_SLOT, true);
	} else if (!mounts_known(store->mounts, mount)) {
		write_await(w, WRITE_MOUNT, attempt_await_guard(a, store->mounts, mount, w->number));
	} else {
		answers_sent(store->answers, &w->cache_use);
		if (node != NULL || !leader_was_found(store->leader)) {
			write_send(w, node);
			return;
		}
		a->search = leader_find(store->leader, write_on_found, w);
		write_await(w, WRITE_FIND_LEADER, a->search != NULL);
	}
}

/* -- the answer ---------------------------------------------------------------------------------------------- */

static void write_on_confirmed(void *arg, bool leads, const char *active_time)
{
	struct write *w = arg;

	(void)active_time;
	w->attempt.http = NULL;
	if (leads)
		write_refused(&w->attempt, &w->mismatch);
	else
		write_without_leader(w);
}

static void write_on_answer(void *arg, const struct answer *answer)
{
	struct write *w = arg;
	struct attempt *a = &w->attempt;
	struct versions *versions = w->store->versions;
	enum code code = answer->failure.code;

	a->http = NULL;
	if (a->node != NULL && answer->unreachable)
		leader_wrong(w->store->leader, a->node);
	if (answer->verdict == VERDICT_OK) {
		versions_wrote(versions, w->name, answer->version, clock_now_ms());
		polls_tell(w->store->polls, w->name, answer->version);
		write_finish(w,
		    &(struct kv_reply){ .data = answer->data,
			.metadata = answer->metadata,
			.created_time = answer->created_time,
			.version = answer->version });
		return;
	}
	if (code == CODE_CAS_MISMATCH || code == CODE_UNKNOWN_OUTCOME)
		versions_doubt(versions, w->name, clock_now_ms());
	if (code == CODE_CAS_MISMATCH && a->node != NULL) {
		w->mismatch = *answer;
		a->http = leader_confirm(w->store->leader, a->node, w->deadline_ms, w->number, write_on_confirmed,
		    w);
		write_await(w, WRITE_CONFIRM, a->http != NULL);
	} else {
		write_refused(a, answer);
	}
}

/* -- time ---------------------------------------------------------------------------------------------------- */

static void write_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct write *w = arg;
	struct failure why;

	(void)fd;
	(void)what;
	if (w->state == WRITE_PAUSE) {
		write_go_on(&w->attempt);
		return;
	}
	if (w->state == WRITE_FIND_LEADER) {
		write_without_leader(w);
		return;
	}
	if (w->state == WRITE_FAILED) {
		why = w->attempt.failure;
	} else if (w->state == WRITE_TOKEN) {
		failure_set(&why, CODE_NOT_READY, "the login at OpenBao did not end in time");
	} else if (w->state == WRITE_SLOT) {
		failure_set(&why, CODE_TIMEOUT, "the request's turn did not come in time");
	} else {
		failure_set(&why, CODE_TIMEOUT, "OpenBao did not answer in time");
		login_unreachable(w->store->login);
	}
	write_finish(w, &(struct kv_reply){ .failure = &why });
}

/* -- writes -------------------------------------------------------------------------------------------------- */

struct write *write_begin(struct store *store, const struct kv_write *what, kv_done *done, void *arg)
{
	static const struct attempt_ops attempt_ops = { .go_on = write_go_on,
		.failed = write_fail_later,
		.refused = write_refused };
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
	w->attempt.ops = &attempt_ops;
	w->attempt.login = store->login;
	w->attempt.denials_max = DENIALS_MAX;
	(void)evtimer_assign(&w->timer, store->base, write_on_timer, w);
	DL_APPEND(store->writes, w);
	store_began(store);
	w->name = secret_name_hold(what->name);
	w->data = secmem_strndup(what->data, what->data_len);
	w->data_len = what->data_len;
	if (w->name == NULL || w->data == NULL || answers_begin_put(store->answers, &w->cache_use, w->name) != 0) {
		write_free(w);
		return NULL;
	}
	if (store->stopping)
		write_fail(w, CODE_UNAVAILABLE, "the daemon is stopping");
	else
		write_go_on(&w->attempt);
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
		write_fail_later(&w->attempt);
	}
}

void writes_end(struct store *store, const struct failure *why)
{
	while (store->writes != NULL)
		write_finish(store->writes, &(struct kv_reply){ .failure = why });
}

void writes_free(struct store *store)
{
	while (store->writes != NULL)
		write_free(store->writes);
}
