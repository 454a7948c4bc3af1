/*
 * get: each get is a member of a flight, whose work is a read (read.h).
 */
#include "daemon/store/get.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/host/log.h"
#include "daemon/store/answers.h"
#include "daemon/store/flights.h"
#include "daemon/store/read.h"
#include "daemon/upstream/login.h"

#define STALE_MS 300u /* how long a caller waits, but at most half of its time, before it gets a stale answer */

struct get {
	struct flight_member member; /* the first member, since a get is found by it */
	TAILQ_ENTRY(get) link;
	struct gets *gets;
	uint64_t caller, number;
	uint64_t deadline_ms;
	uint64_t max_age_ms; /* as in kv_wanted */
	struct event timer;  /* runs at the deadline, or before it, when a stale answer may be given */
	/*
	 * NULL: the caller has its answer, and the get only keeps its flight going, so that the cache gets
	 * something newer
	 */
	kv_done *done;
	void *arg;
};

struct gets {
	struct store *store;
	struct flights *flights;
	TAILQ_HEAD(, get) list;
	struct event next_flight;
	uint64_t next_flight_ms; /* when next_flight runs; CLOCK_NEVER: not at all */
};

static struct get *get_of(struct flight_member *member)
{
	return (struct get *)(void *)member;
}

static void get_wake_at(struct get *g, uint64_t until_ms)
{
	struct timeval tv = clock_until(until_ms);

	(void)event_add(&g->timer, &tv);
}

/* -- flights that begin since others are slow ---------------------------------------------------------------- */

static void gets_set_timer(struct gets *gets)
{
	uint64_t due = flights_due(gets->flights);
	struct timeval tv;

	if (due == gets->next_flight_ms)
		return;
	gets->next_flight_ms = due;
	if (due == CLOCK_NEVER) {
		(void)event_del(&gets->next_flight);
		return;
	}
	tv = clock_until(due);
	(void)event_add(&gets->next_flight, &tv);
}

static void gets_on_next_flight(evutil_socket_t fd, short what, void *arg)
{
	struct gets *gets = arg;

	(void)fd;
	(void)what;
	flights_run(gets->flights, clock_now_ms());
	gets->next_flight_ms = CLOCK_NEVER; /* the timer has run, and is not set any more */
	gets_set_timer(gets);
}

/* -- the end of a get ---------------------------------------------------------------------------------------- */

static void get_free(struct get *g)
{
	struct gets *gets = g->gets;

	flights_leave(gets->flights, &g->member, clock_now_ms());
	gets_set_timer(gets);
	event_del(&g->timer);
	TAILQ_REMOVE(&gets->list, g, link);
	free(g);
	store_ended(gets->store);
}

void get_abandon(struct get *g)
{
	get_free(g);
}

static void get_reply(struct get *g, const struct kv_reply *reply)
{
	if (g->done != NULL)
		g->done(g->arg, reply);
	g->done = NULL;
}

static bool get_reply_stale(struct get *g, const struct flight_key *key)
{
	const struct kv_wanted wanted = { .name = key->name,
		.row = key->row,
		.version = key->version,
		.min_version = key->min_version,
		.max_age_ms = g->max_age_ms };
	struct kv_reply reply;

	if (g->done == NULL || !answers_find_stale(g->gets->store->answers, &wanted, &reply))
		return false;
	log_request(g->number, "get: a stale answer has to do");
	get_reply(g, &reply);
	return true;
}

/* -- flights ------------------------------------------------------------------------------------------------- */

static void get_on_flight_sent(void *arg)
{
	flight_mark_sent(arg, clock_now_ms());
}

/* Tells whether a failure says that OpenBao cannot be reached, and not what OpenBao has to say. */
static bool get_is_away(const struct store *store, enum code code)
{
	switch (code) {
	case CODE_UNAVAILABLE:
	case CODE_TIMEOUT:
	case CODE_SEALED:
	case CODE_NOT_INITIALIZED:
		return true;
	case CODE_NOT_READY: /* there is no login, perhaps since OpenBao was away when it was due */
		return login_health(store->login) != HEALTH_UP;
	default:
		return false;
	}
}

