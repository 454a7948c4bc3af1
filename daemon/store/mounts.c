/*
 * mounts: a table of the mounts known to be good, and the questions under way. Bad answers are not remembered, so
 * that a mount made or mended a moment ago works at once.
 */
#include "daemon/store/mounts.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/table.h"
#include "base/waiters.h"
#include "daemon/upstream/leader.h"

#define FRESH_MS (10u * 60 * 1000)
#define QUESTION_MS 10000u /* a waiter with less time gives up by itself */
#define TABLE_MAX 1024u

struct mount {
	struct mounts *mounts;
	char *name;
	char *node;             /* the node that was asked; NULL: any */
	uint64_t good_until_ms; /* 0: not known to be good */
	struct http_call *question;
	bool answering; /* its waiters are being told, so that it must not be freed */
	struct waiters waiters;
	UT_hash_handle hh;
};

struct mounts_wait {
	struct waiter waiter; /* the first member, since the wait is found by it */
	struct mount *mount;
	api_answer *done;
	void *arg;
};

struct mounts {
	struct api *api;
	struct leader *leader;
	struct mount *table;
};

static void mount_free(struct mount *m)
{
	HASH_DEL(m->mounts->table, m);
	http_cancel(m->question);
	while (!waiters_empty(&m->waiters))
		mounts_cancel((struct mounts_wait *)(void *)m->waiters.list);
	free(m->name);
	free(m->node);
	free(m);
}

static bool mount_is_idle(const struct mount *m)
{
	return m->question == NULL && waiters_empty(&m->waiters) && !m->answering;
}

static struct mount *mounts_find(struct mounts *mounts, const char *name)
{
	struct mount *m;
	HASH_FIND_STR(mounts->table, name, m);
	return m;
}

static struct mount *mounts_find_or_add(struct mounts *mounts, const char *name)
{
	struct mount *m = mounts_find(mounts, name), *next;
	if (m != NULL)
		return m;
	/*
	 * A full table is emptied. A thousand real mounts are less likely than a mistake, and the table soon fills
	 * again with those in use.
	 */
	if (HASH_COUNT(mounts->table) >= TABLE_MAX) {
		HASH_ITER(hh, mounts->table, m, next) {
			if (mount_is_idle(m))
				mount_free(m);
		}
	}
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return NULL;
	m->mounts = mounts;
	m->name = strdup(name);
	if (m->name != NULL)
		HASH_ADD_KEYPTR(hh, mounts->table, m->name, strlen(m->name), m);
	if (TABLE_HAS(m))
		return m;
	free(m->name);
	free(m);
	return NULL;
}

static void mount_on_answer(void *arg, const struct answer *answer)
{
	struct mount *m = arg;
	unsigned round = waiters_end_round(&m->waiters);
	struct waiter *waiter;
	m->question = NULL;
	if (m->node != NULL && answer->unreachable)
		leader_wrong(m->mounts->leader, m->node);
	m->good_until_ms = answer->verdict == VERDICT_OK ? clock_now_ms() + FRESH_MS : 0;
	m->answering = true;
	while ((waiter = waiters_take(&m->waiters, round)) != NULL) {
		struct mounts_wait wait = *(struct mounts_wait *)(void *)waiter;
		free(waiter);
		wait.done(wait.arg, answer);
	}
	m->answering = false;
	if (m->good_until_ms == 0 && mount_is_idle(m))
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
	const struct mount *m = mounts_find(mounts, name);
	return m != NULL && clock_now_ms() < m->good_until_ms;
}

struct mounts_wait *mounts_ask(struct mounts *mounts, const char *name, const char *token, uint64_t number,
    api_answer *done, void *arg)
{
	struct mounts_wait *wait = calloc(1, sizeof(*wait));
	struct mount *m = wait != NULL ? mounts_find_or_add(mounts, name) : NULL;
	if (m != NULL && m->question == NULL) {
		const char *node = leader_known(mounts->leader);
		const struct api_request request = { .token = token,
			.node = node,
			.mount = m->name,
			.number = number,
			.deadline_ms = clock_now_ms() + QUESTION_MS };
		free(m->node);
		m->node = node != NULL ? strdup(node) : NULL;
		if (node == NULL || m->node != NULL)
			m->question = api_ask(mounts->api, API_MOUNT, &request, mount_on_answer, m);
	}
	if (m == NULL || m->question == NULL) {
		free(wait);
		return NULL;
	}
	wait->mount = m;
	wait->done = done;
	wait->arg = arg;
	waiters_add(&m->waiters, &wait->waiter);
	return wait;
}

/* The question itself goes on, since its answer is of use to the next caller. */
void mounts_cancel(struct mounts_wait *wait)
{
	waiters_remove(&wait->mount->waiters, &wait->waiter);
	free(wait);
}

void mounts_forget(struct mounts *mounts, const char *name)
{
	struct mount *m = mounts_find(mounts, name);
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
