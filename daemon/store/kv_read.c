/*
 * kv_read: callers who want the same share a flight (flights.h), each until a deadline of its own; the flight's read is a
 * call of kv.c. Where the cache may stand in for OpenBao, here is decided when it does.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/store/kv_internal.h"
#include "daemon/upstream/keeper.h"

#define STALE_MS 300u /* so long a caller waits for OpenBao, or half of its time, before a stale answer has to do */
#define GRACE_MS 50u  /* the flight's end is due at the same time, and knows more of what went wrong */

struct kv_read {
	struct seat seat; /* first, so that a seat is found to be its */
	TAILQ_ENTRY(kv_read) link;
	struct kv *kv;
	uint64_t caller;
	uint64_t deadline_ms;
	uint64_t max_age_ms; /* as wanted */
	bool late;          /* the deadline has come, and the grace is running */
	struct event timer; /* the deadline; or before it, to see whether a stale answer has to do */
	kv_done *done;      /* NULL: it was told; it keeps its seat so that the flight brings the cache something newer */
	void *arg;
};

static struct kv_read *read_of(struct seat *seat)
{
	return (struct kv_read *)(void *)seat;
}

static void arm(struct event *timer, uint64_t now, uint64_t until)
{
	uint64_t ms = until > now ? until - now : 0;
	struct timeval tv = clock_timeval(ms);

	(void)event_add(timer, &tv);
}

static void arm_next_flight(struct kv *kv, uint64_t now)
{
	uint64_t due = flights_due(kv->flights);

	if (due == kv->next_flight_ms)
		return;
	kv->next_flight_ms = due;
	if (due == CLOCK_NEVER)
		(void)event_del(&kv->next_flight);
	else
		arm(&kv->next_flight, now, due);
}

static void on_next_flight(evutil_socket_t fd, short what, void *arg)
{
	struct kv *kv = arg;
	uint64_t now = clock_now_ms();

	(void)fd;
	(void)what;
	flights_run(kv->flights, now);
	kv->next_flight_ms = CLOCK_NEVER; /* as far as the timer goes */
	arm_next_flight(kv, now);
}

/* -- the end of a get ---------------------------------------------------------------------------------------- */

static void read_free(struct kv_read *read)
{
	struct kv *kv = read->kv;
	uint64_t now = clock_now_ms();

	flights_leave(kv->flights, &read->seat, now);
	arm_next_flight(kv, now);
	event_del(&read->timer);
	TAILQ_REMOVE(&kv->reads, read, link);
	free(read);
}

static void tell(struct kv_read *read, const struct kv_reply *reply)
{
	if (read->done != NULL)
		read->done(read->arg, reply);
	read->done = NULL;
}

static bool tell_stale(struct kv_read *read, const struct flight_key *key)
{
	const struct kv_wanted wanted = { .mount = key->mount, .path = key->path, .version = key->version,
		.min_version = key->min_version, .max_age_ms = read->max_age_ms };
	struct kv_reply reply;

	if (read->done == NULL || !kv_cache_stale(read->kv, &wanted, &reply))
		return false;
	tell(read, &reply);
	return true;
}

/* Whether a failure says that OpenBao is not to be reached, and not what it has to say. */
static bool is_away(const struct kv *kv, enum code code)
{
	switch (code) {
	case CODE_UNAVAILABLE:
	case CODE_TIMEOUT:
	case CODE_SEALED:
	case CODE_NOT_INITIALIZED:
		return true;
	case CODE_NOT_READY: /* no login, since OpenBao was away when it was due */
		return keeper_reach(kv->keeper) != REACH_UP;
	default:
		return false;
	}
}

/* -- flights ------------------------------------------------------------------------------------------------- */

static void on_landed(void *arg, const struct kv_reply *reply)
{
	struct flight *flight = arg;
	struct kv_call *call = flight->work;
	struct kv *kv = call->kv;
	const struct flight_key key = { .mount = call->mount, .path = call->path, .version = call->version,
		.min_version = call->min_version };
	uint64_t now = clock_now_ms();
	bool away = reply->failure != NULL && is_away(kv, reply->failure->code);
	struct seat *seat;

	flights_land(kv->flights, flight, reply->failure == NULL ? now - call->sent_ms : FLIGHT_NO_EXAMPLE, now);
	arm_next_flight(kv, now);
	while ((seat = flight_unseat(flight)) != NULL) {
		struct kv_read *read = read_of(seat);

		if (!away || !tell_stale(read, &key))
			tell(read, reply);
		read_free(read);
	}
	flight_free(flight);
}

void kv_reads_depart(struct kv_call *call)
{
	flight_depart(call->arg, clock_now_ms());
}

static int begin_flight(void *arg, struct flight *flight)
{
	struct seat *seat = TAILQ_FIRST(&flight->seats);
	struct flight_key key = flight_key(flight);

	flight->work = kv_call_get(arg, read_of(seat)->caller, &key, flight->deadline, on_landed, flight);
	if (flight->work == NULL)
		return -1;
	while ((seat = TAILQ_NEXT(seat, link)) != NULL)
		kv_call_share(flight->work, read_of(seat)->caller, 0);
	return 0;
}

