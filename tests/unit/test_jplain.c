/*
 * Whatever stands out in a string is found where it is, however many bytes are looked at together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/jplain.h"

#define LONGEST 170 /* two of the largest steps, and some of the others before and after them */

static bool is_plain(int byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* Makes a text that ends where its allocation does, so that ASan and valgrind see any read beyond it. */
static char *text_of(size_t len, int byte)
{
	char *text = malloc(len > 0 ? len : 1);

	assert_non_null(text);
	memset(text, byte, len);
	return text;
}

static void test_each_byte_is_judged_rightly(void **state)
{
	static const size_t lengths[] = { 1, 8, 16, 64, 100 };

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			char *text = text_of(lengths[i], byte);
			const char *end = text + lengths[i];

			assert_ptr_equal(jplain_skip(text, end), is_plain(byte) ? end : text);
			free(text);
		}
	}
}

/*
 * Puts the byte between bytes that would show a mistake in the word's arithmetic: those after it would be marked
 * by a borrow from it, those before it are closest to being marked.
 */
static void check_at(char *text, size_t len, size_t at, int byte)
{
	static const char after[] = { ' ', '!', '#', ']', '[', '\x7f', '"', '\\', '\x01', '\xff' };

	for (size_t i = 0; i < sizeof(after); i++) {
		memset(text, after[i % 6], at);
		text[at] = (char)byte;
		memset(text + at + 1, after[i], len - at - 1);
		assert_ptr_equal(jplain_skip(text, text + len), text + at);
	}
}

static void test_the_first_that_stands_out_is_found_at_every_place(void **state)
{
	static const unsigned char odd[] = { 0, 1, 0x1f, '"', '\\', 0x80, 0xa2, 0xdc, 0xff };

	(void)state;
	for (size_t len = 1; len <= LONGEST; len++) {
		char *text = text_of(len, 'x');

		for (size_t at = 0; at < len; at++)
			for (size_t i = 0; i < sizeof(odd); i++)
				check_at(text, len, at, odd[i]);
		free(text);
	}
}

static void test_nothing_is_read_beyond_the_end(void **state)
{
	(void)state;
	for (size_t len = 0; len <= LONGEST; len++) {
		char *text = text_of(len, '~');

		assert_ptr_equal(jplain_skip(text, text + len), text + len);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_byte_is_judged_rightly),
		cmocka_unit_test(test_the_first_that_stands_out_is_found_at_every_place),
		cmocka_unit_test(test_nothing_is_read_beyond_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
