/*
 * kv: get, put and check-and-set of KV version 2 secrets. Waits for the login, asks the mount guard, sends, and
 * tries again what may be tried again within the deadline. Gets at the same time share reads (flights.h), and may be
 * answered from memory (cache.h).
 */
#ifndef KV_H
#define KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/codes.h"
#include "proto/jscan.h"

struct api;
struct event_base;
struct keeper;
struct kv;
struct leader;
struct kv_call; /* a put */
struct kv_read; /* a get */
struct versions;

/* The cache. With neither time there is none. */
struct kv_options {
	uint64_t max_age_ms;     /* a get may be answered with what was read less than this ago */
	uint64_t serve_stale_ms; /* the same where OpenBao cannot be asked */
	uint64_t max_bytes;
};

/*
 * All borrowed but options. versions are those that reads must not fall behind, and may be shared by several that work for
 * the same secrets. NULL: no memory.
 */
struct kv *kv_new(struct event_base *base, struct api *api, struct keeper *keeper, struct leader *leader,
    struct versions *versions, const struct kv_options *options);
void kv_free(struct kv *kv);

/* From here on by these options. */
void kv_set_cache(struct kv *kv, const struct kv_options *options);

/*
 * While others, with a cache of their own, may write what is read here: nothing is answered from memory. What was kept is
 * gone.
 */
void kv_pause_cache(struct kv *kv, bool paused);

struct kv_reply {
	const struct failure *failure; /* NULL: it worked */
	struct jspan data;             /* get: the secret's object, byte for byte as OpenBao sent it */
	struct jspan metadata;         /* custom metadata: an object or null; len 0 if absent */
	struct jspan created_time;     /* a JSON string */
	uint64_t version;
	bool cached;                   /* get: from the cache, read age_ms ago */
	bool stale;                    /* OpenBao could not be asked, and it is older than max_age_ms of the options */
	uint64_t age_ms;
};

/* Runs exactly once, from the loop, never from within kv_get or kv_put. Spans are valid until it returns. */
typedef void kv_done(void *arg, const struct kv_reply *reply);

#define KV_ANY_AGE UINT64_MAX

struct kv_wanted {
	const char *mount, *path;
	uint64_t version;     /* 0: the latest */
	uint64_t min_version; /* an older answer, or none, is asked for again until the deadline; 0: any */
	uint64_t max_age_ms;  /* an answer from the cache must be younger, a stale one too; KV_ANY_AGE: as the options say */
};

/*
 * An answer from memory at now_ms of clock_now_ms(), if there is one that will do: young enough; or OpenBao is known to be away, and it is not too old
 * to be served stale. Its spans are valid until the next call. False: it takes kv_get.
 */
bool kv_cached(struct kv *kv, const struct kv_wanted *wanted, uint64_t now_ms, struct kv_reply *ret);

/*
 * Reads, with others who want the same, and sees what OpenBao holds now or later; but a stale answer from the cache, where
 * the options allow it, takes the place of failures to reach OpenBao, and of waiting longer than min(300 ms, half of the
 * time). Never older than what was written through this daemon in the last minute, whichever node answers.
 *
 * caller: whose request it is, by any number; where more is asked for than OpenBao is asked at a time, callers take turns.
 * A shared read takes the first turn of all who wait for it. Strings are copied. NULL: no memory, done does not run.
 */
struct kv_read *kv_get(struct kv *kv, uint64_t caller, const struct kv_wanted *wanted, uint64_t deadline_ms, kv_done *done,
    void *arg);

/* The caller has gone: done will not run. A read that nobody waits for any more is ended. */
void kv_read_abandon(struct kv_read *read);

/* cas: NULL for an unconditional write. data is copied. */
struct kv_call *kv_put(struct kv *kv, uint64_t caller, const char *mount, const char *path, const char *data,
    size_t data_len, const uint64_t *cas, uint64_t deadline_ms, kv_done *done, void *arg);

/*
 * The caller has gone. A put of which nothing was sent is ended: false, done will not run. One that may have been sent goes
 * on: true, and done runs when it has ended.
 */
bool kv_abandon(struct kv_call *call);

/* What OpenBao stores was replaced, as by a restore: nothing that was known of its secrets and mounts holds. */
void kv_forget(struct kv *kv);

/* What the cache holds. */
struct kv_status {
	uint64_t entries, bytes;
};
void kv_status(const struct kv *kv, struct kv_status *ret);

/* No get and no put is under way. */
bool kv_is_idle(const struct kv *kv);

/*
 * For stopping: reads, and writes of which nothing was sent, fail now; when the last call has been told its end,
 * drained runs, once, from the loop. Writes that have not ended after budget_ms are told that their outcome is
 * unknown. New calls fail from here on.
 */
void kv_drain(struct kv *kv, uint64_t budget_ms, void (*drained)(void *arg), void *arg);

#endif
