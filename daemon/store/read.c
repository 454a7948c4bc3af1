/*
 * read: the states of one read, in the order in which it goes through them. A step that waits for nothing leads on
 * to the next one at once.
 */
#include "daemon/store/read.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/buf.h"
#include "base/clock.h"
#include "daemon/host/log.h"
#include "daemon/store/answers.h"
#include "daemon/store/attempt.h"
#include "daemon/store/mounts.h"
#include "daemon/store/polls.h"
#include "daemon/store/slots.h"
#include "daemon/store/versions.h"
#include "daemon/upstream/leader.h"

#define DENIALS_MAX 3u
#define NO_LEADER_MS 20    /* between two searches while there is no leader */
#define LEADER_MIN_MS 3000 /* the leader gets half of the time that is left to answer, but no less than this */

enum read_state {
	READ_TOKEN,       /* waits for a login */
	READ_SLOT,        /* waits for a slot */
	READ_MOUNT,       /* waits for the mount guard */
	READ_ANY,         /* sent to any node */
	READ_FIND_LEADER, /* the leader is being looked for */
	READ_LEADER,      /* sent to the leader */
	READ_CONFIRM,     /* asks whether the node that answered still leads */
	READ_NO_LEADER,   /* there is no leader, or none any more: pauses before it looks again */
	READ_NO_VERSION,  /* the version that its caller wants is not there yet: waits for its turn to ask again */
	READ_DENIED,      /* waits for the login's verdict on a 403 */
	READ_PAUSE,       /* pauses before it begins again */
	READ_FAILED       /* has failed, and done is due from the loop */
};

static const char *const read_state_names[] = { [READ_TOKEN] = "token",
	[READ_SLOT] = "slot",
	[READ_MOUNT] = "mount",
	[READ_ANY] = "any",
	[READ_FIND_LEADER] = "find leader",
	[READ_LEADER] = "leader",
	[READ_CONFIRM] = "confirm",
	[READ_NO_LEADER] = "no leader",
	[READ_NO_VERSION] = "no version",
	[READ_DENIED] = "denied",
	[READ_PAUSE] = "pause",
	[READ_FAILED] = "failed" };

/*
 * A caller that waits for the read. Each of them asks for a slot, and the read takes the first that one of them
 * gets.
 */
struct read_caller {
	struct read_caller *next;
	uint64_t caller;
	struct slot slot;
};

struct read {
	struct attempt attempt;   /* the first member, since the read is found by it */
	struct read *prev, *next; /* in store->reads */
	struct store *store;
	struct flight_key key; /* with a reference to its name */
	uint64_t number, deadline_ms;
	enum read_state state;
	/* runs at the deadline or the end of a pause; not set while HTTP keeps the deadline */
	struct event timer;
	struct read_caller first_caller; /* the one that began it; the others follow */
	bool behind;                     /* an answer was too old since it was sent last, be it the leader's */
	uint64_t sent_ms;                /* when it was sent last; 0: not yet */
	uint64_t asked_ms;               /* when the leader was asked */
	struct poll_member poll;         /* READ_NO_VERSION; and when it asks after that */
	struct answer answer;            /* READ_CONFIRM: the leader's answer; its spans point into body */
	struct buf body;
	struct cache_use cache_use;
	const struct read_ops *ops;
	void *arg;
};

static struct read *read_of(struct attempt *a)
{
	return (struct read *)(void *)a;
}

static void read_give_up(struct read *r);

/* True if nothing of the read is under way at OpenBao in this state, nor a question that it depends on. */
static bool read_is_idle(enum read_state state)
{
	return state == READ_TOKEN || state == READ_SLOT || state == READ_NO_LEADER || state == READ_NO_VERSION ||
	    state == READ_PAUSE;
}

