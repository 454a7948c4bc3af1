/*
 * flights: a table of routes, one for each key of which a flight runs or waits.
 */
#include "daemon/store/flights.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"

#define NEVER UINT64_MAX
#define EXAMPLES 100     /* durations the 99th percentile is taken of, at most … */
#define EXAMPLE_MS 60000 /* … and none that are older: after an election reads are fast again */

/* Routes are found by what a struct flight_key stands for, so that no key is put together to look one up. */
#undef HASH_FUNCTION
#define HASH_FUNCTION(key, len, hash) ((hash) = flight_key_hash(key))
#undef HASH_KEYCMP
#define HASH_KEYCMP(a, b, len) (flight_key_same(a, b) ? 0 : 1)

struct route {
	UT_hash_handle hh;
	TAILQ_ENTRY(route) link;        /* flights.due, if due is not NEVER */
	uint64_t due;                   /* when the open flight need not wait any longer */
	struct running_flights running; /* the one that has run longest first */
	unsigned nrunning;
	struct flight *open;   /* waits or boards, and takes whoever comes; NULL: none */
	struct flight_key key; /* with a hold on its name */
};

TAILQ_HEAD(routes, route);

/* A read that has ended well. */
struct example {
	uint64_t took_ms, ended;
};

struct flights {
	const struct flights_ops *ops;
	void *arg;
	struct route *table;
	struct routes due; /* soonest first */
	struct example examples[EXAMPLES];
	unsigned nexamples, next_example;
};

/* -- how long reads take ------------------------------------------------------------------------------------- */

static void note_example(struct flights *fs, uint64_t took_ms, uint64_t now)
{
	fs->examples[fs->next_example] = (struct example){ .took_ms = took_ms, .ended = now };
	fs->next_example = (fs->next_example + 1) % EXAMPLES;
	if (fs->nexamples < EXAMPLES)
		fs->nexamples++;
}

/* Of a hundred the second largest; of fewer the largest. */
static uint64_t percentile_99(const struct flights *fs, uint64_t now)
{
	uint64_t first = 0, second = 0;
	unsigned recent = 0;

	for (unsigned i = 0; i < fs->nexamples; i++) {
		const struct example *e = &fs->examples[i];

		if (now - e->ended >= EXAMPLE_MS)
			continue;
		recent++;
		if (e->took_ms > first) {
			second = first;
			first = e->took_ms;
		} else if (e->took_ms > second) {
			second = e->took_ms;
		}
	}
	return recent < EXAMPLES ? first : second;
}

static uint64_t slow_ms(const struct flights *fs, uint64_t now)
{
	uint64_t ms = FLIGHTS_SLOW_TIMES * percentile_99(fs, now);

	return ms > FLIGHTS_SLOW_MS ? ms : FLIGHTS_SLOW_MS;
}

/* -- routes -------------------------------------------------------------------------------------------------- */

static unsigned flight_key_hash(const struct flight_key *key)
{
	const uint64_t numbers[] = { key->row, key->version, key->min_version };

	return table_hash(key->name->key, key->name->key_len) ^ table_hash(numbers, sizeof(numbers));
}

static bool flight_key_same(const struct flight_key *a, const struct flight_key *b)
{
	return a->row == b->row && a->version == b->version && a->min_version == b->min_version &&
	    a->name->key_len == b->name->key_len && memcmp(a->name->key, b->name->key, a->name->key_len) == 0;
}

static struct route *find_or_add_route(struct flights *fs, const struct flight_key *key)
{
	struct route *r;

	HASH_FIND(hh, fs->table, key, sizeof(*key), r);
	if (r != NULL)
		return r;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->key = *key;
	r->key.name = secret_name_hold(key->name);
	r->due = NEVER;
	TAILQ_INIT(&r->running);
	if (r->key.name != NULL)
		HASH_ADD(hh, fs->table, key, sizeof(r->key), r);
	if (TABLE_HAS(r))
		return r;
	secret_name_release(r->key.name);
	free(r);
	return NULL;
}

static void free_route(struct flights *fs, struct route *r)
{
	HASH_DEL(fs->table, r);
	secret_name_release(r->key.name);
	free(r);
}

static void set_due(struct flights *fs, struct route *r, uint64_t due)
{
	struct route *before;

	if (r->due != NEVER)
		TAILQ_REMOVE(&fs->due, r, link);
	r->due = due;
	if (due == NEVER)
		return;
	TAILQ_FOREACH_REVERSE(before, &fs->due, routes, link) {
		if (before->due <= due)
			break;
	}
	if (before != NULL)
		TAILQ_INSERT_AFTER(&fs->due, before, r, link);
	else
		TAILQ_INSERT_HEAD(&fs->due, r, link);
}

static void drop_if_empty(struct flights *fs, struct route *r)
{
	if (r->nrunning > 0 || r->open != NULL)
		return;
	set_due(fs, r, NEVER);
	free_route(fs, r);
}

/* -- beginning ----------------------------------------------------------------------------------------------- */

/* When a flight that waits may begin: when the youngest of those that run is slow, and there are not too many. */
static uint64_t may_begin(const struct flights *fs, const struct route *r, uint64_t now)
{
	const struct flight *youngest = TAILQ_LAST(&r->running, running_flights);

	if (youngest == NULL)
		return 0;
	return r->nrunning < FLIGHTS_RUNNING_MAX ? youngest->departed + slow_ms(fs, now) : NEVER;
}

