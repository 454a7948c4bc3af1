/*
 * The cache: what is kept, for how long, what has to go, and what must not come in.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/cache.h"
#include "tests/unit/names.h"

#define LIFETIME 1000
#define BYTES 65536
#define NEVER UINT64_MAX
#define CANARY "a-canary-in-the-cache"

static unsigned wiped; /* how often a block with the canary was wiped */

static void wipe_and_note(void *p, size_t n)
{
	wiped += memmem(p, n, CANARY, strlen(CANARY)) != NULL;
	memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory");
}

/* This replaces libc's function, under either of its names, for the whole program: base/secmem.c wipes with it. */
void explicit_bzero(void *p, size_t n);
void explicit_bzero(void *p, size_t n)
{
	wipe_and_note(p, n);
}

void __explicit_bzero_chk(void *p, size_t n, size_t size);
void __explicit_bzero_chk(void *p, size_t n, size_t size)
{
	(void)size;
	wipe_and_note(p, n);
}

static int setup(void **state)
{
	*state = cache_new(LIFETIME, BYTES);
	return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	cache_free(*state);
	return 0;
}

static struct jspan span(const char *text, enum jtype type)
{
	return (struct jspan){ .p = text, .len = strlen(text), .type = type };
}

static struct cache_value value_of(const char *data, uint64_t version, uint64_t sent_ms)
{
	return (struct cache_value){ .data = span(data, JSON_OBJECT),
		.metadata = span("null", JSON_NULL),
		.created_time = span("\"2026\"", JSON_STRING),
		.version = version,
		.sent_ms = sent_ms };
}

/* Fills the cache with a read that no put or other read overlaps. */
static void read_in(struct cache *c, const char *path, const char *data, uint64_t version, uint64_t sent_ms)
{
	/* its own, so that memory can be counted */
	const struct secret_name *name = secret_name_new("secret", path);
	struct cache_secret *p = cache_hold(c, name);
	struct cache_value value = value_of(data, version, sent_ms);

	secret_name_release(name);
	assert_non_null(p);
	cache_fill(c, p, cache_ticket(c, p), &value);
	cache_release(c, p);
}

static uint64_t version_at(struct cache *c, const char *path, uint64_t now_ms)
{
	const struct cache_value *value = cache_find(c, name_of("secret", path), now_ms);

	return value != NULL ? value->version : 0;
}

static uint64_t version_of(struct cache *c, const char *path)
{
	return version_at(c, path, 0);
}

static void expect_span(struct jspan is, const char *text, enum jtype type)
{
	assert_int_equal(is.len, strlen(text));
	assert_memory_equal(is.p, text, is.len);
	assert_int_equal(is.type, type);
}

static void test_what_was_read_is_there_as_it_was(void **state)
{
	struct cache *c = *state;
	char data[] = "{\"a\":1}";
	const struct cache_value *value;

	assert_null(cache_find(c, name_of("secret", "a"), 0));
	read_in(c, "a", data, 7, 40);
	memset(data, 'x', sizeof(data));
	value = cache_find(c, name_of("secret", "a"), 0);
	assert_non_null(value);
	expect_span(value->data, "{\"a\":1}", JSON_OBJECT);
	expect_span(value->metadata, "null", JSON_NULL);
	expect_span(value->created_time, "\"2026\"", JSON_STRING);
	assert_int_equal(value->version, 7);
	assert_int_equal(value->sent_ms, 40);
	assert_null(cache_find(c, name_of("secre", "ta"), 0));
	assert_null(cache_find(c, name_of("secret", "b"), 0));
	assert_int_equal(cache_entries(c), 1);
}