/* Sets the state; nothing else does. until_ms is when the timer runs; CLOCK_NEVER: HTTP keeps the deadline. */
static void read_set_state(struct read *r, enum read_state state, uint64_t until_ms)
{
	struct timeval tv;

	if (r->store->stopping && read_is_idle(state)) {
		read_give_up(r);
		return;
	}
	if (state != r->state)
		log_request(r->number, "read: %s -> %s", read_state_names[r->state], read_state_names[state]);
	r->state = state;
	if (until_ms == CLOCK_NEVER) {
		(void)event_del(&r->timer);
		return;
	}
	tv = clock_until(until_ms);
	(void)event_add(&r->timer, &tv);
}

/* -- the end ------------------------------------------------------------------------------------------------- */

static void read_release(struct read *r)
{
	attempt_release(&r->attempt);
	for (struct read_caller *a = &r->first_caller; a != NULL; a = a->next)
		slot_end(&a->slot);
}

void read_cancel(struct read *r)
{
	struct store *store = r->store;
	struct read_caller *a;

	read_release(r);
	poll_leave(&r->poll);
	answers_end(store->answers, &r->cache_use);
	while ((a = r->first_caller.next) != NULL) {
		r->first_caller.next = a->next;
		free(a);
	}
	event_del(&r->timer);
	buf_free(&r->body);
	secret_name_release(r->key.name);
	DL_DELETE(store->reads, r);
	free(r);
	store_ended(store);
}

static void read_finish(struct read *r, const struct answer *answer)
{
	r->ops->done(r->arg, answer, r->sent_ms);
	read_cancel(r);
}

/* Lets the read fail from the loop with the attempt's failure: the caller of read_begin() has no handle yet. */
static void read_fail_later(struct attempt *a)
{
	struct read *r = read_of(a);

	read_release(r);
	poll_leave(&r->poll);
	r->ops->sent(r->arg);
	read_set_state(r, READ_FAILED, 0);
}

static void read_fail(struct read *r, enum code code, const char *message)
{
	failure_set(&r->attempt.failure, code, "%s", message);
	read_fail_later(&r->attempt);
}

/* Gives up since the daemon stops: the next daemon is to be asked. */
static void read_give_up(struct read *r)
{
	failure_set(&r->attempt.failure, CODE_UNAVAILABLE, "the daemon is stopping");
	r->attempt.failure.unsaid = true;
	read_fail_later(&r->attempt);
}

/*
 * Enters the state in which it waits for what was just begun. If that was not begun there was no memory, and the
 * read fails.
 */
static void read_await(struct read *r, enum read_state state, bool begun)
{
	bool http = state == READ_ANY || state == READ_LEADER || state == READ_CONFIRM;

	if (begun)
		read_set_state(r, state, http ? CLOCK_NEVER : r->deadline_ms);
	else
		read_fail(r, CODE_INTERNAL, "out of memory");
}

static const char not_new_enough[] = "no node of OpenBao that can be reached gives the secret's newest version";

void read_overdue(const struct read *r, struct failure *ret)
{
	if (r->state == READ_PAUSE || r->state == READ_FAILED) {
		*ret = r->attempt.failure;
	} else if (r->state == READ_TOKEN) {
		failure_set(ret, CODE_NOT_READY, "the login at OpenBao did not end in time");
	} else if (r->state == READ_SLOT) {
		failure_set(ret, CODE_TIMEOUT, "the request's turn did not come in time");
	} else if (r->state == READ_FIND_LEADER || r->state == READ_NO_LEADER || r->state == READ_NO_VERSION ||
	    r->behind) {
		/* The failure must not depend on which node is being asked just then, or whether one is. */
		failure_set(ret, CODE_UNAVAILABLE, not_new_enough);
	} else {
		failure_set(ret, CODE_TIMEOUT, "OpenBao did not answer in time");
		login_unreachable(r->store->login);
	}
}

