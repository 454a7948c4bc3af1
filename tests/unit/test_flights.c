/*
 * Shared reads, move by move: who joins which flight, and when the next one begins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/flights.h"
#include "tests/unit/names.h"

#define NEVER UINT64_MAX
#define MOST 8

static struct flight_key a;

struct world {
	struct flights *flights;
	struct flight *begun[MOST]; /* the flights under way, the oldest first */
	unsigned nbegun, begins, cancels;
	uint64_t now;
	bool no_memory, held_up; /* no flight can begin; flights begin, but their reads are not sent */
};

static int begin(void *arg, struct flight *flight)
{
	struct world *w = arg;

	if (w->no_memory)
		return -1;
	assert_true(w->nbegun < MOST);
	w->begun[w->nbegun++] = flight;
	w->begins++;
	if (!w->held_up)
		flight_mark_sent(flight, w->now);
	return 0;
}

static void take_out(struct world *w, const struct flight *flight)
{
	unsigned i = 0;

	while (w->begun[i] != flight)
		assert_true(++i < w->nbegun);
	memmove(&w->begun[i], &w->begun[i + 1], (--w->nbegun - i) * sizeof(w->begun[0]));
}

static void cancel(void *arg, struct flight *flight)
{
	struct world *w = arg;

	take_out(w, flight);
	w->cancels++;
}

static int setup(void **state)
{
	static const struct flights_ops ops = { .begin = begin, .cancel = cancel };
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	a.name = name_of("secret", "a");
	w->flights = flights_new(&ops, w);
	assert_non_null(w->flights);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	flights_free(w->flights);
	free(w);
	return 0;
}

static void join(struct world *w, struct flight_member *member, uint64_t now)
{
	w->now = now;
	assert_int_equal(flights_join(w->flights, &a, member, now + 1000, now), 0);
	assert_non_null(member->flight);
}

static void run(struct world *w, uint64_t now)
{
	w->now = now;
	flights_run(w->flights, now);
}

static void leave(struct world *w, struct flight_member *member, uint64_t now)
{
	w->now = now;
	flights_leave(w->flights, member, now);
}

/* Ends the flight. Returns how many members it had. */
static unsigned end_flight(struct world *w, struct flight *flight, uint64_t took_ms, uint64_t now)
{
	unsigned n = 0;

	take_out(w, flight);
	w->now = now;
	flights_end(w->flights, flight, took_ms, now);
	while (flight_take_member(flight) != NULL)
		n++;
	flight_free(flight);
	return n;
}

static void test_the_first_begins_at_once(void **state)
{
	struct world *w = *state;
	struct flight_member member;
	struct flight_key key;

	join(w, &member, 0);
	assert_int_equal(w->begins, 1);
	assert_ptr_equal(member.flight, w->begun[0]);
	assert_int_equal(member.flight->deadline, 1000);
	key = flight_key(member.flight);
	assert_string_equal(secret_mount(key.name), "secret");
	assert_string_equal(secret_path(key.name), "a");
	assert_int_equal(end_flight(w, w->begun[0], 1, 1), 1);
	assert_null(member.flight);
	assert_int_equal(flights_due(w->flights), NEVER);
}

static void test_who_comes_later_waits_for_the_next(void **state)
{
	struct world *w = *state;
	struct flight_member first, second, third;

	join(w, &first, 0);
	join(w, &second, 1);
	join(w, &third, 2);
	assert_int_equal(w->begins, 1);
	assert_ptr_not_equal(second.flight, first.flight);
	assert_ptr_equal(second.flight, third.flight);
	assert_ptr_equal(flight_oldest_running(second.flight), first.flight);
	assert_int_equal(end_flight(w, first.flight, 1, 3), 1);
	assert_int_equal(w->begins, 2);
	assert_ptr_equal(w->begun[0], second.flight);
	assert_int_equal(second.flight->deadline, 1002);
	assert_int_equal(end_flight(w, w->begun[0], 1, 4), 2);
}

