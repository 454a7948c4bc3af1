/*
 * versions: a table in the order of the writes, so that the oldest entry is first to be dropped. If an entry has
 * to be dropped before its time, all reads go to the leader until that time has come.
 */
#include "daemon/store/versions.h"

#include <stdlib.h>

#include "base/table.h"

struct version_entry {
	uint64_t version;
	uint64_t wrote;        /* when the last put was acknowledged */
	uint64_t until;        /* when the entry ceases to count */
	uint64_t leader_until; /* until when reads go to the leader */
	const struct secret_name *name;
	UT_hash_handle hh;
};

struct versions {
	struct version_entry *table;
	uint64_t overflow_until; /* until when an entry that was dropped early would have counted */
};

static void versions_drop(struct versions *v, struct version_entry *e)
{
	HASH_DEL(v->table, e);
	secret_name_release(e->name);
	free(e);
}

static uint64_t later_time(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The first entry is the oldest: uthash keeps the order of insertion, and a renewed entry is inserted again. */
static void versions_drop_old(struct versions *v, uint64_t now)
{
	while (v->table != NULL && now >= v->table->until)
		versions_drop(v, v->table);
}

static struct version_entry *versions_find(struct versions *v, const struct secret_name *name)
{
	struct version_entry *e;

	HASH_FIND(hh, v->table, name->key, name->key_len, e);
	return e;
}

/* Gives the secret's entry if it still counts, else NULL. */
static struct version_entry *versions_find_live(struct versions *v, const struct secret_name *name, uint64_t now)
{
	struct version_entry *e = v->table != NULL ? versions_find(v, name) : NULL;

	return e != NULL && now < e->until ? e : NULL;
}

/*
 * Moves the secret's entry to the end of the order, or makes one, and lets its time begin anew. NULL: there is no
 * memory; then all reads go to the leader for the time of an entry.
 */
static struct version_entry *versions_renew(struct versions *v, const struct secret_name *name, uint64_t now)
{
	struct version_entry *e = versions_find_live(v, name, now);

	if (e != NULL) {
		HASH_DEL(v->table, e);
	} else {
		versions_drop_old(v, now);
		if (HASH_COUNT(v->table) >= VERSIONS_MAX) {
			v->overflow_until = later_time(v->overflow_until, v->table->until);
			versions_drop(v, v->table);
		}
		e = versions_find(v, name);
		if (e != NULL)
			versions_drop(v, e);
		e = calloc(1, sizeof(*e));
		if (e == NULL || (e->name = secret_name_hold(name)) == NULL) {
			free(e);
			v->overflow_until = now + VERSIONS_MS;
			return NULL;
		}
	}
	e->until = now + VERSIONS_MS;
	HASH_ADD_KEYPTR(hh, v->table, e->name->key, e->name->key_len, e);
	if (TABLE_HAS(e))
		return e;
	secret_name_release(e->name);
	free(e);
	v->overflow_until = now + VERSIONS_MS;
	return NULL;
}

struct versions *versions_new(void)
{
	return calloc(1, sizeof(struct versions));
}

void versions_clear(struct versions *v)
{
	while (v->table != NULL)
		versions_drop(v, v->table);
	v->overflow_until = 0;
}

void versions_free(struct versions *v)
{
	if (v == NULL)
		return;
	versions_clear(v);
	free(v);
}

void versions_wrote(struct versions *v, const struct secret_name *name, uint64_t version, uint64_t now)
{
	struct version_entry *e = versions_renew(v, name, now);

	if (e == NULL)
		return;
	e->version = later_time(e->version, version);
	e->wrote = now;
}

void versions_doubt(struct versions *v, const struct secret_name *name, uint64_t now)
{
	struct version_entry *e = versions_renew(v, name, now);

	if (e != NULL)
		e->leader_until = now + VERSIONS_MS;
}

void versions_confirm(struct versions *v, const struct secret_name *name, uint64_t version, uint64_t since,
    uint64_t now)
{
	struct version_entry *e = versions_find_live(v, name, now);

	if (e != NULL && e->wrote < since)
		e->version = version;
}

uint64_t versions_least(struct versions *v, const struct secret_name *name, uint64_t now, bool *ret_ask_leader)
{
	const struct version_entry *e = versions_find_live(v, name, now);

	*ret_ask_leader = now < v->overflow_until || (e != NULL && now < e->leader_until);
	return e != NULL ? e->version : 0;
}
