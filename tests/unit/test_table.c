/*
 * The hash of the tables: the same for the same bytes, and nobody can tell it beforehand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"

#define LONGEST 1400 /* longer than a mount and a path */
#define KEYS 1000

static void test_equal_bytes_have_equal_hashes_wherever_they_lie(void **state)
{
	char here[LONGEST], there[LONGEST + 1];

	(void)state;
	for (size_t i = 0; i < LONGEST; i++)
		here[i] = there[i + 1] = (char)(i * 7);
	for (size_t len = 0; len <= LONGEST; len++)
		assert_int_equal(table_hash(here, len), table_hash(there + 1, len));
}

/* As uthash would put them into so many buckets. */
static size_t buckets_used(const uint32_t *key, size_t n)
{
	size_t used = 0;
	char *seen = calloc(n, 1);

	assert_non_null(seen);
	for (size_t i = 0; i < n; i++) {
		size_t bucket = table_hash(&key[i], sizeof(key[i])) % n;

		used += seen[bucket] == 0;
		seen[bucket] = 1;
	}
	free(seen);
	return used;
}

/* Keys that were sought out because they all fall into one bucket do so only until the seed is another. */
static void test_keys_that_collide_do_not_with_another_seed(void **state)
{
	uint32_t key[KEYS];
	size_t n = 0;

	(void)state;
	for (uint32_t i = 0; n < KEYS; i++)
		if (table_hash(&i, sizeof(i)) % KEYS == 0)
			key[n++] = i;
	assert_int_equal(buckets_used(key, KEYS), 1);
	table_seed();
	assert_true(buckets_used(key, KEYS) > KEYS / 2); /* at random: 632, give or take 15 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_bytes_have_equal_hashes_wherever_they_lie),
		cmocka_unit_test(test_keys_that_collide_do_not_with_another_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
