/*
 * kv: the life of one read or put, step by step: a token, its turn, the mount guard, the request, and again what may be
 * tried again. Each step ends in a callback that takes the next one; a failure found at once is told from the loop.
 */
#include "daemon/store/kv.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/store/fresh.h"
#include "daemon/store/kv_internal.h"
#include "daemon/store/mounts.h"
#include "daemon/store/turns.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/keeper.h"

#define PAUSE_FIRST_MS 50u
#define PAUSE_MOST_MS 1000u
#define PLACES 32u /* requests at a time; http has as many connections for them */
#define DENIALS_MAX 3u /* a token that is replaced again and again is somebody else's trouble */

static void next_step(struct kv_call *call);

/* -- the end of a call --------------------------------------------------------------------------------------- */

/* All but that one's. */
static void end_turns(struct kv_call *call, const struct asker *but)
{
	for (struct asker *a = &call->asker; a != NULL; a = a->next) {
		if (a == but || a->turn == NULL)
			continue;
		turn_end(a->turn);
		a->turn = NULL;
	}
}

static void let_go(struct kv_call *call)
{
	if (call->token_wait != NULL)
		token_wait_cancel(call->token_wait);
	if (call->mounts_wait != NULL)
		mounts_cancel(call->mounts_wait);
	if (call->read != NULL)
		fresh_cancel(call->read);
	if (call->write != NULL)
		fresh_put_cancel(call->write);
	end_turns(call, NULL);
	call->token_wait = NULL;
	call->mounts_wait = NULL;
	call->read = NULL;
	call->write = NULL;
	if (call->token != NULL)
		token_release(call->token);
	call->token = NULL;
}

static bool put_under_way(const struct kv_call *call)
{
	return call->write != NULL && fresh_put_sent(call->write);
}

static void check_drained(struct kv *kv)
{
	if (kv->drained != NULL && kv->calls == NULL)
		event_active(kv->drain_timer, EV_TIMEOUT, 0);
}

static void call_free(struct kv_call *call)
{
	struct kv *kv = call->kv;
	let_go(call);
	DL_DELETE(kv->calls, call);
	kv_cache_end(call);
	while (call->asker.next != NULL) {
		struct asker *a = call->asker.next;
		call->asker.next = a->next;
		free(a);
	}
	if (call->timer != NULL)
		event_free(call->timer);
	secmem_free(call->data);
	free(call->mount);
	free(call->path);
	free(call);
	check_drained(kv);
}

static void finish(struct kv_call *call, const struct kv_reply *reply)
{
	call->done(call->arg, reply);
	call_free(call);
}

static void fail(struct kv_call *call, const struct failure *why)
{
	struct failure copy = *why; /* it may be the call's own */
	finish(call, &(struct kv_reply){ .failure = &copy });
}

/* -- steps --------------------------------------------------------------------------------------------------- */

static void enter(struct kv_call *call, enum kv_step step, uint64_t until_ms)
{
	uint64_t now = clock_now_ms();
	uint64_t wait = until_ms > now ? until_ms - now : 0;
	struct timeval tv = clock_timeval(wait);
	call->step = step;
	(void)event_add(call->timer, &tv);
}

/* Not from within kv_get or kv_put: their caller does not have the handle yet. */
static void fail_from_loop(struct kv_call *call, const struct failure *why)
{
	if (why != &call->failure)
		call->failure = *why;
	let_go(call);
	if (!call->is_put)
		kv_reads_depart(call);
	enter(call, KV_FAILED, 0);
}

static void out_of_memory(struct kv_call *call)
{
	failure_set(&call->failure, CODE_INTERNAL, "out of memory");
	fail_from_loop(call, &call->failure);
}

/* Nothing was done so far. Tries again after a pause, if the deadline leaves time for one. */
static void try_again(struct kv_call *call, uint64_t least_ms)
{
	uint64_t pause = PAUSE_FIRST_MS << (call->tries < 5 ? call->tries : 5);
	uint64_t now = clock_now_ms();
	if (pause > PAUSE_MOST_MS)
		pause = PAUSE_MOST_MS;
	pause = clock_random(pause / 2, pause);
	if (pause < least_ms)
		pause = least_ms;
	let_go(call);
	if (call->abandoned || call->kv->draining || now + pause >= call->deadline_ms) {
		fail_from_loop(call, &call->failure);
		return;
	}
	call->tries++;
	enter(call, KV_PAUSE, now + pause);
}

static void on_token(void *arg, const struct failure *why)
{
	struct kv_call *call = arg;
	call->token_wait = NULL;
	if (why != NULL)
		fail_from_loop(call, why);
	else
		next_step(call);
}

