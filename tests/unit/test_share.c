/*
 * A user's share of the daemon: connections counted by uid, and time by turns of the loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/callers/share.h"

static void test_connections_are_counted_by_uid(void **state)
{
	struct shares shares = { .table = NULL };
	(void)state;
	struct share *a = share_take(&shares, 1000), *b = share_take(&shares, 1001);
	assert_ptr_equal(share_take(&shares, 1000), a);
	assert_ptr_not_equal(a, b);
	assert_int_equal(share_connections(&shares, 1000), 2);
	assert_int_equal(share_connections(&shares, 1001), 1);
	assert_int_equal(share_connections(&shares, 1002), 0);
	share_drop(&shares, b);
	share_drop(&shares, a);
	assert_int_equal(share_connections(&shares, 1000), 1);
	share_drop(&shares, a);
	assert_int_equal(share_connections(&shares, 1000), 0);
	assert_null(shares.table);
}

static void test_time_is_for_a_turn_and_is_not_saved_up(void **state)
{
	struct shares shares = { .table = NULL };
	(void)state;
	struct share *a = share_take(&shares, 1000), *b = share_take(&shares, 1001);
	assert_true(share_has_time(&shares, a, 0));
	share_spend(&shares, a, 250);
	assert_false(share_has_time(&shares, a, 0));
	assert_true(share_has_time(&shares, b, 0));
	for (int i = 0; i < 10; i++)
		share_next_turn(&shares);
	assert_true(share_has_time(&shares, a, 249));
	assert_false(share_has_time(&shares, a, 250));
	share_drop(&shares, a);
	share_drop(&shares, b);
}

static void test_time_had_beyond_a_turn_is_made_up_for_by_later_ones(void **state)
{
	struct shares shares = { .table = NULL };
	unsigned turns = 0;
	(void)state;
	struct share *a = share_take(&shares, 1000);
	share_spend(&shares, a, 2500);
	while (!share_has_time(&shares, a, 0)) {
		share_next_turn(&shares);
		turns++;
	}
	assert_int_equal(turns, 10);
	/* A machine that slept in the middle of a request does not cost its user a thousand years. */
	share_spend(&shares, a, UINT64_MAX / 2);
	share_spend(&shares, a, UINT64_MAX / 2);
	for (turns = 0; !share_has_time(&shares, a, 0); turns++)
		share_next_turn(&shares);
	assert_in_range(turns, 100, 1000);
	share_drop(&shares, a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_are_counted_by_uid),
		cmocka_unit_test(test_time_is_for_a_turn_and_is_not_saved_up),
		cmocka_unit_test(test_time_had_beyond_a_turn_is_made_up_for_by_later_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
