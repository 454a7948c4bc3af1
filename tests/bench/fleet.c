/*
 * fleet: simulates hours of ten thousand hosts and one OpenBao in a moment. The hosts run the daemon's own code
 * for leases and back-off (lease.c, health.c) with a simulated clock; for comparison they also follow the schedule
 * of `bao agent`. Prints how many logins reach OpenBao in its worst second, when all hosts have a token again, and
 * how an even spread would look.
 *
 * OpenBao answers in the order of arrival, RATE logins or renewals a second, each after RTT_MS at least. While it
 * is away, connections are refused at once. Callers on each host ask for a secret every second or so.
 *
 * `bao agent` (auto-auth, command/agentproxyshared/auth/auth.go of OpenBao 2.x) waits after a failed login, first
 * 1 s, then twice the last wait less a random quarter of that, at most 5 min.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/upstream/lease.h"
#include "daemon/upstream/health.h"

#define HOSTS 10000u
#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

#define RATE 1000u /* logins and renewals that OpenBao answers in a second */
#define RTT_MS 3
#define LOGIN_MS 10000  /* the time that a login may take (token.c) */
#define CALLERS_MS 1000 /* somebody on a host asks at least this often */
#define AGENT_FIRST_MS SECOND
#define AGENT_MAX_MS (5 * MINUTE)
#define LONGEST (30 * HOUR)

/* -- chance -------------------------------------------------------------------------------------------------- */

static uint64_t seed = 0x2545f4914f6cdd1d;

/* xorshift64* gives the same numbers in every run. */
static uint64_t random_between(void *arg, uint64_t low, uint64_t high)
{
	(void)arg;
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return low + (seed * UINT64_C(0x2545F4914F6CDD1D)) % (high - low + 1);
}

/* -- what happens when: a binary heap ------------------------------------------------------------------------ */

enum what { STARTS, LOOKS, CALLED, ASKS_HEALTH, LOGIN_ANSWERED, RENEWAL_ANSWERED };

struct event {
	uint64_t at, sent_at; /* sent_at: for an answer, when its request was sent */
	unsigned host;
	enum what what;
};

static struct event *heap;
static size_t heap_n, heap_cap;

