/*
 * kv_internal: what kv.c (the life of one request), kv_read.c (callers who share reads) and kv_cache.c (answers from memory)
 * share.
 */
#ifndef KV_INTERNAL_H
#define KV_INTERNAL_H

#include <event2/event_struct.h>
#include <sys/queue.h>

#include "daemon/store/cache.h"
#include "daemon/store/flights.h"
#include "daemon/store/kv.h"

enum kv_step {
	KV_TOKEN,   /* waits for a login */
	KV_TURN,    /* waits for its turn */
	KV_MOUNT,   /* waits for the mount guard */
	KV_REQUEST, /* the read or put is under way */
	KV_DENIED,  /* waits for what the keeper says of a 403 */
	KV_PAUSE,   /* waits before it tries again */
	KV_FAILED   /* waits for the loop, to tell its failure */
};

/* Who waits for a call, and so asks for a turn for it. */
struct asker {
	struct asker *next;
	uint64_t caller;
	struct turn *turn; /* NULL: not asked for, or no more */
};

/* A flight's read, or a caller's put. */
struct kv_call {
	struct kv_call *prev, *next;
	struct kv *kv;
	bool is_put;
	bool has_cas;
	enum kv_step step;
	unsigned tries, denials;
	struct asker asker;      /* who began it; the others follow. they all ask for a turn, and one gets it */
	char *mount, *path;
	uint64_t version, min_version, cas;
	char *data;
	size_t data_len;
	uint64_t deadline_ms;
	uint64_t sent_ms; /* when it was sent last; 0: not yet */
	struct token *token;
	struct token_wait *token_wait;
	struct mounts_wait *mounts_wait;
	struct fresh_call *read; /* a read's */
	struct fresh_put *write; /* a put's */
	struct event *timer;
	struct failure failure; /* KV_PAUSE, KV_FAILED: told if nothing better comes */
	bool abandoned;
	kv_done *done;
	void *arg;
	struct cache_path *held; /* NULL: the cache is not for it */
	uint64_t ticket;         /* a read's, since it was sent last */
	bool counted;            /* a put: the cache has been told that it was sent */
};

TAILQ_HEAD(kv_reads, kv_read);

struct kv {
	struct event_base *base;
	struct keeper *keeper;
	struct mounts *mounts;
	struct fresh *fresh;
	struct turns *turns;
	struct kv_call *calls;
	bool draining;
	struct event *drain_timer;
	void (*drained)(void *arg);
	void *drained_arg;
	struct kv_options options;
	/* kv_read.c */
	struct flights *flights;
	struct kv_reads reads;
	struct event next_flight;
	uint64_t next_flight_ms; /* what that is set to; CLOCK_NEVER: not at all */
	/* kv_cache.c */
	struct cache *cache; /* off, it takes note of puts only, and so can be turned on at any time */
	bool paused;
	struct event expiry;
};

/* -- kv.c -- */

/* A flight's read; as kv_get, but by itself. Ended with kv_abandon. */
struct kv_call *kv_call_get(struct kv *kv, uint64_t caller, const struct flight_key *key, uint64_t deadline_ms,
    kv_done *done, void *arg);

/*
 * Another caller waits for a read: its turn comes with the first of theirs. What was not sent yet gets until the latest
 * deadline; 0: that has not to do with it.
 */
void kv_call_share(struct kv_call *call, uint64_t caller, uint64_t deadline_ms);

/* What a call would fail with if its time were over now; for a caller whose time is, while the call has more. */
void kv_call_overdue(struct kv_call *call, struct failure *ret);

/* -- kv_read.c -- */

int kv_reads_init(struct kv *kv);  /* 0 or -1 */
void kv_reads_free(struct kv *kv); /* no callback runs */
void kv_reads_depart(struct kv_call *call); /* a read is about to be sent, or to fail */

/* -- kv_cache.c -- */

int kv_cache_init(struct kv *kv); /* 0 or -1 */
void kv_cache_free(struct kv *kv);
void kv_cache_clear(struct kv *kv);

/* Has the cache an answer that may be given where OpenBao cannot be asked? */
bool kv_cache_stale(struct kv *kv, const struct kv_wanted *wanted, struct kv_reply *ret);

/* Steps in the life of a call. */
int kv_cache_begin(struct kv_call *call); /* 0; or -1: no memory, and it must not be sent */
void kv_cache_send(struct kv_call *call);
void kv_cache_fill(struct kv_call *call, const struct kv_reply *reply); /* it has worked */
void kv_cache_failed(struct kv_call *call, int status);                 /* an attempt has not; the HTTP status, or 0 */
void kv_cache_end(struct kv_call *call);

#endif