static void ask_keeper(struct kv_call *call, bool wrapped)
{
	enum reach_state reach = keeper_reach(call->kv->keeper);
	if (++call->denials > DENIALS_MAX || reach == REACH_DOWN) {
		fail_from_loop(call, &call->failure);
		return;
	}
	call->token_wait = keeper_denied(call->kv->keeper, call->token, wrapped, on_token, call);
	if (call->token_wait == NULL)
		out_of_memory(call);
	else
		enter(call, KV_DENIED, call->deadline_ms);
}

/* One node is sealed, or was not set up. Whether all are is being found out; others are asked meanwhile. */
static bool is_one_nodes_word(const struct kv *kv, const struct answer *answer)
{
	enum code code = answer->failure.code;
	return (code == CODE_SEALED || code == CODE_NOT_INITIALIZED) && keeper_reach(kv->keeper) == REACH_SUSPECT;
}

/* Whether OpenBao as a whole is in a state in which it cannot have a leader. Sets the call's failure. */
static bool is_closed(struct kv_call *call)
{
	enum reach_state reach = keeper_reach(call->kv->keeper);
	if (reach == REACH_SEALED)
		failure_set(&call->failure, CODE_SEALED, "OpenBao is sealed");
	else if (reach == REACH_NOT_INITIALIZED)
		failure_set(&call->failure, CODE_NOT_INITIALIZED, "OpenBao is not initialized");
	return reach == REACH_SEALED || reach == REACH_NOT_INITIALIZED;
}

/* What is common to the answers of the mount guard and of the request itself, when they are not good. */
static void on_bad_answer(struct kv_call *call, const struct answer *answer)
{
	struct kv *kv = call->kv;
	call->failure = answer->failure;
	kv_cache_failed(call, answer->failure.status);
	if (answer->unreachable)
		keeper_unreachable(kv->keeper);
	if (answer->odd)
		mounts_forget(kv->mounts, call->mount);
	if (answer->verdict == VERDICT_DENIED)
		ask_keeper(call, answer->denied_wrapped);
	else if (answer->verdict == VERDICT_AGAIN && is_closed(call))
		fail_from_loop(call, &call->failure);
	else if (answer->verdict == VERDICT_AGAIN)
		try_again(call, answer->again_ms);
	else if (answer->failure.code == CODE_UNAVAILABLE || is_one_nodes_word(kv, answer))
		try_again(call, 0); /* nothing was done; until OpenBao is known not to answer, this may be a hiccup */
	else
		fail_from_loop(call, &call->failure);
}

static void on_mount(void *arg, const struct answer *answer)
{
	struct kv_call *call = arg;
	call->mounts_wait = NULL;
	if (answer->verdict == VERDICT_OK)
		next_step(call);
	else
		on_bad_answer(call, answer);
}

static void on_reply(void *arg, const struct answer *answer)
{
	struct kv_call *call = arg;
	call->read = NULL;
	call->write = NULL;
	if (answer->verdict == VERDICT_OK) {
		struct kv_reply reply = { .data = answer->data, .metadata = answer->metadata,
			.created_time = answer->created_time, .version = answer->version };
		kv_cache_fill(call, &reply);
		finish(call, &reply);
	} else
		on_bad_answer(call, answer);
}

static void send_request(struct kv_call *call)
{
	struct kv *kv = call->kv;
	const char *token = token_text(call->token);
	if (!call->is_put)
		kv_reads_depart(call);
	call->sent_ms = clock_now_ms();
	kv_cache_send(call);
	if (call->is_put) {
		struct fresh_write write = { .mount = call->mount, .path = call->path, .data = call->data,
			.data_len = call->data_len, .cas = call->has_cas ? &call->cas : NULL };
		call->write = fresh_put(kv->fresh, token, &write, call->deadline_ms, on_reply, call);
	} else
		call->read = fresh_get(kv->fresh, token, call->mount, call->path, call->version, call->min_version,
		    call->deadline_ms, on_reply, call);
	if (call->read == NULL && call->write == NULL) {
		out_of_memory(call);
		return;
	}
	(void)event_del(call->timer); /* fresh keeps the deadline from here on */
	call->step = KV_REQUEST;
}

static void wait_for_token(struct kv_call *call)
{
	call->token_wait = keeper_wait(call->kv->keeper, on_token, call);
	if (call->token_wait == NULL)
		out_of_memory(call);
	else
		enter(call, KV_TOKEN, call->deadline_ms);
}

static void on_turn(void *arg)
{
	next_step(arg);
}

