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

static void test_alone_a_user_has_its_time_in_each_turn_and_saves_none_up(void **state)
{
	struct shares shares = { .table = NULL };
	(void)state;
	struct share *a = share_take(&shares, 1000);
	assert_true(share_has_time(&shares, a, 5000000));
	share_spend(&shares, a, 5000000, SHARE_TURN_US);
	assert_false(share_has_time(&shares, a, 5000001));
	assert_int_equal(share_left_us(a), 0);
	for (int i = 0; i < 10; i++)
		share_next_turn(&shares);
	assert_true(share_has_time(&shares, a, 5000002));
	assert_false(share_has_others(&shares, a, 5000002));
	assert_int_equal(share_left_us(a), 1000);
	share_drop(&shares, a);
}

static void test_among_others_a_user_has_a_part_of_the_time_whatever_the_turns(void **state)
{
	struct shares shares = { .table = NULL };
	uint64_t now = 5000000;
	(void)state;
	struct share *a = share_take(&shares, 1000), *b = share_take(&shares, 1001);
	share_spend(&shares, b, now, 1);
	assert_true(share_has_time(&shares, a, now));
	share_spend(&shares, a, now, SHARE_TURN_US);
	assert_true(share_has_others(&shares, a, now));
	assert_true(share_has_others(&shares, b, now));
	for (int i = 0; i < 10; i++)
		share_next_turn(&shares);
	assert_false(share_has_time(&shares, a, now));
	assert_true(share_has_time(&shares, b, now));
	now += SHARE_TURN_US * SHARE_PART / 2;
	assert_true(share_has_time(&shares, a, now));
	assert_in_range(share_left_us(a), SHARE_TURN_US / 2 - 1, SHARE_TURN_US / 2 + 1);
	/* The other has not been heard for a while: all time is for the one again. */
	share_spend(&shares, a, now, 2000);
	assert_false(share_has_time(&shares, a, now));
	now += 1500000;
	assert_false(share_has_others(&shares, a, now));
	share_drop(&shares, a);
	share_drop(&shares, b);
}

static void test_time_had_beyond_a_turn_is_made_up_for_by_later_ones(void **state)
{
	struct shares shares = { .table = NULL };
	unsigned turns = 0;
	(void)state;
	struct share *a = share_take(&shares, 1000);
	share_spend(&shares, a, 1, 2000 + SHARE_TURN_US);
	while (!share_has_time(&shares, a, 1)) {
		share_next_turn(&shares);
		turns++;
	}
	assert_int_equal(turns, 3);
	/* There is an end to it. */
	share_spend(&shares, a, 1, UINT64_MAX / 2);
	share_spend(&shares, a, 1, UINT64_MAX / 2);
	for (turns = 0; !share_has_time(&shares, a, 1); turns++)
		share_next_turn(&shares);
	assert_in_range(turns, 10, 1000);
	share_drop(&shares, a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_are_counted_by_uid),
		cmocka_unit_test(test_alone_a_user_has_its_time_in_each_turn_and_saves_none_up),
		cmocka_unit_test(test_among_others_a_user_has_a_part_of_the_time_whatever_the_turns),
		cmocka_unit_test(test_time_had_beyond_a_turn_is_made_up_for_by_later_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
