/*
 * The byte buffer: what it holds, its limit, and that nothing it let go of is left in its allocation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/secmem.h"

static void assert_holds(const struct buf *b, const char *text)
{
	assert_int_equal(buf_len(b), strlen(text));
	assert_memory_equal(buf_data(b), text, strlen(text));
}

/* The allocation outside of the held bytes must not hold the letter S, of which the secrets here are made. */
static void assert_no_secret_outside(const struct buf *b)
{
	size_t i;

	for (i = 0; i < b->cap; i++)
		if ((i < b->start || i >= b->end) && b->data[i] == 'S')
			fail_msg("byte %zu of the allocation still holds a secret", i);
}

/* A buffer whose allocation was seen to be clean when it was made. */
static void init_clean(struct buf *b, size_t limit, size_t room)
{
	buf_init(b, limit);
	assert_int_equal(buf_reserve(b, room), 0);
	memset(buf_tail(b), 0, buf_room(b));
}

static void test_a_new_buffer_is_empty_and_allocates_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_len(&b), 0);
	assert_null(b.data);
	assert_null(buf_data(&b));
	assert_null(buf_tail(&b));
	assert_int_equal(buf_room(&b), 0);
	assert_int_equal(buf_reserve(&b, 0), 0);
	assert_int_equal(buf_put(&b, NULL, 0), 0);
	buf_consume(&b, 0);
	buf_truncate(&b, 0);
	buf_free(&b);
}

static void test_appends_are_held_in_order(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(buf_put(&b, "ab", 2), 0);
	assert_int_equal(buf_puts(&b, "cd"), 0);
	assert_int_equal(buf_printf(&b, "-%d-%s", 7, "x"), 0);
	assert_int_equal(buf_puts(&b, ""), 0);
	assert_holds(&b, "abcd-7-x");
	buf_consume(&b, 3);
	assert_holds(&b, "d-7-x");
	buf_truncate(&b, 2);
	assert_holds(&b, "d-");
	buf_free(&b);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(buf_puts(&b, "again"), 0);
	assert_holds(&b, "again");
	buf_free(&b);
}

static void test_reserve_and_commit_take_bytes_written_in_place(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(buf_reserve(&b, 5), 0);
	assert_true(buf_room(&b) >= 5);
	memcpy(buf_tail(&b), "hello", 5);
	assert_int_equal(buf_len(&b), 0);
	buf_commit(&b, 5);
	assert_holds(&b, "hello");
	assert_ptr_equal(buf_tail(&b), buf_data(&b) + 5);
	buf_free(&b);
}

static void test_the_limit_is_met_exactly(void **state)
{
	size_t limit, n;
	struct buf b;

	(void)state;
	for (limit = 0; limit < 700; limit += 7) {
		buf_init(&b, limit);
		for (n = 0; n < limit; n++)
			assert_int_equal(buf_put(&b, "x", 1), 0);
		assert_int_equal(buf_put(&b, "y", 1), -1);
		assert_int_equal(buf_reserve(&b, 1), -1);
		assert_int_equal(buf_reserve(&b, SIZE_MAX), -1);
		assert_int_equal(buf_printf(&b, "%c", 'y'), -1);
		assert_int_equal(buf_len(&b), limit);
		assert_int_equal(buf_room(&b), 0);
		assert_true(b.cap <= limit);
		if (limit > 0) {
			assert_null(memchr(buf_data(&b), 'y', buf_len(&b)));
			buf_consume(&b, 1);
			assert_int_equal(buf_printf(&b, "%c", 'y'), 0);
			assert_int_equal(buf_put(&b, "y", 1), -1);
		}
		buf_free(&b);
	}
}

static void test_a_failed_append_changes_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(buf_puts(&b, "1234567"), 0);
	assert_int_equal(buf_puts(&b, "abcd"), -1);
	assert_int_equal(buf_printf(&b, "%s", "abcd"), -1);
	assert_int_equal(buf_put(&b, "x", SIZE_MAX - 3), -1);
	assert_holds(&b, "1234567");
	assert_int_equal(buf_puts(&b, "890"), 0);
	assert_holds(&b, "1234567890");
	buf_free(&b);
}