static void test_a_thousand_at_once_are_two_reads(void **state)
{
	struct world *w = *state;
	struct flight_member members[1000];

	for (size_t i = 0; i < 1000; i++)
		join(w, &members[i], 0);
	assert_int_equal(end_flight(w, w->begun[0], 1, 1), 1);
	assert_int_equal(end_flight(w, w->begun[0], 1, 2), 999);
	assert_int_equal(w->begins, 2);
}

static void test_different_reads_share_nothing(void **state)
{
	const struct flight_key keys[] = {
		{ .name = name_of("secret", "a") },
		{ .name = name_of("secret", "b") },
		{ .name = name_of("secre", "ta") },
		{ .name = name_of("secret", "a"), .version = 1 },
		{ .name = name_of("secret", "a"), .min_version = 1 },
		{ .name = name_of("secret", "a"), .version = 2 },
		{ .name = name_of("secret", "a"), .row = API_MOUNT },
	};
	struct world *w = *state;
	struct flight_member members[7];

	for (size_t i = 0; i < 7; i++)
		assert_int_equal(flights_join(w->flights, &keys[i], &members[i], 1000, 0), 0);
	assert_int_equal(w->begins, 7);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(end_flight(w, w->begun[0], 1, 1), 1);
}

static void test_who_leaves_leaves_the_others_in_the_flight(void **state)
{
	struct world *w = *state;
	struct flight_member first, second, third;

	join(w, &first, 0);
	join(w, &second, 0);
	join(w, &third, 0);
	leave(w, &second, 1);
	leave(w, &second, 1);
	assert_int_equal(end_flight(w, first.flight, 1, 2), 1);
	assert_int_equal(end_flight(w, third.flight, 1, 3), 1);
	assert_int_equal(w->cancels, 0);
}

static void test_a_flight_without_anybody_is_cancelled_and_the_next_begins(void **state)
{
	struct world *w = *state;
	struct flight_member first, second;

	join(w, &first, 0);
	join(w, &second, 0);
	leave(w, &first, 1);
	assert_int_equal(w->cancels, 1);
	assert_int_equal(w->begins, 2);
	assert_ptr_equal(w->begun[0], second.flight);
	leave(w, &second, 1);
	assert_int_equal(w->cancels, 2);
}

static void test_a_waiting_flight_without_anybody_does_not_begin(void **state)
{
	struct world *w = *state;
	struct flight_member first, second;

	join(w, &first, 0);
	join(w, &second, 0);
	assert_int_equal(flights_due(w->flights), FLIGHTS_SLOW_MS);
	leave(w, &second, 1);
	assert_int_equal(flights_due(w->flights), NEVER);
	assert_int_equal(end_flight(w, first.flight, 1, 2), 1);
	assert_int_equal(w->begins, 1);
}

static void test_a_slow_flight_does_not_block_the_next(void **state)
{
	struct world *w = *state;
	struct flight_member members[5];

	join(w, &members[0], 100);
	join(w, &members[1], 110);
	run(w, 149);
	assert_int_equal(w->begins, 1);
	assert_int_equal(flights_due(w->flights), 150);
	run(w, 150);
	assert_int_equal(w->begins, 2);
	assert_int_equal(flights_due(w->flights), NEVER);
	join(w, &members[2], 160);
	assert_int_equal(flights_due(w->flights), 200); /* the pause counts from the youngest flight */
	run(w, 200);
	assert_int_equal(w->begins, FLIGHTS_RUNNING_MAX);
	join(w, &members[3], 1000);
	assert_int_equal(flights_due(w->flights), NEVER);
	run(w, 100000);
	assert_int_equal(w->begins, FLIGHTS_RUNNING_MAX);
	assert_int_equal(end_flight(w, members[1].flight, 1, 1001), 1);
	assert_int_equal(w->begins, 4);
	assert_ptr_equal(w->begun[2], members[3].flight);
	while (w->nbegun > 0)
		assert_int_equal(end_flight(w, w->begun[0], 1, 2000), 1);
}

