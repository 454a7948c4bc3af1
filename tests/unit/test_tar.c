/*
 * Headers and extended records of tar archives: the plainest kind is read, all else refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/tar.h"
#include "tests/unit/snapshot_maker.h"

static enum tar_status parse(const unsigned char block[TAR_BLOCK], struct tar_header *ret)
{
	unsigned char *copy = malloc(TAR_BLOCK); /* an exact copy, for the sanitizer to see a read beyond it */
	enum tar_status status;

	assert_non_null(copy);
	memcpy(copy, block, TAR_BLOCK);
	status = tar_header_parse(copy, ret);
	free(copy);
	return status;
}

/* Puts text into a field of a good header, fills the rest of the field with that byte, and makes the sum right. */
static enum tar_status parse_with(size_t at, size_t size, const char *text, unsigned char fill,
    struct tar_header *ret)
{
	unsigned char block[TAR_BLOCK];

	maker_header(block, "state.bin", '0', 5);
	memset(block + at, fill, size);
	memcpy(block + at, text, strlen(text));
	maker_sum(block);
	return parse(block, ret);
}

static void test_a_header_as_go_writes_it_is_read(void **state)
{
	unsigned char block[TAR_BLOCK];
	struct tar_header h;

	(void)state;
	maker_header(block, "SHA256SUMS.sealed", '0', 0777);
	assert_int_equal(parse(block, &h), TAR_OK);
	assert_string_equal(h.name, "SHA256SUMS.sealed");
	assert_int_equal(h.type, TAR_FILE);
	assert_int_equal(h.size, 0777);
	maker_header(block, "PaxHeaders.0/state.bin", 'x', 20);
	assert_int_equal(parse(block, &h), TAR_OK);
	assert_int_equal(h.type, TAR_RECORDS);
}

static void test_a_block_of_zeros_is_no_header(void **state)
{
	unsigned char block[TAR_BLOCK] = { 0 };
	struct tar_header h;

	(void)state;
	assert_int_equal(parse(block, &h), TAR_ZEROS);
	block[TAR_BLOCK - 1] = 1;
	assert_int_equal(parse(block, &h), TAR_NONE);
}

static void test_a_file_of_before_posix_is_a_file_and_nothing_else_is(void **state)
{
	char type[2] = "";
	struct tar_header h;
	int c;

	(void)state;
	for (c = 0; c < 256; c++) {
		type[0] = (char)c;
		assert_int_equal(parse_with(156, 1, type, 0, &h),
		    c == 0 || c == '0' || c == 'x' ? TAR_OK : TAR_ODD);
		if (c == 0)
			assert_int_equal(h.type, TAR_FILE);
	}
}

static void test_every_bit_of_a_header_is_in_its_sum(void **state)
{
	unsigned char block[TAR_BLOCK];
	struct tar_header h;
	size_t i;
	int bit;

	(void)state;
	maker_header(block, "state.bin", '0', 5);
	for (i = 0; i < TAR_BLOCK; i++)
		for (bit = 0; bit < 8; bit++) {
			block[i] ^= (unsigned char)(1 << bit);
			/* The field of the sum ends with a NUL and a blank, and each of them may be either. */
			if (i >= 154 && i <= 155 && (block[i] == '\0' || block[i] == ' '))
				assert_int_equal(parse(block, &h), TAR_OK);
			else
				assert_int_not_equal(parse(block, &h), TAR_OK);
			block[i] ^= (unsigned char)(1 << bit);
		}
}

static void test_only_the_magic_of_posix_will_do(void **state)
{
	struct tar_header h;

	(void)state;
	assert_int_equal(parse_with(257, 5, "USTAR", 0, &h), TAR_NONE);
	assert_int_equal(parse_with(257, 8, "ustar  ", 0, &h), TAR_NONE); /* GNU */
	assert_int_equal(parse_with(257, 8, "ustar", 0, &h), TAR_NONE);   /* no version */
	assert_int_equal(parse_with(263, 2, "01", 0, &h), TAR_NONE);
	assert_int_equal(parse_with(257, 8, "", 0, &h), TAR_NONE);   /* Unix V7 */
	assert_int_equal(parse_with(508, 4, "tar", 0, &h), TAR_ODD); /* star */
}

static void test_a_prefix_belongs_to_the_name_and_is_refused(void **state)
{
	struct tar_header h;

	(void)state;
	assert_int_equal(parse_with(345, 155, "dir", 0, &h), TAR_ODD);
	assert_int_equal(parse_with(345, 155, "", 0, &h), TAR_OK);
	assert_int_equal(parse_with(499, 1, "x", 0, &h), TAR_ODD);
	assert_int_equal(parse_with(500, 12, "x", 0, &h), TAR_ODD);
}

