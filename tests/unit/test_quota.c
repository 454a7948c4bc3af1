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
	assert_int_equal(a->connections, 2);
	assert_int_equal(b->connections, 1);
	assert_int_equal(quota_of(&quotas, 1002)->connections, 0);
	quota_drop(&quotas, b);
	quota_drop(&quotas, a);
	assert_int_equal(a->connections, 1);
	quota_drop(&quotas, a);
	assert_int_equal(a->connections, 0);
	quotas_clear(&quotas);
	assert_null(quotas.table);
}

/* Else whoever connects and closes in a loop would have that for nothing. */
static void test_used_time_is_remembered_without_a_connection(void **state)
{
	struct quotas quotas = { .table = NULL };
	struct quota *other = quota_take(&quotas, 1001);
	uint64_t now = 5000000;
	(void)state;
	for (int i = 0; i < 4000; i++, now += 60) {
		struct quota *a = quota_take(&quotas, 1000);
		quota_spend(&quotas, other, now, 1);
		if (!quota_may_connect(&quotas, a, now)) {
			assert_in_range(i, 1600, 3000);
			quota_drop(&quotas, a);
			break;
		}
		quota_spend_connecting(&quotas, a, now, 60);
		quota_drop(&quotas, a);
	}
	assert_false(quota_may_connect(&quotas, quota_of(&quotas, 1000), now));
	assert_true(quota_may_connect(&quotas, other, now));
	now += 10000;
	assert_true(quota_may_connect(&quotas, quota_of(&quotas, 1000), now));
	for (int i = 0; i < 10; i++)
		quota_spend_connecting(&quotas, quota_of(&quotas, 1000), now, 1000);
	assert_false(quota_may_connect(&quotas, quota_of(&quotas, 1000), now));
	/* If the daemon itself had to wait for the processor, that is not the user's doing. */
	quota_spend_connecting(&quotas, other, now, 1000000);
	assert_true(quota_may_connect(&quotas, other, now));
	/* Whoever is alone delays nobody. */
	assert_true(quota_may_connect(&quotas, quota_of(&quotas, 1000), now + 2000000));
	quota_drop(&quotas, other);
	quotas_clear(&quotas);
}

static void test_users_without_connections_are_not_kept_for_ever(void **state)
{
	struct quotas quotas = { .table = NULL };
	(void)state;
	struct quota *first = quota_take(&quotas, 1);
	for (uid_t uid = 1000; uid < 70000; uid++)
		assert_non_null(quota_of(&quotas, uid));
	assert_int_equal(quotas.nkept, QUOTA_KEPT_MAX);
	assert_ptr_equal(quota_of(&quotas, 1), first);
	quota_drop(&quotas, first);
	quotas_clear(&quotas);
	assert_null(quotas.table);
}

static void test_all_users_together_hold_a_bounded_number_of_bytes(void **state)
{
	const struct call_limits limits = { .bytes_per_uid = 64u << 20 };
	struct quotas quotas = { .limits = &limits };
	uint64_t all = 0;
	(void)state;
	struct quota *small = quota_take(&quotas, 1);
	for (uid_t uid = 1000; uid < 1350; uid++) {
		struct quota *user = quota_take(&quotas, uid);
		for (int i = 0; i < 3 && quota_may_hold(&quotas, user, 1 << 20); i++) {
			quota_hold(&quotas, user, 1 << 20);
			all += 1 << 20;
		}
	}
	assert_int_equal(quotas.bytes, all);
	/* The first ones got what their part was then. */
	assert_in_range(all, 64u << 20, 192u << 20);
	/* What a small user needs is still there. */
	assert_true(quota_may_hold(&quotas, small, 100000));
	assert_false(quota_may_hold(&quotas, small, 1 << 20));
	for (uid_t uid = 1000; uid < 1350; uid++)
		quota_drop(&quotas, quota_of(&quotas, uid));
	quota_drop(&quotas, small);
	quotas_clear(&quotas);
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
	quotas_clear(&quotas);
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
	quotas_clear(&quotas);
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
	quotas_clear(&quotas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_are_counted_by_uid),
		cmocka_unit_test(test_used_time_is_remembered_without_a_connection),
		cmocka_unit_test(test_users_without_connections_are_not_kept_for_ever),
		cmocka_unit_test(test_all_users_together_hold_a_bounded_number_of_bytes),
		cmocka_unit_test(test_sole_user_has_a_slice_in_each_turn_and_saves_none_up),
		cmocka_unit_test(test_user_among_others_has_a_share_of_the_time_whatever_the_turns),
		cmocka_unit_test(test_time_used_beyond_a_slice_is_taken_from_later_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
