/*
 * answers: decides when a get may be answered from the cache (cache.h), and keeps the cache in step with reads,
 * puts and logins.
 */
#ifndef ANSWERS_H
#define ANSWERS_H

#include "daemon/store/kv_types.h"
#include "daemon/upstream/classify.h"

struct answers;
struct cache_secret;
struct event_base;
struct login;

/* base and login are borrowed, options are copied. Returns NULL if there is no memory. */
struct answers *answers_new(struct event_base *base, struct login *login, const struct kv_options *options);
void answers_free(struct answers *answers);

/* These two implement kv_set_cache() and kv_pause_cache(). */
void answers_set_options(struct answers *answers, const struct kv_options *options);
void answers_pause(struct answers *answers, bool paused);

/* The daemon is stopping: from now on no stale answer is given. */
void answers_stop(struct answers *answers);

/* Drops all entries. */
void answers_clear(struct answers *answers);

/* Gives the size of the cache. */
void answers_status(const struct answers *answers, struct kv_status *ret);

/* Implements kv_cached(). */
bool answers_find(struct answers *answers, const struct kv_wanted *wanted, uint64_t now_ms, struct kv_reply *ret);

/*
 * Finds an answer that may be given although OpenBao cannot be asked: one that is not older than the options and
 * wanted allow. Returns false, with *ret untouched, if there is none. The reply's spans are valid until the next
 * call.
 */
bool answers_find_stale(struct answers *answers, const struct kv_wanted *wanted, struct kv_reply *ret);

/*
 * How one read or put under way uses the cache. It is part of that read's or put's struct; all zero means that the
 * cache is not used.
 */
struct cache_use {
	struct cache_secret *secret; /* NULL: the cache is not used */
	uint64_t ticket;             /* what cache_ticket() gave when it was sent last */
	bool is_put;
	bool counted; /* a put: cache_put_sent() was called and cache_put_ended() is due */
};

/*
 * A read, or a put, of that secret begins. Returns 0, or -1 if there is no memory: then it must not be sent. Each
 * call that returned 0 is followed by one answers_end().
 */
int answers_begin_read(struct answers *answers, struct cache_use *cache_use, const struct secret_name *name);
int answers_begin_put(struct answers *answers, struct cache_use *cache_use, const struct secret_name *name);

/* The read or put is about to be sent, for the first time or again. */
void answers_sent(struct answers *answers, struct cache_use *cache_use);

/*
 * A read of the latest version has worked: the cache takes a copy of the answer. sent_ms is when the read was
 * sent, by clock_now_ms().
 */
void answers_keep(struct answers *answers, struct cache_use *cache_use, const struct answer *answer,
    uint64_t sent_ms);

/*
 * OpenBao answered a read with that HTTP status, an error. latest says that the read was of the latest version.
 * The entry is dropped if the status says that the secret is gone or may not be read.
 */
void answers_refused(struct answers *answers, struct cache_use *cache_use, int status, bool latest);

/* The read or put has ended, as far as this daemon will ever know. */
void answers_end(struct answers *answers, struct cache_use *cache_use);

#endif