static void test_an_absent_part_is_absent(void **state)
{
	struct cache *c = *state;
	struct cache_secret *p = cache_hold(c, name_of("secret", "a"));
	struct cache_value value = value_of("{}", 1, 0);

	value.metadata.len = 0;
	value.metadata.p = NULL;
	cache_fill(c, p, cache_ticket(c, p), &value);
	cache_release(c, p);
	assert_int_equal(cache_find(c, name_of("secret", "a"), 0)->metadata.len, 0);
	expect_span(cache_find(c, name_of("secret", "a"), 0)->data, "{}", JSON_OBJECT);
}

static void test_the_later_read_stays(void **state)
{
	struct cache *c = *state;

	read_in(c, "a", "{}", 2, 50);
	read_in(c, "a", "{}", 1, 49); /* it came later, but was read earlier */
	assert_int_equal(version_of(c, "a"), 2);
	read_in(c, "a", "{}", 1, 51); /* the secret was removed and made again */
	assert_int_equal(version_of(c, "a"), 1);
	assert_int_equal(cache_entries(c), 1);
}

static void test_what_is_too_old_goes(void **state)
{
	struct cache *c = *state;

	assert_int_equal(cache_expire(c, 0), NEVER);
	read_in(c, "b", "{}", 1, 200);
	read_in(c, "a", "{}", 1, 100);
	read_in(c, "c", "{}", 1, 300);
	assert_int_equal(cache_expire(c, 100 + LIFETIME - 1), 100 + LIFETIME);
	assert_int_equal(cache_entries(c), 3);
	assert_int_equal(cache_expire(c, 100 + LIFETIME), 200 + LIFETIME);
	assert_int_equal(version_of(c, "a"), 0);
	assert_int_equal(version_of(c, "b"), 1);
	assert_int_equal(cache_expire(c, 10000), NEVER);
	assert_int_equal(cache_entries(c), 0);
	assert_int_equal(cache_bytes(c), 0);
}

static void fill(struct cache *c, unsigned first, unsigned n, size_t size)
{
	char path[16], data[8192];

	assert_true(size < sizeof(data));
	memset(data, ' ', size);
	data[0] = '{';
	data[size - 1] = '}';
	data[size] = '\0';
	for (unsigned i = first; i < first + n; i++) {
		snprintf(path, sizeof(path), "%u", i);
		read_in(c, path, data, 1, i);
		assert_true(cache_bytes(c) <= BYTES);
	}
}

static void test_what_was_not_used_for_longest_makes_room(void **state)
{
	struct cache *c = *state;

	fill(c, 0, 7, 8000);
	assert_int_equal(cache_entries(c), 7);
	assert_int_equal(version_at(c, "0", 1000), 1); /* it is used, a second after it was read */
	fill(c, 7, 2, 8000);
	assert_int_equal(version_of(c, "0"), 1);
	assert_int_equal(version_of(c, "1"), 0);
	assert_int_equal(version_of(c, "2"), 0);
	assert_int_equal(version_of(c, "3"), 1);
	assert_int_equal(cache_entries(c), 7);
}

static void test_uses_within_a_second_count_as_one(void **state)
{
	struct cache *c = *state;

	fill(c, 0, 7, 8000);
	assert_int_equal(version_at(c, "0", 1000), 1);
	assert_int_equal(version_at(c, "1", 1500), 1);
	assert_int_equal(version_at(c, "0", 1999), 1); /* its last use still counts as earlier than that of 1 */
	fill(c, 7, 6, 8000);                           /* six of the seven have to go */
	assert_int_equal(version_of(c, "0"), 0);
	assert_int_equal(version_of(c, "1"), 1);
}

/* Each small entry counts with the memory that it takes to keep it. */
static void test_the_bound_holds_for_many_small_ones(void **state)
{
	struct cache *c = *state;
	size_t before = mallinfo2().uordblks;

	fill(c, 0, 5000, 20);
	assert_in_range(cache_entries(c), 100, 1000);
	/*
	 * The memory includes the table's buckets, and malloc rounds up. With AddressSanitizer the difference is
	 * 0.
	 */
	assert_in_range(mallinfo2().uordblks - before, 0, BYTES * 5 / 4 + 16384);
	fill(c, 5000, 1, 8000);
	assert_int_equal(version_of(c, "5000"), 1);
}

