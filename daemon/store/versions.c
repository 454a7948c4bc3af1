/*
 * versions: a table in the order of its writes, so that the oldest entry is the first to go. An entry that is pushed
 * out before its time is not lost: until that time has come no read is trusted to a standby.
 */
#include "daemon/store/versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "proto/request.h"

#define KEY_MAX (REQUEST_MOUNT_MAX + REQUEST_PATH_MAX + 2)

struct entry {
	uint64_t version;
	uint64_t wrote;        /* when the last put was acknowledged */
	uint64_t until;        /* the entry counts until then */
	uint64_t leader_until; /* and until then reads go to the leader */
	UT_hash_handle hh;
	char key[];
};

struct versions {
	struct entry *table;
	uint64_t overflow_until; /* until then an entry that was pushed out would have counted */
};

/* A line feed is in neither mount nor path, so that no two pairs have the same key. */
static void make_key(char key[KEY_MAX], const char *mount, const char *path)
{
	snprintf(key, KEY_MAX, "%s\n%s", mount, path);
}

static void drop(struct versions *v, struct entry *e)
{
	HASH_DEL(v->table, e);
	free(e);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* uthash keeps the order of insertion, and an entry that is written again is inserted again. */
static void drop_old(struct versions *v, uint64_t now)
{
	while (v->table != NULL && now >= v->table->until)
		drop(v, v->table);
}

static struct entry *find(struct versions *v, const char *mount, const char *path, uint64_t now)
{
	char key[KEY_MAX];
	struct entry *e;

	if (v->table == NULL)
		return NULL;
	make_key(key, mount, path);
	HASH_FIND_STR(v->table, key, e);
	return e != NULL && now < e->until ? e : NULL;
}

/* The secret's entry at the end of the order, as it was or new. NULL: no memory, and reads are on the safe side. */
static struct entry *renew(struct versions *v, const char *mount, const char *path, uint64_t now)
{
	char key[KEY_MAX];
	struct entry *e = find(v, mount, path, now);

	if (e != NULL) {
		HASH_DEL(v->table, e);
	} else {
		drop_old(v, now);
		if (HASH_COUNT(v->table) >= VERSIONS_MAX) {
			v->overflow_until = later(v->overflow_until, v->table->until);
			drop(v, v->table);
		}
		make_key(key, mount, path);
		HASH_FIND_STR(v->table, key, e);
		if (e != NULL)
			drop(v, e);
		e = calloc(1, sizeof(*e) + strlen(key) + 1);
		if (e == NULL) {
			v->overflow_until = now + VERSIONS_MS;
			return NULL;
		}
		memcpy(e->key, key, strlen(key) + 1);
	}
	e->until = now + VERSIONS_MS;
	HASH_ADD_STR(v->table, key, e);
	if (TABLE_HAS(e))
		return e;
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
		drop(v, v->table);
	v->overflow_until = 0;
}

void versions_free(struct versions *v)
{
	if (v == NULL)
		return;
	versions_clear(v);
	free(v);
}

void versions_wrote(struct versions *v, const char *mount, const char *path, uint64_t version, uint64_t now)
{
	struct entry *e = renew(v, mount, path, now);

	if (e == NULL)
		return;
	e->version = later(e->version, version);
	e->wrote = now;
}

void versions_doubt(struct versions *v, const char *mount, const char *path, uint64_t now)
{
	struct entry *e = renew(v, mount, path, now);

	if (e != NULL)
		e->leader_until = now + VERSIONS_MS;
}

void versions_confirm(struct versions *v, const char *mount, const char *path, uint64_t version, uint64_t since,
    uint64_t now)
{
	struct entry *e = find(v, mount, path, now);

	if (e != NULL && e->wrote < since)
		e->version = version;
}

uint64_t versions_least(struct versions *v, const char *mount, const char *path, uint64_t now, bool *ret_ask_leader)
{
	const struct entry *e = find(v, mount, path, now);

	*ret_ask_leader = now < v->overflow_until || (e != NULL && now < e->leader_until);
	return e != NULL ? e->version : 0;
}
