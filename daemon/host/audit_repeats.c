/*
 * audit_repeats: a table of kinds of requests, whose key is all that must be equal, and a table of accounts,
 * each with the number of kinds that a user has of one outcome, and the rest. uthash keeps the order of
 * insertion, and a kind whose next minute begins is inserted anew, so the first in the table is the oldest.
 */
#include "daemon/host/audit_repeats.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/table.h"
#include "daemon/host/audit_rest.h"

enum group { WORKED, FAILED, DENIED, GROUPS };

/* Whose requests an account is for. */
enum who {
	ONE_USER,
	UNKNOWN_USER, /* records without a peer */
	OTHER_USERS   /* beyond AUDIT_REPEATS_USERS */
};

/* Compared byte by byte, so it has no holes. */
struct account_key {
	enum who who;
	uid_t uid; /* 0, unless who is ONE_USER */
	int outcome;
};

_Static_assert(sizeof(struct account_key) == 3 * sizeof(int), "without holes");

/* An account is there as long as it has kinds or a rest. */
struct account {
	UT_hash_handle hh;
	struct account_key key;
	unsigned kinds;          /* that are in the table */
	struct audit_rest *rest; /* NULL: there is none */
	uint64_t rest_began_ms;
	TAILQ_ENTRY(account) link; /* of those with a rest */
};

/*
 * A kind of requests. It is kept small, so that many fit into the processor's nearest cache: most requests only
 * look up their kind and count. The rest of the record is in the key.
 */
struct kind {
	UT_hash_handle hh;
	uint64_t count; /* requests that are not written yet */
	uint64_t version, microseconds, request;
	uint64_t began_ms;
	struct account *account;
	pid_t pid;
	unsigned key_len;
	char key[];
};

struct audit_repeats {
	struct kind *table;
	struct account *accounts;
	TAILQ_HEAD(, account) with_rest; /* in the order in which their rest began */
	struct {
		unsigned kinds, users; /* of OTHER_USERS none */
	} total[GROUPS];
	unsigned serial; /* of the last request that is a kind of its own */
	bool is_full;    /* the last sweep ended since there was no room */
	/* room in which keys are made, so that nothing is allocated for a kind that is known */
	char *scratch;
	size_t scratch_size;
	audit_repeats_write *write;
	void *arg;
};

#define TEXTS 8 /* op, mount, path, credential, rule, unit, user unit, for_unit */

/*
 * A key begins with these numbers. The texts follow, each with its NUL; those that are absent are marked, to tell
 * them from empty ones.
 */
struct numbers {
	uid_t uid;
	gid_t gid;
	int outcome;     /* GONE, or an enum code */
	unsigned absent; /* a bit for each text that is absent, and NO_PEER */
	unsigned serial; /* of a request that is a kind of its own; 0: equal ones are counted */
};

_Static_assert(sizeof(struct numbers) == 5 * sizeof(int), "without holes, since it is compared byte by byte");

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

static int outcome_of(const struct audit_record *r)
{
	return r->gone ? GONE : (int)r->code;
}

