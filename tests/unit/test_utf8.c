/*
 * UTF-8, against a decoder that works the long way round: put the bits together, then look at the number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/utf8.h"

static size_t reference(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len, i;
	uint32_t point;

	if (p[0] < 0x80)
		return 1;
	for (len = 2; len <= 4; len++)
		if ((unsigned)p[0] >> (7 - len) == (0xffu >> (7 - len)) - 1)
			break;
	if (len > 4 || len > n)
		return 0;
	point = p[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		point = point << 6 | (p[i] & 0x3fu);
	}
	return point < least[len] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? 0 : len;
}

static void compare(const unsigned char *bytes, size_t n)
{
	size_t len = utf8_sequence((const char *)bytes, n);

	if (len != reference(bytes, n))
		fail_msg("%02x %02x %02x %02x: %zu of %zu", bytes[0], bytes[1], bytes[2], bytes[3], len, n);
}

static void test_all_sequences_of_three_bytes_and_less(void **state)
{
	unsigned char bytes[4] = { 0 };
	unsigned i;

	(void)state;
	for (i = 0; i < 1u << 24; i++) {
		bytes[0] = (unsigned char)(i >> 16);
		bytes[1] = (unsigned char)(i >> 8 & 0xff);
		bytes[2] = (unsigned char)(i & 0xff);
		compare(bytes, 3);
		if (bytes[2] == 0)
			compare(bytes, 2);
		if (bytes[2] == 0 && bytes[1] == 0)
			compare(bytes, 1);
	}
}

/*
 * The first two bytes take all values; the others take those at the edges of the range that continues a character.
 */
static void test_sequences_of_four_bytes(void **state)
{
	static const unsigned char edges[] = { 0x00, 0x22, 0x7f, 0x80, 0x81, 0xbf, 0xc0, 0xff };
	unsigned char bytes[4];
	unsigned first, third, fourth;

	(void)state;
	for (first = 0; first < 1u << 16; first++)
		for (third = 0; third < sizeof(edges); third++)
			for (fourth = 0; fourth < sizeof(edges); fourth++) {
				bytes[0] = (unsigned char)(first >> 8);
				bytes[1] = (unsigned char)(first & 0xff);
				bytes[2] = edges[third];
				bytes[3] = edges[fourth];
				compare(bytes, 4);
			}
}

static void test_every_code_point_is_written_as_it_is_read(void **state)
{
	char out[4];
	uint32_t point;
	size_t len;

	(void)state;
	for (point = 0; point <= 0x10ffff; point++) {
		if (point == 0xd800)
			point = 0xe000;
		len = utf8_encode(point, out);
		if (len != reference((const unsigned char *)out, 4) || utf8_sequence(out, len) != len)
			fail_msg("U+%04X", point);
	}
	assert_int_equal(utf8_encode(0x20ac, out), 3);
	assert_memory_equal(out, "\xe2\x82\xac", 3);
	assert_int_equal(utf8_encode(0x1f511, out), 4);
	assert_memory_equal(out, "\xf0\x9f\x94\x91", 4);
}

static void test_texts_are_valid_or_not_as_a_whole(void **state)
{
	(void)state;
	assert_true(utf8_valid("", 0));
	assert_true(utf8_valid("a\0b", 3));
	assert_true(utf8_valid("gr\xc3\xbc\xc3\x9f", 6));
	assert_false(utf8_valid("gr\xc3\xbc\xc3", 5));
	assert_false(utf8_valid("\xff", 1));
	assert_false(utf8_valid("ok\x80", 3));
}

static void test_only_a_character_cut_off_at_the_end_is_trimmed(void **state)
{
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91"; /* 1, 2, 3 and 4 bytes */
	static const size_t trimmed[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10 };
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(trimmed) / sizeof(trimmed[0]); n++)
		assert_int_equal(utf8_trim(text, n), trimmed[n]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_sequences_of_three_bytes_and_less),
		cmocka_unit_test(test_sequences_of_four_bytes),
		cmocka_unit_test(test_every_code_point_is_written_as_it_is_read),
		cmocka_unit_test(test_texts_are_valid_or_not_as_a_whole),
		cmocka_unit_test(test_only_a_character_cut_off_at_the_end_is_trimmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