static void test_what_is_larger_than_all_is_not_kept_nor_what_it_replaces(void **state)
{
	struct cache *c = *state;
	char *data = malloc(BYTES + 1);

	assert_non_null(data);
	memset(data, ' ', BYTES);
	data[BYTES] = '\0';
	read_in(c, "a", "{}", 1, 0);
	read_in(c, "b", "{}", 1, 0);
	read_in(c, "a", data, 2, 1);
	assert_int_equal(version_of(c, "a"), 0);
	assert_int_equal(version_of(c, "b"), 1);
	free(data);
}

static void test_what_goes_is_wiped(void **state)
{
	struct cache *c = *state;
	struct cache_secret *p = cache_hold(c, name_of("secret", "a"));

	for (wiped = 0; wiped < 4;) {
		unsigned before = wiped;

		read_in(c, "a", "{\"a\":\"" CANARY "\"}", 1, before);
		assert_int_equal(wiped, before);
		if (before == 0)
			cache_forget(c, p);
		else if (before == 1)
			cache_expire(c, 100000);
		else if (before == 2)
			fill(c, 0, 20, 8000);
		else
			read_in(c, "a", "{}", 2, 10);
		assert_int_equal(wiped, before + 1);
	}
	cache_release(c, p);
}

/* -- puts ---------------------------------------------------------------------------------------------------- */

static void test_a_put_takes_the_entry_away_when_sent_and_when_ended(void **state)
{
	struct cache *c = *state;
	struct cache_secret *p;

	read_in(c, "a", "{}", 1, 0);
	read_in(c, "b", "{}", 1, 0);
	p = cache_hold(c, name_of("secret", "a"));
	assert_int_equal(version_of(c, "a"), 1);
	cache_put_sent(c, p);
	assert_int_equal(version_of(c, "a"), 0);
	read_in(c, "a", "{}", 1, 1);
	assert_int_equal(version_of(c, "a"), 0); /* nothing is kept while the put is under way */
	cache_put_ended(c, p);
	cache_release(c, p);
	assert_int_equal(version_of(c, "a"), 0);
	assert_int_equal(version_of(c, "b"), 1);
	read_in(c, "a", "{}", 2, 2);
	assert_int_equal(version_of(c, "a"), 2);
}

/*
 * The read begins, the put begins, the put ends, the read ends. In the second round the read begins within the
 * put.
 */
static void test_a_read_that_had_begun_before_a_put_brings_nothing(void **state)
{
	struct cache *c = *state;
	struct cache_value value = value_of("{}", 1, 0);

	for (int within = 0; within < 2; within++) {
		struct cache_secret *reader = cache_hold(c, name_of("secret", "a")),
				    *writer = cache_hold(c, name_of("secret", "a"));
		uint64_t ticket = cache_ticket(c, reader);

		cache_put_sent(c, writer);
		if (within)
			ticket = cache_ticket(c, reader);
		cache_put_ended(c, writer);
		cache_release(c, writer);
		cache_fill(c, reader, ticket, &value);
		cache_release(c, reader);
		assert_int_equal(version_of(c, "a"), 0);
	}
}

static void test_of_two_puts_the_last_one_to_end_counts(void **state)
{
	struct cache *c = *state;
	struct cache_secret *p = cache_hold(c, name_of("secret", "a"));

	cache_put_sent(c, p);
	cache_put_sent(c, p);
	cache_put_ended(c, p);
	read_in(c, "a", "{}", 1, 1);
	assert_int_equal(version_of(c, "a"), 0);
	cache_put_ended(c, p);
	cache_release(c, p);
	read_in(c, "a", "{}", 2, 2);
	assert_int_equal(version_of(c, "a"), 2);
}

