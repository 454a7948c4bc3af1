/*
 * cache: secrets that were read lately, bounded in bytes, the least recently used going first (to the second),
 * wiped when they go. It sees to it that nothing is kept that was read before a write through this daemon: a put
 * takes the entry away when it is sent and when it has ended, and a read that had begun before either, or while a
 * put is under way, leaves nothing here.
 *
 * Pure but for memory: the caller brings the clock, in milliseconds. How old an answer may be is the caller's to
 * judge; what is older than the cache's lifetime nobody wants, and it goes with cache_expire.
 */
#ifndef CACHE_H
#define CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/jscan.h"
#include "proto/secret_name.h"

struct cache;
struct cache_secret; /* what is known of one secret */

/* A secret as it was read. Spans as in struct kv_reply. */
struct cache_value {
	struct jspan data, metadata, created_time;
	uint64_t version;
	uint64_t sent_ms; /* when the read was sent that gave it: its age counts from then */
};

/*
 * lifetime_ms: of an entry; 0: nothing is kept. max_bytes: of all, with what it takes to keep them. NULL: no
 * memory.
 */
struct cache *cache_new(uint64_t lifetime_ms, uint64_t max_bytes);
void cache_free(struct cache *cache); /* nothing may be held any more */

/*
 * The limits are these from now on, and what exceeds them goes. With lifetime_ms 0 everything goes, and reads that
 * are under way bring nothing.
 */
void cache_set_limits(struct cache *cache, uint64_t lifetime_ms, uint64_t max_bytes);

/*
 * The secret's latest version, as far as it is here: valid until the next call that is not cache_find. NULL: it is
 * not.
 */
const struct cache_value *cache_find(struct cache *cache, const struct secret_name *name, uint64_t now_ms);

/*
 * Holds on to what is known of a secret, for as long as a read or a put of it is under way. NULL: no memory, then
 * neither may have to do with the cache: a put must not be sent.
 */
struct cache_secret *cache_hold(struct cache *cache, const struct secret_name *name);
void cache_release(struct cache *cache, struct cache_secret *secret);

/*
 * A put is sent; and it has ended, as far as anybody will know. Each cache_put_sent is followed by one
 * cache_put_ended.
 */
void cache_put_sent(struct cache *cache, struct cache_secret *secret);
void cache_put_ended(struct cache *cache, struct cache_secret *secret);

/* Before a read is sent: a ticket, without which its answer is not taken. */
uint64_t cache_ticket(const struct cache *cache, const struct cache_secret *secret);

/*
 * Takes a copy of what was read, unless a put or cache_forget has come between, or a read that was sent later has
 * been here, or it is larger than all the cache may hold.
 */
void cache_fill(struct cache *cache, struct cache_secret *secret, uint64_t ticket,
    const struct cache_value *value);

/* Takes the secret's entry away, and what reads that are under way would bring. */
void cache_forget(struct cache *cache, struct cache_secret *secret);
void cache_clear(struct cache *cache); /* of all secrets */

/* Takes away what is too old. Gives when there is something to take away next, UINT64_MAX for never. */
uint64_t cache_expire(struct cache *cache, uint64_t now_ms);

uint64_t cache_entries(const struct cache *cache);
uint64_t cache_bytes(const struct cache *cache);

#endif
