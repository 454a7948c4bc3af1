/*
 * audit_repeats: a table of kinds of requests, whose key is all that must be equal. uthash keeps the order of
 * insertion, and a kind whose next minute begins is inserted anew, so the first in the table is the oldest.
 */
#include "daemon/host/audit_repeats.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"

/*
 * A kind of requests. It is kept small, so that many fit into the processor's nearest cache: most requests only
 * look up their kind and count. The rest of the record is in the key.
 */
struct kind {
	UT_hash_handle hh;
	uint64_t count; /* requests that are not written yet */
	uint64_t version, microseconds, request;
	uint64_t began_ms;
	pid_t pid;
	unsigned key_len;
	char key[];
};

struct audit_repeats {
	struct kind *table;
	/* room in which keys are made, so that nothing is allocated for a kind that is known */
	char *scratch;
	size_t scratch_size;
	audit_repeats_write *write;
	void *arg;
};

#define TEXTS 7 /* op, mount, path, credential, rule, unit, user unit */

/*
 * A key begins with these numbers. The texts follow, each with its NUL; those that are absent are marked, to tell
 * them from empty ones.
 */
struct numbers {
	uid_t uid;
	gid_t gid;
	int code;        /* GONE, or an enum code */
	unsigned absent; /* a bit for each text that is absent, and NO_PEER */
};

_Static_assert(sizeof(struct numbers) == 4 * sizeof(int), "without holes, since it is compared byte by byte");

#define GONE (-1)
#define NO_PEER (1u << TEXTS)

/* Puts n bytes behind the first len of scratch. Gives how many it then holds, or 0: no memory. */
static size_t append_to_key(struct audit_repeats *a, size_t len, const void *p, size_t n)
{
	if (len + n > a->scratch_size) {
		char *bigger = realloc(a->scratch, len + n);
		if (bigger == NULL)
			return 0;
		a->scratch = bigger;
		a->scratch_size = len + n;
	}
	memcpy(a->scratch + len, p, n);
	return len + n;
}

/* Makes a record's key in scratch. Gives its length, or 0: no memory. */
static size_t make_key(struct audit_repeats *a, const struct audit_record *r)
{
	static const struct peer nobody;
	const struct peer *peer = r->peer != NULL ? r->peer : &nobody;
	const char *const text[TEXTS] = { r->op, r->mount, r->path, r->credential, r->rule, peer->unit,
		peer->user_unit };
	struct numbers numbers = { .uid = peer->uid,
		.gid = peer->gid,
		.code = r->gone ? GONE : (int)r->code,
		.absent = r->peer != NULL ? 0 : NO_PEER };
	size_t len = append_to_key(a, 0, &numbers, sizeof(numbers));
	for (unsigned i = 0; i < TEXTS && len > 0; i++) {
		if (text[i] != NULL)
			len = append_to_key(a, len, text[i], strlen(text[i]) + 1);
		else
			numbers.absent |= 1u << i;
	}
	if (len > 0)
		memcpy(a->scratch, &numbers, sizeof(numbers));
	return len;
}

static void kind_count(struct kind *k, const struct audit_record *record)
{
	k->count++;
	k->version = record->version;
	k->request = record->request;
	if (record->microseconds > k->microseconds)
		k->microseconds = record->microseconds;
	if (record->peer != NULL)
		k->pid = record->peer->pid;
}

/* Writes what was counted, if anything was, as a record that is read out of the key. */
static void kind_write(struct audit_repeats *a, struct kind *k)
{
	struct numbers numbers;
	char *text[TEXTS], *at = k->key + sizeof(numbers);
	if (k->count == 0)
		return;
	memcpy(&numbers, k->key, sizeof(numbers));
	for (unsigned i = 0; i < TEXTS; i++) {
		text[i] = (numbers.absent & 1u << i) == 0 ? at : NULL;
		at += text[i] != NULL ? strlen(at) + 1 : 0;
	}
	const struct peer peer = { .uid = numbers.uid,
		.gid = numbers.gid,
		.pid = k->pid,
		.unit = text[5],
		.user_unit = text[6] };
	const struct audit_record record = {
		.op = text[0],
		.peer = (numbers.absent & NO_PEER) == 0 ? &peer : NULL,
		.mount = text[1],
		.path = text[2],
		.credential = text[3],
		.rule = text[4],
		.version = k->version,
		.code = numbers.code == GONE ? CODE_NONE : (enum code)numbers.code,
		.gone = numbers.code == GONE,
		.microseconds = k->microseconds,
		.request = k->request,
	};
	a->write(a->arg, &record, k->count);
	k->count = 0;
	k->microseconds = 0;
}

static void kind_drop(struct audit_repeats *a, struct kind *k)
{
	kind_write(a, k);
	HASH_DEL(a->table, k);
	free(k);
}

/*
 * Adds a kind of which all is written. If there is no memory it is forgotten, and its next request is a first one.
 */
static void kind_add(struct audit_repeats *a, struct kind *k, uint64_t now_ms)
{
	k->began_ms = now_ms;
	HASH_ADD(hh, a->table, key, k->key_len, k);
	if (!TABLE_HAS(k))
		free(k);
}

void audit_repeats_take(struct audit_repeats *a, const struct audit_record *record, uint64_t now_ms)
{
	struct kind *k = NULL;
	(void)audit_repeats_sweep(a, now_ms);
	size_t key_len = make_key(a, record);
	if (key_len > 0)
		HASH_FIND(hh, a->table, a->scratch, (unsigned)key_len, k);
	if (k != NULL) {
		kind_count(k, record);
		return;
	}
	if (key_len > 0)
		k = calloc(1, sizeof(*k) + key_len);
	if (k == NULL) {
		a->write(a->arg, record, 1);
		return;
	}
	memcpy(k->key, a->scratch, key_len);
	k->key_len = (unsigned)key_len;
	if (HASH_COUNT(a->table) >= AUDIT_REPEATS_MAX)
		kind_drop(a, a->table);
	kind_count(k, record);
	kind_write(a, k);
	kind_add(a, k, now_ms);
}

bool audit_repeats_sweep(struct audit_repeats *a, uint64_t now_ms)
{
	while (a->table != NULL && (now_ms == UINT64_MAX || now_ms - a->table->began_ms >= AUDIT_REPEATS_MS)) {
		struct kind *k = a->table;

		if (k->count == 0 || now_ms == UINT64_MAX) {
			kind_drop(a, k);
			continue;
		}
		kind_write(a, k);
		HASH_DEL(a->table, k);
		kind_add(a, k, now_ms);
	}
	return a->table != NULL;
}

struct audit_repeats *audit_repeats_new(audit_repeats_write *write, void *arg)
{
	struct audit_repeats *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->write = write;
	a->arg = arg;
	return a;
}

void audit_repeats_free(struct audit_repeats *a)
{
	struct kind *k, *next;

	if (a == NULL)
		return;
	HASH_ITER(hh, a->table, k, next) {
		HASH_DEL(a->table, k);
		free(k);
	}
	free(a->scratch);
	free(a);
}
