/*
 * Which log lines are left out. The tests give the times.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/host/log_limit.h"

static struct log_limit limit;
static struct log_limit_kind over;

static int setup(void **state)
{
	(void)state;
	memset(&limit, 0, sizeof(limit));
	return 0;
}

static unsigned take(const char *format, unsigned lines, uint64_t now_ms)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < lines; i++) {
		char text[32];

		snprintf(text, sizeof(text), "line %u", i);
		taken += log_limit_take(&limit, format, 2, text, now_ms);
	}
	return taken;
}

static void test_so_many_lines_of_a_kind_pass_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(take("a", LOG_LIMIT_LINES, 5000), LOG_LIMIT_LINES);
	assert_false(log_limit_over(&limit, UINT64_MAX, &over));
	assert_int_equal(take("a", 7, 5000 + LOG_LIMIT_MS - 1), 0);
	assert_int_equal(take("b", 5, 5000), 5);
	assert_false(log_limit_over(&limit, 5000 + LOG_LIMIT_MS - 1, &over));
	assert_true(log_limit_over(&limit, 5000 + LOG_LIMIT_MS, &over));
	assert_int_equal(over.left_out, 7);
	assert_int_equal(over.level, 2);
	assert_string_equal(over.text, "line 6");
	assert_false(log_limit_over(&limit, 5000 + LOG_LIMIT_MS, &over));
	assert_int_equal(take("a", 99, 5000 + LOG_LIMIT_MS), LOG_LIMIT_LINES);
}

static void test_a_slow_repetition_always_passes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(take("a", 1, 1000 + i * (LOG_LIMIT_MS / LOG_LIMIT_LINES)), 1);
	assert_false(log_limit_over(&limit, UINT64_MAX, &over));
}

static void test_a_kind_with_lines_left_out_is_not_forgotten_for_others(void **state)
{
	static const char formats[10 * LOG_LIMIT_KINDS][2];

	(void)state;
	take("a", LOG_LIMIT_LINES + 3, 1000);
	for (unsigned i = 0; i < 10 * LOG_LIMIT_KINDS; i++)
		assert_int_equal(take(formats[i], 2, 1001 + i), 2);
	assert_int_equal(take("a", 1, 2000), 0);
	assert_true(log_limit_over(&limit, UINT64_MAX, &over));
	assert_int_equal(over.left_out, 4);
	assert_false(log_limit_over(&limit, UINT64_MAX, &over));
}

static void test_more_kinds_than_there_is_room_for_still_pass(void **state)
{
	static const char formats[LOG_LIMIT_KINDS + 1][2];

	(void)state;
	for (unsigned i = 0; i < LOG_LIMIT_KINDS; i++)
		assert_int_equal(take(formats[i], LOG_LIMIT_LINES + 1, 1000), LOG_LIMIT_LINES);
	assert_int_equal(take(formats[LOG_LIMIT_KINDS], 100, 1000), 100);
	for (unsigned i = 0; i < LOG_LIMIT_KINDS; i++)
		assert_true(log_limit_over(&limit, UINT64_MAX, &over));
	assert_false(log_limit_over(&limit, UINT64_MAX, &over));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_so_many_lines_of_a_kind_pass_and_no_more),
		TEST(test_a_slow_repetition_always_passes),
		TEST(test_a_kind_with_lines_left_out_is_not_forgotten_for_others),
		TEST(test_more_kinds_than_there_is_room_for_still_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