/* Nobody waits for another's turn: be it the read's own, or that of one before it which is tried again. */
static void share_turns(const struct kv_read *read)
{
	const struct flight *flight = read->seat.flight;

	if (flight->state == FLIGHT_BOARDING)
		kv_call_share(flight->work, read->caller, read->deadline_ms);
	if (flight->state != FLIGHT_WAITING)
		return;
	for (flight = flight_ahead(flight); flight != NULL; flight = TAILQ_NEXT(flight, link))
		kv_call_share(flight->work, read->caller, 0);
}

static void cancel_flight(void *arg, struct flight *flight)
{
	(void)arg;
	(void)kv_abandon(flight->work);
}

/* -- time ---------------------------------------------------------------------------------------------------- */

static bool has_company(const struct kv_read *read)
{
	const struct seats *seats = &read->seat.flight->seats;

	return TAILQ_FIRST(seats) != &read->seat || TAILQ_NEXT(&read->seat, link) != NULL;
}

/* The last one keeps the flight in the air: were it called off, a slow OpenBao would never be heard again. */
static void stale_told(struct kv_read *read, uint64_t now)
{
	if (has_company(read) || now >= read->deadline_ms)
		read_free(read);
	else
		arm(&read->timer, now, read->deadline_ms);
}

static bool flight_ends_now(const struct kv_read *read)
{
	const struct flight *flight = read->seat.flight;

	return flight->state != FLIGHT_WAITING && flight->deadline <= read->deadline_ms;
}

static void set_overdue(const struct kv_read *read, struct failure *ret)
{
	const struct flight *flight = read->seat.flight;

	if (flight->state == FLIGHT_WAITING)
		flight = flight_ahead(flight);
	if (flight != NULL)
		kv_call_overdue(flight->work, ret);
	else
		failure_set(ret, CODE_INTERNAL, "out of memory");
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct kv_read *read = arg;
	struct flight_key key = flight_key(read->seat.flight);
	uint64_t now = clock_now_ms();
	struct failure why;

	(void)fd;
	(void)what;
	if (tell_stale(read, &key)) {
		stale_told(read, now);
	} else if (now < read->deadline_ms) {
		arm(&read->timer, now, read->deadline_ms);
	} else if (!read->late && flight_ends_now(read)) {
		read->late = true;
		arm(&read->timer, now, now + GRACE_MS);
	} else {
		set_overdue(read, &why);
		tell(read, &(struct kv_reply){ .failure = &why });
		read_free(read);
	}
}

/* -- gets ---------------------------------------------------------------------------------------------------- */

/* When to see first whether the caller has to be told something else than the flight's end. */
static uint64_t first_look(struct kv *kv, const struct kv_wanted *wanted, uint64_t now, uint64_t deadline_ms)
{
	uint64_t left = deadline_ms > now ? deadline_ms - now : 0;
	struct kv_reply stale;

	if (!kv_cache_stale(kv, wanted, &stale))
		return deadline_ms;
	return now + (left / 2 < STALE_MS ? left / 2 : STALE_MS);
}

struct kv_read *kv_get(struct kv *kv, uint64_t caller, const struct kv_wanted *wanted, uint64_t deadline_ms, kv_done *done,
    void *arg)
{
	const struct flight_key key = { .mount = wanted->mount, .path = wanted->path, .version = wanted->version,
		.min_version = wanted->min_version };
	struct kv_read *read = calloc(1, sizeof(*read));
	uint64_t now = clock_now_ms();

	if (read == NULL)
		return NULL;
	read->kv = kv;
	read->caller = caller;
	read->deadline_ms = deadline_ms;
	read->max_age_ms = wanted->max_age_ms;
	read->done = done;
	read->arg = arg;
	if (evtimer_assign(&read->timer, kv->base, on_timer, read) != 0 ||
	    flights_join(kv->flights, &key, &read->seat, deadline_ms, now) != 0) {
		free(read);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&kv->reads, read, link);
	share_turns(read);
	arm_next_flight(kv, now);
	arm(&read->timer, now, first_look(kv, wanted, now, deadline_ms));
	return read;
}

void kv_read_abandon(struct kv_read *read)
{
	read_free(read);
}

/* -- all of them --------------------------------------------------------------------------------------------- */

int kv_reads_init(struct kv *kv)
{
	static const struct flights_ops ops = { .begin = begin_flight, .cancel = cancel_flight };

	TAILQ_INIT(&kv->reads);
	kv->next_flight_ms = CLOCK_NEVER;
	(void)evtimer_assign(&kv->next_flight, kv->base, on_next_flight, kv);
	kv->flights = flights_new(&ops, kv);
	return kv->flights != NULL ? 0 : -1;
}

void kv_reads_free(struct kv *kv)
{
	struct kv_read *read;

	if (kv->flights == NULL)
		return;
	while ((read = TAILQ_FIRST(&kv->reads)) != NULL) {
		TAILQ_REMOVE(&kv->reads, read, link);
		event_del(&read->timer);
		free(read);
	}
	event_del(&kv->next_flight);
	flights_free(kv->flights);
}