/* Makes a record's key in scratch. Gives its length, or 0: no memory. */
static size_t make_key(struct audit_repeats *a, const struct audit_record *r, unsigned serial)
{
	static const struct peer nobody;
	const struct peer *peer = r->peer != NULL ? r->peer : &nobody;
	const char *const text[TEXTS] = { r->op, r->mount, r->path, r->credential, r->rule, peer->unit,
		peer->user_unit, r->for_unit };
	struct numbers numbers = { .uid = peer->uid,
		.gid = peer->gid,
		.outcome = outcome_of(r),
		.absent = r->peer != NULL ? 0 : NO_PEER,
		.serial = serial };
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

/* -- accounts ------------------------------------------------------------------------------------------------ */

static enum group group_of(const struct account *account)
{
	int outcome = account->key.outcome;

	return outcome == CODE_NONE ? WORKED : outcome == CODE_FORBIDDEN ? DENIED : FAILED;
}

static struct account *find_account(struct audit_repeats *a, const struct account_key *key)
{
	struct account *account;

	HASH_FIND(hh, a->accounts, key, sizeof(*key), account);
	return account;
}

/* Gives the account of the record's user and outcome, which may be new; NULL: no memory. */
static struct account *account_of(struct audit_repeats *a, const struct audit_record *r)
{
	struct account_key key = { .who = r->peer != NULL ? ONE_USER : UNKNOWN_USER,
		.uid = r->peer != NULL ? r->peer->uid : 0,
		.outcome = outcome_of(r) };
	struct account *account = find_account(a, &key);

	if (account != NULL)
		return account;
	struct account *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return NULL;
	made->key = key;
	if (a->total[group_of(made)].users >= AUDIT_REPEATS_USERS) {
		made->key.who = OTHER_USERS;
		made->key.uid = 0;
		account = find_account(a, &made->key);
	}
	if (account == NULL) {
		HASH_ADD(hh, a->accounts, key, sizeof(made->key), made);
		account = TABLE_HAS(made) ? made : NULL;
	}
	if (account != made)
		free(made);
	else if (account->key.who != OTHER_USERS)
		a->total[group_of(account)].users++;
	return account;
}

static void account_drop_if_unused(struct audit_repeats *a, struct account *account)
{
	if (account->kinds > 0 || account->rest != NULL)
		return;
	if (account->key.who != OTHER_USERS)
		a->total[group_of(account)].users--;
	HASH_DEL(a->accounts, account);
	free(account);
}

static bool account_may_have_one_more(const struct audit_repeats *a, const struct account *account)
{
	bool worked = group_of(account) == WORKED;

	if (account->key.who == OTHER_USERS ||
	    account->kinds >= (worked ? AUDIT_REPEATS_WORKED : AUDIT_REPEATS_FAILED))
		return false;
	return account->kinds < AUDIT_REPEATS_FEW ||
	    a->total[group_of(account)].kinds < (worked ? AUDIT_REPEATS_ALL_WORKED : AUDIT_REPEATS_ALL_FAILED);
}

/* Counts a request beyond the account's kinds. False: no memory. */
static bool account_take_rest(struct audit_repeats *a, struct account *account, const struct audit_record *record,
    uint64_t now_ms)
{
	if (account->rest == NULL) {
		account->rest = audit_rest_new();
		if (account->rest == NULL)
			return false;
		account->rest_began_ms = now_ms;
		TAILQ_INSERT_TAIL(&a->with_rest, account, link);
	}
	audit_rest_add(account->rest, record);
	return true;
}

static void account_drop_rest(struct audit_repeats *a, struct account *account)
{
	TAILQ_REMOVE(&a->with_rest, account, link);
	audit_rest_free(account->rest);
	account->rest = NULL;
	account_drop_if_unused(a, account);
}

/* -- kinds --------------------------------------------------------------------------------------------------- */

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

/* Writes what was counted, if anything was, as a record that is read out of the key. False: there is no room. */
static bool kind_write(struct audit_repeats *a, struct kind *k)
{
	struct numbers numbers;
	char *text[TEXTS], *at = k->key + sizeof(numbers);
	if (k->count == 0)
		return true;
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
		.for_unit = text[7],
		.rule = text[4],
		.version = k->version,
		.code = numbers.outcome == GONE ? CODE_NONE : (enum code)numbers.outcome,
		.gone = numbers.outcome == GONE,
		.microseconds = k->microseconds,
		.request = k->request,
	};
	if (!a->write(a->arg,
		&(struct audit_entry){ .record = &record, .count = numbers.serial == 0 ? k->count : 0 }))
		return false;
	k->count = 0;
	k->microseconds = 0;
	return true;
}

/* Frees a kind that is not in the table, and with it its account, if that has nothing else. */
static void kind_free(struct audit_repeats *a, struct kind *k)
{
	k->account->kinds--;
	a->total[group_of(k->account)].kinds--;
	account_drop_if_unused(a, k->account);
	free(k);
}

/* Puts a kind at the table's end. If there is no memory it is forgotten, and its next request is a first one. */
static void kind_insert(struct audit_repeats *a, struct kind *k, uint64_t now_ms)
{
	k->began_ms = now_ms;
	HASH_ADD(hh, a->table, key, k->key_len, k);
	if (!TABLE_HAS(k))
		kind_free(a, k);
}