static bool has_turn(struct kv_call *call)
{
	for (struct asker *a = &call->asker; a != NULL; a = a->next) {
		if (a->turn == NULL || !turn_has_come(a->turn))
			continue;
		end_turns(call, a);
		return true;
	}
	return false;
}

/* False: it waits. */
static bool take_turn(struct kv_call *call)
{
	if (has_turn(call))
		return true;
	for (struct asker *a = &call->asker; a != NULL; a = a->next) {
		if (a->turn == NULL)
			a->turn = turns_ask(call->kv->turns, a->caller, on_turn, call);
		if (a->turn == NULL) {
			out_of_memory(call);
			return false;
		}
		if (has_turn(call))
			return true;
	}
	enter(call, KV_TURN, call->deadline_ms);
	return false;
}

static void ask_mount_guard(struct kv_call *call)
{
	call->mounts_wait = mounts_ask(call->kv->mounts, call->mount, token_text(call->token), on_mount, call);
	if (call->mounts_wait == NULL)
		out_of_memory(call);
	else
		enter(call, KV_MOUNT, call->deadline_ms);
}

/* A step that waits for nothing leads on to the next one at once. */
static void next_step(struct kv_call *call)
{
	struct kv *kv = call->kv;
	if (call->token != NULL)
		token_release(call->token);
	call->token = keeper_token(kv->keeper);
	if (call->token == NULL)
		wait_for_token(call);
	else if (keeper_reach(kv->keeper) == REACH_DOWN) {
		failure_set(&call->failure, CODE_UNAVAILABLE, "OpenBao does not answer");
		fail_from_loop(call, &call->failure);
	} else if (!take_turn(call))
		return;
	else if (!mounts_known(kv->mounts, call->mount))
		ask_mount_guard(call);
	else
		send_request(call);
}

/* Without memory a caller is not added, and waits for the others' turns. */
static void add_asker(struct kv_call *call, uint64_t caller)
{
	struct asker *last = &call->asker;
	while (last->caller != caller && last->next != NULL)
		last = last->next;
	if (last->caller == caller)
		return;
	last->next = calloc(1, sizeof(*last));
	if (last->next == NULL)
		return;
	last->next->caller = caller;
	if (call->step == KV_TURN)
		next_step(call);
}

static bool waits_until_deadline(enum kv_step step)
{
	return step == KV_TOKEN || step == KV_TURN || step == KV_MOUNT || step == KV_DENIED;
}

void kv_call_share(struct kv_call *call, uint64_t caller, uint64_t deadline_ms)
{
	if (deadline_ms > call->deadline_ms) {
		call->deadline_ms = deadline_ms;
		if (waits_until_deadline(call->step))
			enter(call, call->step, deadline_ms);
	}
	add_asker(call, caller);
}

void kv_call_overdue(struct kv_call *call, struct failure *ret)
{
	switch (call->step) {
	case KV_TOKEN:
		failure_set(ret, CODE_NOT_READY, "the login at OpenBao did not end in time");
		return;
	case KV_TURN:
		failure_set(ret, CODE_TIMEOUT, "the request's turn did not come in time");
		return;
	case KV_PAUSE:
	case KV_FAILED:
		*ret = call->failure;
		return;
	case KV_REQUEST:
		if (call->read != NULL && fresh_overdue(call->read, ret))
			return;
		break;
	case KV_MOUNT:
	case KV_DENIED:
		break;
	}
	failure_set(ret, CODE_TIMEOUT, "OpenBao did not answer in time");
	keeper_unreachable(call->kv->keeper);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct kv_call *call = arg;
	struct failure why;
	(void)fd;
	(void)what;
	if (call->step == KV_PAUSE) {
		next_step(call);
	} else if (call->step != KV_REQUEST) {
		kv_call_overdue(call, &why);
		fail(call, &why);
	}
}

/* -- calls --------------------------------------------------------------------------------------------------- */

static struct kv_call *call_new(struct kv *kv, uint64_t caller, const char *mount, const char *path,
    uint64_t deadline_ms, kv_done *done, void *arg)
{
	struct kv_call *call = calloc(1, sizeof(*call));
	if (call == NULL)
		return NULL;
	call->kv = kv;
	call->asker.caller = caller;
	call->mount = strdup(mount);
	call->path = strdup(path);
	call->timer = event_new(kv->base, -1, 0, on_timer, call);
	call->deadline_ms = deadline_ms;
	call->done = done;
	call->arg = arg;
	DL_APPEND(kv->calls, call);
	if (call->mount == NULL || call->path == NULL || call->timer == NULL) {
		call_free(call);
		return NULL;
	}
	return call;
}