static void get_on_flight_read(void *arg, const struct answer *answer, uint64_t sent_ms)
{
	struct flight *flight = arg;
	/* it has a member, or it would have been cancelled */
	struct gets *gets = get_of(TAILQ_FIRST(&flight->members))->gets;
	const struct flight_key key = flight_key(flight); /* the read keeps the name valid */
	bool ok = answer->verdict == VERDICT_OK, away = !ok && get_is_away(gets->store, answer->failure.code);
	const struct kv_reply reply = { .failure = ok ? NULL : &answer->failure,
		.data = answer->data,
		.metadata = answer->metadata,
		.created_time = answer->created_time,
		.version = answer->version };
	uint64_t now = clock_now_ms();
	struct flight_member *member;

	flights_end(gets->flights, flight, ok ? now - sent_ms : FLIGHT_NO_SAMPLE, now);
	gets_set_timer(gets);
	while ((member = flight_take_member(flight)) != NULL) {
		struct get *g = get_of(member);

		if (!away || !get_reply_stale(g, &key))
			get_reply(g, &reply);
		get_free(g);
	}
	flight_free(flight);
}

static void get_log_shared(const struct get *g, const struct read *read)
{
	log_request(g->number, "get: shares the read of request %llu", (unsigned long long)read_number(read));
}

static int get_begin_flight(void *arg, struct flight *flight)
{
	static const struct read_ops ops = { .sent = get_on_flight_sent, .done = get_on_flight_read };
	struct gets *gets = arg;
	struct flight_member *member = TAILQ_FIRST(&flight->members);
	const struct get *first = get_of(member);
	const struct read_options options = { .key = flight_key(flight),
		.caller = first->caller,
		.number = first->number,
		.deadline_ms = flight->deadline };

	flight->work = read_begin(gets->store, &options, &ops, flight);
	if (flight->work == NULL)
		return -1;
	while ((member = TAILQ_NEXT(member, link)) != NULL) {
		read_share(flight->work, get_of(member)->caller, 0);
		get_log_shared(get_of(member), flight->work);
	}
	return 0;
}

static void get_cancel_flight(void *arg, struct flight *flight)
{
	(void)arg;
	read_cancel(flight->work);
}

/* -- time ---------------------------------------------------------------------------------------------------- */

static bool get_shares_flight(const struct get *g)
{
	const struct flight_members *members = &g->member.flight->members;

	return TAILQ_FIRST(members) != &g->member || TAILQ_NEXT(&g->member, link) != NULL;
}

/*
 * Tells whether the read ends by itself before this caller's deadline, or with it. Then the read's end is waited
 * for, since it tells more of what went wrong.
 */
static bool get_outlasts_read(const struct get *g)
{
	const struct flight *flight = g->member.flight;

	return flight->state != FLIGHT_WAITING && flight->deadline <= g->deadline_ms;
}

/*
 * This caller's deadline has come while the read has more time: tells the failure that the read would end with
 * now.
 */
static void get_overdue(struct get *g)
{
	const struct flight *flight = g->member.flight;
	struct failure why;

	if (flight->state == FLIGHT_WAITING)
		flight = flight_oldest_running(flight);
	if (flight != NULL)
		read_overdue(flight->work, &why);
	else
		failure_set(&why, CODE_INTERNAL, "out of memory");
	log_request(g->number, "get: its time is over");
	get_reply(g, &(struct kv_reply){ .failure = &why });
	get_free(g);
}

