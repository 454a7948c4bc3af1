/*
 * How much two names differ, to guess which one was meant.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/nearest.h"

static void test_distance_counts_letters_that_differ(void **state)
{
	(void)state;
	assert_int_equal(nearest_distance("adress", "address"), 1);
	assert_int_equal(nearest_distance("address", "address"), 0);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
	assert_int_equal(nearest_distance("", "abc"), 3);
	assert_int_equal(nearest_distance("abc", ""), 3);
	assert_int_equal(nearest_distance("a", "0123456789012345678901234567890"), 31);
	assert_int_equal(nearest_distance("a", "01234567890123456789012345678901"), 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance_counts_letters_that_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
