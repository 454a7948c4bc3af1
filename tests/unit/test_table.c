/*
 * The hash of the tables: it is the same for the same bytes, and nobody can foresee it. Then tables that run out
 * of memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void *scarce_malloc(size_t n);

#define uthash_malloc(n) scarce_malloc(n)
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

/* How many buckets are used if uthash puts the keys into that many buckets. */
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

/* Keys that were chosen because they all fall into one bucket do not do so with another seed. */
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
	assert_true(buckets_used(key, KEYS) > KEYS / 2); /* with random keys it is 632, give or take 15 */
}

static long allocations_left = LONG_MAX;

static void *scarce_malloc(size_t n)
{
	return allocations_left-- > 0 ? malloc(n) : NULL;
}

struct entry {
	UT_hash_handle hh;
	int key;
};

static struct entry *entry_new(int key)
{
	struct entry *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	e->key = key;
	return e;
}

/* Checks that the keys from 0 up to below n are in the table, and no other. */
static void check_table(struct entry *table, int n)
{
	struct entry *e;

	assert_int_equal(HASH_COUNT(table), n);
	for (int key = 0; key <= n; key++) {
		HASH_FIND_INT(table, &key, e);
		assert_int_equal(e != NULL, key < n);
	}
}

static void test_a_table_without_memory_is_as_it_was(void **state)
{
	struct entry *table = NULL, *e, *next;
	int n = 0;

	(void)state;
	for (int failures = 0; failures < 5;) {
		e = entry_new(n);
		allocations_left = 0;
		HASH_ADD_INT(table, key, e);
		allocations_left = LONG_MAX;
		if (TABLE_HAS(e)) { /* the entry needed no memory */
			n++;
			continue;
		}
		failures++;
		check_table(table, n);
		HASH_ADD_INT(table, key, e); /* with memory it goes in */
		assert_true(TABLE_HAS(e));
		check_table(table, ++n);
	}
	assert_in_range(n, 50, 5000); /* the first entry needs memory, and then the table grows four times */
	HASH_ITER(hh, table, e, next) {
		HASH_DEL(table, e);
		free(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_bytes_have_equal_hashes_wherever_they_lie),
		cmocka_unit_test(test_keys_that_collide_do_not_with_another_seed),
		cmocka_unit_test(test_a_table_without_memory_is_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
