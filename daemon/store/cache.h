/*
 * cache: keeps secrets that were read lately. It is bounded in bytes, drops the least recently used entry first
 * (to the second), and wipes what it drops. Nothing stays in it that was read before a write through this daemon:
 * a put drops the entry when it is sent and again when it has ended, and a read that began before either, or while
 * a put is under way, stores nothing.
 *
 * It has no effects beyond its memory: the caller passes the time, in milliseconds. The caller also decides how
 * old an answer may be. Entries older than the cache's lifetime are of no use, and cache_expire() drops them.
 */
#ifndef CACHE_H
#define CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/jscan.h"
#include "proto/secret_name.h"

struct cache;
struct cache_secret; /* what the cache knows of one secret */

/* A secret as it was read, with the spans of struct kv_reply. */
struct cache_value {
	struct jspan data, metadata, created_time;
	uint64_t version;
	uint64_t sent_ms; /* when the read that gave it was sent: its age counts from then */
};

/*
 * lifetime_ms is how long an entry is kept; 0 keeps nothing. max_bytes bounds all entries, bookkeeping included.
 * Returns NULL if there is no memory.
 */
struct cache *cache_new(uint64_t lifetime_ms, uint64_t max_bytes);
void cache_free(struct cache *cache); /* every cache_hold() must have been released */

/*
 * Sets other limits and drops what exceeds them. With lifetime_ms 0 everything is dropped, and reads under way
 * store nothing.
 */
void cache_set_limits(struct cache *cache, uint64_t lifetime_ms, uint64_t max_bytes);

/*
 * Gives the entry of a secret, its latest version, or NULL if there is none. The value is valid until the next
 * call of any function but cache_find().
 */
const struct cache_value *cache_find(struct cache *cache, const struct secret_name *name, uint64_t now_ms);

/*
 * Keeps what the cache knows of a secret from being freed while a read or a put of it is under way;
 * cache_release() ends that. NULL: no memory. Then a read must not be stored, and a put must not be sent.
 */
struct cache_secret *cache_hold(struct cache *cache, const struct secret_name *name);
void cache_release(struct cache *cache, struct cache_secret *secret);

/*
 * The first is called when a put is sent, the second when the put has ended as far as this daemon will ever know.
 * Each cache_put_sent() is followed by one cache_put_ended().
 */
void cache_put_sent(struct cache *cache, struct cache_secret *secret);
void cache_put_ended(struct cache *cache, struct cache_secret *secret);

/* Gives a ticket before a read is sent. cache_fill() takes it to tell whether anything has come between. */
uint64_t cache_ticket(const struct cache *cache, const struct cache_secret *secret);

/*
 * Stores a copy of what was read. It stores nothing if a put, cache_forget() or cache_clear() came after the
 * ticket, if an entry is there that was sent later, or if the value is larger than the whole cache may be.
 */
void cache_fill(struct cache *cache, struct cache_secret *secret, uint64_t ticket,
    const struct cache_value *value);

/* Drops the secret's entry; reads of it that are under way store nothing. */
void cache_forget(struct cache *cache, struct cache_secret *secret);
void cache_clear(struct cache *cache); /* the same for all secrets */

/*
 * Drops the entries that are too old. Gives the time at which the next one will be, or UINT64_MAX if the cache is
 * empty.
 */
uint64_t cache_expire(struct cache *cache, uint64_t now_ms);

uint64_t cache_entries(const struct cache *cache);
uint64_t cache_bytes(const struct cache *cache);

#endif
