/*
 * Tests of waiters, and of drain: who is told, when, and that it is once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/drain.h"
#include "base/waiters.h"

static void test_waiters_are_told_in_the_order_in_which_they_came(void **state)
{
	struct waiters all = { .list = NULL };
	struct waiter a, b;
	unsigned round;

	(void)state;
	assert_true(waiters_empty(&all));
	waiters_add(&all, &a);
	waiters_add(&all, &b);
	assert_false(waiters_empty(&all));
	round = waiters_end_round(&all);
	assert_ptr_equal(waiters_take(&all, round), &a);
	assert_ptr_equal(waiters_take(&all, round), &b);
	assert_null(waiters_take(&all, round));
	assert_true(waiters_empty(&all));
}

static void test_who_comes_while_others_are_told_waits_for_the_next_answer(void **state)
{
	struct waiters all = { .list = NULL };
	struct waiter a, b;
	unsigned round;

	(void)state;
	waiters_add(&all, &a);
	waiters_add(&all, &b);
	round = waiters_end_round(&all);
	assert_ptr_equal(waiters_take(&all, round), &a);
	waiters_add(&all, &a);
	assert_ptr_equal(waiters_take(&all, round), &b);
	assert_null(waiters_take(&all, round));
	round = waiters_end_round(&all);
	assert_ptr_equal(waiters_take(&all, round), &a);
}

static void test_who_is_removed_is_not_told(void **state)
{
	struct waiters all = { .list = NULL };
	struct waiter a, b, c;
	unsigned round;

	(void)state;
	waiters_add(&all, &a);
	waiters_add(&all, &b);
	waiters_add(&all, &c);
	round = waiters_end_round(&all);
	assert_ptr_equal(waiters_take(&all, round), &a);
	waiters_remove(&all, &b);
	assert_ptr_equal(waiters_take(&all, round), &c);
	assert_null(waiters_take(&all, round));
}

static void count_drained(void *arg)
{
	++*(int *)arg;
}

static int make_base(void **state)
{
	*state = event_base_new();
	return *state != NULL ? 0 : -1;
}

static int free_base(void **state)
{
	event_base_free(*state);
	return 0;
}

static void test_drained_is_told_once_and_from_the_loop(void **state)
{
	struct drain drain = { .drained = NULL };
	int told = 0;

	drain_check(&drain, true);
	drain_begin(&drain, *state, 600000, count_drained, &told);
	drain_check(&drain, false);
	event_base_loop(*state, EVLOOP_NONBLOCK);
	assert_int_equal(told, 0);
	drain_check(&drain, true);
	assert_int_equal(told, 0);
	event_base_loop(*state, EVLOOP_NONBLOCK);
	assert_int_equal(told, 1);
	drain_check(&drain, true);
	event_base_loop(*state, EVLOOP_NONBLOCK);
	assert_int_equal(told, 1);
	drain_end(&drain);
}

static void test_drained_is_told_when_the_time_is_over(void **state)
{
	struct drain drain = { .drained = NULL };
	int told = 0;

	drain_begin(&drain, *state, 1, count_drained, &told);
	event_base_dispatch(*state);
	assert_int_equal(told, 1);
	drain_end(&drain);
}

static void test_one_that_never_runs_out_waits_until_nothing_is_left_and_another_takes_its_place(void **state)
{
	struct drain drain = { .drained = NULL };
	int told = 0, other = 0;

	drain_begin(&drain, *state, CLOCK_NEVER, count_drained, &told);
	event_base_dispatch(*state); /* there is nothing to wait for */
	assert_int_equal(told, 0);
	drain_check(&drain, true);
	drain_begin(&drain, *state, 600000, count_drained, &other);
	event_base_loop(*state, EVLOOP_NONBLOCK);
	assert_int_equal(told + other, 0);
	drain_begin(&drain, *state, CLOCK_NEVER, count_drained, &told);
	drain_check(&drain, true);
	event_base_dispatch(*state);
	assert_int_equal(told, 1);
	assert_int_equal(other, 0);
}

static void test_a_drain_that_was_ended_is_not_told(void **state)
{
	struct drain drain = { .drained = NULL };
	int told = 0;

	drain_end(&drain);
	drain_begin(&drain, *state, 0, count_drained, &told);
	drain_check(&drain, true);
	drain_end(&drain);
	event_base_dispatch(*state);
	assert_int_equal(told, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waiters_are_told_in_the_order_in_which_they_came),
		cmocka_unit_test(test_who_comes_while_others_are_told_waits_for_the_next_answer),
		cmocka_unit_test(test_who_is_removed_is_not_told),
		cmocka_unit_test_setup_teardown(test_drained_is_told_once_and_from_the_loop, make_base, free_base),
		cmocka_unit_test_setup_teardown(test_drained_is_told_when_the_time_is_over, make_base, free_base),
		cmocka_unit_test_setup_teardown(
		    test_one_that_never_runs_out_waits_until_nothing_is_left_and_another_takes_its_place,
		    make_base, free_base),
		cmocka_unit_test_setup_teardown(test_a_drain_that_was_ended_is_not_told, make_base, free_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
