/*
 * mounts: a small table of what is known of each mount, and the questions under way. Only good answers are
 * remembered, so that a mount made or mended a moment ago works at once.
 */
#include "daemon/store/mounts.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/table.h"
#include "daemon/upstream/leader.h"

#define FRESH_MS (10u * 60 * 1000)
#define QUESTION_MS 10000u /* a waiter with less time gives up by itself */
#define TABLE_MAX 1024u

struct mount {
	struct mounts *mounts;
	char *name;
	char *node;             /* where the question went; NULL: to any */
	uint64_t good_until_ms; /* 0: not known to be good */
	struct http_call *question;
	unsigned round;         /* of questions; a waiter waits for the answer of its own */
	bool answering;         /* its waiters are being told */
	struct mounts_wait *waits;
	UT_hash_handle hh;
};

struct mounts_wait {
	struct mounts_wait *prev, *next;
	struct mount *mount;
	unsigned round;
	api_answer *done;
	void *arg;
};

struct mounts {
	struct api *api;
	struct leader *leader;
	struct mount *table;
};

static bool is_idle(const struct mount *m)
{
	return m->question == NULL && m->waits == NULL && !m->answering;
}

static void mount_free(struct mount *m)
{
	struct mounts_wait *wait, *next;
	HASH_DEL(m->mounts->table, m);
	if (m->question != NULL)
		http_cancel(m->question);
	DL_FOREACH_SAFE(m->waits, wait, next) {
		DL_DELETE(m->waits, wait);
		free(wait);
	}
	free(m->name);
	free(m->node);
	free(m);
}

/* A full table is emptied: a thousand real mounts are less likely than a mistake, and it fills again at once. */
static void make_room(struct mounts *mounts)
{
	struct mount *m, *next;
	if (HASH_COUNT(mounts->table) < TABLE_MAX)
		return;
	HASH_ITER(hh, mounts->table, m, next) {
		if (is_idle(m))
			mount_free(m);
	}
}

static struct mount *find(struct mounts *mounts, const char *name)
{
	struct mount *m;
	HASH_FIND_STR(mounts->table, name, m);
	return m;
}

static struct mount *find_or_add(struct mounts *mounts, const char *name)
{
	struct mount *m = find(mounts, name);
	if (m != NULL)
		return m;
	make_room(mounts);
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return NULL;
	m->mounts = mounts;
	m->name = strdup(name);
	if (m->name == NULL) {
		free(m);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, mounts->table, m->name, strlen(m->name), m);
	if (TABLE_HAS(m))
		return m;
	free(m->name);
	free(m);
	return NULL;
}

/* A waiter's done may ask again, or cancel other waiters: the list is looked at anew each time. */
static void on_answer(void *arg, const struct answer *answer)
{
	struct mount *m = arg;
	unsigned round = m->round++;
	m->question = NULL;
	if (m->node != NULL && answer->unreachable)
		leader_wrong(m->mounts->leader, m->node);
	m->good_until_ms = answer->verdict == VERDICT_OK ? clock_now_ms() + FRESH_MS : 0;
	m->answering = true;
	while (m->waits != NULL && m->waits->round == round) {
		struct mounts_wait *wait = m->waits;
		DL_DELETE(m->waits, wait);
		struct mounts_wait copy = *wait;
		free(wait);
		copy.done(copy.arg, answer);
	}
	m->answering = false;
	if (m->good_until_ms == 0 && is_idle(m))
		mount_free(m);
}

struct mounts *mounts_new(struct api *api, struct leader *leader)
{
	struct mounts *mounts = calloc(1, sizeof(*mounts));
	if (mounts == NULL)
		return NULL;
	mounts->api = api;
	mounts->leader = leader;
	return mounts;
}

void mounts_free(struct mounts *mounts)
{
	struct mount *m, *next;
	if (mounts == NULL)
		return;
	HASH_ITER(hh, mounts->table, m, next) {
		mount_free(m);
	}
	free(mounts);
}

bool mounts_known(struct mounts *mounts, const char *name)
{
	const struct mount *m = find(mounts, name);
	return m != NULL && clock_now_ms() < m->good_until_ms;
}

static void ask(struct mount *m, const char *token)
{
	struct mounts *mounts = m->mounts;
	const char *node = leader_known(mounts->leader);
	free(m->node);
	m->node = node != NULL ? strdup(node) : NULL;
	if (node == NULL || m->node != NULL)
		m->question = api_ask(mounts->api, API_MOUNT, &(struct api_request){.token = token, .node = m->node,
		    .mount = m->name, .deadline_ms = clock_now_ms() + QUESTION_MS}, on_answer, m);
}

struct mounts_wait *mounts_ask(struct mounts *mounts, const char *name, const char *token, api_answer *done, void *arg)
{
	struct mounts_wait *wait = calloc(1, sizeof(*wait));
	struct mount *m = wait != NULL ? find_or_add(mounts, name) : NULL;
	if (m == NULL) {
		free(wait);
		return NULL;
	}
	if (m->question == NULL)
		ask(m, token);
	if (m->question == NULL) {
		free(wait);
		return NULL;
	}
	*wait = (struct mounts_wait){ .mount = m, .round = m->round, .done = done, .arg = arg };
	DL_APPEND(m->waits, wait);
	return wait;
}

/* The question itself goes on: its answer is worth having for the next one who asks. */
void mounts_cancel(struct mounts_wait *wait)
{
	DL_DELETE(wait->mount->waits, wait);
	free(wait);
}

void mounts_forget(struct mounts *mounts, const char *name)
{
	struct mount *m = find(mounts, name);
	if (m != NULL)
		m->good_until_ms = 0;
}

void mounts_forget_all(struct mounts *mounts)
{
	struct mount *m, *next;
	HASH_ITER(hh, mounts->table, m, next) {
		m->good_until_ms = 0;
	}
}
