/*
 * audit_repeats: a table whose key is all that makes requests equal. uthash keeps the order of insertion, and a kind whose
 * minute begins anew is inserted anew, so the first is the oldest.
 */
#include "daemon/host/audit_repeats.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"

/*
 * As many fit into the processor's nearest memory as can: of most requests nothing but this is looked up and counted up.
 * All else of the record is in the key.
 */
struct kind {
	UT_hash_handle hh;
	uint64_t count; /* not written yet */
	uint64_t version, microseconds, request;
	uint64_t began_ms;
	pid_t pid;
	unsigned key_len;
	char key[];
};

struct audit_repeats {
	struct kind *table;
	char *scratch; /* for keys that are looked for: nothing is allocated for one that is known */
	size_t scratch_size;
	audit_repeats_write *write;
	void *arg;
};

#define TEXTS 7

/* The texts that count; NULL where there is none. */
static void get_texts(const struct audit_record *r, const char *text[TEXTS])
{
	text[0] = r->op;
	text[1] = r->mount;
	text[2] = r->path;
	text[3] = r->credential;
	text[4] = r->rule;
	text[5] = r->peer != NULL ? r->peer->unit : NULL;
	text[6] = r->peer != NULL ? r->peer->user_unit : NULL;
}

static void set_texts(struct audit_record *r, struct peer *peer, char *const text[TEXTS])
{
	r->op = text[0];
	r->mount = text[1];
	r->path = text[2];
	r->credential = text[3];
	r->rule = text[4];
	peer->unit = text[5];
	peer->user_unit = text[6];
}

/* The numbers that count, then the texts, each with its NUL; one that there is not is told from an empty one. */
struct numbers {
	uid_t uid;
	gid_t gid;
	int code; /* GONE, or an enum code */
	unsigned absent;
};

_Static_assert(sizeof(struct numbers) == 4 * sizeof(int), "without holes, since it is compared byte by byte");

#define GONE (-1)
#define NO_PEER (1u << TEXTS) /* in absent */

/* Puts n bytes behind the first len of scratch. Their new number, or 0: no memory. */
static size_t append(struct audit_repeats *a, size_t len, const void *p, size_t n)
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

static struct numbers get_numbers(const struct audit_record *r)
{
	struct numbers n = { .code = r->gone ? GONE : (int)r->code, .absent = NO_PEER };

	if (r->peer != NULL) {
		n.uid = r->peer->uid;
		n.gid = r->peer->gid;
		n.absent = 0;
	}
	return n;
}

/* The key's length, in scratch. 0: no memory. */
static size_t make_key(struct audit_repeats *a, const struct audit_record *record)
{
	struct numbers numbers = get_numbers(record);
	const char *text[TEXTS];
	size_t len = append(a, 0, &numbers, sizeof(numbers));

	get_texts(record, text);
	for (unsigned i = 0; i < TEXTS && len > 0; i++) {
		if (text[i] != NULL)
			len = append(a, len, text[i], strlen(text[i]) + 1);
		else
			numbers.absent |= 1u << i;
	}
	if (len > 0)
		memcpy(a->scratch, &numbers, sizeof(numbers));
	return len;
}

/* With the key in scratch. */
static struct kind *kind_new(const struct audit_repeats *a, size_t key_len)
{
	struct kind *k = calloc(1, sizeof(*k) + key_len);

	if (k == NULL)
		return NULL;
	memcpy(k->key, a->scratch, key_len);
	k->key_len = (unsigned)key_len;
	return k;
}

/* As it is to be written; its texts are the kind's, as is peer for that long. */
static struct audit_record record_of(struct kind *k, struct peer *peer)
{
	struct audit_record r = { .version = k->version, .microseconds = k->microseconds, .request = k->request };
	struct numbers numbers;
	char *text[TEXTS], *at = k->key + sizeof(numbers);

	memcpy(&numbers, k->key, sizeof(numbers));
	*peer = (struct peer){ .uid = numbers.uid, .gid = numbers.gid, .pid = k->pid };
	r.peer = (numbers.absent & NO_PEER) == 0 ? peer : NULL;
	r.gone = numbers.code == GONE;
	r.code = r.gone ? CODE_NONE : (enum code)numbers.code;
	for (unsigned i = 0; i < TEXTS; i++) {
		text[i] = (numbers.absent & 1u << i) == 0 ? at : NULL;
		at += text[i] != NULL ? strlen(at) + 1 : 0;
	}
	set_texts(&r, peer, text);
	return r;
}

static void write_kind(struct audit_repeats *a, struct kind *k)
{
	struct peer peer;
	struct audit_record r = record_of(k, &peer);

	if (k->count > 0)
		a->write(a->arg, &r, k->count);
	k->count = 0;
	k->microseconds = 0;
}

static void drop(struct audit_repeats *a, struct kind *k)
{
	write_kind(a, k);
	HASH_DEL(a->table, k);
	free(k);
}

/* One that is written up to now; without memory for it the next of its kind is written again. */
static void add(struct audit_repeats *a, struct kind *k, uint64_t now_ms)
{
	k->began_ms = now_ms;
	HASH_ADD(hh, a->table, key, k->key_len, k);
	if (!TABLE_HAS(k))
		free(k);
}

static void count(struct kind *k, const struct audit_record *record)
{
	k->count++;
	k->version = record->version;
	k->request = record->request;
	if (record->microseconds > k->microseconds)
		k->microseconds = record->microseconds;
	if (record->peer != NULL)
		k->pid = record->peer->pid;
}

void audit_repeats_take(struct audit_repeats *a, const struct audit_record *record, uint64_t now_ms)
{
	struct kind *k = NULL;
	size_t key_len;

	(void)audit_repeats_sweep(a, now_ms);
	key_len = make_key(a, record);
	if (key_len > 0)
		HASH_FIND(hh, a->table, a->scratch, (unsigned)key_len, k);
	if (k != NULL) {
		count(k, record);
		return;
	}
	if (key_len > 0)
		k = kind_new(a, key_len);
	if (k == NULL) {
		a->write(a->arg, record, 1);
		return;
	}
	if (HASH_COUNT(a->table) >= AUDIT_REPEATS_MAX)
		drop(a, a->table);
	count(k, record);
	write_kind(a, k);
	add(a, k, now_ms);
}

bool audit_repeats_sweep(struct audit_repeats *a, uint64_t now_ms)
{
	while (a->table != NULL && (now_ms == UINT64_MAX || now_ms - a->table->began_ms >= AUDIT_REPEATS_MS)) {
		struct kind *k = a->table;

		if (k->count == 0 || now_ms == UINT64_MAX) {
			drop(a, k);
			continue;
		}
		write_kind(a, k);
		HASH_DEL(a->table, k);
		add(a, k, now_ms);
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