/* Without memory it goes on waiting, as if one before it ran that has just begun. */
static void begin_or_wait(struct flights *fs, struct route *r, uint64_t now)
{
	struct flight *flight = r->open;
	uint64_t due = flight != NULL && flight->state == FLIGHT_WAITING ? may_begin(fs, r, now) : NEVER;

	if (due > now) {
		set_due(fs, r, due);
		return;
	}
	flight->state = FLIGHT_BOARDING;
	if (fs->ops->begin(fs->arg, flight) == 0) {
		set_due(fs, r, NEVER);
		return;
	}
	flight->state = FLIGHT_WAITING;
	set_due(fs, r, now + FLIGHTS_SLOW_MS);
}

void flight_depart(struct flight *flight, uint64_t now)
{
	struct route *r = flight->route;

	if (flight->state != FLIGHT_BOARDING)
		return;
	flight->state = FLIGHT_RUNNING;
	flight->departed = now;
	r->open = NULL;
	TAILQ_INSERT_TAIL(&r->running, flight, link);
	r->nrunning++;
}

/* It is no more among those of its route. */
static void take_out(struct route *r, struct flight *flight)
{
	if (flight->state != FLIGHT_RUNNING) {
		r->open = NULL;
		return;
	}
	TAILQ_REMOVE(&r->running, flight, link);
	r->nrunning--;
}

uint64_t flights_due(const struct flights *fs)
{
	const struct route *first = TAILQ_FIRST(&fs->due);

	return first != NULL ? first->due : NEVER;
}

void flights_run(struct flights *fs, uint64_t now)
{
	while (flights_due(fs) <= now)
		begin_or_wait(fs, TAILQ_FIRST(&fs->due), now);
}

/* -- seats --------------------------------------------------------------------------------------------------- */

static struct flight *open_flight(struct route *r)
{
	if (r->open != NULL)
		return r->open;
	r->open = calloc(1, sizeof(*r->open));
	if (r->open == NULL)
		return NULL;
	r->open->route = r;
	TAILQ_INIT(&r->open->seats);
	return r->open;
}

int flights_join(struct flights *fs, const struct flight_key *key, struct seat *seat, uint64_t deadline,
    uint64_t now)
{
	struct route *r = find_or_add_route(fs, key);
	struct flight *flight = r != NULL ? open_flight(r) : NULL;

	if (flight == NULL) {
		if (r != NULL)
			drop_if_empty(fs, r);
		return -1;
	}
	TAILQ_INSERT_TAIL(&flight->seats, seat, link);
	seat->flight = flight;
	if (deadline > flight->deadline)
		flight->deadline = deadline;
	if (r->due == NEVER || r->due <= now)
		begin_or_wait(fs, r, now);
	if (flight->state == FLIGHT_WAITING && r->nrunning == 0 && TAILQ_FIRST(&flight->seats) == seat) {
		flights_leave(fs, seat, now); /* without memory, and nobody else is left to tell of it */
		return -1;
	}
	return 0;
}

/* A flight that is not to be any more. */
static void call_off(struct flights *fs, struct flight *flight, uint64_t now)
{
	struct route *r = flight->route;

	take_out(r, flight);
	if (flight->state != FLIGHT_WAITING)
		fs->ops->cancel(fs->arg, flight);
	flight_free(flight);
	begin_or_wait(fs, r, now);
	drop_if_empty(fs, r);
}

void flights_leave(struct flights *fs, struct seat *seat, uint64_t now)
{
	struct flight *flight = seat->flight;

	if (flight == NULL)
		return;
	TAILQ_REMOVE(&flight->seats, seat, link);
	seat->flight = NULL;
	if (flight->state != FLIGHT_LANDED && TAILQ_EMPTY(&flight->seats))
		call_off(fs, flight, now);
}

struct seat *flight_unseat(struct flight *flight)
{
	struct seat *seat = TAILQ_FIRST(&flight->seats);

	if (seat == NULL)
		return NULL;
	TAILQ_REMOVE(&flight->seats, seat, link);
	seat->flight = NULL;
	return seat;
}

/* -- the end of a flight ------------------------------------------------------------------------------------- */

void flights_land(struct flights *fs, struct flight *flight, uint64_t took_ms, uint64_t now)
{
	struct route *r = flight->route;

	if (took_ms != FLIGHT_NO_EXAMPLE)
		note_example(fs, took_ms, now);
	take_out(r, flight);
	flight->state = FLIGHT_LANDED;
	flight->route = NULL;
	begin_or_wait(fs, r, now);
	drop_if_empty(fs, r);
}

void flight_free(struct flight *flight)
{
	free(flight);
}

struct flight_key flight_key(const struct flight *flight)
{
	return flight->route->key;
}

const char *flight_state_name(enum flight_state state)
{
	static const char *const names[] = { [FLIGHT_WAITING] = "waiting",
		[FLIGHT_BOARDING] = "boarding",
		[FLIGHT_RUNNING] = "running",
		[FLIGHT_LANDED] = "landed" };

	return names[state];
}

const struct flight *flight_ahead(const struct flight *flight)
{
	return TAILQ_FIRST(&flight->route->running);
}

struct flights *flights_new(const struct flights_ops *ops, void *arg)
{
	struct flights *fs = calloc(1, sizeof(*fs));

	if (fs == NULL)
		return NULL;
	fs->ops = ops;
	fs->arg = arg;
	TAILQ_INIT(&fs->due);
	return fs;
}

void flights_free(struct flights *fs)
{
	struct flight *flight;

	if (fs == NULL)
		return;
	while (fs->table != NULL) {
		while ((flight = TAILQ_FIRST(&fs->table->running)) != NULL) {
			TAILQ_REMOVE(&fs->table->running, flight, link);
			free(flight);
		}
		free(fs->table->open);
		free_route(fs, fs->table);
	}
	free(fs);
}