static void test_a_name_may_fill_its_field_and_nothing_hides_behind_it(void **state)
{
	char longest[101];
	struct tar_header h;

	(void)state;
	memset(longest, 'n', 100);
	longest[100] = '\0';
	assert_int_equal(parse_with(0, 100, longest, 0, &h), TAR_OK);
	assert_string_equal(h.name, longest);
	assert_int_equal(parse_with(99, 1, "n", 0, &h), TAR_ODD);
	assert_int_equal(parse_with(0, 100, "state.bin", ' ', &h), TAR_OK);
	assert_int_not_equal(strcmp(h.name, "state.bin"), 0);
}

static void test_sizes_are_octal_digits_and_their_end(void **state)
{
	static const struct {
		const char *text;
		unsigned char fill;
		enum tar_status status;
		uint64_t size;
	} sizes[] = {
		{ "00000000000", 0, TAR_OK, 0 },
		{ "77777777777", 0, TAR_OK, (8ull << 30) - 1 },
		{ "777777777777", 0, TAR_OK, (64ull << 30) - 1 },
		{ "17", 0, TAR_OK, 15 },
		{ "17", ' ', TAR_OK, 15 },
		{ "", 0, TAR_ODD, 0 },
		{ "", ' ', TAR_ODD, 0 },
		{ " 17", 0, TAR_ODD, 0 },
		{ "-1", 0, TAR_ODD, 0 },
		{ "+1", 0, TAR_ODD, 0 },
		{ "0x1", 0, TAR_ODD, 0 },
		{ "18", 0, TAR_ODD, 0 },
		{ "1 7", 0, TAR_ODD, 0 },
		{ "1", '8', TAR_ODD, 0 },
		{ "\x80", 0, TAR_ODD, 0 }, /* GNU's binary numbers */
		{ "\x80", 0xff, TAR_ODD, 0 },
		{ "\xff", 0xff, TAR_ODD, 0 },
	};
	struct tar_header h;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(parse_with(124, 12, sizes[i].text, sizes[i].fill, &h), sizes[i].status);
		if (sizes[i].status == TAR_OK)
			assert_true(h.size == sizes[i].size);
	}
	assert_int_equal(parse_with(124, 12,
			     "1\0"
			     "7",
			     0, &h),
	    TAR_OK);
	assert_int_equal(h.size, 1);
	assert_int_equal(parse_with(126, 10, "7", 0, &h), TAR_OK);
	assert_int_equal(h.size, 7);
	assert_int_equal(parse_with(125, 1, "", 0, &h), TAR_ODD); /* a NUL among the digits */
}

#define NONE UINT64_MAX

static bool records(const char *text, size_t n, uint64_t *size)
{
	unsigned char *copy = malloc(n > 0 ? n : 1);
	bool good;

	assert_non_null(copy);
	memcpy(copy, text, n);
	*size = NONE;
	good = tar_records_parse(copy, n, size);
	free(copy);
	return good;
}

static bool record(const char *key, const char *value, uint64_t *size)
{
	char text[1024] = "";

	maker_record(text, key, value);
	return records(text, strlen(text), size);
}

static void test_records_of_a_size_and_of_times_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
	} good[] = {
		{ "", NONE },
		{ "19 size=8589934592\n", 8ull << 30 },
		{ "9 size=0\n", 0 },
		{ "28 size=9223372036854775807\n", INT64_MAX },
		{ "30 mtime=1700000000.123456789\n", NONE },
		{ "11 mtime=1\n", NONE },
		{ "13 atime=-.5\n11 ctime=7\n9 size=3\n11 mtime=1\n", 3 },
		{ "012 size=12\n", 12 }, /* zeros before a number count */
		{ "012 size=07\n", 7 },
	};
	uint64_t size;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!records(good[i].text, strlen(good[i].text), &size))
			fail_msg("refused: %s", good[i].text);
		assert_true(size == good[i].size);
	}
}

static void test_records_of_a_wrong_length_are_refused(void **state)
{
	static const char *const bad[] = { "18 size=8589934592\n", "20 size=8589934592\n", "9size=1\n",
		"10size=1\n", " 9 size=1\n", "+9 size=1\n", "-9 size=1\n", "size=1\n", "0 size=1\n", "1 size=1\n",
		"2\n", "3 \n", "2 size=1\n", "99999999999999999999 size=1\n", "9223372036854775807 size=1\n",
		"18446744073709551625 size=1\n", "9\tsize=1\n", "9 size=1", "9 size=12", "9", "9 ", "\n",
		"9 size=1\n\n", "9 size=1\n11 mtime=1", "9 size=1\nx" };
	uint64_t size;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (records(bad[i], strlen(bad[i]), &size))
			fail_msg("taken: %s", bad[i]);
}