static void test_printf_of_any_length_is_whole(void **state)
{
	char text[2000];
	struct buf b;
	size_t n;

	(void)state;
	memset(text, 'p', sizeof(text));
	for (n = 0; n < sizeof(text); n += 13) {
		text[n] = '\0';
		buf_init(&b, n);
		assert_int_equal(buf_printf(&b, "%s", text), 0);
		assert_holds(&b, text);
		buf_free(&b);
		text[n] = 'p';
	}
}

static void test_consumed_bytes_are_wiped(void **state)
{
	struct buf b;
	size_t i;

	(void)state;
	init_clean(&b, 1000, 100);
	assert_int_equal(buf_puts(&b, "SSSSSSSSSSrest"), 0);
	buf_consume(&b, 10);
	assert_int_equal(b.start, 10);
	for (i = 0; i < 10; i++)
		assert_int_equal(b.data[i], 0);
	assert_holds(&b, "rest");
	buf_free(&b);
}

static void test_truncated_bytes_are_wiped(void **state)
{
	struct buf b;

	(void)state;
	init_clean(&b, 1000, 100);
	assert_int_equal(buf_puts(&b, "keepSSSSSS"), 0);
	buf_truncate(&b, 4);
	assert_holds(&b, "keep");
	assert_no_secret_outside(&b);
	buf_free(&b);
}

static void test_an_emptied_buffer_starts_over_in_its_allocation(void **state)
{
	unsigned char *data;
	struct buf b;

	(void)state;
	init_clean(&b, 1000, 100);
	data = b.data;
	assert_int_equal(buf_puts(&b, "SSSS"), 0);
	buf_consume(&b, 4);
	assert_int_equal(b.start, 0);
	assert_int_equal(b.end, 0);
	assert_int_equal(buf_puts(&b, "SSSS"), 0);
	buf_consume(&b, 1);
	buf_truncate(&b, 0);
	assert_int_equal(b.start, 0);
	assert_ptr_equal(b.data, data);
	assert_no_secret_outside(&b);
	buf_free(&b);
}

/* The held bytes overlap their new place (less was consumed than is held), or they do not. */
static void test_moving_to_the_front_wipes_what_was_vacated(void **state)
{
	static const size_t consumed[] = { 1, 30, 49, 50, 51, 70, 99 };
	struct buf b;
	size_t i, held;

	(void)state;
	for (i = 0; i < sizeof(consumed) / sizeof(consumed[0]); i++) {
		init_clean(&b, 100, 100);
		memset(buf_tail(&b), 'S', 100);
		buf_commit(&b, 100);
		held = 100 - consumed[i];
		buf_consume(&b, consumed[i]);
		assert_int_equal(buf_reserve(&b, consumed[i]), 0);
		assert_int_equal(b.start, 0);
		assert_int_equal(buf_len(&b), held);
		assert_int_equal(buf_data(&b)[0], 'S');
		assert_int_equal(buf_data(&b)[held - 1], 'S');
		assert_no_secret_outside(&b);
		buf_free(&b);
	}
}

static void test_growth_doubles_up_to_the_limit(void **state)
{
	size_t cap = 0, n;
	struct buf b;
	int grown = 0;

	(void)state;
	buf_init(&b, 100000);
	for (n = 0; n < 100000; n++) {
		assert_int_equal(buf_put(&b, "x", 1), 0);
		if (b.cap != cap)
			grown++;
		cap = b.cap;
	}
	assert_true(grown <= 11);
	assert_int_equal(b.cap, 100000);
	buf_free(&b);
}

