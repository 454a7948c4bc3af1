/*
 * cache: a table of secrets. Those with an entry are in two lists: by use, for making room, and by age.
 */
#include "daemon/store/cache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/secmem.h"
#include "base/table.h"

#define NEVER UINT64_MAX
#define USE_MS 1000   /* an entry used again within this keeps its place: moving costs more than finding */
#define BLOCK_COST 16 /* what the allocator adds to each block */
#define LINE_BYTES 64
#define FETCH_BYTES 1024

/*
 * The members that a look-up touches stand last, beside the key, so that it touches fewer lines of the processor's
 * caches.
 */
struct cache_secret {
	uint64_t generation; /* grows when a put is sent or ends, and with cache_forget() */
	unsigned puts;       /* under way */
	unsigned holds;
	size_t body_len;
	TAILQ_ENTRY(cache_secret) used, aged; /* used only if there is an entry */
	uint64_t used_ms;                     /* when it was last moved to the head of by_use */
	char *body;                           /* NULL: there is no entry */
	struct cache_value value;             /* its spans point into body */
	UT_hash_handle hh;
	unsigned key_len;
	char key[]; /* the key of its struct secret_name */
};

TAILQ_HEAD(cache_secrets, cache_secret);

struct cache {
	uint64_t lifetime_ms, max_bytes;
	struct cache_secret *table;
	struct cache_secrets by_use; /* the most recently used first */
	struct cache_secrets by_age; /* the read that was sent first comes first */
	uint64_t entries, bytes;
	uint64_t clears;
};

/* -- secrets ------------------------------------------------------------------------------------------------- */

static struct cache_secret *cache_find_secret(const struct cache *c, const struct secret_name *name)
{
	struct cache_secret *s;

	HASH_FIND(hh, c->table, name->key, name->key_len, s);
	return s;
}

static struct cache_secret *cache_add_secret(struct cache *c, const struct secret_name *name)
{
	struct cache_secret *s = calloc(1, sizeof(*s) + name->key_len);

	if (s == NULL)
		return NULL;
	memcpy(s->key, name->key, name->key_len);
	s->key_len = name->key_len;
	HASH_ADD(hh, c->table, key, name->key_len, s);
	if (TABLE_HAS(s))
		return s;
	free(s);
	return NULL;
}

static void cache_drop_unused(struct cache *c, struct cache_secret *s)
{
	if (s->holds > 0 || s->body != NULL)
		return;
	HASH_DEL(c->table, s);
	free(s);
}

struct cache_secret *cache_hold(struct cache *c, const struct secret_name *name)
{
	struct cache_secret *s = cache_find_secret(c, name);

	if (s == NULL)
		s = cache_add_secret(c, name);
	if (s != NULL)
		s->holds++;
	return s;
}

void cache_release(struct cache *c, struct cache_secret *s)
{
	s->holds--;
	cache_drop_unused(c, s);
}

/* -- entries ------------------------------------------------------------------------------------------------- */

static uint64_t cache_cost(const struct cache_secret *s, size_t body_len)
{
	return sizeof(*s) + s->key_len + body_len + 2 * BLOCK_COST;
}

static void cache_drop_entry(struct cache *c, struct cache_secret *s)
{
	if (s->body == NULL)
		return;
	TAILQ_REMOVE(&c->by_use, s, used);
	TAILQ_REMOVE(&c->by_age, s, aged);
	c->entries--;
	c->bytes -= cache_cost(s, s->body_len);
	secmem_free(s->body);
	s->body = NULL;
	s->value = (struct cache_value){ .version = 0 };
}

static void cache_evict(struct cache *c, struct cache_secret *s)
{
	cache_drop_entry(c, s);
	cache_drop_unused(c, s);
}

static char *cache_copy_span(char *at, struct jspan *span)
{
	if (span->len > 0)
		memcpy(at, span->p, span->len);
	span->p = at;
	return at + span->len;
}

/* The place is searched from the tail, since reads end nearly in the order in which they were sent. */
static void cache_insert_by_age(struct cache *c, struct cache_secret *s)
{
	struct cache_secret *before;

	TAILQ_FOREACH_REVERSE(before, &c->by_age, cache_secrets, aged) {
		if (before->value.sent_ms <= s->value.sent_ms)
			break;
	}
	if (before != NULL)
		TAILQ_INSERT_AFTER(&c->by_age, before, s, aged);
	else
		TAILQ_INSERT_HEAD(&c->by_age, s, aged);
}