/* Takes an answer that is not good, from the mount guard or to the read itself. */
static void read_refused(struct attempt *a, const struct answer *answer)
{
	struct read *r = read_of(a);
	struct store *store = r->store;
	uint64_t until;

	r->behind = false;
	answers_refused(store->answers, &r->cache_use, answer->failure.status, r->key.version == 0);
	if (answer->unreachable)
		login_unreachable(store->login);
	if (answer->odd)
		mounts_forget(store->mounts, secret_mount(r->key.name));
	switch (attempt_judge(a, answer, login_health(store->login))) {
	case ATTEMPT_FAILS:
		if (r->poll.path != NULL)
			polls_call_all(store->polls, r->key.name);
		read_fail_later(a);
		break;
	case ATTEMPT_DENIED:
		read_await(r, READ_DENIED, attempt_await_verdict(a, answer->denied_wrapped));
		break;
	case ATTEMPT_PAUSES:
		until = clock_now_ms() + attempt_pause_ms(a, answer->again_ms);
		read_release(r);
		if (until >= r->deadline_ms)
			read_fail_later(a);
		else
			read_set_state(r, READ_PAUSE, until);
		break;
	}
}

/* -- how new an answer must be ------------------------------------------------------------------------------- */

/* Gives the least version that will do. *ret_ask_leader says that only the leader's answer will. */
static uint64_t read_least_version(const struct read *r, bool *ret_ask_leader)
{
	uint64_t seen = versions_least(r->store->versions, r->key.name, clock_now_ms(), ret_ask_leader);

	return r->key.version != 0 || seen > r->key.min_version ? seen : r->key.min_version;
}

/*
 * Gives the version that a get's answer tells, 0 for a secret or version that is not there. Returns false if the
 * answer tells none.
 */
static bool read_version_told(const struct read *r, const struct answer *answer, uint64_t *ret)
{
	bool absent = answer->verdict == VERDICT_FAILED && answer->failure.code == CODE_NOT_FOUND;

	*ret = answer->verdict == VERDICT_OK ? answer->version : absent ? answer->failure.version : 0;
	return r->key.row == API_KV_GET && (answer->verdict == VERDICT_OK || absent);
}

static bool read_is_too_old(const struct read *r, const struct answer *answer)
{
	bool ask_leader;
	uint64_t needed = read_least_version(r, &ask_leader), told;

	if (!read_version_told(r, answer, &told))
		return false;
	if (r->key.version != 0) /* a version that was written is there, or was deleted, which an answer tells */
		return told == 0 && r->key.version <= needed;
	return told < needed;
}

/* -- until it is sent ---------------------------------------------------------------------------------------- */

static void read_go_on(struct attempt *a);
static void read_ask(struct read *r, const char *node, uint64_t deadline_ms);
static void read_on_any(void *arg, const struct answer *answer);
static void read_find_leader(struct read *r);
static void read_on_leader(void *arg, const struct answer *answer);
static void read_on_confirmed(void *arg, bool leads, const char *active_time);
static void read_pause_for_leader(struct read *r);
static void read_pause(struct read *r);
static void read_wait_for_version(struct read *r, uint64_t told);

/* The slot of another caller may have come before; then this one is found when the read needs a slot again. */
static void read_on_slot(void *arg)
{
	struct read *r = arg;

	if (r->state == READ_SLOT)
		read_go_on(&r->attempt);
}

/*
 * Takes the first slot that a caller of the read has, and gives the others up. Returns false if none has one: the
 * read waits for it, or has failed for want of memory.
 */
static bool read_take_slot(struct read *r)
{
	struct read_caller *holder = NULL;
	bool asked = true;

	for (struct read_caller *a = &r->first_caller; a != NULL && holder == NULL; a = a->next)
		holder = a->slot.is_held ? a : NULL;
	for (struct read_caller *a = &r->first_caller; a != NULL && holder == NULL && asked; a = a->next) {
		asked = a->slot.slots != NULL ||
		    slots_ask(r->store->slots, &a->slot, a->caller, read_on_slot, r) == 0;
		holder = a->slot.is_held ? a : NULL;
	}
	if (holder == NULL) {
		read_await(r, READ_SLOT, asked);
		return false;
	}
	for (struct read_caller *a = &r->first_caller; a != NULL; a = a->next) {
		if (a != holder)
			slot_end(&a->slot);
	}
	return true;
}