static void test_a_nearly_full_buffer_is_not_moved_for_every_byte(void **state)
{
	struct buf b;
	int moved = 0, i;

	(void)state;
	buf_init(&b, 10000000);
	while (buf_len(&b) < 1000000)
		assert_int_equal(buf_put(&b, "0123456789", 10), 0);
	while (buf_room(&b) >= 10)
		assert_int_equal(buf_put(&b, "0123456789", 10), 0);
	for (i = 0; i < 1000; i++) {
		buf_consume(&b, 10);
		assert_int_equal(buf_put(&b, "0123456789", 10), 0);
		moved += b.start == 0;
	}
	assert_true(moved <= 2);
	buf_free(&b);
}

static void test_move_hands_content_and_limit_over(void **state)
{
	struct buf from, to;
	unsigned char *data;

	(void)state;
	buf_init(&from, 50);
	buf_init(&to, 9);
	assert_int_equal(buf_puts(&from, "xcontent"), 0);
	buf_consume(&from, 1);
	assert_int_equal(buf_puts(&to, "old"), 0);
	data = from.data;
	buf_move(&to, &from);
	assert_holds(&to, "content");
	assert_ptr_equal(to.data, data);
	assert_int_equal(to.limit, 50);
	assert_null(from.data);
	assert_int_equal(buf_len(&from), 0);
	assert_int_equal(buf_puts(&from, "new"), 0);
	buf_move(&to, &to);
	assert_holds(&to, "content");
	buf_free(&from);
	buf_free(&to);
}

/*
 * The model is a plain array: in whatever order the functions are called, the buffer holds what the array holds.
 */
static void test_random_calls_agree_with_a_plain_array(void **state)
{
	enum { LIMIT = 3000 };
	static unsigned char model[LIMIT], block[LIMIT];
	uint32_t random = 4711;
	size_t held = 0, n, k;
	struct buf b;
	int i, r;

	(void)state;
	buf_init(&b, LIMIT);
	for (i = 0; i < 200000; i++) {
		random = random * 1664525 + 1013904223;
		n = (random >> 8) % (i % 1000 < 500 ? 60 : 1500);
		switch (random >> 29) {
		case 0:
		case 1:
		case 2:
		case 3:
			memset(block, (int)(random >> 16 & 0xff), n);
			r = buf_put(&b, block, n);
			assert_int_equal(r, n > LIMIT - held ? -1 : 0);
			if (r == 0) {
				memcpy(model + held, block, n);
				held += n;
			}
			break;
		case 4:
			n = n < held ? n : held;
			buf_truncate(&b, held - n);
			held -= n;
			break;
		default:
			n = n < held ? n : held;
			buf_consume(&b, n);
			held -= n;
			for (k = 0; k < held; k++)
				model[k] = model[k + n];
			break;
		}
		assert_int_equal(buf_len(&b), held);
		if (held > 0 && memcmp(buf_data(&b), model, held) != 0)
			fail_msg("content differs after call %d", i);
	}
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_buffer_is_empty_and_allocates_nothing),
		cmocka_unit_test(test_appends_are_held_in_order),
		cmocka_unit_test(test_reserve_and_commit_take_bytes_written_in_place),
		cmocka_unit_test(test_the_limit_is_met_exactly),
		cmocka_unit_test(test_a_failed_append_changes_nothing),
		cmocka_unit_test(test_printf_of_any_length_is_whole),
		cmocka_unit_test(test_consumed_bytes_are_wiped),
		cmocka_unit_test(test_truncated_bytes_are_wiped),
		cmocka_unit_test(test_an_emptied_buffer_starts_over_in_its_allocation),
		cmocka_unit_test(test_moving_to_the_front_wipes_what_was_vacated),
		cmocka_unit_test(test_growth_doubles_up_to_the_limit),
		cmocka_unit_test(test_a_nearly_full_buffer_is_not_moved_for_every_byte),
		cmocka_unit_test(test_move_hands_content_and_limit_over),
		cmocka_unit_test(test_random_calls_agree_with_a_plain_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
