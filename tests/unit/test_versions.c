/*
 * The table of versions seen, with a clock of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/versions.h"
#include "tests/unit/names.h"

static uint64_t least(struct versions *v, const char *path, uint64_t now)
{
	bool ask;
	return versions_least(v, name_of("secret", path), now, &ask);
}

static bool asks_leader(struct versions *v, const char *path, uint64_t now)
{
	bool ask;
	(void)versions_least(v, name_of("secret", path), now, &ask);
	return ask;
}

static void test_unknown_secret_has_no_least_version(void **state)
{
	struct versions *v = versions_new();
	(void)state;
	assert_int_equal(least(v, "a", 0), 0);
	assert_false(asks_leader(v, "a", 0));
	versions_free(v);
}

static void test_acknowledged_put_raises_and_never_lowers(void **state)
{
	struct versions *v = versions_new();
	(void)state;
	versions_wrote(v, name_of("secret", "a"), 5, 100);
	versions_wrote(v, name_of("secret", "a"), 4, 101);
	assert_int_equal(least(v, "a", 102), 5);
	versions_wrote(v, name_of("secret", "a"), 6, 103);
	assert_int_equal(least(v, "a", 104), 6);
	assert_int_equal(least(v, "b", 104), 0);
	assert_false(asks_leader(v, "a", 104));
	versions_free(v);
}

static void test_entry_ends_a_minute_after_the_last_put(void **state)
{
	struct versions *v = versions_new();
	(void)state;
	versions_wrote(v, name_of("secret", "a"), 5, 0);
	versions_wrote(v, name_of("secret", "a"), 5, 1000);
	assert_int_equal(least(v, "a", 1000 + VERSIONS_MS - 1), 5);
	assert_int_equal(least(v, "a", 1000 + VERSIONS_MS), 0);
	/* The version from before does not come back with the next put: the secret may have begun anew. */
	versions_wrote(v, name_of("secret", "a"), 1, 1000 + VERSIONS_MS);
	assert_int_equal(least(v, "a", 1000 + VERSIONS_MS), 1);
	versions_free(v);
}

static void test_mount_and_path_do_not_run_together(void **state)
{
	struct versions *v = versions_new();
	bool ask;
	(void)state;
	versions_wrote(v, name_of("team/kv", "a"), 7, 0);
	assert_int_equal(versions_least(v, name_of("team", "kv/a"), 0, &ask), 0);
	assert_int_equal(versions_least(v, name_of("team/kv", "a"), 0, &ask), 7);
	versions_free(v);
}

static void test_leaders_word_lowers_the_entry(void **state)
{
	struct versions *v = versions_new();
	(void)state;
	versions_wrote(v, name_of("secret", "a"), 5, 0);
	versions_confirm(v, name_of("secret", "a"), 0, 1, 1);
	assert_int_equal(least(v, "a", 2), 0);
	versions_wrote(v, name_of("secret", "a"), 1, 3);
	assert_int_equal(least(v, "a", 4), 1);
	versions_confirm(v, name_of("secret", "other"), 9, 5, 5);
	assert_int_equal(least(v, "other", 6), 0);
	versions_free(v);
}

static void test_leaders_word_from_before_a_put_does_not_lower_the_entry(void **state)
{
	struct versions *v = versions_new();
	(void)state;
	versions_wrote(v, name_of("secret", "a"), 5, 10);
	versions_confirm(v, name_of("secret", "a"), 4, 10, 12);
	assert_int_equal(least(v, "a", 12), 5);
	versions_confirm(v, name_of("secret", "a"), 4, 11, 12);
	assert_int_equal(least(v, "a", 12), 4);
	versions_free(v);
}

static void test_doubt_sends_reads_to_the_leader_for_a_minute(void **state)
{
	struct versions *v = versions_new();
	(void)state;
	versions_wrote(v, name_of("secret", "a"), 5, 0);
	versions_doubt(v, name_of("secret", "a"), 10);
	assert_true(asks_leader(v, "a", 10 + VERSIONS_MS - 1));
	assert_int_equal(least(v, "a", 10), 5);
	assert_false(asks_leader(v, "b", 10));
	assert_false(asks_leader(v, "a", 10 + VERSIONS_MS));
	versions_free(v);
}

