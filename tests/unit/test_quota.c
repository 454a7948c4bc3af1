/*
 * quota: connections are counted by uid, and the loop's time is shared by slices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/callers/quota.h"

static void test_connections_are_counted_by_uid(void **state)
{
	struct quotas quotas = { .table = NULL };
	(void)state;
	struct quota *a = quota_take(&quotas, 1000), *b = quota_take(&quotas, 1001);
	assert_ptr_equal(quota_take(&quotas, 1000), a);
	assert_ptr_not_equal(a, b);
	assert_int_equal(quota_connections(&quotas, 1000), 2);
	assert_int_equal(quota_connections(&quotas, 1001), 1);
	assert_int_equal(quota_connections(&quotas, 1002), 0);
	quota_drop(&quotas, b);
	quota_drop(&quotas, a);
	assert_int_equal(quota_connections(&quotas, 1000), 1);
	quota_drop(&quotas, a);
	assert_int_equal(quota_connections(&quotas, 1000), 0);
	assert_null(quotas.table);
}

static void test_sole_user_has_a_slice_in_each_turn_and_saves_none_up(void **state)
{
	struct quotas quotas = { .table = NULL };
	(void)state;
	struct quota *a = quota_take(&quotas, 1000);
	assert_true(quota_has_time(&quotas, a, 5000000));
	quota_spend(&quotas, a, 5000000, QUOTA_SLICE_US);
	assert_false(quota_has_time(&quotas, a, 5000001));
	assert_int_equal(quota_left_us(a), 0);
	for (int i = 0; i < 10; i++)
		quota_next_turn(&quotas);
	assert_true(quota_has_time(&quotas, a, 5000002));
	assert_false(quota_has_others(&quotas, a, 5000002));
	assert_int_equal(quota_left_us(a), 1000);
	quota_drop(&quotas, a);
}

static void test_user_among_others_has_a_share_of_the_time_whatever_the_turns(void **state)
{
	struct quotas quotas = { .table = NULL };
	uint64_t now = 5000000;
	(void)state;
	struct quota *a = quota_take(&quotas, 1000), *b = quota_take(&quotas, 1001);
	quota_spend(&quotas, b, now, 1);
	assert_true(quota_has_time(&quotas, a, now));
	quota_spend(&quotas, a, now, QUOTA_SLICE_US);
	assert_true(quota_has_others(&quotas, a, now));
	assert_true(quota_has_others(&quotas, b, now));
	for (int i = 0; i < 10; i++)
		quota_next_turn(&quotas);
	assert_false(quota_has_time(&quotas, a, now));
	assert_true(quota_has_time(&quotas, b, now));
	now += QUOTA_SLICE_US * QUOTA_SHARE / 2;
	assert_true(quota_has_time(&quotas, a, now));
	assert_in_range(quota_left_us(a), QUOTA_SLICE_US / 2 - 1, QUOTA_SLICE_US / 2 + 1);
	/* The other user has been silent for a while: the first one may use all the time again. */
	quota_spend(&quotas, a, now, 2000);
	assert_false(quota_has_time(&quotas, a, now));
	now += 1500000;
	assert_false(quota_has_others(&quotas, a, now));
	quota_drop(&quotas, a);
	quota_drop(&quotas, b);
}

static void test_time_used_beyond_a_slice_is_taken_from_later_ones(void **state)
{
	struct quotas quotas = { .table = NULL };
	unsigned turns = 0;
	(void)state;
	struct quota *a = quota_take(&quotas, 1000);
	quota_spend(&quotas, a, 1, 2000 + QUOTA_SLICE_US);
	while (!quota_has_time(&quotas, a, 1)) {
		quota_next_turn(&quotas);
		turns++;
	}
	assert_int_equal(turns, 3);
	/* The debt is limited. */
	quota_spend(&quotas, a, 1, UINT64_MAX / 2);
	quota_spend(&quotas, a, 1, UINT64_MAX / 2);
	for (turns = 0; !quota_has_time(&quotas, a, 1); turns++)
		quota_next_turn(&quotas);
	assert_in_range(turns, 10, 1000);
	quota_drop(&quotas, a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_are_counted_by_uid),
		cmocka_unit_test(test_sole_user_has_a_slice_in_each_turn_and_saves_none_up),
		cmocka_unit_test(test_user_among_others_has_a_share_of_the_time_whatever_the_turns),
		cmocka_unit_test(test_time_used_beyond_a_slice_is_taken_from_later_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