/* A flight whose read is not sent is, for example, waiting for a login. */
static void test_until_its_read_is_sent_a_flight_takes_in_whoever_comes(void **state)
{
	struct world *w = *state;
	struct flight_member first, second, third;

	w->held_up = true;
	join(w, &first, 0);
	assert_int_equal(first.flight->state, FLIGHT_BOARDING);
	join(w, &second, 1000);
	assert_int_equal(w->begins, 1);
	assert_ptr_equal(second.flight, first.flight);
	assert_int_equal(first.flight->deadline, 2000);
	assert_int_equal(flights_due(w->flights), NEVER);
	flight_mark_sent(first.flight, 1001);
	flight_mark_sent(first.flight, 1040);
	join(w, &third, 1050);
	assert_ptr_not_equal(third.flight, first.flight);
	assert_int_equal(third.flight->state, FLIGHT_WAITING);
	assert_int_equal(flights_due(w->flights), 1001 + FLIGHTS_SLOW_MS); /* its read was sent at 1001 */
	assert_int_equal(end_flight(w, first.flight, 1, 1050), 2);
	assert_int_equal(third.flight->state, FLIGHT_BOARDING);
	flight_mark_sent(third.flight, 1050);
	assert_int_equal(end_flight(w, third.flight, 1, 1051), 1);
}

static void test_a_flight_may_end_before_its_read_is_sent(void **state)
{
	struct world *w = *state;
	struct flight_member first, second;

	w->held_up = true;
	join(w, &first, 0);
	join(w, &second, 0);
	leave(w, &first, 1);
	assert_int_equal(w->cancels, 0);
	leave(w, &second, 1);
	assert_int_equal(w->cancels, 1);
	join(w, &first, 2);
	assert_int_equal(w->begins, 2);
	assert_int_equal(end_flight(w, first.flight, FLIGHT_NO_SAMPLE, 3), 1);
	join(w, &first, 4);
	assert_int_equal(w->begins, 3);
}

/* When a slow flight ends, the younger one still blocks the next flight. */
static void test_the_youngest_is_what_blocks(void **state)
{
	struct world *w = *state;
	struct flight_member members[3];

	join(w, &members[0], 0);
	join(w, &members[1], 0);
	run(w, 50);
	join(w, &members[2], 60);
	assert_int_equal(end_flight(w, members[0].flight, 61, 61), 1);
	assert_int_equal(w->begins, 2);
	assert_int_equal(end_flight(w, members[1].flight, 20, 70), 1);
	assert_int_equal(w->begins, 3);
	assert_int_equal(end_flight(w, members[2].flight, 20, 80), 1);
}

static void test_slow_is_four_times_the_recent_99th_percentile(void **state)
{
	struct world *w = *state;
	struct flight_member member, next;
	uint64_t now = 1000;

	for (unsigned i = 0; i < 98; i++) {
		join(w, &member, now);
		end_flight(w, w->begun[0], 0, now);
	}
	join(w, &member, now);
	end_flight(w, w->begun[0], 30, now);
	join(w, &member, now);
	join(w, &next, now);
	assert_int_equal(flights_due(w->flights), now + 120);
	end_flight(w, w->begun[0], 5000, now); /* the 100th, above their 99th percentile */
	end_flight(w, w->begun[0], FLIGHT_NO_SAMPLE, now);
	join(w, &member, now);
	join(w, &next, now);
	assert_int_equal(flights_due(w->flights), now + 120);
	end_flight(w, w->begun[0], 0, now);
	end_flight(w, w->begun[0], 0, now);
	for (unsigned i = 0; i < 100; i++) {
		join(w, &member, now);
		end_flight(w, w->begun[0], 0, now);
	}
	join(w, &member, now);
	join(w, &next, now);
	assert_int_equal(flights_due(w->flights), now + FLIGHTS_SLOW_MS); /* those are too long ago */
	end_flight(w, w->begun[0], 0, now);
	end_flight(w, w->begun[0], 0, now);
}

static void test_what_took_long_counts_for_a_minute(void **state)
{
	struct world *w = *state;
	struct flight_member member, next;

	join(w, &member, 1000);
	end_flight(w, w->begun[0], 300, 1300);
	join(w, &member, 61299);
	join(w, &next, 61299);
	assert_int_equal(flights_due(w->flights), 61299 + 1200);
	end_flight(w, w->begun[0], FLIGHT_NO_SAMPLE, 61300);
	join(w, &member, 61300);
	assert_int_equal(flights_due(w->flights), 61300 + FLIGHTS_SLOW_MS);
	end_flight(w, w->begun[0], 1, 61300);
	end_flight(w, w->begun[0], 1, 61300);
}