static void test_other_records_are_refused(void **state)
{
	static const char *const keys[] = { "path", "linkpath", "uid", "gid", "uname", "gname", "charset",
		"comment", "hdrcharset", "GNU.sparse.size", "GNU.sparse.major", "GNU.sparse.realsize",
		"SCHILY.xattr.user.x", "Size", "SIZE", "siz", "size2", " size", "size ", "", "m", "mtime2",
		"xmtime" };
	uint64_t size;
	size_t i;

	(void)state;
	assert_true(record("size", "1", &size));
	assert_true(record("mtime", "1", &size));
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (record(keys[i], "1", &size))
			fail_msg("taken: %s", keys[i]);
	assert_false(records("8 size1\n", 8, &size));
	assert_false(records("9 size:1\n", 9, &size));
	assert_false(records("11 mtime=1\n12 path=a/b\n", 23, &size));
}

static void test_sizes_and_times_that_are_none_are_refused(void **state)
{
	static const char *const sizes[] = { "", "-1", "+1", " 1", "1 ", "0x1", "1.0", "1e3", "1=1", "1\n",
		"9223372036854775808", "18446744073709551616", "184467440737095516160" };
	static const char *const times[] = { "", "x", "1 ", " 1", "1e9", "+1", "1\n" };
	uint64_t size;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (record("size", sizes[i], &size))
			fail_msg("taken: size=%s", sizes[i]);
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (record("ctime", times[i], &size))
			fail_msg("taken: ctime=%s", times[i]);
	assert_false(records("9 size=1\n9 size=1\n", 18, &size));
	assert_false(records("10 size=1\0\n", 11, &size));
	assert_false(records("10 size=1\0", 10, &size));
	assert_false(records("9 size=1\n\0", 10, &size));
}

static void test_records_cut_short_anywhere_are_refused(void **state)
{
	static const char text[] = "19 size=8589934592\n30 mtime=1700000000.123456789\n";
	uint64_t size;
	size_t n;

	(void)state;
	for (n = 1; n < sizeof(text) - 1; n++)
		assert_int_equal(records(text, n, &size), n == 19);
}

static void test_padding_fills_up_the_last_block(void **state)
{
	(void)state;
	assert_int_equal(tar_padding(0), 0);
	assert_int_equal(tar_padding(1), 511);
	assert_int_equal(tar_padding(511), 1);
	assert_int_equal(tar_padding(512), 0);
	assert_int_equal(tar_padding(513), 511);
	assert_int_equal(tar_padding(INT64_MAX), 1);
}

static void test_zeros_are_told_from_anything_else(void **state)
{
	unsigned char p[40] = { 0 };
	size_t i;

	(void)state;
	assert_true(tar_all_zero(p, sizeof(p)));
	assert_true(tar_all_zero(p, 0));
	assert_true(tar_all_zero(p, 1));
	for (i = 0; i < sizeof(p); i++) {
		p[i] = 1;
		assert_false(tar_all_zero(p, sizeof(p)));
		assert_true(tar_all_zero(p, i));
		p[i] = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_header_as_go_writes_it_is_read),
		cmocka_unit_test(test_a_block_of_zeros_is_no_header),
		cmocka_unit_test(test_a_file_of_before_posix_is_a_file_and_nothing_else_is),
		cmocka_unit_test(test_every_bit_of_a_header_is_in_its_sum),
		cmocka_unit_test(test_only_the_magic_of_posix_will_do),
		cmocka_unit_test(test_a_prefix_belongs_to_the_name_and_is_refused),
		cmocka_unit_test(test_a_name_may_fill_its_field_and_nothing_hides_behind_it),
		cmocka_unit_test(test_sizes_are_octal_digits_and_their_end),
		cmocka_unit_test(test_records_of_a_size_and_of_times_are_read),
		cmocka_unit_test(test_records_of_a_wrong_length_are_refused),
		cmocka_unit_test(test_other_records_are_refused),
		cmocka_unit_test(test_sizes_and_times_that_are_none_are_refused),
		cmocka_unit_test(test_records_cut_short_anywhere_are_refused),
		cmocka_unit_test(test_padding_fills_up_the_last_block),
		cmocka_unit_test(test_zeros_are_told_from_anything_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
