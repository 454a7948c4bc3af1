/*
 * The wiping allocator. Freed memory must not be looked at, so explicit_bzero is replaced here by one that notes
 * what it was told to wipe; that a block is wiped means that it was told so for the whole of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <malloc.h>

#include "base/secmem.h"

static struct {
	const unsigned char *p;
	size_t n;
	unsigned calls;
} wiped;

static void wipe_and_note(void *p, size_t n)
{
	volatile unsigned char *bytes = p;
	size_t i;

	for (i = 0; i < n; i++)
		bytes[i] = 0;
	wiped.p = p;
	wiped.n = n;
	wiped.calls++;
}

#undef explicit_bzero
void explicit_bzero(void *p, size_t n);
void __explicit_bzero_chk(void *p, size_t n, size_t room);

void explicit_bzero(void *p, size_t n)
{
	wipe_and_note(p, n);
}

/* A fortified build calls this one. */
void __explicit_bzero_chk(void *p, size_t n, size_t room)
{
	assert_true(n <= room);
	wipe_and_note(p, n);
}

static int forget(void **state)
{
	(void)state;
	memset(&wiped, 0, sizeof(wiped));
	return 0;
}

static void test_free_wipes_the_whole_block(void **state)
{
	static const size_t sizes[] = { 1, 15, 24, 25, 1000, 4096, 200000, 5000000 };
	size_t i, whole;
	unsigned char *p;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		p = secmem_malloc(sizes[i]);
		assert_non_null(p);
		memset(p, 'S', sizes[i]);
		whole = malloc_usable_size(p);
		assert_true(whole >= sizes[i]);
		forget(NULL);
		secmem_free(p);
		assert_ptr_equal(wiped.p, p);
		assert_int_equal(wiped.n, whole);
		assert_int_equal(wiped.calls, 1);
	}
}

static void test_free_allows_null(void **state)
{
	(void)state;
	secmem_free(NULL);
	assert_int_equal(wiped.calls, 0);
}

static void test_sizes_of_zero_give_unique_pointers(void **state)
{
	void *a = secmem_malloc(0), *b = secmem_malloc(0), *c = secmem_calloc(0, 8), *d = secmem_calloc(8, 0);

	(void)state;
	assert_true(a != NULL && b != NULL && c != NULL && d != NULL);
	assert_true(a != b && c != d);
	a = secmem_realloc(a, 0);
	assert_non_null(a);
	secmem_free(a);
	secmem_free(b);
	secmem_free(c);
	secmem_free(d);
}

static void test_calloc_zeroes_and_checks_for_overflow(void **state)
{
	static const unsigned char zeros[300];
	volatile size_t huge = SIZE_MAX;
	unsigned char *p;
	int round;

	(void)state;
	for (round = 0; round < 3; round++) {
		p = secmem_malloc(sizeof(zeros));
		assert_non_null(p);
		memset(p, 0xff, sizeof(zeros));
		free(p); /* this one is not wiped, so that the next block may get its bytes */
		p = secmem_calloc(3, sizeof(zeros) / 3);
		assert_non_null(p);
		assert_memory_equal(p, zeros, sizeof(zeros));
		free(p);
	}
	errno = 0;
	assert_null(secmem_calloc(huge / 2, 3));
	assert_int_equal(errno, ENOMEM);
	assert_null(secmem_calloc(3, huge / 2));
	assert_null(secmem_calloc(huge / 16 + 2, 16)); /* the product wraps around to 16 */
}

static void test_strings_are_copied(void **state)
{
	volatile size_t huge = SIZE_MAX;
	char *s;

	(void)state;
	s = secmem_strdup("");
	assert_string_equal(s, "");
	secmem_free(s);
	s = secmem_strdup("role");
	assert_string_equal(s, "role");
	secmem_free(s);
	s = secmem_strndup("role-id", 4);
	assert_string_equal(s, "role");
	secmem_free(s);
	s = secmem_strndup("a\0b", 3);
	assert_memory_equal(s, "a\0b", 4);
	secmem_free(s);
	s = secmem_strndup(NULL, 0);
	assert_string_equal(s, "");
	secmem_free(s);
	assert_null(secmem_strndup("x", huge));
}

static void test_growing_moves_and_wipes_the_old_block(void **state)
{
	unsigned char *p = secmem_malloc(100), *q;
	size_t whole, i;

	(void)state;
	assert_non_null(p);
	memset(p, 'S', 100);
	whole = malloc_usable_size(p);
	q = secmem_realloc(p, whole + 1);
	assert_non_null(q);
	assert_true(q != p);
	for (i = 0; i < 100; i++)
		assert_int_equal(q[i], 'S');
	assert_ptr_equal(wiped.p, p);
	assert_int_equal(wiped.n, whole);
	secmem_free(q);
}