static void get_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct get *g = arg;
	const struct flight_key key = flight_key(g->member.flight);
	uint64_t now = clock_now_ms();

	(void)fd;
	(void)what;
	if (get_reply_stale(g, &key)) {
		/*
		 * The last member stays until its deadline. If it left, the flight would be cancelled, and no
		 * answer of a slow OpenBao would ever reach the cache.
		 */
		if (get_shares_flight(g) || now >= g->deadline_ms)
			get_free(g);
		else
			get_wake_at(g, g->deadline_ms);
	} else if (now < g->deadline_ms) {
		get_wake_at(g, g->deadline_ms);
	} else if (!get_outlasts_read(g)) {
		get_overdue(g);
	} else if (g->member.flight->state == FLIGHT_BOARDING) {
		/*
		 * The read should end now. But until it is sent callers join, whose deadlines may be later: looks
		 * again.
		 */
		get_wake_at(g, now + 1);
	}
}

/* -- gets ---------------------------------------------------------------------------------------------------- */

/*
 * Lets the reads that this caller waits for take its slot, too: that of its own flight, or those that run before
 * it and may have to be sent again. So no caller waits for a slot of another.
 */
static void get_share_slots(const struct get *g)
{
	const struct flight *flight = g->member.flight;

	if (flight->state == FLIGHT_BOARDING)
		read_share(flight->work, g->caller, g->deadline_ms);
	if (flight->state != FLIGHT_WAITING)
		return;
	for (flight = flight_oldest_running(flight); flight != NULL; flight = TAILQ_NEXT(flight, link))
		read_share(flight->work, g->caller, 0);
}

struct get *get_begin(struct gets *gets, uint64_t caller, const struct kv_wanted *wanted, uint64_t deadline_ms,
    kv_done *done, void *arg)
{
	const struct flight_key key = { .name = wanted->name,
		.row = wanted->row,
		.version = wanted->version,
		.min_version = wanted->min_version };
	struct get *g = malloc(sizeof(*g));
	uint64_t now = clock_now_ms(), half = deadline_ms > now ? (deadline_ms - now) / 2 : 0;
	const struct flight *flight;
	struct kv_reply stale;

	if (g == NULL)
		return NULL;
	*g = (struct get){ .gets = gets,
		.caller = caller,
		.number = wanted->number,
		.deadline_ms = deadline_ms,
		.max_age_ms = wanted->max_age_ms,
		.done = done,
		.arg = arg };
	(void)evtimer_assign(&g->timer, gets->store->base, get_on_timer, g);
	if (flights_join(gets->flights, &key, &g->member, deadline_ms, now) != 0) {
		free(g);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&gets->list, g, link);
	store_began(gets->store);
	flight = g->member.flight;
	log_request(g->number, "get: %s", flight_state_name(flight->state));
	if (flight->state == FLIGHT_BOARDING && TAILQ_FIRST(&flight->members) != &g->member)
		get_log_shared(g, flight->work);
	get_share_slots(g);
	gets_set_timer(gets);
	if (answers_find_stale(gets->store->answers, wanted, &stale))
		get_wake_at(g, now + (half < STALE_MS ? half : STALE_MS));
	else if (flight->state != FLIGHT_RUNNING ||
	    !get_outlasts_read(g)) /* whoever joins later may make the read last longer */
		get_wake_at(g, deadline_ms);
	return g;
}

/* -- all of them --------------------------------------------------------------------------------------------- */

struct gets *gets_new(struct store *store)
{
	static const struct flights_ops ops = { .begin = get_begin_flight, .cancel = get_cancel_flight };
	struct gets *gets = calloc(1, sizeof(*gets));

	if (gets == NULL)
		return NULL;
	gets->store = store;
	TAILQ_INIT(&gets->list);
	gets->next_flight_ms = CLOCK_NEVER;
	(void)evtimer_assign(&gets->next_flight, store->base, gets_on_next_flight, gets);
	gets->flights = flights_new(&ops, gets);
	if (gets->flights != NULL)
		return gets;
	free(gets);
	return NULL;
}

void gets_free(struct gets *gets)
{
	struct get *g;

	if (gets == NULL)
		return;
	while ((g = TAILQ_FIRST(&gets->list)) != NULL)
		get_free(g);
	event_del(&gets->next_flight);
	flights_free(gets->flights);
	free(gets);
}
