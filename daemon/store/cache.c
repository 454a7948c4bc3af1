/*
 * cache: a table of secrets, those with an entry in two orders: by use, for what has to make room, and by age.
 */
#include "daemon/store/cache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/secmem.h"
#include "base/table.h"

#define NEVER UINT64_MAX
#define USE_MS 1000   /* entries used within that are in no order: moving one costs more than finding it */
#define BLOCK_COST 16 /* what the allocator keeps for a block */
#define LINE_BYTES 64
#define FETCH_BYTES 1024

/* What a look-up touches comes last, together with the key: each line of the processor's caches less is time. */
struct cache_path {
	uint64_t generation; /* grows with each put's beginning and end */
	unsigned puts;       /* under way */
	unsigned holds;
	size_t body_len;
	TAILQ_ENTRY(cache_path) used, aged; /* if there is a body */
	uint64_t used_ms;                   /* when it was last moved in by_use */
	char *body;                         /* NULL: there is no entry */
	struct cache_value value;           /* its spans lie in body */
	UT_hash_handle hh;
	unsigned key_len;
	char key[]; /* its name's */
};

TAILQ_HEAD(paths, cache_path);

struct cache {
	uint64_t lifetime_ms, max_bytes;
	struct cache_path *table;
	struct paths by_use; /* used last first */
	struct paths by_age; /* sent first first */
	uint64_t entries, bytes;
	uint64_t clears;
};

/* -- secrets ------------------------------------------------------------------------------------------------- */

static struct cache_path *cached_path(const struct cache *c, const struct secret_name *name)
{
	struct cache_path *p;

	HASH_FIND(hh, c->table, name->key, name->key_len, p);
	return p;
}

static struct cache_path *add_path(struct cache *c, const struct secret_name *name)
{
	struct cache_path *p = calloc(1, sizeof(*p) + name->key_len);

	if (p == NULL)
		return NULL;
	memcpy(p->key, name->key, name->key_len);
	p->key_len = name->key_len;
	HASH_ADD(hh, c->table, key, name->key_len, p);
	if (TABLE_HAS(p))
		return p;
	free(p);
	return NULL;
}

static void drop_if_unused(struct cache *c, struct cache_path *p)
{
	if (p->holds > 0 || p->body != NULL)
		return;
	HASH_DEL(c->table, p);
	free(p);
}

struct cache_path *cache_hold(struct cache *c, const struct secret_name *name)
{
	struct cache_path *p = cached_path(c, name);

	if (p == NULL)
		p = add_path(c, name);
	if (p != NULL)
		p->holds++;
	return p;
}

void cache_release(struct cache *c, struct cache_path *p)
{
	p->holds--;
	drop_if_unused(c, p);
}

/* -- entries ------------------------------------------------------------------------------------------------- */

static uint64_t cost(const struct cache_path *p, size_t body_len)
{
	return sizeof(*p) + p->key_len + body_len + 2 * BLOCK_COST;
}

static void drop_body(struct cache *c, struct cache_path *p)
{
	if (p->body == NULL)
		return;
	TAILQ_REMOVE(&c->by_use, p, used);
	TAILQ_REMOVE(&c->by_age, p, aged);
	c->entries--;
	c->bytes -= cost(p, p->body_len);
	secmem_free(p->body);
	p->body = NULL;
	p->value = (struct cache_value){ .version = 0 };
}

static void drop_path(struct cache *c, struct cache_path *p)
{
	drop_body(c, p);
	drop_if_unused(c, p);
}

static char *put_span(char *at, struct jspan *span)
{
	if (span->len > 0)
		memcpy(at, span->p, span->len);
	span->p = at;
	return at + span->len;
}

/* Reads end nearly in the order in which they were sent. */
static void insert_by_age(struct cache *c, struct cache_path *p)
{
	struct cache_path *before;

	TAILQ_FOREACH_REVERSE(before, &c->by_age, paths, aged) {
		if (before->value.sent_ms <= p->value.sent_ms)
			break;
	}
	if (before != NULL)
		TAILQ_INSERT_AFTER(&c->by_age, before, p, aged);
	else
		TAILQ_INSERT_HEAD(&c->by_age, p, aged);
}