static void test_full_table_sends_all_reads_to_the_leader_until_the_lost_entry_would_have_ended(void **state)
{
	struct versions *v = versions_new();
	char path[32];
	(void)state;
	for (int i = 0; i <= VERSIONS_MAX; i++) {
		assert_false(asks_leader(v, "other", (uint64_t)i));
		snprintf(path, sizeof(path), "p%d", i);
		versions_wrote(v, name_of("secret", path), 3, (uint64_t)i);
	}
	assert_int_equal(least(v, "p0", VERSIONS_MAX), 0);
	assert_int_equal(least(v, "p1", VERSIONS_MAX), 3);
	assert_true(asks_leader(v, "p0", VERSIONS_MAX));
	assert_true(asks_leader(v, "other", VERSIONS_MS - 1));
	assert_false(asks_leader(v, "other", VERSIONS_MS));
	versions_free(v);
}

static void test_clear_forgets_all(void **state)
{
	struct versions *v = versions_new();
	(void)state;
	versions_wrote(v, name_of("secret", "a"), 5, 0);
	versions_doubt(v, name_of("secret", "b"), 0);
	versions_clear(v);
	assert_int_equal(least(v, "a", 1), 0);
	assert_false(asks_leader(v, "b", 1));
	versions_free(v);
}

/* A plain array that forgets nothing gives the same answers for random histories. */
#define PATHS 6
static void test_random_histories_agree_with_a_plain_model(void **state)
{
	struct {
		uint64_t version, wrote, until, leader_until;
	} model[PATHS] = { 0 };
	struct versions *v = versions_new();
	uint64_t now = 0;
	unsigned seed = 20261123;
	(void)state;
	for (int step = 0; step < 200000; step++) {
		int which = rand_r(&seed) % PATHS;
		uint64_t version = (uint64_t)(rand_r(&seed) % 20);
		char path[2] = { (char)('a' + which), '\0' };
		now += (uint64_t)(rand_r(&seed) % 100 == 0 ? rand_r(&seed) % VERSIONS_MS : rand_r(&seed) % 500);
		if (now >= model[which].until)
			memset(&model[which], 0, sizeof(model[which]));
		switch (rand_r(&seed) % 4) {
		case 0:
			versions_wrote(v, name_of("secret", path), version, now);
			if (version > model[which].version)
				model[which].version = version;
			model[which].wrote = now;
			model[which].until = now + VERSIONS_MS;
			break;
		case 1:
			versions_doubt(v, name_of("secret", path), now);
			model[which].until = model[which].leader_until = now + VERSIONS_MS;
			break;
		case 2:
			versions_confirm(v, name_of("secret", path), version, now - now % 300, now);
			if (now < model[which].until && model[which].wrote < now - now % 300)
				model[which].version = version;
			break;
		default:
			break;
		}
		assert_int_equal(least(v, path, now), model[which].version);
		assert_int_equal(asks_leader(v, path, now), now < model[which].leader_until);
	}
	versions_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_secret_has_no_least_version),
		cmocka_unit_test(test_acknowledged_put_raises_and_never_lowers),
		cmocka_unit_test(test_entry_ends_a_minute_after_the_last_put),
		cmocka_unit_test(test_mount_and_path_do_not_run_together),
		cmocka_unit_test(test_leaders_word_lowers_the_entry),
		cmocka_unit_test(test_leaders_word_from_before_a_put_does_not_lower_the_entry),
		cmocka_unit_test(test_doubt_sends_reads_to_the_leader_for_a_minute),
		cmocka_unit_test(
		    test_full_table_sends_all_reads_to_the_leader_until_the_lost_entry_would_have_ended),
		cmocka_unit_test(test_clear_forgets_all),
		cmocka_unit_test(test_random_histories_agree_with_a_plain_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