/* Goes on from the beginning to the sending, as far as nothing has to be waited for. */
static void read_go_on(struct attempt *a)
{
	struct read *r = read_of(a);
	struct store *store = r->store;
	const char *mount = secret_mount(r->key.name);
	bool ask_leader;

	if (!attempt_take_token(a)) {
		read_await(r, READ_TOKEN, attempt_await_login(a));
	} else if (login_health(a->login) == HEALTH_DOWN) {
		read_fail(r, health_code(HEALTH_DOWN), health_words(HEALTH_DOWN));
	} else if (!read_take_slot(r)) {
		return;
	} else if (!mounts_known(store->mounts, mount)) {
		read_await(r, READ_MOUNT, attempt_await_guard(a, store->mounts, mount, r->number));
	} else {
		r->ops->sent(r->arg);
		r->sent_ms = clock_now_ms();
		answers_sent(store->answers, &r->cache_use);
		(void)read_least_version(r, &ask_leader);
		if (ask_leader)
			read_find_leader(r);
		else
			read_ask(r, NULL, r->deadline_ms);
	}
}

/* Sends the read to node, which leads; NULL: to any node. */
static void read_ask(struct read *r, const char *node, uint64_t deadline_ms)
{
	struct attempt *a = &r->attempt;
	struct api_request request = { .token = token_text(a->token),
		.deadline_ms = deadline_ms,
		.number = r->number,
		.mount = secret_mount(r->key.name),
		.path = secret_path(r->key.name),
		.version = r->key.version };

	if (attempt_set_node(a, node)) {
		request.node = a->node;
		a->http = api_ask(r->store->api, r->key.row, &request, node != NULL ? read_on_leader : read_on_any,
		    r);
	}
	read_await(r, node != NULL ? READ_LEADER : READ_ANY, a->http != NULL);
}

/* -- the answer ---------------------------------------------------------------------------------------------- */

static void read_take_answer(struct read *r, const struct answer *answer)
{
	uint64_t told;

	/* What ends the wait of one may be the end of others' wait, too. */
	if (r->poll.path != NULL && read_version_told(r, answer, &told) && told > 0)
		polls_tell(r->store->polls, r->key.name, told);
	if (answer->verdict == VERDICT_OK) {
		if (r->key.version == 0)
			answers_keep(r->store->answers, &r->cache_use, answer, r->sent_ms);
		read_finish(r, answer);
	} else if (r->behind && answer->failure.code == CODE_TIMEOUT) {
		read_fail(r, CODE_UNAVAILABLE, not_new_enough);
	} else {
		read_refused(&r->attempt, answer);
	}
}

static void read_on_any(void *arg, const struct answer *answer)
{
	struct read *r = arg;

	r->attempt.http = NULL;
	if (read_is_too_old(r, answer)) {
		r->behind = true;
		read_find_leader(r);
	} else {
		read_take_answer(r, answer);
	}
}

/* -- at the leader ------------------------------------------------------------------------------------------- */

static void read_ask_leader(struct read *r, const char *node)
{
	uint64_t now = clock_now_ms(), left = r->deadline_ms > now ? r->deadline_ms - now : 0;
	uint64_t most = left / 2 > LEADER_MIN_MS ? left / 2 : LEADER_MIN_MS;

	r->asked_ms = now;
	read_ask(r, node, now + (most < left ? most : left));
}

static void read_on_found(void *arg, const char *node)
{
	struct read *r = arg;

	r->attempt.search = NULL;
	if (node != NULL)
		read_ask_leader(r, node);
	else
		read_pause(r);
}