/* Begins a kind with the key in scratch and its first request. False: no memory. */
static bool kind_begin(struct audit_repeats *a, struct account *account, size_t key_len,
    const struct audit_record *record, uint64_t now_ms)
{
	struct kind *k = calloc(1, sizeof(*k) + key_len);

	if (k == NULL)
		return false;
	memcpy(k->key, a->scratch, key_len);
	k->key_len = (unsigned)key_len;
	k->account = account;
	account->kinds++;
	a->total[group_of(account)].kinds++;
	kind_count(k, record);
	(void)kind_write(a, k);
	kind_insert(a, k, now_ms);
	return true;
}

/* -- all of it ----------------------------------------------------------------------------------------------- */

/* Takes a request whose kind is not in the table. False: no memory. */
static bool take_new(struct audit_repeats *a, size_t key_len, const struct audit_record *record, uint64_t now_ms)
{
	struct account *account = account_of(a, record);

	if (account == NULL)
		return false;
	if (key_len > 0 && account_may_have_one_more(a, account) &&
	    kind_begin(a, account, key_len, record, now_ms))
		return true;
	if (account_take_rest(a, account, record, now_ms))
		return true;
	account_drop_if_unused(a, account);
	return false;
}

void audit_repeats_take(struct audit_repeats *a, const struct audit_record *record, enum audit_repeats_how how,
    uint64_t now_ms)
{
	struct kind *k = NULL;
	if (!a->is_full)
		(void)audit_repeats_sweep(a, now_ms);
	size_t key_len = make_key(a, record, how == AUDIT_EACH_ALONE ? ++a->serial : 0);
	if (key_len > 0)
		HASH_FIND(hh, a->table, a->scratch, (unsigned)key_len, k);
	if (k != NULL)
		kind_count(k, record);
	else if (!take_new(a, key_len, record, now_ms))
		(void)a->write(a->arg, &(struct audit_entry){ .record = record, .count = 1 });
}

/* Writes the kinds that have had their minute. False: there is no room. */
static bool sweep_kinds(struct audit_repeats *a, uint64_t now_ms)
{
	while (a->table != NULL && (now_ms == UINT64_MAX || now_ms - a->table->began_ms >= AUDIT_REPEATS_MS)) {
		struct kind *k = a->table;
		bool ends = k->count == 0 || now_ms == UINT64_MAX;

		if (!kind_write(a, k))
			return false;
		HASH_DEL(a->table, k);
		if (ends)
			kind_free(a, k);
		else
			kind_insert(a, k, now_ms);
	}
	return true;
}

static bool sweep_rests(struct audit_repeats *a, uint64_t now_ms)
{
	struct account *account;

	while ((account = TAILQ_FIRST(&a->with_rest)) != NULL &&
	    (now_ms == UINT64_MAX || now_ms - account->rest_began_ms >= AUDIT_REPEATS_MS)) {
		struct audit_entry entry = audit_rest_entry(account->rest);

		if (!a->write(a->arg, &entry))
			return false;
		account_drop_rest(a, account);
	}
	return true;
}

bool audit_repeats_sweep(struct audit_repeats *a, uint64_t now_ms)
{
	a->is_full = !sweep_kinds(a, now_ms) || !sweep_rests(a, now_ms);
	return a->table != NULL || !TAILQ_EMPTY(&a->with_rest);
}

uint64_t audit_repeats_due(const struct audit_repeats *a)
{
	const struct account *account = TAILQ_FIRST(&a->with_rest);
	uint64_t kind = a->table != NULL ? a->table->began_ms + AUDIT_REPEATS_MS : UINT64_MAX;
	uint64_t rest = account != NULL ? account->rest_began_ms + AUDIT_REPEATS_MS : UINT64_MAX;

	return kind < rest ? kind : rest;
}

struct audit_repeats *audit_repeats_new(audit_repeats_write *write, void *arg)
{
	struct audit_repeats *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	TAILQ_INIT(&a->with_rest);
	a->write = write;
	a->arg = arg;
	return a;
}

void audit_repeats_free(struct audit_repeats *a)
{
	struct kind *k, *next;

	if (a == NULL)
		return;
	while (!TAILQ_EMPTY(&a->with_rest))
		account_drop_rest(a, TAILQ_FIRST(&a->with_rest));
	HASH_ITER(hh, a->table, k, next) {
		HASH_DEL(a->table, k);
		kind_free(a, k);
	}
	free(a->scratch);
	free(a);
}