static void test_the_soonest_is_due_first(void **state)
{
	const struct flight_key b = { .name = name_of("secret", "b") };
	struct world *w = *state;
	struct flight_member first, second, third, fourth;

	join(w, &first, 0);
	w->now = 10;
	assert_int_equal(flights_join(w->flights, &b, &third, 1000, 10), 0);
	assert_int_equal(flights_join(w->flights, &b, &fourth, 1000, 20), 0);
	join(w, &second, 30);
	assert_int_equal(flights_due(w->flights), 50);
	run(w, 55);
	assert_int_equal(second.flight->state, FLIGHT_RUNNING);
	assert_int_equal(fourth.flight->state, FLIGHT_WAITING);
	assert_int_equal(flights_due(w->flights), 60);
	run(w, 60);
	assert_int_equal(fourth.flight->state, FLIGHT_RUNNING);
}

static void test_without_memory_a_first_flight_fails_and_a_next_one_is_tried_again(void **state)
{
	struct world *w = *state;
	struct flight_member first, second;

	w->no_memory = true;
	assert_int_equal(flights_join(w->flights, &a, &first, 1000, 0), -1);
	assert_null(first.flight);
	assert_int_equal(flights_due(w->flights), NEVER);
	w->no_memory = false;
	join(w, &first, 0);
	join(w, &second, 0);
	w->no_memory = true;
	assert_int_equal(end_flight(w, w->begun[0], 1, 10), 1);
	assert_int_equal(second.flight->state, FLIGHT_WAITING);
	assert_int_equal(flights_due(w->flights), 10 + FLIGHTS_SLOW_MS);
	w->no_memory = false;
	run(w, 10 + FLIGHTS_SLOW_MS);
	assert_int_equal(end_flight(w, second.flight, 1, 70), 1);
}

/* A caller may go away while the answer is being told to others. */
static void test_a_member_may_leave_an_ended_flight(void **state)
{
	struct world *w = *state;
	struct flight_member first, second, third;
	struct flight *flight;

	join(w, &first, 0);
	join(w, &second, 0);
	join(w, &third, 0);
	end_flight(w, w->begun[0], 1, 1);
	flight = w->begun[0];
	take_out(w, flight);
	flights_end(w->flights, flight, 1, 2);
	assert_ptr_equal(flight_take_member(flight), &second);
	leave(w, &third, 2);
	join(w, &third, 2); /* the member can join another flight */
	assert_null(flight_take_member(flight));
	flight_free(flight);
	assert_int_equal(end_flight(w, third.flight, 1, 3), 1);
}

static void test_freeing_with_flights_under_way(void **state)
{
	struct world *w = *state;
	struct flight_member first, second;

	join(w, &first, 0);
	join(w, &second, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_first_begins_at_once),
		TEST(test_who_comes_later_waits_for_the_next),
		TEST(test_a_thousand_at_once_are_two_reads),
		TEST(test_different_reads_share_nothing),
		TEST(test_who_leaves_leaves_the_others_in_the_flight),
		TEST(test_a_flight_without_anybody_is_cancelled_and_the_next_begins),
		TEST(test_a_waiting_flight_without_anybody_does_not_begin),
		TEST(test_a_slow_flight_does_not_block_the_next),
		TEST(test_until_its_read_is_sent_a_flight_takes_in_whoever_comes),
		TEST(test_a_flight_may_end_before_its_read_is_sent),
		TEST(test_the_youngest_is_what_blocks),
		TEST(test_slow_is_four_times_the_recent_99th_percentile),
		TEST(test_what_took_long_counts_for_a_minute),
		TEST(test_the_soonest_is_due_first),
		TEST(test_without_memory_a_first_flight_fails_and_a_next_one_is_tried_again),
		TEST(test_a_member_may_leave_an_ended_flight),
		TEST(test_freeing_with_flights_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