static void read_find_leader(struct read *r)
{
	const char *node = leader_known(r->store->leader);

	if (node != NULL) {
		read_ask_leader(r, node);
		return;
	}
	r->attempt.search = leader_find(r->store->leader, read_on_found, r);
	read_await(r, READ_FIND_LEADER, r->attempt.search != NULL);
}

static int read_keep_span(struct buf *body, struct jspan *span)
{
	size_t at = buf_len(body);

	if (buf_put(body, span->p, span->len) < 0)
		return -1;
	span->p = (const char *)buf_data(body) + at;
	return 0;
}

/* Copies an answer that is wanted after its callback has returned. */
static int read_keep_answer(struct read *r, const struct answer *answer)
{
	struct answer *kept = &r->answer;

	*kept = *answer;
	buf_free(&r->body);
	/* Reserving all room at once keeps the spans valid. */
	if (buf_reserve(&r->body, kept->data.len + kept->metadata.len + kept->created_time.len + 1) < 0)
		return -1;
	return read_keep_span(&r->body, &kept->data) < 0 || read_keep_span(&r->body, &kept->metadata) < 0 ||
		read_keep_span(&r->body, &kept->created_time) < 0
	    ? -1
	    : 0;
}

static void read_on_leader(void *arg, const struct answer *answer)
{
	struct read *r = arg;
	struct attempt *a = &r->attempt;
	uint64_t told;

	a->http = NULL;
	if (answer->unreachable)
		leader_wrong(r->store->leader, a->node);
	if (answer->failure.code == CODE_TIMEOUT && clock_now_ms() < r->deadline_ms) {
		read_pause(r); /* another node may lead by now */
		return;
	}
	if (!read_version_told(r, answer, &told)) {
		read_take_answer(r, answer);
		return;
	}
	if (read_keep_answer(r, answer) == 0)
		a->http = leader_confirm(r->store->leader, a->node, r->deadline_ms, r->number, read_on_confirmed,
		    r);
	read_await(r, READ_CONFIRM, a->http != NULL);
}

/*
 * The leader has confirmed the answer, so that no newer version exists. A min_version above it is the caller's
 * wish, and the read waits for it until the deadline.
 */
static void read_on_confirmed(void *arg, bool leads, const char *active_time)
{
	struct read *r = arg;
	uint64_t told;

	(void)active_time;
	r->attempt.http = NULL;
	if (!leads) {
		read_pause(r);
		return;
	}
	if (r->key.version == 0 && read_version_told(r, &r->answer, &told)) {
		versions_confirm(r->store->versions, r->key.name, told, r->asked_ms, clock_now_ms());
		if (told < r->key.min_version) {
			r->behind = true;
			read_wait_for_version(r, told);
			return;
		}
	}
	read_take_answer(r, &r->answer);
}

static void read_pause_for_leader(struct read *r)
{
	uint64_t until = clock_now_ms() + NO_LEADER_MS;

	if (until >= r->deadline_ms)
		read_fail(r, CODE_UNAVAILABLE, not_new_enough);
	else
		read_set_state(r, READ_NO_LEADER, until);
}

static void read_on_turn_to_ask(void *arg)
{
	struct read *r = arg;

	read_go_on(&r->attempt);
}

/* Waits for a version above the one that was told; the wait may last for minutes, and takes no slot. */
static void read_wait_for_version(struct read *r, uint64_t told)
{
	struct store *store = r->store;
	bool ask_leader;
	/* A put may have ended while the answer was under way. */
	uint64_t seen = versions_least(store->versions, r->key.name, clock_now_ms(), &ask_leader);

	if (seen > told)
		told = seen;
	read_release(r);
	if (polls_wait(store->polls, r->key.name, &r->poll, r->key.min_version, told, read_on_turn_to_ask, r) == 0)
		read_set_state(r, READ_NO_VERSION, r->deadline_ms);
	else
		read_fail(r, CODE_INTERNAL, "out of memory");
}

