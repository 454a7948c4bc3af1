/*
 * kv: gets and puts of KV version 2 secrets, check-and-set included. A request waits for the login, the mount
 * guard and a slot, is sent, and is tried again within its deadline where that is safe. Gets at the same time
 * share reads (flights.h), and may be answered from the cache (cache.h).
 */
#ifndef KV_H
#define KV_H

#include "daemon/store/kv_types.h"

struct api;
struct event_base;
struct get; /* the get of one caller */
struct login;
struct kv;
struct leader;
struct versions;
struct write; /* the put of one caller */

/*
 * All arguments are borrowed but options, which are copied. versions holds the versions that reads must not fall
 * behind; several kv of the same secrets may share it. Returns NULL if there is no memory.
 */
struct kv *kv_new(struct event_base *base, struct api *api, struct login *login, struct leader *leader,
    struct versions *versions, const struct kv_options *options);
void kv_free(struct kv *kv); /* ends all gets and puts; no callback runs */

/* Sets the cache's options. Entries that these do not allow are dropped. */
void kv_set_cache(struct kv *kv, const struct kv_options *options);

/*
 * Turns the cache off (paused) and on again. It must be off while another kv writes the same secrets, since that
 * one's writes do not reach this cache. Turning it off drops all entries.
 */
void kv_pause_cache(struct kv *kv, bool paused);

/*
 * Answers from the cache, if it has an answer that will do at now_ms (of clock_now_ms()): a young enough one; or,
 * while OpenBao is known to be away, one that is not too old to be served stale. Returns false, with *ret
 * untouched, if not: kv_get() is needed. The reply's spans are valid until the next call.
 */
bool kv_cached(struct kv *kv, const struct kv_wanted *wanted, uint64_t now_ms, struct kv_reply *ret);

/*
 * Reads a secret, sharing the read with callers who want the same. The answer is OpenBao's state at the time of
 * the call or later, and never older than what was written through this daemon in the last minute, whichever node
 * answers. Where the options allow it, a stale answer from the cache replaces a failure to reach OpenBao, and a
 * wait that has lasted 300 ms or half of the time to the deadline, whichever is less.
 *
 * caller tells whose request it is, by any number: when more requests wait than OpenBao gets at a time, callers
 * get slots in turn. A shared read takes the first slot that any of its callers gets. The name is held. Returns
 * NULL if there is no memory; then done does not run.
 */
struct get *kv_get(struct kv *kv, uint64_t caller, const struct kv_wanted *wanted, uint64_t deadline_ms,
    kv_done *done, void *arg);

/* The caller has gone: done will not run. A read that nobody waits for any more is cancelled. */
void kv_get_abandon(struct get *get);

/* Writes a secret. Returns NULL if there is no memory; then done does not run. */
struct write *kv_put(struct kv *kv, const struct kv_write *what, kv_done *done, void *arg);

/*
 * The caller has gone. A put that was not sent is cancelled, and false is returned: done will not run. One that
 * may have been sent goes on, and true is returned: done runs when it has ended.
 */
bool kv_put_abandon(struct write *put);

/* Forgets everything known of secrets and mounts, since what OpenBao stores was replaced, as by a restore. */
void kv_forget(struct kv *kv);

/* Gives the size of the cache. */
void kv_status(const struct kv *kv, struct kv_status *ret);

/* idle runs once, from the loop, as soon as no get and no put is under way. */
void kv_when_idle(struct kv *kv, void (*idle)(void *arg), void *arg);

/*
 * Stops: what was sent is finished. Writes that were not sent fail now, and new ones fail at once; reads likewise,
 * with a failure that is to stay unsaid. drained runs once, from the loop, when none is under way any more. Of
 * what has not ended after budget_ms, writes fail with CODE_UNKNOWN_OUTCOME, and reads as above.
 */
void kv_drain(struct kv *kv, uint64_t budget_ms, void (*drained)(void *arg), void *arg);

#endif
