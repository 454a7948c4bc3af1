/*
 * polls: a table of the paths for which reads wait, each with a queue, a pause and a timer.
 */
#include "daemon/store/polls.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/table.h"

TAILQ_HEAD(poll_queue, poll_member);

struct poll_path {
	struct polls *polls;
	const struct secret_name *name; /* with a reference */
	struct poll_queue waiting;
	unsigned members; /* those that wait, and those that were called and have not left */
	uint64_t told;    /* the version that was told last */
	uint64_t pause_ms;
	uint64_t due_ms; /* when the next member asks; CLOCK_NEVER: none waits */
	struct event timer;
	UT_hash_handle hh;
};

struct polls {
	struct event_base *base;
	struct poll_path *table;
};

static void poll_path_free(struct poll_path *path)
{
	HASH_DEL(path->polls->table, path);
	(void)event_del(&path->timer);
	secret_name_release(path->name);
	free(path);
}

static struct poll_path *polls_find(struct polls *polls, const struct secret_name *name)
{
	struct poll_path *path;
	HASH_FIND(hh, polls->table, name->key, name->key_len, path);
	return path;
}

/* Has the next member ask after the pause. A pause that has begun goes on. */
static void poll_path_set_due(struct poll_path *path)
{
	struct timeval pause = clock_timeval(path->pause_ms);
	if (TAILQ_EMPTY(&path->waiting) || path->due_ms != CLOCK_NEVER)
		return;
	path->due_ms = clock_now_ms() + path->pause_ms;
	(void)event_add(&path->timer, &pause);
}

/* Gives the first that waits and for whom what was told will do; NULL: none. */
static struct poll_member *poll_path_find_served(const struct poll_path *path)
{
	struct poll_member *member;
	TAILQ_FOREACH(member, &path->waiting, link) {
		if (member->least <= path->told)
			return member;
	}
	return NULL;
}

/* Has those called, from the loop, for whom the version will do. */
static void poll_path_tell(struct poll_path *path, uint64_t version)
{
	path->told = version;
	if (poll_path_find_served(path) != NULL)
		event_active(&path->timer, EV_TIMEOUT, 0);
}

static void poll_member_call(struct poll_member *member)
{
	TAILQ_REMOVE(&member->path->waiting, member, link);
	member->waits = false;
	member->ask(member->arg);
}

static void polls_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct poll_path *path = arg;
	struct poll_member *member;
	(void)fd;
	(void)what;
	path->members++; /* a member that leaves while it is called must not free the path */
	while ((member = poll_path_find_served(path)) != NULL)
		poll_member_call(member);
	if (path->due_ms <= clock_now_ms()) {
		path->due_ms = CLOCK_NEVER;
		path->pause_ms = path->pause_ms * 2 < POLL_MAX_MS ? path->pause_ms * 2 : POLL_MAX_MS;
		member = TAILQ_FIRST(&path->waiting);
		if (member != NULL)
			poll_member_call(member);
	} else if (path->due_ms != CLOCK_NEVER) {
		/* The timer was called early, and has ended with that. */
		const struct timeval left = clock_until(path->due_ms);
		(void)event_add(&path->timer, &left);
	}
	poll_path_set_due(path);
	if (--path->members == 0)
		poll_path_free(path);
}

static struct poll_path *polls_find_or_add(struct polls *polls, const struct secret_name *name)
{
	struct poll_path *path = polls_find(polls, name);
	if (path != NULL)
		return path;
	path = calloc(1, sizeof(*path));
	if (path == NULL)
		return NULL;
	path->polls = polls;
	path->name = secret_name_hold(name);
	path->pause_ms = POLL_FIRST_MS;
	path->due_ms = CLOCK_NEVER;
	TAILQ_INIT(&path->waiting);
	(void)evtimer_assign(&path->timer, polls->base, polls_on_timer, path);
	if (path->name != NULL)
		HASH_ADD_KEYPTR(hh, polls->table, path->name->key, path->name->key_len, path);
	if (TABLE_HAS(path))
		return path;
	secret_name_release(path->name);
	free(path);
	return NULL;
}

int polls_wait(struct polls *polls, const struct secret_name *name, struct poll_member *member, uint64_t least,
    uint64_t told, void (*ask)(void *arg), void *arg)
{
	if (member->path == NULL) {
		member->path = polls_find_or_add(polls, name);
		if (member->path == NULL)
			return -1;
		member->path->members++;
	}
	member->waits = true;
	member->least = least;
	member->ask = ask;
	member->arg = arg;
	TAILQ_INSERT_TAIL(&member->path->waiting, member, link);
	poll_path_tell(member->path, told);
	poll_path_set_due(member->path);
	return 0;
}

void polls_tell(struct polls *polls, const struct secret_name *name, uint64_t version)
{
	struct poll_path *path = polls_find(polls, name);
	if (path != NULL)
		poll_path_tell(path, version);
}

void polls_call_all(struct polls *polls, const struct secret_name *name)
{
	struct poll_path *path = polls_find(polls, name);
	struct poll_member *member;
	if (path == NULL)
		return;
	TAILQ_FOREACH(member, &path->waiting, link) {
		member->least = 0;
	}
	poll_path_tell(path, path->told);
}

void poll_leave(struct poll_member *member)
{
	struct poll_path *path = member->path;
	if (path == NULL)
		return;
	member->path = NULL;
	if (member->waits)
		TAILQ_REMOVE(&path->waiting, member, link);
	member->waits = false;
	if (--path->members == 0)
		poll_path_free(path);
}

struct polls *polls_new(struct event_base *base)
{
	struct polls *polls = calloc(1, sizeof(*polls));
	if (polls != NULL)
		polls->base = base;
	return polls;
}

void polls_free(struct polls *polls)
{
	free(polls);
}
