/*
 * flights: a table of groups, one for each key of which a flight runs or waits.
 */
#include "daemon/store/flights.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"

#define NEVER UINT64_MAX
#define SAMPLES 100             /* how many reads the 99th percentile is taken of, at most … */
#define SAMPLE_AGE_MAX_MS 60000 /* … and none that ended longer ago: after an election reads soon are fast again */

/*
 * Keys are hashed and compared by what a struct flight_key points to, so that a look-up builds no key of its own.
 */
#undef HASH_FUNCTION
#define HASH_FUNCTION(key, len, hash) ((hash) = flight_key_hash(key))
#undef HASH_KEYCMP
#define HASH_KEYCMP(a, b, len) (flight_key_same(a, b) ? 0 : 1)

struct flight_group {
	UT_hash_handle hh;
	TAILQ_ENTRY(flight_group) link; /* in flights.due, if due is not NEVER */
	uint64_t due;                   /* when the open flight need not wait any longer */
	struct running_flights running; /* the one that has run longest comes first */
	unsigned nrunning;
	struct flight *open;   /* FLIGHT_WAITING or FLIGHT_BOARDING, and joined by whoever comes; NULL: none */
	struct flight_key key; /* with a reference to its name */
};

TAILQ_HEAD(flight_groups, flight_group);

/* A read that has ended well is a sample of how long reads take. */
struct read_sample {
	uint64_t took_ms, ended;
};

struct flights {
	const struct flights_ops *ops;
	void *arg;
	struct flight_group *table;
	struct flight_groups due; /* the soonest comes first */
	struct read_sample samples[SAMPLES];
	unsigned nsamples, next_sample;
};

/* -- how long reads take ------------------------------------------------------------------------------------- */

static void flights_add_sample(struct flights *fs, uint64_t took_ms, uint64_t now)
{
	fs->samples[fs->next_sample] = (struct read_sample){ .took_ms = took_ms, .ended = now };
	fs->next_sample = (fs->next_sample + 1) % SAMPLES;
	if (fs->nsamples < SAMPLES)
		fs->nsamples++;
}

/* Gives the 99th percentile of the recent reads: of 100 the second largest, of fewer the largest. */
static uint64_t flights_percentile_99(const struct flights *fs, uint64_t now)
{
	uint64_t first = 0, second = 0;
	unsigned recent = 0;

	for (unsigned i = 0; i < fs->nsamples; i++) {
		const struct read_sample *e = &fs->samples[i];

		if (now - e->ended >= SAMPLE_AGE_MAX_MS)
			continue;
		recent++;
		if (e->took_ms > first) {
			second = first;
			first = e->took_ms;
		} else if (e->took_ms > second) {
			second = e->took_ms;
		}
	}
	return recent < SAMPLES ? first : second;
}

static uint64_t flights_slow_ms(const struct flights *fs, uint64_t now)
{
	uint64_t ms = FLIGHTS_SLOW_TIMES * flights_percentile_99(fs, now);

	return ms > FLIGHTS_SLOW_MS ? ms : FLIGHTS_SLOW_MS;
}

/* -- groups -------------------------------------------------------------------------------------------------- */

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

static struct flight_group *flights_find_or_add_group(struct flights *fs, const struct flight_key *key)
{
	struct flight_group *g;

	HASH_FIND(hh, fs->table, key, sizeof(*key), g);
	if (g != NULL)
		return g;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	g->key = *key;
	g->key.name = secret_name_hold(key->name);
	g->due = NEVER;
	TAILQ_INIT(&g->running);
	if (g->key.name != NULL)
		HASH_ADD(hh, fs->table, key, sizeof(g->key), g);
	if (TABLE_HAS(g))
		return g;
	secret_name_release(g->key.name);
	free(g);
	return NULL;
}

static void flights_free_group(struct flights *fs, struct flight_group *g)
{
	HASH_DEL(fs->table, g);
	secret_name_release(g->key.name);
	free(g);
}

static void flights_set_due(struct flights *fs, struct flight_group *g, uint64_t due)
{
	struct flight_group *before;

	if (g->due != NEVER)
		TAILQ_REMOVE(&fs->due, g, link);
	g->due = due;
	if (due == NEVER)
		return;
	TAILQ_FOREACH_REVERSE(before, &fs->due, flight_groups, link) {
		if (before->due <= due)
			break;
	}
	if (before != NULL)
		TAILQ_INSERT_AFTER(&fs->due, before, g, link);
	else
		TAILQ_INSERT_HEAD(&fs->due, g, link);
}

static void flights_drop_empty_group(struct flights *fs, struct flight_group *g)
{
	if (g->nrunning > 0 || g->open != NULL)
		return;
	flights_set_due(fs, g, NEVER);
	flights_free_group(fs, g);
}

/* -- beginning ----------------------------------------------------------------------------------------------- */

/*
 * Gives when a waiting flight may begin: when the youngest of those that run has become slow, unless too many run.
 */
static uint64_t flights_may_begin_at(const struct flights *fs, const struct flight_group *g, uint64_t now)
{
	const struct flight *youngest = TAILQ_LAST(&g->running, running_flights);

	if (youngest == NULL)
		return 0;
	return g->nrunning < FLIGHTS_RUNNING_MAX ? youngest->sent_ms + flights_slow_ms(fs, now) : NEVER;
}

/*
 * Begins the open flight, if it may begin by now. If there is no memory for that it is tried again after
 * FLIGHTS_SLOW_MS.
 */
