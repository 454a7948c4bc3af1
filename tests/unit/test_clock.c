/*
 * Time since boot, and random numbers within their bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <time.h>

#include "base/clock.h"

static void test_both_clocks_count_boottime_upwards(void **state)
{
	struct timespec boot;
	uint64_t ms = clock_now_ms(), us = clock_now_us(), seconds;

	(void)state;
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &boot), 0);
	seconds = (uint64_t)boot.tv_sec;
	assert_in_range(ms, (seconds - 5) * 1000, (seconds + 1) * 1000);
	assert_in_range(us, ms * 1000, (seconds + 1) * 1000000);
	assert_true(clock_now_us() >= us);
	assert_true(clock_now_ms() >= ms);
}

static void test_random_numbers_reach_both_ends_and_no_further(void **state)
{
	unsigned seen[6] = { 0 };
	uint64_t n;
	int i;

	(void)state;
	for (i = 0; i < 6000; i++) {
		n = clock_random(10, 15);
		assert_in_range(n, 10, 15);
		seen[n - 10]++;
	}
	for (i = 0; i < 6; i++)
		assert_in_range(seen[i], 700, 1300); /* 1,000 each, ten standard deviations to either side */
	assert_int_equal(clock_random(7, 7), 7);
	assert_int_equal(clock_random(0, 0), 0);
	assert_int_equal(clock_random(UINT64_MAX, UINT64_MAX), UINT64_MAX);
	assert_int_equal(clock_random(9, 3), 9);
}

static void test_the_widest_spans_do_not_overflow(void **state)
{
	uint64_t any = 0, n;
	int i;

	(void)state;
	for (i = 0; i < 200; i++) {
		any |= clock_random(0, UINT64_MAX);
		n = clock_random(1, UINT64_MAX);
		assert_true(n >= 1);
		n = clock_random(UINT64_MAX - 2, UINT64_MAX);
		assert_true(n >= UINT64_MAX - 2);
	}
	assert_true(any == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_clocks_count_boottime_upwards),
		cmocka_unit_test(test_random_numbers_reach_both_ends_and_no_further),
		cmocka_unit_test(test_the_widest_spans_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