static void test_shrinking_a_little_wipes_the_tail_in_place(void **state)
{
	unsigned char *p = secmem_malloc(100), *q;
	size_t whole, i;

	(void)state;
	assert_non_null(p);
	memset(p, 'S', 100);
	whole = malloc_usable_size(p);
	q = secmem_realloc(p, 80);
	assert_ptr_equal(q, p);
	for (i = 0; i < 80; i++)
		assert_int_equal(q[i], 'S');
	for (i = 80; i < whole && i < 100; i++)
		assert_int_equal(q[i], 0);
	assert_ptr_equal(wiped.p, p + 80);
	assert_int_equal(wiped.n, whole - 80);
	secmem_free(q);
}

static void test_shrinking_a_lot_gives_memory_back(void **state)
{
	unsigned char *p = secmem_malloc(100000), *q;
	size_t whole, i;

	(void)state;
	assert_non_null(p);
	memset(p, 'S', 100000);
	whole = malloc_usable_size(p);
	q = secmem_realloc(p, 50);
	assert_non_null(q);
	assert_true(malloc_usable_size(q) < 1000);
	for (i = 0; i < 50; i++)
		assert_int_equal(q[i], 'S');
	assert_ptr_equal(wiped.p, p);
	assert_int_equal(wiped.n, whole);
	secmem_free(q);
}

static void test_realloc_of_null_allocates(void **state)
{
	unsigned char *p = secmem_realloc(NULL, 10);

	(void)state;
	assert_non_null(p);
	memset(p, 1, 10);
	secmem_free(p);
}

/* Too large a size is refused by malloc; under a sanitizer that ends the program unless it is told otherwise. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return __asan_default_options();
}

static void test_a_failed_realloc_leaves_the_block_alone(void **state)
{
	unsigned char *p = secmem_malloc(100);
	volatile size_t huge = SIZE_MAX / 2;
	size_t i;

	(void)state;
	assert_non_null(p);
	memset(p, 'S', 100);
	assert_null(secmem_realloc(p, huge));
	assert_int_equal(wiped.calls, 0);
	for (i = 0; i < 100; i++)
		assert_int_equal(p[i], 'S');
	secmem_free(p);
}

static void test_wipe_overwrites_just_what_it_is_told(void **state)
{
	unsigned char bytes[] = "abcdef";

	(void)state;
	secmem_wipe(bytes + 1, 3);
	assert_memory_equal(bytes, "a\0\0\0ef", 6);
	secmem_wipe(NULL, 0);
	assert_int_equal(wiped.calls, 1);
}

/* A block is filled to its end before each change, so that a valgrind or ASan run sees any step beyond it. */
static void test_a_long_series_of_reallocs_keeps_the_content(void **state)
{
	unsigned char *p = NULL, *q;
	uint32_t random = 12345;
	size_t have = 0, size, i;
	int round;

	(void)state;
	for (round = 0; round < 3000; round++) {
		random = random * 1664525 + 1013904223;
		size = 1 + (random >> 8) % 3000;
		q = secmem_realloc(p, size);
		assert_non_null(q);
		for (i = 0; i < size && i < have; i++)
			if (q[i] != (unsigned char)(i * 7 + 1))
				fail_msg("byte %zu of %zu changed in round %d", i, have, round);
		for (; i < size; i++)
			q[i] = (unsigned char)(i * 7 + 1);
		p = q;
		have = size;
	}
	secmem_free(p);
}

#define TEST(f) cmocka_unit_test_setup(f, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_free_wipes_the_whole_block),
		TEST(test_free_allows_null),
		TEST(test_sizes_of_zero_give_unique_pointers),
		TEST(test_calloc_zeroes_and_checks_for_overflow),
		TEST(test_strings_are_copied),
		TEST(test_growing_moves_and_wipes_the_old_block),
		TEST(test_shrinking_a_little_wipes_the_tail_in_place),
		TEST(test_shrinking_a_lot_gives_memory_back),
		TEST(test_realloc_of_null_allocates),
		TEST(test_a_failed_realloc_leaves_the_block_alone),
		TEST(test_wipe_overwrites_just_what_it_is_told),
		TEST(test_a_long_series_of_reallocs_keeps_the_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
