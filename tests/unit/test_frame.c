/*
 * Frames: they are found in whatever pieces they come, and refused as early as possible.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/frame.h"

/* Parses a copy that is no larger than its n bytes, so that ASan and valgrind see any read beyond them. */
static enum frame_status parse(const void *bytes, size_t n, size_t limit, struct frame *ret, size_t *body_at)
{
	unsigned char *copy = malloc(n > 0 ? n : 1);
	enum frame_status status;

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	memset(ret, 0x55, sizeof(*ret));
	status = frame_parse(copy + (n > 0 ? 0 : 1), n, limit, ret);
	*body_at = status == FRAME_OK ? (size_t)(ret->body - copy) : 0;
	free(copy);
	return status;
}

static void test_a_whole_frame_is_found(void **state)
{
	struct frame f;
	size_t at;

	(void)state;
	assert_int_equal(parse("\0\0\0\2{}", 6, 100, &f, &at), FRAME_OK);
	assert_int_equal(f.kind, FRAME_JSON);
	assert_int_equal(f.len, 2);
	assert_int_equal(at, 4);
	assert_int_equal(parse("\1\0\0\3abcdef", 10, 100, &f, &at), FRAME_OK);
	assert_int_equal(f.kind, FRAME_DATA);
	assert_int_equal(f.len, 3);
	assert_int_equal(at, 4);
}

static void test_an_empty_frame_is_whole(void **state)
{
	struct frame f;
	size_t at;

	(void)state;
	assert_int_equal(parse("\1\0\0\0", 4, 0, &f, &at), FRAME_OK);
	assert_int_equal(f.kind, FRAME_DATA);
	assert_int_equal(f.len, 0);
	assert_int_equal(at, 4);
	assert_int_equal(parse("\0\0\0\0", 4, 100, &f, &at), FRAME_OK);
	assert_int_equal(f.kind, FRAME_JSON);
	assert_int_equal(f.len, 0);
}

static void test_every_start_of_a_frame_asks_for_more(void **state)
{
	static const char bytes[] = "\0\0\0\5hello";
	struct frame f;
	size_t n, at;

	(void)state;
	for (n = 0; n < 9; n++) {
		assert_int_equal(parse(bytes, n, 5, &f, &at), FRAME_MORE);
		if (n < FRAME_HEADER)
			continue;
		assert_int_equal(f.kind, FRAME_JSON);
		assert_int_equal(f.len, 5);
		assert_null(f.body);
	}
	assert_int_equal(parse(bytes, 9, 5, &f, &at), FRAME_OK);
}

static void test_the_length_is_big_endian_and_meets_the_limit_exactly(void **state)
{
	struct frame f;
	size_t at;

	(void)state;
	assert_int_equal(parse("\0\1\2\3", 4, 0x010203, &f, &at), FRAME_MORE);
	assert_int_equal(f.len, 0x010203);
	assert_int_equal(parse("\0\1\2\3", 4, 0x010202, &f, &at), FRAME_TOO_LARGE);
	assert_int_equal(parse("\0\xff\xff\xff", 4, FRAME_BODY_MAX, &f, &at), FRAME_MORE);
	assert_int_equal(f.len, FRAME_BODY_MAX);
	assert_int_equal(parse("\0\xff\xff\xff", 4, FRAME_BODY_MAX - 1, &f, &at), FRAME_TOO_LARGE);
	assert_int_equal(parse("\1\0\0\1", 4, 0, &f, &at), FRAME_TOO_LARGE);
}

static void test_too_large_shows_with_the_first_byte_that_tells(void **state)
{
	struct frame f;
	size_t at;

	(void)state;
	assert_int_equal(parse("\0\x20", 2, 0x100000, &f, &at), FRAME_TOO_LARGE);
	assert_int_equal(parse("\0\x10", 2, 0x100000, &f, &at), FRAME_MORE);
	assert_int_equal(parse("\0\x10\1", 3, 0x100000, &f, &at), FRAME_TOO_LARGE);
	assert_int_equal(parse("\0\x10\0", 3, 0x100000, &f, &at), FRAME_MORE);
}

static void test_every_other_kind_is_bad_from_its_first_byte(void **state)
{
	unsigned char bytes[] = { 0, 0, 0, 1, 'x' };
	struct frame f;
	size_t at, n;
	int kind;

	(void)state;
	for (kind = 2; kind < 256; kind++)
		for (n = 1; n <= sizeof(bytes); n++) {
			bytes[0] = (unsigned char)kind;
			assert_int_equal(parse(bytes, n, 100, &f, &at), FRAME_BAD_KIND);
		}
}

static void test_headers_are_read_as_written(void **state)
{
	static const size_t lengths[] = { 0, 1, 255, 256, 65535, 65536, 0x123456, FRAME_BODY_MAX };
	unsigned char header[FRAME_HEADER];
	struct frame f;
	size_t i, at;
	int kind;

	(void)state;
	frame_header(header, FRAME_DATA, 0x123456);
	assert_memory_equal(header, "\x01\x12\x34\x56", 4);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (kind = FRAME_JSON; kind <= FRAME_DATA; kind++) {
			frame_header(header, (enum frame_kind)kind, lengths[i]);
			parse(header, sizeof(header), FRAME_BODY_MAX, &f, &at);
			assert_int_equal(f.kind, kind);
			assert_int_equal(f.len, lengths[i]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_frame_is_found),
		cmocka_unit_test(test_an_empty_frame_is_whole),
		cmocka_unit_test(test_every_start_of_a_frame_asks_for_more),
		cmocka_unit_test(test_the_length_is_big_endian_and_meets_the_limit_exactly),
		cmocka_unit_test(test_too_large_shows_with_the_first_byte_that_tells),
		cmocka_unit_test(test_every_other_kind_is_bad_from_its_first_byte),
		cmocka_unit_test(test_headers_are_read_as_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