static void cache_make_room(struct cache *c, uint64_t bytes)
{
	while (c->bytes + bytes > c->max_bytes)
		cache_evict(c, TAILQ_LAST(&c->by_use, cache_secrets));
}

static void cache_add_entry(struct cache *c, struct cache_secret *s, const struct cache_value *value)
{
	size_t len = value->data.len + value->metadata.len + value->created_time.len;
	char *at, *body;

	if (cache_cost(s, len) > c->max_bytes || (body = secmem_malloc(len)) == NULL)
		return;
	cache_make_room(c, cache_cost(s, len));
	s->value = *value;
	s->body = body;
	s->body_len = len;
	s->used_ms = value->sent_ms;
	at = cache_copy_span(body, &s->value.created_time);
	at = cache_copy_span(at, &s->value.metadata);
	(void)cache_copy_span(at, &s->value.data);
	c->entries++;
	c->bytes += cache_cost(s, len);
	TAILQ_INSERT_HEAD(&c->by_use, s, used);
	cache_insert_by_age(c, s);
}

/*
 * The entry will be copied into a reply soon. Prefetching loads its first bytes while the caller goes on, for
 * instance with the audit's counters, where the copy would wait for one cache line after the other. Beyond
 * FETCH_BYTES the processor fetches ahead by itself.
 */
static void cache_prefetch(const struct cache_secret *s)
{
	for (size_t i = 0; i < s->body_len && i < FETCH_BYTES; i += LINE_BYTES)
		__builtin_prefetch(s->body + i);
}

const struct cache_value *cache_find(struct cache *c, const struct secret_name *name, uint64_t now_ms)
{
	struct cache_secret *s = cache_find_secret(c, name);

	if (s == NULL || s->body == NULL)
		return NULL;
	cache_prefetch(s);
	if (now_ms >= s->used_ms + USE_MS) {
		s->used_ms = now_ms;
		TAILQ_REMOVE(&c->by_use, s, used);
		TAILQ_INSERT_HEAD(&c->by_use, s, used);
	}
	return &s->value;
}

/* -- reads and puts ------------------------------------------------------------------------------------------ */

/* Both numbers only grow, so that the sum is the same only if each of them is. */
uint64_t cache_ticket(const struct cache *c, const struct cache_secret *s)
{
	return c->clears + s->generation;
}

void cache_fill(struct cache *c, struct cache_secret *s, uint64_t ticket, const struct cache_value *value)
{
	if (c->lifetime_ms == 0 || s->puts > 0 || ticket != cache_ticket(c, s) ||
	    (s->body != NULL && s->value.sent_ms > value->sent_ms))
		return;
	cache_drop_entry(c, s);
	cache_add_entry(c, s, value);
}

void cache_forget(struct cache *c, struct cache_secret *s)
{
	s->generation++;
	cache_drop_entry(c, s);
}

void cache_put_sent(struct cache *c, struct cache_secret *s)
{
	s->puts++;
	cache_forget(c, s);
}

void cache_put_ended(struct cache *c, struct cache_secret *s)
{
	s->puts--;
	cache_forget(c, s);
}

void cache_clear(struct cache *c)
{
	struct cache_secret *s;

	c->clears++;
	while ((s = TAILQ_FIRST(&c->by_use)) != NULL)
		cache_evict(c, s);
}

uint64_t cache_expire(struct cache *c, uint64_t now_ms)
{
	struct cache_secret *s;

	while ((s = TAILQ_FIRST(&c->by_age)) != NULL && now_ms >= s->value.sent_ms + c->lifetime_ms)
		cache_evict(c, s);
	return s != NULL ? s->value.sent_ms + c->lifetime_ms : NEVER;
}

void cache_set_limits(struct cache *c, uint64_t lifetime_ms, uint64_t max_bytes)
{
	c->lifetime_ms = lifetime_ms;
	c->max_bytes = max_bytes;
	if (lifetime_ms == 0)
		cache_clear(c);
	cache_make_room(c, 0);
}

/* -- the cache ----------------------------------------------------------------------------------------------- */

uint64_t cache_entries(const struct cache *c)
{
	return c->entries;
}

uint64_t cache_bytes(const struct cache *c)
{
	return c->bytes;
}

struct cache *cache_new(uint64_t lifetime_ms, uint64_t max_bytes)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->lifetime_ms = lifetime_ms;
	c->max_bytes = max_bytes;
	TAILQ_INIT(&c->by_use);
	TAILQ_INIT(&c->by_age);
	return c;
}

void cache_free(struct cache *c)
{
	if (c == NULL)
		return;
	cache_clear(c);
	free(c);
}