/* Pauses since nobody can tell that an answer is new enough, or no leader was found who has one. */
static void read_pause(struct read *r)
{
	bool ask_leader;
	uint64_t seen = versions_least(r->store->versions, r->key.name, clock_now_ms(), &ask_leader);

	/* What was written here is soon at every node; what the caller alone knows of may never come. */
	if (r->behind && r->key.version == 0 && r->key.min_version > seen)
		read_wait_for_version(r, 0);
	else
		read_pause_for_leader(r);
}

/*
 * Asks again after a pause for want of a leader. Only a leader can tell what became of a write whose outcome is
 * unknown: a standby may not have what the next leader keeps. But if no leader was ever found none will be, and
 * any node's answer has to do.
 */
static void read_ask_again(struct read *r)
{
	bool ask_leader;

	(void)read_least_version(r, &ask_leader);
	if (ask_leader && leader_was_found(r->store->leader))
		read_find_leader(r);
	else
		read_ask(r, NULL, r->deadline_ms);
}

/* -- time ---------------------------------------------------------------------------------------------------- */

static void read_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct read *r = arg;
	struct answer answer = { .verdict = VERDICT_FAILED };

	(void)fd;
	(void)what;
	if (r->state == READ_PAUSE) {
		read_go_on(&r->attempt);
	} else if (r->state == READ_NO_LEADER) {
		read_ask_again(r);
	} else {
		read_overdue(r, &answer.failure);
		read_finish(r, &answer);
	}
}

/* -- reads --------------------------------------------------------------------------------------------------- */

/* If there is no memory for a caller it is not added, and has to wait for the slots of the others. */
void read_share(struct read *r, uint64_t caller, uint64_t deadline_ms)
{
	struct read_caller *last = &r->first_caller;

	if (deadline_ms > r->deadline_ms) {
		r->deadline_ms = deadline_ms;
		if (r->state == READ_TOKEN || r->state == READ_SLOT || r->state == READ_MOUNT ||
		    r->state == READ_DENIED)
			read_set_state(r, r->state, deadline_ms);
	}
	while (last->caller != caller && last->next != NULL)
		last = last->next;
	if (last->caller == caller || (last->next = calloc(1, sizeof(*last))) == NULL)
		return;
	last->next->caller = caller;
	if (r->state == READ_SLOT)
		read_go_on(&r->attempt);
}

uint64_t read_number(const struct read *r)
{
	return r->number;
}

struct read *read_begin(struct store *store, const struct read_options *options, const struct read_ops *ops,
    void *arg)
{
	static const struct attempt_ops attempt_ops = { .go_on = read_go_on,
		.failed = read_fail_later,
		.refused = read_refused };
	struct read *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->store = store;
	r->key = options->key;
	r->number = options->number;
	r->deadline_ms = options->deadline_ms;
	r->first_caller.caller = options->caller;
	r->ops = ops;
	r->arg = arg;
	r->attempt.ops = &attempt_ops;
	r->attempt.login = store->login;
	r->attempt.denials_max = DENIALS_MAX;
	buf_init(&r->body, SIZE_MAX / 2);
	(void)evtimer_assign(&r->timer, store->base, read_on_timer, r);
	DL_APPEND(store->reads, r);
	store_began(store);
	r->key.name = secret_name_hold(options->key.name);
	if (r->key.name == NULL ||
	    (r->key.row == API_KV_GET && answers_begin_read(store->answers, &r->cache_use, r->key.name) != 0)) {
		read_cancel(r);
		return NULL;
	}
	if (store->stopping)
		read_give_up(r);
	else
		read_go_on(&r->attempt);
	return r;
}

void reads_stop(struct store *store)
{
	struct read *r, *next;

	DL_FOREACH_SAFE(store->reads, r, next) {
		if (read_is_idle(r->state))
			read_give_up(r);
	}
}

void reads_end(struct store *store)
{
	struct read *r, *next;

	DL_FOREACH_SAFE(store->reads, r, next) {
		if (r->state != READ_FAILED)
			read_give_up(r);
	}
}