static void test_what_is_forgotten_does_not_come_back_by_a_read_under_way(void **state)
{
	struct cache *c = *state;
	struct cache_secret *a = cache_hold(c, name_of("secret", "a")), *b = cache_hold(c, name_of("secret", "b"));
	uint64_t of_a = cache_ticket(c, a), of_b = cache_ticket(c, b);
	struct cache_value value = value_of("{}", 1, 0);

	read_in(c, "a", "{}", 1, 0);
	read_in(c, "b", "{}", 1, 0);
	cache_forget(c, a);
	assert_int_equal(version_of(c, "a"), 0);
	assert_int_equal(version_of(c, "b"), 1);
	cache_fill(c, a, of_a, &value);
	assert_int_equal(version_of(c, "a"), 0);
	cache_clear(c);
	assert_int_equal(cache_entries(c), 0);
	assert_int_equal(cache_bytes(c), 0);
	cache_fill(c, b, of_b, &value);
	assert_int_equal(version_of(c, "b"), 0);
	cache_release(c, a);
	cache_release(c, b);
	read_in(c, "a", "{}", 3, 1);
	assert_int_equal(version_of(c, "a"), 3);
}

static void test_an_entry_may_go_while_it_is_held(void **state)
{
	struct cache *c = *state;
	struct cache_secret *p = cache_hold(c, name_of("secret", "0"));
	uint64_t ticket = cache_ticket(c, p);
	struct cache_value value = value_of("{}", 5, 9000);

	fill(c, 0, 20, 8000);
	assert_int_equal(version_of(c, "0"), 0);
	cache_expire(c, 8000);
	cache_fill(c, p, ticket, &value);
	cache_release(c, p);
	assert_int_equal(version_of(c, "0"), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void test_other_limits_count_at_once(void **state)
{
	struct cache *c = *state;
	struct cache_secret *p;
	struct cache_value value = value_of("{}", 9, 10);
	uint64_t ticket;

	for (char name[] = "a"; name[0] <= 'j'; name[0]++)
		read_in(c, name, "{}", 1, 10);
	cache_set_limits(c, LIFETIME, cache_bytes(c) / 2);
	assert_int_equal(cache_entries(c), 5);
	assert_int_equal(version_of(c, "j"), 1);
	cache_set_limits(c, 100, BYTES);
	assert_int_equal(cache_expire(c, 109), 110);
	p = cache_hold(c, name_of("secret", "z"));
	ticket = cache_ticket(c, p);
	cache_set_limits(c, 0, BYTES);
	assert_int_equal(cache_entries(c), 0);
	read_in(c, "a", "{}", 1, 20);
	assert_int_equal(cache_entries(c), 0);
	cache_set_limits(c, 100, BYTES);
	cache_fill(c, p, ticket, &value); /* by a read that began before */
	assert_int_equal(cache_entries(c), 0);
	read_in(c, "a", "{}", 1, 30);
	assert_int_equal(cache_entries(c), 1);
	cache_release(c, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_was_read_is_there_as_it_was),
		TEST(test_an_absent_part_is_absent),
		TEST(test_the_later_read_stays),
		TEST(test_what_is_too_old_goes),
		TEST(test_what_was_not_used_for_longest_makes_room),
		TEST(test_uses_within_a_second_count_as_one),
		TEST(test_the_bound_holds_for_many_small_ones),
		TEST(test_what_is_larger_than_all_is_not_kept_nor_what_it_replaces),
		TEST(test_what_goes_is_wiped),
		TEST(test_a_put_takes_the_entry_away_when_sent_and_when_ended),
		TEST(test_a_read_that_had_begun_before_a_put_brings_nothing),
		TEST(test_of_two_puts_the_last_one_to_end_counts),
		TEST(test_what_is_forgotten_does_not_come_back_by_a_read_under_way),
		TEST(test_an_entry_may_go_while_it_is_held),
		TEST(test_other_limits_count_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