static void schedule(uint64_t at, enum what what, unsigned host, uint64_t sent_at)
{
	size_t i = heap_n++;

	if (heap_n > heap_cap) {
		heap_cap = heap_cap > 0 ? heap_cap * 2 : 1 << 16;
		heap = realloc(heap, heap_cap * sizeof(*heap));
		if (heap == NULL)
			abort();
	}
	for (; i > 0 && heap[(i - 1) / 2].at > at; i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = (struct event){ .at = at, .sent_at = sent_at, .host = host, .what = what };
}

static bool next_event(struct event *ret)
{
	if (heap_n == 0)
		return false;
	*ret = heap[0];
	const struct event last = heap[--heap_n];
	size_t i = 0;
	for (size_t child; (child = 2 * i + 1) < heap_n; i = child) {
		if (child + 1 < heap_n && heap[child + 1].at < heap[child].at)
			child++;
		if (heap[child].at >= last.at)
			break;
		heap[i] = heap[child];
	}
	heap[i] = last;
	return true;
}

/* -- the world ----------------------------------------------------------------------------------------------- */

struct host {
	struct lease lease; /* of a host with secretstored */
	bool down;          /* OpenBao is away, as far as this host knows */
	uint64_t down_since;
	uint64_t backoff, next_login; /* of a bao agent; CLOCK_NEVER while a login is under way */
	uint64_t expires;             /* when its token ends; 0: it has none */
	uint64_t looks_at; /* only a LOOKS event at this time counts; earlier ones were replaced by it */
};

struct world {
	bool agents; /* the hosts run bao agent */
	uint64_t ttl;
	uint64_t away_from, away_until;
	uint64_t answered_until; /* when OpenBao's queue is empty */
	/* The results. */
	unsigned logins[LONGEST / SECOND], renewals[LONGEST / SECOND]; /* that reached OpenBao in each second */
	unsigned without;                                              /* how many hosts have no token now */
	uint64_t all_have;                                             /* since when every host has a token */
	struct host hosts[HOSTS];
};

static bool is_away(const struct world *w, uint64_t now)
{
	return now >= w->away_from && now < w->away_until;
}

/* Returns when the answer comes to a request that is sent now. */
static uint64_t answer_at(struct world *w, uint64_t now)
{
	if (w->answered_until < now)
		w->answered_until = now;
	w->answered_until += SECOND / RATE;
	return w->answered_until + RTT_MS;
}

static void has_token(struct world *w, uint64_t now, bool had, bool has)
{
	if (had && !has)
		w->without++;
	if (!had && has && --w->without == 0)
		w->all_have = now;
}

static void send_request(struct world *w, unsigned i, uint64_t now, enum what answered)
{
	if (is_away(w, now)) {
		schedule(now + 1, answered, i, now);
		return;
	}
	(answered == LOGIN_ANSWERED ? w->logins : w->renewals)[now / SECOND]++;
	schedule(answer_at(w, now), answered, i, now);
}

static void look_at(struct host *h, unsigned i, uint64_t at)
{
	if (at == CLOCK_NEVER)
		return;
	h->looks_at = at;
	schedule(at, LOOKS, i, 0);
}

/* Says whether OpenBao answered a request in time that was sent at `sent` and whose end is now. */
static bool was_answered(const struct world *w, uint64_t sent, uint64_t now)
{
	return !is_away(w, sent) && now - sent <= LOGIN_MS;
}

/* -- a host with secretstored -------------------------------------------------------------------------------- */

static void host_step(struct world *w, unsigned i, uint64_t now)
{
	struct host *h = &w->hosts[i];
	bool had = h->lease.held;
	enum lease_action action;

	while ((action = lease_step(&h->lease, now)) != LEASE_NOTHING)
		send_request(w, i, now, action == LEASE_LOGIN ? LOGIN_ANSWERED : RENEWAL_ANSWERED);
	has_token(w, now, had, h->lease.held);
	look_at(h, i, lease_next(&h->lease));
}

static void found_down(struct world *w, unsigned i, uint64_t now)
{
	struct host *h = &w->hosts[i];

	if (h->down)
		return;
	h->down = true;
	h->down_since = now;
	schedule(now, ASKS_HEALTH, i, 0);
}

static void asks_health(struct world *w, unsigned i, uint64_t now)
{
	struct host *h = &w->hosts[i];

	if (is_away(w, now)) {
		schedule(now + health_pause_ms(random_between, NULL), ASKS_HEALTH, i, 0);
		return;
	}
	h->down = false;
	lease_recovered(&h->lease, now, now - h->down_since);
	host_step(w, i, now);
}

static void login_answered(struct world *w, unsigned i, uint64_t sent, uint64_t now)
{
	struct host *h = &w->hosts[i];
	bool had = h->lease.held;

	if (was_answered(w, sent, now)) {
		lease_login_ok(&h->lease, now, sent, w->ttl, true);
		has_token(w, now, had, h->lease.held);
	} else {
		lease_login_failed(&h->lease, now, LEASE_UNREACHABLE);
		found_down(w, i, now);
	}
	host_step(w, i, now);
}

static void renewal_answered(struct world *w, unsigned i, uint64_t sent, uint64_t now)
{
	struct host *h = &w->hosts[i];

	if (was_answered(w, sent, now)) {
		lease_renew_ok(&h->lease, now, sent, w->ttl, true);
	} else {
		lease_renew_failed(&h->lease, now);
		found_down(w, i, now);
	}
	host_step(w, i, now);
}

/* -- a host with bao agent ----------------------------------------------------------------------------------- */

/* Renews at two thirds of the lease; if that fails, again after each half of what is left; then logs in. */
static void agent_looks(struct world *w, unsigned i, uint64_t now)
{
	struct host *h = &w->hosts[i];

	if (h->expires != 0 && now < h->expires) {
		send_request(w, i, now, RENEWAL_ANSWERED);
		return;
	}
	has_token(w, now, h->expires != 0, false);
	h->expires = 0;
	send_request(w, i, now, LOGIN_ANSWERED);
}

static void agent_answered(struct world *w, unsigned i, uint64_t sent, uint64_t now, bool login)
{
	struct host *h = &w->hosts[i];

	if (was_answered(w, sent, now)) {
		has_token(w, now, h->expires != 0, true);
		h->expires = now + w->ttl;
		h->backoff = AGENT_FIRST_MS;
		look_at(h, i, now + random_between(NULL, w->ttl * 2 / 3, w->ttl * 23 / 30));
	} else if (!login) {
		uint64_t left = h->expires > now ? h->expires - now : 0;

		look_at(h, i, now + (left > 2 * SECOND ? left / 2 : left));
	} else {
		look_at(h, i, now + h->backoff);
		h->backoff = h->backoff * 2 < AGENT_MAX_MS ? h->backoff * 2 : AGENT_MAX_MS;
		h->backoff -= random_between(NULL, 0, h->backoff / 4 - 1);
	}
}

/* -- running it ---------------------------------------------------------------------------------------------- */

static void handle_event(struct world *w, const struct event *e)
{
	struct host *h = &w->hosts[e->host];
	bool agents = w->agents;

	switch (e->what) {
	case STARTS:
		lease_start(&h->lease, e->at);
		agents ? agent_looks(w, e->host, e->at) : host_step(w, e->host, e->at);
		break;
	case LOOKS:
		if (e->at == h->looks_at)
			agents ? agent_looks(w, e->host, e->at) : host_step(w, e->host, e->at);
		break;
	case CALLED:
		if (!agents && is_away(w, e->at))
			found_down(w, e->host, e->at);
		break;
	case ASKS_HEALTH:
		asks_health(w, e->host, e->at);
		break;
	case LOGIN_ANSWERED:
		agents ? agent_answered(w, e->host, e->sent_at, e->at, true)
		       : login_answered(w, e->host, e->sent_at, e->at);
		break;
	case RENEWAL_ANSWERED:
		agents ? agent_answered(w, e->host, e->sent_at, e->at, false)
		       : renewal_answered(w, e->host, e->sent_at, e->at);
		break;
	}
}

/* Simulates a world whose hosts start within `over`, and whose OpenBao is away for `away` from `from` on. */
static struct world *simulate(bool agents, uint64_t ttl, uint64_t over, uint64_t from, uint64_t away,
    uint64_t until)
{
	struct world *w = calloc(1, sizeof(*w));
	struct event e;

	if (w == NULL)
		abort();
	heap_n = 0;
	w->agents = agents;
	w->ttl = ttl;
	w->away_from = from;
	w->away_until = from + away;
	w->without = HOSTS;
	for (unsigned i = 0; i < HOSTS; i++) {
		lease_init(&w->hosts[i].lease, random_between, NULL, NULL);
		w->hosts[i].backoff = AGENT_FIRST_MS;
		schedule(HOUR + random_between(NULL, 0, over), STARTS, i, 0);
		if (away > 0)
			schedule(from + random_between(NULL, 0, CALLERS_MS), CALLED, i, 0);
	}
	while (next_event(&e) && e.at < until)
		handle_event(w, &e);
	return w;
}

static unsigned peak_of(const unsigned *per_second, uint64_t from, uint64_t until)
{
	unsigned n = 0;

	for (uint64_t s = from / SECOND; s < until / SECOND; s++)
		n = per_second[s] > n ? per_second[s] : n;
	return n;
}

static unsigned sum_of(const unsigned *per_second, uint64_t from, uint64_t until)
{
	unsigned n = 0;

	for (uint64_t s = from / SECOND; s < until / SECOND; s++)
		n += per_second[s];
	return n;
}

static void print_result(const char *what, const struct world *w, uint64_t from, uint64_t until)
{
	unsigned logins = sum_of(w->logins, from, until), peak = peak_of(w->logins, from, until);

	if (w->without > 0) {
		printf("%-24s %6u logins, peak %5u/s, %u hosts still without a token\n", what, logins, peak,
		    w->without);
		return;
	}
	if (w->all_have < from) {
		printf("%-24s %6u logins, peak %5u/s, no host was without a token\n", what, logins, peak);
		return;
	}
	double took = (double)(w->all_have - from) / SECOND, even = logins / took;

	printf("%-24s %6u logins, peak %5u/s, the last after %5.1f s; evenly spread: %4.0f/s, peak/even %.2f\n",
	    what, logins, peak, took, even, peak / even);
}

static void outage(const char *title, uint64_t ttl, uint64_t away)
{
	const uint64_t from = 4 * HOUR, back = from + away, until = back + 20 * MINUTE;

	printf("%s\n", title);
	for (int agents = 0; agents < 2; agents++) {
		struct world *w = simulate(agents, ttl, HOUR, from, away, until);

		print_result(agents ? "  bao agent's schedule" : "  secretstored", w, back, until);
		free(w);
	}
}

static void restart(void)
{
	for (int agents = 0; agents < 2; agents++) {
		struct world *w = simulate(agents, HOUR, SECOND - 1, 0, 0, HOUR + 10 * MINUTE);

		print_result(agents ? "  bao agent's schedule" : "  secretstored", w, HOUR, HOUR + 10 * MINUTE);
		free(w);
	}
}

static void steady(void)
{
	const uint64_t from = 5 * HOUR, until = 25 * HOUR;

	for (int agents = 0; agents < 2; agents++) {
		struct world *w = simulate(agents, HOUR, HOUR, 0, 0, until);
		double mean = (double)sum_of(w->renewals, from, until) / (double)((until - from) / SECOND);

		printf("%-24s %.1f renewals/s, peak %u/s, %u logins\n",
		    agents ? "  bao agent's schedule" : "  secretstored", mean, peak_of(w->renewals, from, until),
		    sum_of(w->logins, from, until));
		free(w);
	}
}

int main(void)
{
	printf("%u hosts, an OpenBao that answers %u logins or renewals a second\n", HOSTS, RATE);
	outage("10 minutes without OpenBao, leases of 5 minutes (no host has a token left):", 5 * MINUTE,
	    10 * MINUTE);
	outage("10 minutes without OpenBao, leases of an hour (which outlast it):", HOUR, 10 * MINUTE);
	outage("10 seconds without OpenBao, leases of an hour:", HOUR, 10 * SECOND);
	printf("all hosts started within a second (first logins are not spread):\n");
	restart();
	printf("20 hours of renewals, leases of an hour, hosts started over an hour:\n");
	steady();
	free(heap);
	return 0;
}