static struct kv_call *start(struct kv_call *call)
{
	if (call->kv->draining) {
		failure_set(&call->failure, CODE_UNAVAILABLE, "the daemon is stopping");
		fail_from_loop(call, &call->failure);
	} else
		next_step(call);
	return call;
}

struct kv_call *kv_call_get(struct kv *kv, uint64_t caller, const struct flight_key *key, uint64_t deadline_ms,
    kv_done *done, void *arg)
{
	struct kv_call *call = call_new(kv, caller, key->mount, key->path, deadline_ms, done, arg);
	if (call == NULL)
		return NULL;
	call->version = key->version;
	call->min_version = key->min_version;
	if (kv_cache_begin(call) != 0) {
		call_free(call);
		return NULL;
	}
	return start(call);
}

struct kv_call *kv_put(struct kv *kv, uint64_t caller, const char *mount, const char *path, const char *data,
    size_t data_len, const uint64_t *cas, uint64_t deadline_ms, kv_done *done, void *arg)
{
	struct kv_call *call = call_new(kv, caller, mount, path, deadline_ms, done, arg);
	if (call == NULL)
		return NULL;
	call->is_put = true;
	call->data = secmem_strndup(data, data_len);
	call->data_len = data_len;
	if (call->data == NULL || kv_cache_begin(call) != 0) {
		call_free(call);
		return NULL;
	}
	if (cas != NULL) {
		call->has_cas = true;
		call->cas = *cas;
	}
	return start(call);
}

bool kv_abandon(struct kv_call *call)
{
	call->abandoned = true;
	if (put_under_way(call))
		return true;
	call_free(call);
	return false;
}

void kv_forget(struct kv *kv)
{
	mounts_forget_all(kv->mounts);
	fresh_forget(kv->fresh);
	kv_cache_clear(kv);
}

struct kv *kv_new(struct event_base *base, struct api *api, struct keeper *keeper, struct leader *leader,
    struct versions *versions, const struct kv_options *options)
{
	struct kv *kv = calloc(1, sizeof(*kv));
	if (kv == NULL)
		return NULL;
	kv->base = base;
	kv->keeper = keeper;
	kv->options = *options;
	kv->mounts = mounts_new(api, leader);
	kv->fresh = fresh_new(base, api, leader, versions);
	kv->turns = turns_new(base, PLACES);
	if (kv->mounts != NULL && kv->fresh != NULL && kv->turns != NULL && kv_reads_init(kv) == 0 && kv_cache_init(kv) == 0)
		return kv;
	kv_free(kv);
	return NULL;
}

void kv_free(struct kv *kv)
{
	struct kv_call *call, *next;
	if (kv == NULL)
		return;
	kv->drained = NULL;
	DL_FOREACH_SAFE(kv->calls, call, next) {
		call_free(call);
	}
	kv_reads_free(kv);
	kv_cache_free(kv);
	mounts_free(kv->mounts);
	fresh_free(kv->fresh);
	turns_free(kv->turns);
	if (kv->drain_timer != NULL)
		event_free(kv->drain_timer);
	free(kv);
}

bool kv_is_idle(const struct kv *kv)
{
	return kv->calls == NULL && TAILQ_EMPTY(&kv->reads);
}

static void on_drained(evutil_socket_t fd, short what, void *arg)
{
	struct kv *kv = arg;
	void (*drained)(void *) = kv->drained;
	struct failure why;
	(void)fd;
	(void)what;
	kv->drained = NULL;
	failure_set(&why, CODE_UNKNOWN_OUTCOME, "the daemon stopped before OpenBao answered: the write may have been done");
	while (kv->calls != NULL)
		fail(kv->calls, &why);
	if (drained != NULL)
		drained(kv->drained_arg);
}

void kv_drain(struct kv *kv, uint64_t budget_ms, void (*drained)(void *arg), void *arg)
{
	struct kv_call *call, *next;
	struct timeval tv = clock_timeval(budget_ms);
	kv->draining = true;
	DL_FOREACH_SAFE(kv->calls, call, next) {
		if (put_under_way(call))
			continue;
		failure_set(&call->failure, CODE_UNAVAILABLE, "the daemon is stopping");
		fail_from_loop(call, &call->failure);
	}
	kv->drained = drained;
	kv->drained_arg = arg;
	kv->drain_timer = event_new(kv->base, -1, 0, on_drained, kv);
	if (kv->drain_timer == NULL || event_add(kv->drain_timer, &tv) != 0) {
		drained(arg);
		return;
	}
	check_drained(kv);
}
