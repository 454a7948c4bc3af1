/*
 * kv: get, put and check-and-set of KV version 2 secrets. Waits for the login, asks the mount guard, sends, and
 * tries again what may be tried again within the deadline.
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
struct kv_call;
struct versions;

/*
 * All borrowed. versions are those that reads must not fall behind, and may be shared by several that work for the same
 * secrets. NULL: no memory.
 */
struct kv *kv_new(struct event_base *base, struct api *api, struct keeper *keeper, struct leader *leader,
    struct versions *versions);
void kv_free(struct kv *kv);

struct kv_reply {
	const struct failure *failure; /* NULL: it worked */
	struct jspan data;             /* get: the secret's object, byte for byte as OpenBao sent it */
	struct jspan metadata;         /* custom metadata: an object or null; len 0 if absent */
	struct jspan created_time;     /* a JSON string */
	uint64_t version;
};

/* Runs exactly once, from the loop, never from within kv_get or kv_put. Spans are valid until it returns. */
typedef void kv_done(void *arg, const struct kv_reply *reply);

/*
 * caller: whose request it is, by any number; where more is asked for than OpenBao is asked at a time, callers take turns.
 * version 0: the latest. min_version: an older answer, or none, is asked for again until the deadline; 0: any. Never
 * older than what was written through this daemon in the last minute, whichever node answers.
 * Strings are copied. NULL: no memory, done does not run.
 */
struct kv_call *kv_get(struct kv *kv, uint64_t caller, const char *mount, const char *path, uint64_t version,
    uint64_t min_version, uint64_t deadline_ms, kv_done *done, void *arg);

/* cas: NULL for an unconditional write. data is copied. */
struct kv_call *kv_put(struct kv *kv, uint64_t caller, const char *mount, const char *path, const char *data,
    size_t data_len, const uint64_t *cas, uint64_t deadline_ms, kv_done *done, void *arg);

/*
 * Nobody wants to know any more. A read is ended, and a put of which nothing was sent: false, done will not run. A put that
 * may have been sent goes on: true, and done runs when it has ended.
 */
bool kv_abandon(struct kv_call *call);

/* What OpenBao stores was replaced, as by a restore: nothing that was known of its secrets and mounts holds. */
void kv_forget(struct kv *kv);

/* No call is under way. */
bool kv_is_idle(const struct kv *kv);

/*
 * For stopping: reads, and writes of which nothing was sent, fail now; when the last call has been told its end,
 * drained runs, once, from the loop. Writes that have not ended after budget_ms are told that their outcome is
 * unknown. New calls fail from here on.
 */
void kv_drain(struct kv *kv, uint64_t budget_ms, void (*drained)(void *arg), void *arg);

#endif