static void make_room(struct cache *c, uint64_t bytes)
{
	while (c->bytes + bytes > c->max_bytes)
		drop_path(c, TAILQ_LAST(&c->by_use, paths));
}

static void add_entry(struct cache *c, struct cache_path *p, const struct cache_value *value)
{
	size_t len = value->data.len + value->metadata.len + value->created_time.len;
	char *at, *body;

	if (cost(p, len) > c->max_bytes || (body = secmem_malloc(len)) == NULL)
		return;
	make_room(c, cost(p, len));
	p->value = *value;
	p->body = body;
	p->body_len = len;
	p->used_ms = value->sent_ms;
	at = put_span(body, &p->value.created_time);
	at = put_span(at, &p->value.metadata);
	(void)put_span(at, &p->value.data);
	c->entries++;
	c->bytes += cost(p, len);
	TAILQ_INSERT_HEAD(&c->by_use, p, used);
	insert_by_age(c, p);
}

/*
 * The entry will be copied into a reply. Its bytes are on their way while the audit counts, instead of being
 * waited for one line of the processor's caches after the other; of a large one the processor fetches the rest by
 * itself.
 */
static void fetch(const struct cache_path *p)
{
	for (size_t i = 0; i < p->body_len && i < FETCH_BYTES; i += LINE_BYTES)
		__builtin_prefetch(p->body + i);
}

const struct cache_value *cache_find(struct cache *c, const struct secret_name *name, uint64_t now_ms)
{
	struct cache_path *p = cached_path(c, name);

	if (p == NULL || p->body == NULL)
		return NULL;
	fetch(p);
	if (now_ms >= p->used_ms + USE_MS) {
		p->used_ms = now_ms;
		TAILQ_REMOVE(&c->by_use, p, used);
		TAILQ_INSERT_HEAD(&c->by_use, p, used);
	}
	return &p->value;
}

/* -- reads and puts ------------------------------------------------------------------------------------------ */

/* Both only grow, so that the sum is the same only if each is. */
uint64_t cache_ticket(const struct cache *c, const struct cache_path *p)
{
	return c->clears + p->generation;
}

void cache_fill(struct cache *c, struct cache_path *p, uint64_t ticket, const struct cache_value *value)
{
	if (c->lifetime_ms == 0 || p->puts > 0 || ticket != cache_ticket(c, p) ||
	    (p->body != NULL && p->value.sent_ms > value->sent_ms))
		return;
	drop_body(c, p);
	add_entry(c, p, value);
}

void cache_forget(struct cache *c, struct cache_path *p)
{
	p->generation++;
	drop_body(c, p);
}

void cache_put_sent(struct cache *c, struct cache_path *p)
{
	p->puts++;
	cache_forget(c, p);
}

void cache_put_ended(struct cache *c, struct cache_path *p)
{
	p->puts--;
	cache_forget(c, p);
}

void cache_clear(struct cache *c)
{
	struct cache_path *p;

	c->clears++;
	while ((p = TAILQ_FIRST(&c->by_use)) != NULL)
		drop_path(c, p);
}

uint64_t cache_expire(struct cache *c, uint64_t now_ms)
{
	struct cache_path *p;

	while ((p = TAILQ_FIRST(&c->by_age)) != NULL && now_ms >= p->value.sent_ms + c->lifetime_ms)
		drop_path(c, p);
	return p != NULL ? p->value.sent_ms + c->lifetime_ms : NEVER;
}

void cache_set_limits(struct cache *c, uint64_t lifetime_ms, uint64_t max_bytes)
{
	c->lifetime_ms = lifetime_ms;
	c->max_bytes = max_bytes;
	if (lifetime_ms == 0)
		cache_clear(c);
	make_room(c, 0);
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
