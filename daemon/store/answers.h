/*
 * answers: when an answer from the cache (cache.h) will do, and what reads, writes and logins do to the cache.
 */
#ifndef ANSWERS_H
#define ANSWERS_H

#include "daemon/store/kv_types.h"
#include "daemon/upstream/classify.h"

struct answers;
struct cache_secret;
struct event_base;
struct login;

/* Both borrowed. NULL: no memory. */
struct answers *answers_new(struct event_base *base, struct login *login, const struct kv_options *options);
void answers_free(struct answers *answers);

/* These do what kv_set_cache() and kv_pause_cache() do. */
void answers_set_options(struct answers *answers, const struct kv_options *options);
void answers_pause(struct answers *answers, bool paused);

/* The daemon stops: nothing stale is given any more. */
void answers_stop(struct answers *answers);

void answers_clear(struct answers *answers);
void answers_status(const struct answers *answers, struct kv_status *ret);

/* This is kv_cached(). */
bool answers_find(struct answers *answers, const struct kv_wanted *wanted, uint64_t now_ms, struct kv_reply *ret);

/* Is there an answer that may be given where OpenBao cannot be asked? */
bool answers_find_stale(struct answers *answers, const struct kv_wanted *wanted, struct kv_reply *ret);

/*
 * It says what a read or a write under way has to do with the cache, and is part of its struct. All zero: nothing.
 */
struct cache_use {
	struct cache_secret *secret; /* NULL: the cache is not for it */
	uint64_t ticket;             /* a read's, since it was sent last */
	bool is_put;
	bool counted; /* a put: the cache has been told that it was sent */
};

/* A read, or a put, begins. 0; or -1: no memory, and it must not be sent. */
int answers_begin_read(struct answers *answers, struct cache_use *cache_use, const struct secret_name *name);
int answers_begin_put(struct answers *answers, struct cache_use *cache_use, const struct secret_name *name);

/* It is about to be sent. */
void answers_sent(struct answers *answers, struct cache_use *cache_use);

/* A read of the latest version has worked; sent_ms: when it was sent. */
void answers_keep(struct answers *answers, struct cache_use *cache_use, const struct answer *answer,
    uint64_t sent_ms);

/* A read was answered with that HTTP status. latest: it was of the latest version. */
void answers_refused(struct answers *answers, struct cache_use *cache_use, int status, bool latest);

/* It has ended, as far as anybody will know. */
void answers_end(struct answers *answers, struct cache_use *cache_use);

#endif
