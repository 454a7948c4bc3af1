/*
 * kv: puts together the parts that gets (get.h) and puts (write.h) need, and stops them.
 */
#include "daemon/store/kv.h"

#include <stdlib.h>

#include "base/clock.h"
#include "daemon/store/answers.h"
#include "daemon/store/get.h"
#include "daemon/store/mounts.h"
#include "daemon/store/polls.h"
#include "daemon/store/read.h"
#include "daemon/store/slots.h"
#include "daemon/store/versions.h"
#include "daemon/store/write.h"
#include "daemon/upstream/login.h"

#define SLOTS 32u /* requests at a time; http has as many connections for them */

struct kv {
	struct store store;
	struct gets *gets;
	void (*drained)(void *arg);
	void *drained_arg;
};

struct kv *kv_new(struct event_base *base, struct api *api, struct login *login, struct leader *leader,
    struct versions *versions, const struct kv_options *options)
{
	struct kv *kv = calloc(1, sizeof(*kv));
	if (kv == NULL)
		return NULL;
	kv->store =
	    (struct store){ .base = base, .api = api, .login = login, .leader = leader, .versions = versions };
	kv->store.mounts = mounts_new(api, leader);
	kv->store.polls = polls_new(base);
	kv->store.slots = slots_new(base, SLOTS);
	kv->store.answers = answers_new(base, login, options);
	kv->gets = gets_new(&kv->store);
	if (kv->store.mounts != NULL && kv->store.polls != NULL && kv->store.slots != NULL &&
	    kv->store.answers != NULL && kv->gets != NULL)
		return kv;
	kv_free(kv);
	return NULL;
}

void kv_free(struct kv *kv)
{
	if (kv == NULL)
		return;
	drain_end(&kv->store.drain);
	kv->store.stopping = true; /* otherwise a read that ends would let another one begin */
	gets_free(kv->gets);
	writes_free(&kv->store);
	answers_free(kv->store.answers);
	mounts_free(kv->store.mounts);
	polls_free(kv->store.polls);
	slots_free(kv->store.slots);
	free(kv);
}

/* -- gets and puts ------------------------------------------------------------------------------------------- */

bool kv_cached(struct kv *kv, const struct kv_wanted *wanted, uint64_t now_ms, struct kv_reply *ret)
{
	return answers_find(kv->store.answers, wanted, now_ms, ret);
}

struct get *kv_get(struct kv *kv, uint64_t caller, const struct kv_wanted *wanted, uint64_t deadline_ms,
    kv_done *done, void *arg)
{
	return get_begin(kv->gets, caller, wanted, deadline_ms, done, arg);
}

void kv_get_abandon(struct get *get)
{
	get_abandon(get);
}

struct write *kv_put(struct kv *kv, const struct kv_write *what, kv_done *done, void *arg)
{
	return write_begin(&kv->store, what, done, arg);
}

bool kv_put_abandon(struct write *put)
{
	return write_abandon(put);
}

/* -- what is known ------------------------------------------------------------------------------------------- */

void kv_set_cache(struct kv *kv, const struct kv_options *options)
{
	answers_set_options(kv->store.answers, options);
}

void kv_pause_cache(struct kv *kv, bool paused)
{
	answers_pause(kv->store.answers, paused);
}

void kv_status(const struct kv *kv, struct kv_status *ret)
{
	answers_status(kv->store.answers, ret);
}

void kv_forget(struct kv *kv)
{
	mounts_forget_all(kv->store.mounts);
	versions_clear(kv->store.versions);
	answers_clear(kv->store.answers);
}

/* -- the end ------------------------------------------------------------------------------------------------- */

void kv_when_idle(struct kv *kv, void (*idle)(void *arg), void *arg)
{
	struct store *store = &kv->store;
	drain_begin(&store->drain, store->base, CLOCK_NEVER, idle, arg);
	drain_check(&store->drain, store->under_way == 0);
}

static void kv_on_drained(void *arg)
{
	struct kv *kv = arg;
	struct failure why;
	failure_set(&why, CODE_UNKNOWN_OUTCOME,
	    "the daemon stopped before OpenBao answered: the write may have been done");
	reads_end(&kv->store);
	writes_end(&kv->store, &why);
	kv->drained(kv->drained_arg);
}

void kv_drain(struct kv *kv, uint64_t budget_ms, void (*drained)(void *arg), void *arg)
{
	struct store *store = &kv->store;
	struct failure why;
	store->stopping = true;
	answers_stop(store->answers);
	failure_set(&why, CODE_UNAVAILABLE, "the daemon is stopping");
	if (login_health(store->login) == HEALTH_DOWN)
		reads_end(store); /* no answer is to be expected within the budget */
	else
		reads_stop(store);
	writes_stop(store, &why);
	kv->drained = drained;
	kv->drained_arg = arg;
	drain_begin(&store->drain, store->base, budget_ms, kv_on_drained, kv);
	drain_check(&store->drain, store->under_way == 0);
}
