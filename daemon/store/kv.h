/*
 * kv: get, put and check-and-set of KV version 2 secrets. Waits for the login, asks the mount guard, sends, and
 * tries again what may be tried again within the deadline. Gets at the same time share reads (flights.h), and may
 * be answered from memory (cache.h).
 */
#ifndef KV_H
#define KV_H

#include "daemon/store/kv_types.h"

struct api;
struct event_base;
struct get; /* one caller's */
struct login;
struct kv;
struct leader;
struct versions;
struct write; /* a put */

/*
 * All borrowed but options. versions are those that reads must not fall behind, and may be shared by several that
 * work for the same secrets. NULL: no memory.
 */
struct kv *kv_new(struct event_base *base, struct api *api, struct login *login, struct leader *leader,
    struct versions *versions, const struct kv_options *options);
void kv_free(struct kv *kv); /* no callback runs */

/* The cache is as these options say from now on. */
void kv_set_cache(struct kv *kv, const struct kv_options *options);

/*
 * While others, with a cache of their own, may write what is read here: nothing is answered from memory. What was
 * kept is gone.
 */
void kv_pause_cache(struct kv *kv, bool paused);

/*
 * An answer from memory at now_ms of clock_now_ms(), if there is one that will do: young enough; or OpenBao is
 * known to be away, and it is not too old to be served stale. Its spans are valid until the next call. False: it
 * takes kv_get.
 */
bool kv_cached(struct kv *kv, const struct kv_wanted *wanted, uint64_t now_ms, struct kv_reply *ret);

/*
 * Reads, with others who want the same, and sees what OpenBao holds now or later; but a stale answer from the
 * cache, where the options allow it, takes the place of failures to reach OpenBao, and of waiting longer than
 * min(300 ms, half of the time). Never older than what was written through this daemon in the last minute,
 * whichever node answers.
 *
 * caller: whose request it is, by any number; where more is asked for than OpenBao is asked at a time, callers get
 * slots in turn. A shared read takes the first slot of all who wait for it. The name is held. NULL: no memory,
 * done does not run.
 */
struct get *kv_get(struct kv *kv, uint64_t caller, const struct kv_wanted *wanted, uint64_t deadline_ms,
    kv_done *done, void *arg);

/* The caller has gone: done will not run. A read that nobody waits for any more is ended. */
void kv_get_abandon(struct get *get);

/* NULL: no memory, done does not run. */
struct write *kv_put(struct kv *kv, const struct kv_write *what, kv_done *done, void *arg);

/*
 * The caller has gone. A put of which nothing was sent is ended: false, done will not run. One that may have been
 * sent goes on: true, and done runs when it has ended.
 */
bool kv_put_abandon(struct write *put);

/* What OpenBao stores was replaced, as by a restore: nothing that was known of its secrets and mounts holds. */
void kv_forget(struct kv *kv);

void kv_status(const struct kv *kv, struct kv_status *ret);

/* idle runs once, from the loop, when no get and no put is under way. */
void kv_when_idle(struct kv *kv, void (*idle)(void *arg), void *arg);

/*
 * For stopping: reads, and writes of which nothing was sent, fail now; when the last call has been told its end,
 * drained runs, once, from the loop. Writes that have not ended after budget_ms are told that their outcome is
 * unknown. New calls fail from now on.
 */
void kv_drain(struct kv *kv, uint64_t budget_ms, void (*drained)(void *arg), void *arg);

#endif
