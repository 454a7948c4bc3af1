/*
 * Shared reads and the cache, in a simulated world: callers get and put by chance, give up by chance, and a
 * cluster of simulated nodes answers when it likes, its standbys with what they know so far. Whatever the order in
 * which things happen, no get gives less than what was acknowledged to a put before it began, and nothing from the
 * cache is older than it says or may be. What is simulated is time and OpenBao; flights, cache and versions are
 * the daemon's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <cmocka.h>

#include "daemon/store/cache.h"
#include "daemon/store/flights.h"
#include "daemon/store/versions.h"
#include "tests/unit/names.h"

#define PATHS 3
#define NODES 3 /* the first one leads */
#define CALLERS_MAX 40
#define STEPS 1000000u /* interleavings in each of the worlds */
#define HISTORY 4096   /* how many of a path's versions are remembered */
#define FOREIGN_MAX 4

/* -- chance -------------------------------------------------------------------------------------------------- */

static uint64_t seed;

static uint64_t chance(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

/* The latency is mostly small, sometimes large, and rarely very large. */
static uint64_t latency(void)
{
	switch (chance(20)) {
	case 0:
		return 40 + chance(300);
	case 1:
	case 2:
		return 5 + chance(60);
	default:
		return chance(8);
	}
}

static uint64_t newer(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* -- OpenBao ------------------------------------------------------------------------------------------------- */

struct secret {
	char name[8];
	uint64_t version;        /* the version at the leader */
	uint64_t wrote[HISTORY]; /* when each version was made, modulo HISTORY */
	uint64_t known[NODES];   /* the version that each node has */
	uint64_t acknowledged;   /* the newest version that a put through the daemon was acknowledged with … */
	uint64_t foreign;        /* … and the newest that somebody else's put was acknowledged with */
	uint64_t put_sent;       /* when the daemon sent its latest put */
};

enum what { READ_SENT, READ_AT_NODE, READ_ANSWERED, PUT_AT_NODE, PUT_ANSWERED, REPLICATED };

struct world;

struct caller {
	struct flight_member member;
	TAILQ_ENTRY(caller) link;
	struct world *world;
	struct secret *secret;
	uint64_t deadline, began;
	uint64_t least; /* the newest version that was acknowledged when it began */
};

struct event {
	TAILQ_ENTRY(event) link;
	uint64_t at;
	enum what what;
	struct secret *secret;
	unsigned node;
	uint64_t version;
	/* These belong to a read. */
	struct flight *flight; /* NULL: cancelled */
	bool leader;
	struct cache_secret *held;
	uint64_t ticket, sent;
	/* These belong to a put. */
	bool foreign, answered; /* not answered: the outcome stays unknown to the caller, who has gone */
};

TAILQ_HEAD(events, event);
TAILQ_HEAD(callers, caller);

struct world {
	uint64_t now;
	uint64_t max_age; /* 0: no cache */
	bool standbys;    /* false: there is the leader alone */
	struct flights *flights;
	struct cache *cache;
	struct versions *versions;
	struct secret secrets[PATHS];
	struct events events; /* soonest first */
	struct callers callers;
	unsigned ncallers, nforeign;
	uint64_t reads, answers, hits, gone, puts, at_leader;
};

static struct event *plan(struct world *w, enum what what, struct secret *s, uint64_t after)
{
	struct event *e = calloc(1, sizeof(*e)), *before;

	assert_non_null(e);
	e->what = what;
	e->secret = s;
	e->at = w->now + after;
	TAILQ_FOREACH_REVERSE(before, &w->events, events, link) {
		if (before->at <= e->at)
			break;
	}
	if (before != NULL)
		TAILQ_INSERT_AFTER(&w->events, before, e, link);
	else
		TAILQ_INSERT_HEAD(&w->events, e, link);
	return e;
}

/*
 * -- the daemon's side: what get.c, read.c, write.c and answers.c do
 * -----------------------------------------------
 */

static void ask_a_node(struct world *w, struct event *from, bool leader)
{
	struct event *e = plan(w, READ_AT_NODE, from->secret, latency() / 2);

	e->node = leader || !w->standbys ? 0 : (unsigned)chance(NODES);
	e->leader = leader;
	e->flight = from->flight;
	e->held = from->held;
	e->ticket = from->ticket;
	e->sent = from->sent;
	e->flight->work = e;
	w->reads++;
	w->at_leader += leader;
}

static void send_read(struct world *w, struct flight *flight, struct secret *s)
{
	struct event first = { .flight = flight, .sent = w->now, .secret = s };
	bool ask_leader;

	flight_mark_sent(flight, w->now);
	if (w->cache != NULL) {
		first.held = cache_hold(w->cache, name_of("m", s->name));
		first.ticket = cache_ticket(w->cache, first.held);
	}
	(void)versions_least(w->versions, name_of("m", first.secret->name), w->now, &ask_leader);
	ask_a_node(w, &first, ask_leader);
}

/* Some reads wait, for a login or a slot, before they are sent. */
static int begin_flight(void *arg, struct flight *flight)
{
	struct world *w = arg;
	struct flight_key key = flight_key(flight);
	struct secret *s = &w->secrets[secret_path(key.name)[0] - 'a'];

	if (chance(4) != 0) {
		send_read(w, flight, s);
		return 0;
	}
	flight->work = plan(w, READ_SENT, s, chance(100));
	((struct event *)flight->work)->flight = flight;
	return 0;
}

static void release(struct world *w, struct event *e)
{
	if (e->held != NULL)
		cache_release(w->cache, e->held);
	e->held = NULL;
}

static void cancel_flight(void *arg, struct flight *flight)
{
	struct event *e = flight->work;

	release(arg, e);
	e->flight = NULL; /* the node may answer, but nobody hears it */
}

static void free_caller(struct caller *c)
{
	struct world *w = c->world;

	flights_leave(w->flights, &c->member, w->now);
	TAILQ_REMOVE(&w->callers, c, link);
	w->ncallers--;
	free(c);
}

static void told(struct world *w, struct caller *c, uint64_t version)
{
	w->answers++;
	if (version < c->least)
		fail_msg("a get of %s that began at %llu, after version %llu was acknowledged, gives %llu at %llu",
		    c->secret->name, (unsigned long long)c->began, (unsigned long long)c->least,
		    (unsigned long long)version, (unsigned long long)w->now);
}

/* Does what read.c does: if the version is too old, the leader is asked. */
static void read_answered(struct world *w, struct event *e)
{
	struct flight *flight = e->flight;
	bool ask_leader;
	uint64_t least = versions_least(w->versions, name_of("m", e->secret->name), w->now, &ask_leader);
	struct flight_member *member;

	if (flight == NULL)
		return;
	if (!e->leader && e->version < least) {
		ask_a_node(w, e, true);
		return;
	}
	if (e->held != NULL) {
		const struct cache_value value = { .data = { .p = "{}", .len = 2, .type = JSON_OBJECT },
			.version = e->version,
			.sent_ms = e->sent };

		cache_fill(w->cache, e->held, e->ticket, &value);
	}
	release(w, e);
	flights_end(w->flights, flight, w->now - e->sent, w->now);
	while ((member = flight_take_member(flight)) != NULL) {
		struct caller *c = (struct caller *)(void *)member;

		told(w, c, e->version);
		free_caller(c);
	}
	flight_free(flight);
}

/* Asks the cache, and checks that its answer is no older than it may be. */
static bool cached(struct world *w, const struct secret *s)
{
	const struct cache_value *value = w->cache != NULL ? cache_find(w->cache, name_of("m", s->name), w->now)
							   : NULL;
	uint64_t next;

	if (value == NULL || w->now - value->sent_ms >= w->max_age)
		return false;
	if (value->version < s->acknowledged)
		fail_msg("the cache gives version %llu of %s, after %llu was acknowledged",
		    (unsigned long long)value->version, s->name, (unsigned long long)s->acknowledged);
	if (value->sent_ms < s->put_sent)
		fail_msg("after a put of %s was sent, the cache gives what was read before it", s->name);
	/* With one node, a read gives the version that was the latest at that time. */
	next = value->version + 1;
	if (!w->standbys && next <= s->version && next + HISTORY > s->version &&
	    s->wrote[next % HISTORY] + w->max_age <= w->now)
		fail_msg("the cache gives a version that was replaced %llu ms ago",
		    (unsigned long long)(w->now - s->wrote[next % HISTORY]));
	w->hits++;
	return true;
}

static void get(struct world *w)
{
	struct secret *s = &w->secrets[chance(PATHS)];
	const struct flight_key key = { .name = name_of("m", s->name) };
	struct caller *c;

	if (w->ncallers >= CALLERS_MAX || (chance(4) != 0 && cached(w, s)))
		return;
	c = calloc(1, sizeof(*c));
	assert_non_null(c);
	c->world = w;
	c->secret = s;
	c->began = w->now;
	/* The daemon does not know what others write, and a read at a standby may not see it yet. */
	c->least = w->standbys || s->acknowledged > s->foreign ? s->acknowledged : s->foreign;
	c->deadline = w->now + (chance(10) == 0 ? chance(20) : 1000);
	TAILQ_INSERT_TAIL(&w->callers, c, link);
	w->ncallers++;
	assert_int_equal(flights_join(w->flights, &key, &c->member, c->deadline, w->now), 0);
}

static void put(struct world *w)
{
	struct secret *s = &w->secrets[chance(PATHS)];
	bool foreign = chance(2) == 0;
	struct event *e;

	if (foreign && w->nforeign >= FOREIGN_MAX)
		return;
	e = plan(w, PUT_AT_NODE, s, latency() / 2);
	e->foreign = foreign;
	e->answered = chance(8000) != 0; /* if not, all reads go to the leader for a minute */
	w->nforeign += foreign;
	w->puts++;
	if (foreign || w->cache == NULL)
		return;
	s->put_sent = w->now;
	e->held = cache_hold(w->cache, name_of("m", s->name));
	cache_put_sent(w->cache, e->held);
}

static void put_answered(struct world *w, struct event *e)
{
	struct secret *s = e->secret;

	if (e->foreign) {
		w->nforeign--;
		s->foreign = newer(s->foreign, e->version);
		return;
	}
	if (e->answered) {
		versions_wrote(w->versions, name_of("m", s->name), e->version, w->now);
		s->acknowledged = newer(s->acknowledged, e->version);
	} else {
		versions_doubt(w->versions, name_of("m", s->name), w->now);
	}
	if (e->held == NULL)
		return;
	cache_put_ended(w->cache, e->held);
	release(w, e);
}

/* -- the nodes' side ----------------------------------------------------------------------------------------- */

static void node_writes(struct world *w, struct event *e)
{
	struct secret *s = e->secret;
	struct event *answer;

	s->wrote[++s->version % HISTORY] = w->now;
	s->known[0] = s->version;
	for (unsigned node = 1; node < NODES && w->standbys; node++) {
		struct event *copy = plan(w, REPLICATED, s, latency());

		copy->node = node;
		copy->version = s->version;
	}
	answer = plan(w, PUT_ANSWERED, s, latency() / 2);
	answer->version = s->version;
	answer->foreign = e->foreign;
	answer->answered = e->answered;
	answer->held = e->held;
}

static void node_reads(struct world *w, struct event *e)
{
	struct event *answer;

	if (e->flight == NULL)
		return;
	answer = plan(w, READ_ANSWERED, e->secret, latency() / 2);
	answer->version = e->secret->known[e->node];
	answer->leader = e->leader;
	answer->flight = e->flight;
	answer->held = e->held;
	answer->ticket = e->ticket;
	answer->sent = e->sent;
	answer->flight->work = answer;
}

static void node_learns(struct event *e)
{
	uint64_t *known = &e->secret->known[e->node];

	*known = newer(*known, e->version);
}

/* -- the world ----------------------------------------------------------------------------------------------- */

static void happen(struct world *w, struct event *e)
{
	TAILQ_REMOVE(&w->events, e, link);
	switch (e->what) {
	case READ_SENT:
		if (e->flight != NULL)
			send_read(w, e->flight, e->secret);
		break;
	case READ_AT_NODE:
		node_reads(w, e);
		break;
	case READ_ANSWERED:
		read_answered(w, e);
		break;
	case PUT_AT_NODE:
		node_writes(w, e);
		break;
	case PUT_ANSWERED:
		put_answered(w, e);
		break;
	case REPLICATED:
		node_learns(e);
		break;
	}
	free(e);
}

static void overdue(struct world *w)
{
	struct caller *c, *next;

	for (c = TAILQ_FIRST(&w->callers); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->deadline > w->now)
			continue;
		w->gone++;
		free_caller(c);
	}
}

static void one_leaves(struct world *w)
{
	struct caller *c = TAILQ_FIRST(&w->callers);

	for (uint64_t n = w->ncallers > 0 ? chance(w->ncallers) : 0; n > 0; n--)
		c = TAILQ_NEXT(c, link);
	if (c == NULL)
		return;
	w->gone++;
	free_caller(c);
}

static void step(struct world *w)
{
	struct event *e = TAILQ_FIRST(&w->events);

	switch (chance(16)) {
	case 0 ... 4:
		get(w);
		return;
	case 5:
		put(w);
		return;
	case 6:
		if (chance(3) == 0)
			one_leaves(w);
		return;
	case 7:
		if (w->cache != NULL && chance(100) == 0)
			cache_clear(w->cache);
		w->now++;
		break;
	default:
		if (e == NULL)
			w->now++;
		else if (e->at > w->now)
			w->now = e->at;
		else
			happen(w, e);
	}
	if (flights_due(w->flights) <= w->now)
		flights_run(w->flights, w->now);
	overdue(w);
	if (w->cache != NULL)
		cache_expire(w->cache, w->now);
}

static void open_world(struct world *w, uint64_t max_age, bool standbys)
{
	static const struct flights_ops ops = { .begin = begin_flight, .cancel = cancel_flight };

	memset(w, 0, sizeof(*w));
	w->now = 1;
	w->max_age = max_age;
	TAILQ_INIT(&w->events);
	TAILQ_INIT(&w->callers);
	w->flights = flights_new(&ops, w);
	w->versions = versions_new();
	w->cache = max_age > 0 ? cache_new(max_age, 1 << 20) : NULL;
	assert_true(w->flights != NULL && w->versions != NULL && (max_age == 0 || w->cache != NULL));
	w->standbys = standbys;
	for (unsigned i = 0; i < PATHS; i++)
		w->secrets[i].name[0] = (char)('a' + i);
}

static void close_world(struct world *w)
{
	struct event *e;

	while (!TAILQ_EMPTY(&w->callers))
		free_caller(TAILQ_FIRST(&w->callers));
	while ((e = TAILQ_FIRST(&w->events)) != NULL) {
		TAILQ_REMOVE(&w->events, e, link);
		release(w, e);
		free(e);
	}
	flights_free(w->flights);
	versions_free(w->versions);
	cache_free(w->cache);
}

static void live(uint64_t max_age, bool standbys)
{
	static struct world w;

	open_world(&w, max_age, standbys);
	for (unsigned i = 0; i < STEPS; i++)
		step(&w);
	print_message(
	    "%llu gets, %llu from the cache; %llu reads, %llu of them at the leader; %llu puts, %llu gave up\n",
	    (unsigned long long)(w.answers + w.hits), (unsigned long long)w.hits, (unsigned long long)w.reads,
	    (unsigned long long)w.at_leader, (unsigned long long)w.puts, (unsigned long long)w.gone);
	assert_true(w.answers > STEPS / 100);
	assert_true(w.puts > STEPS / 100);
	assert_true(w.gone > STEPS / 1000);
	assert_true(w.reads < w.answers); /* reads are shared */
	assert_true(max_age == 0 || w.hits > STEPS / 100);
	close_world(&w);
}

/* With one node the promise covers writes by anybody. */
static void test_no_get_gives_less_than_was_acknowledged_before_it(void **state)
{
	(void)state;
	live(0, false);
}

/* With standbys the promise covers what was written through the daemon, whichever node answers. */
static void test_nor_with_standbys_that_lag_behind(void **state)
{
	(void)state;
	live(0, true);
}

static void test_nor_does_the_cache(void **state)
{
	(void)state;
	live(50, true);
}

static void test_what_is_written_elsewhere_is_seen_within_max_age(void **state)
{
	(void)state;
	live(50, false);
}

int main(void)
{
	const char *given = getenv("SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_get_gives_less_than_was_acknowledged_before_it),
		cmocka_unit_test(test_nor_with_standbys_that_lag_behind),
		cmocka_unit_test(test_nor_does_the_cache),
		cmocka_unit_test(test_what_is_written_elsewhere_is_seen_within_max_age),
	};

	seed = given != NULL ? strtoull(given, NULL, 0) | 1 : 20261124;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