static void flights_begin_or_wait(struct flights *fs, struct flight_group *g, uint64_t now)
{
	struct flight *flight = g->open;
	uint64_t due = flight != NULL && flight->state == FLIGHT_WAITING ? flights_may_begin_at(fs, g, now)
									 : NEVER;

	if (due > now) {
		flights_set_due(fs, g, due);
		return;
	}
	flight->state = FLIGHT_BOARDING;
	if (fs->ops->begin(fs->arg, flight) == 0) {
		flights_set_due(fs, g, NEVER);
		return;
	}
	flight->state = FLIGHT_WAITING;
	flights_set_due(fs, g, now + FLIGHTS_SLOW_MS);
}

void flight_mark_sent(struct flight *flight, uint64_t now)
{
	struct flight_group *g = flight->group;

	if (flight->state != FLIGHT_BOARDING)
		return;
	flight->state = FLIGHT_RUNNING;
	flight->sent_ms = now;
	g->open = NULL;
	TAILQ_INSERT_TAIL(&g->running, flight, link);
	g->nrunning++;
}

/* Takes the flight out of its group. */
static void flights_remove(struct flight_group *g, struct flight *flight)
{
	if (flight->state != FLIGHT_RUNNING) {
		g->open = NULL;
		return;
	}
	TAILQ_REMOVE(&g->running, flight, link);
	g->nrunning--;
}

uint64_t flights_due(const struct flights *fs)
{
	const struct flight_group *first = TAILQ_FIRST(&fs->due);

	return first != NULL ? first->due : NEVER;
}

void flights_run(struct flights *fs, uint64_t now)
{
	while (flights_due(fs) <= now)
		flights_begin_or_wait(fs, TAILQ_FIRST(&fs->due), now);
}

/* -- members ------------------------------------------------------------------------------------------------- */

static struct flight *flights_open_flight(struct flight_group *g)
{
	if (g->open != NULL)
		return g->open;
	g->open = calloc(1, sizeof(*g->open));
	if (g->open == NULL)
		return NULL;
	g->open->group = g;
	TAILQ_INIT(&g->open->members);
	return g->open;
}

int flights_join(struct flights *fs, const struct flight_key *key, struct flight_member *member, uint64_t deadline,
    uint64_t now)
{
	struct flight_group *g = flights_find_or_add_group(fs, key);
	struct flight *flight = g != NULL ? flights_open_flight(g) : NULL;

	if (flight == NULL) {
		if (g != NULL)
			flights_drop_empty_group(fs, g);
		return -1;
	}
	TAILQ_INSERT_TAIL(&flight->members, member, link);
	member->flight = flight;
	if (deadline > flight->deadline)
		flight->deadline = deadline;
	if (g->due == NEVER || g->due <= now)
		flights_begin_or_wait(fs, g, now);
	if (flight->state == FLIGHT_WAITING && g->nrunning == 0 && TAILQ_FIRST(&flight->members) == member) {
		flights_leave(fs, member, now); /* there was no memory to begin it, which this caller is told */
		return -1;
	}
	return 0;
}

/* Ends a flight that has no members any more, and frees it. */
static void flights_cancel(struct flights *fs, struct flight *flight, uint64_t now)
{
	struct flight_group *g = flight->group;

	flights_remove(g, flight);
	if (flight->state != FLIGHT_WAITING)
		fs->ops->cancel(fs->arg, flight);
	flight_free(flight);
	flights_begin_or_wait(fs, g, now);
	flights_drop_empty_group(fs, g);
}

void flights_leave(struct flights *fs, struct flight_member *member, uint64_t now)
{
	struct flight *flight = member->flight;

	if (flight == NULL)
		return;
	TAILQ_REMOVE(&flight->members, member, link);
	member->flight = NULL;
	if (flight->state != FLIGHT_ENDED && TAILQ_EMPTY(&flight->members))
		flights_cancel(fs, flight, now);
}

struct flight_member *flight_take_member(struct flight *flight)
{
	struct flight_member *member = TAILQ_FIRST(&flight->members);

	if (member == NULL)
		return NULL;
	TAILQ_REMOVE(&flight->members, member, link);
	member->flight = NULL;
	return member;
}

/* -- the end of a flight ------------------------------------------------------------------------------------- */

void flights_end(struct flights *fs, struct flight *flight, uint64_t took_ms, uint64_t now)
{
	struct flight_group *g = flight->group;

	if (took_ms != FLIGHT_NO_SAMPLE)
		flights_add_sample(fs, took_ms, now);
	flights_remove(g, flight);
	flight->state = FLIGHT_ENDED;
	flight->group = NULL;
	flights_begin_or_wait(fs, g, now);
	flights_drop_empty_group(fs, g);
}

void flight_free(struct flight *flight)
{
	free(flight);
}

struct flight_key flight_key(const struct flight *flight)
{
	return flight->group->key;
}

const char *flight_state_name(enum flight_state state)
{
	static const char *const names[] = { [FLIGHT_WAITING] = "waiting",
		[FLIGHT_BOARDING] = "boarding",
		[FLIGHT_RUNNING] = "running",
		[FLIGHT_ENDED] = "landed" };

	return names[state];
}

const struct flight *flight_oldest_running(const struct flight *flight)
{
	return TAILQ_FIRST(&flight->group->running);
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
		flights_free_group(fs, fs->table);
	}
	free(fs);
}
