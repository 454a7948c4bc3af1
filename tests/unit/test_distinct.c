/*
 * How many different things there were: exactly as long as they are few, about right after that.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/table.h"
#include "daemon/host/distinct.h"

static struct distinct d;

static int setup(void **state)
{
	(void)state;
	memset(&d, 0, sizeof(d));
	return 0;
}

static void add_numbers(uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++)
		distinct_add(&d, table_hash(&i, sizeof(i)));
}

static void test_few_are_counted_exactly(void **state)
{
	(void)state;
	assert_int_equal(distinct_count(&d), 0);
	for (uint32_t n = 1; n <= DISTINCT_EXACT; n++) {
		add_numbers(0, n);
		assert_int_equal(distinct_count(&d), n);
	}
}

static void test_many_are_estimated(void **state)
{
	uint32_t n = 0;

	(void)state;
	for (uint32_t more = DISTINCT_EXACT / 4; n < 4000000; more += more / 4) {
		add_numbers(n, more);
		n += more;
		assert_in_range(distinct_count(&d), n - n / 20, n + n / 20);
	}
	uint64_t found = distinct_count(&d);
	add_numbers(0, n);
	assert_int_equal(distinct_count(&d), found); /* those that were there already change nothing */
}

/* These cannot come from a good hash. */
static void test_no_hash_is_too_bad(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		distinct_add(&d, i << 15);
	for (uint32_t i = 0; i < 100000; i++)
		distinct_add(&d, i);
	distinct_add(&d, 0);
	assert_in_range(distinct_count(&d), 1, UINT64_C(1) << 32);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, NULL)
	const struct CMUnitTest tests[] = {
		TEST(test_few_are_counted_exactly),
		TEST(test_many_are_estimated),
		TEST(test_no_hash_is_too_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
