/*
 * The archive of a snapshot: what is accepted, and what each thing that is not is called. All of it piece by
 * piece.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/snapshot_tar.h"
#include "tests/unit/snapshot_feed.h"
#include "tests/unit/snapshot_maker.h"

#define NO_TAR "it is compressed data, but no tar archive"
#define DAMAGED "its archive is damaged"
#define NOT_PLAIN "its archive holds more than plain files"
#define OTHER_FILES "it holds other files than a snapshot, or in another order"
#define MORE_FILES "it holds more than the four files of a snapshot"
#define NO_SUMS "SHA256SUMS does not hold the sums of meta.json and state.bin"
#define NOT_OVER "not at its end"

/* Where the blocks of fresh()'s archive are. Its state.bin has 1,000 bytes. */
enum {
	META = 0,
	META_CONTENT = 512,
	STATE = 1024,
	STATE_CONTENT = 1536,
	SUMS = 2560,
	SUMS_CONTENT = 3072,
	SEALED = 3584,
	FIRST_ZEROS = 4608,
	SECOND_ZEROS = 5120,
	ALL = 5632
};

static struct buf tar;

static unsigned char *at(size_t offset)
{
	assert_true(offset < buf_len(&tar));
	return buf_data(&tar) + offset;
}

static void empty(void)
{
	buf_free(&tar);
	buf_init(&tar, MAKER_LIMIT);
}

static void fresh(void)
{
	empty();
	maker_archive(&tar, 1000);
	assert_int_equal(buf_len(&tar), ALL);
}

/* Feeds the archive in different pieces, and expects this error. */
static void expect(const char *error)
{
	feed_expect(feed_archive(&tar, buf_len(&tar)), error);
	feed_expect(feed_archive(&tar, 1), error);
	feed_expect(feed_archive(&tar, 512), error);
	feed_expect(feed_archive(&tar, FEED_RANDOM), error);
}

/* Appends a file of a fresh archive once more: its header, content and padding. */
static void again(const struct buf *from, size_t begin, size_t end)
{
	maker_put(&tar, buf_data(from) + begin, end - begin);
}

/*
 * Makes an archive of the files of a fresh one. The letters name them: m (meta.json), s (state.bin), S
 * (SHA256SUMS), x (SHA256SUMS.sealed). Then comes the end.
 */
static void files(const char *letters)
{
	struct buf from;

	fresh();
	from = tar;
	buf_init(&tar, MAKER_LIMIT);
	for (; *letters != '\0'; letters++)
		switch (*letters) {
		case 'm':
			again(&from, META, STATE);
			break;
		case 's':
			again(&from, STATE, SUMS);
			break;
		case 'S':
			again(&from, SUMS, SEALED);
			break;
		case 'x':
			again(&from, SEALED, FIRST_ZEROS);
			break;
		case 'o':
			maker_file(&tar, "other", "content", 7);
			break;
		default:
			fail();
		}
	maker_end(&tar);
	buf_free(&from);
}

static void test_whole_archives_are_accepted(void **state)
{
	static const size_t sizes[] = { 0, 1, 511, 512, 513, 1000, 4096, 100000, 1000000 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		empty();
		maker_archive(&tar, sizes[i]);
		expect("");
	}
}

static void test_cut_short_anywhere_it_is_not_at_its_end(void **state)
{
	(void)state;
	for (fresh(); buf_len(&tar) > 0;) {
		buf_truncate(&tar, buf_len(&tar) - 1);
		feed_expect(feed_archive(&tar, buf_len(&tar)), NOT_OVER);
		feed_expect(feed_archive(&tar, FEED_RANDOM), NOT_OVER);
	}
}

static void test_more_zeros_may_follow_the_end_and_nothing_else(void **state)
{
	(void)state;
	fresh();
	maker_zeros(&tar, 1);
	expect("");
	maker_zeros(&tar, 10000);
	expect("");
	maker_put(&tar, "x", 1);
	expect("something follows the end of its archive");
}

static void test_every_byte_counts(void **state)
{
	size_t i, matters = 0;

	(void)state;
	for (fresh(), i = 0; i < ALL; i++) {
		*at(i) ^= 1;
		matters += feed_archive(&tar, ALL)[0] != '\0';
		*at(i) ^= 1;
	}
	/* OpenBao itself checks what it has sealed; here only the sum of the compression covers that. */
	assert_int_equal(matters, ALL - 192);
}

static void test_what_is_no_archive_is_called_so(void **state)
{
	(void)state;
	empty();
	maker_put(&tar, "{\"errors\":[]}\n", 14);
	expect(NOT_OVER);
	maker_noise(&tar, 1000);
	expect(NO_TAR);
	fresh();
	*at(META + 257) = 'U';
	maker_sum(at(META));
	expect(NO_TAR);
}

static void test_damaged_headers_are_found(void **state)
{
	(void)state;
	fresh();
	*at(STATE) ^= 1;
	expect(DAMAGED);
	fresh();
	*at(SEALED + 200) ^= 1;
	expect(DAMAGED);
	empty();
	maker_records(&tar, "11 mtime=1\n");
	maker_noise(&tar, MAKER_BLOCK);
	expect(DAMAGED);
}

static void test_each_missing_file_is_named(void **state)
{
	(void)state;
	files("");
	expect("it holds no meta.json");
	files("m");
	expect("it holds no state.bin");
	files("ms");
	expect("it holds no SHA256SUMS");
	files("msS");
	expect("it holds no SHA256SUMS.sealed");
}

static void test_other_files_and_another_order_are_refused(void **state)
{
	static const char *const wrong[] = { "s", "smSx", "mSsx", "msxS", "mmsSx", "mssSx", "msSSx", "mSx", "sSx",
		"msx", "omsSx", "mosSx", "moSx", "msoSx", "msSox", "o" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		files(wrong[i]);
		expect(OTHER_FILES);
	}
}

static void test_a_fifth_file_is_refused(void **state)
{
	(void)state;
	files("msSxx");
	expect(MORE_FILES);
	files("msSxo");
	expect(MORE_FILES);
	files("msSxm");
	expect(MORE_FILES);
}

static void test_names_are_compared_to_the_end(void **state)
{
	static const char *const names[] = { "meta.jso", "meta.jsonx", "./meta.json", "/meta.json", "Meta.json",
		"meta.json/", "" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fresh();
		memset(at(META), 0, 100);
		memcpy(at(META), names[i], strlen(names[i]));
		maker_sum(at(META));
		expect(OTHER_FILES);
	}
	fresh();
	memcpy(at(META + 90), "meta.json", 9); /* a second name behind the first one */
	maker_sum(at(META));
	expect(NOT_PLAIN);
	fresh();
	memcpy(at(STATE + 345), "dir", 3);
	maker_sum(at(STATE));
	expect(NOT_PLAIN);
}

static void test_anything_but_plain_files_is_refused(void **state)
{
	static const char types[] = "1234567gLKSDAXVMN\n ";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types) - 1; i++) {
		fresh();
		*at(STATE + 156) = (unsigned char)types[i];
		maker_sum(at(STATE));
		expect(NOT_PLAIN);
	}
	fresh();
	*at(STATE + 156) = '\0'; /* the type of a file before POSIX */
	maker_sum(at(STATE));
	expect("");
}

/* Makes an archive in which one small file has another size, and everything else is right. */
static void sized(const char *name, size_t n)
{
	static unsigned char content[9000];
	size_t meta_n = strcmp(name, "meta.json") == 0 ? n : 20,
	       sealed_n = strcmp(name, "SHA256SUMS.sealed") == 0 ? n : 20;
	char sums[153];

	memset(content, 'c', sizeof(content));
	maker_sums(sums, content, meta_n, "state", 5);
	empty();
	maker_file(&tar, "meta.json", content, meta_n);
	maker_file(&tar, "state.bin", "state", 5);
	if (strcmp(name, "SHA256SUMS") == 0)
		maker_file(&tar, "SHA256SUMS", content, n);
	else
		maker_file(&tar, "SHA256SUMS", sums, 152);
	maker_file(&tar, "SHA256SUMS.sealed", content, sealed_n);
	maker_end(&tar);
}

static void test_small_files_are_neither_empty_nor_of_8192_bytes(void **state)
{
	(void)state;
	sized("meta.json", 0);
	expect("meta.json is empty or too large");
	sized("meta.json", 1);
	expect("");
	sized("meta.json", 8191);
	expect("");
	sized("meta.json", 8192);
	expect("meta.json is empty or too large");
	sized("SHA256SUMS.sealed", 0);
	expect("SHA256SUMS.sealed is empty or too large");
	sized("SHA256SUMS.sealed", 1);
	expect("");
	sized("SHA256SUMS.sealed", 8191);
	expect("");
	sized("SHA256SUMS.sealed", 8192);
	expect("SHA256SUMS.sealed is empty or too large");
	sized("SHA256SUMS", 0);
	expect("SHA256SUMS is empty or too large");
	sized("SHA256SUMS", 8192);
	expect("SHA256SUMS is empty or too large");
	sized("SHA256SUMS", 8191);
	expect(NO_SUMS);
}

static void test_the_sums_are_compared(void **state)
{
	(void)state;
	fresh();
	*at(META_CONTENT) ^= 1;
	expect("meta.json does not have the sum that SHA256SUMS gives");
	fresh();
	*at(STATE_CONTENT + 999) ^= 1;
	expect("state.bin does not have the sum that SHA256SUMS gives");
	fresh();
	*at(SUMS_CONTENT) = *at(SUMS_CONTENT) == '0' ? '1' : '0';
	expect("meta.json does not have the sum that SHA256SUMS gives");
	fresh();
	*at(SUMS_CONTENT + 76 + 63) = *at(SUMS_CONTENT + 76 + 63) == 'f' ? '0' : 'f';
	expect("state.bin does not have the sum that SHA256SUMS gives");
}

static void test_the_sums_may_come_in_either_order(void **state)
{
	unsigned char line[76];

	(void)state;
	fresh();
	memcpy(line, at(SUMS_CONTENT), 76);
	memmove(at(SUMS_CONTENT), at(SUMS_CONTENT + 76), 76);
	memcpy(at(SUMS_CONTENT + 76), line, 76);
	expect("");
	memcpy(at(SUMS_CONTENT), line, 76); /* the sum of meta.json stands there twice */
	expect(NO_SUMS);
	fresh();
	memcpy(at(SUMS_CONTENT), at(SUMS_CONTENT + 76), 76); /* the sum of state.bin stands there twice */
	expect(NO_SUMS);
}

/* Expects a refusal of SHA256SUMS after text was written into it at offset. */
static void expect_no_sums(size_t offset, const char *text)
{
	fresh();
	memcpy(at(SUMS_CONTENT + offset), text, strlen(text));
	expect(NO_SUMS);
}

/* Expects a refusal of SHA256SUMS that has n bytes. Its beginning is right. */
static void expect_no_sums_of(size_t n)
{
	fresh();
	maker_header(at(SUMS), "SHA256SUMS", '0', n);
	expect(NO_SUMS);
}

static void test_the_sums_have_one_form(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 64; i++) {
		expect_no_sums(i, "g");
		expect_no_sums(76 + i, "A");
	}
	expect_no_sums(0, "0x");
	expect_no_sums(64, "\t ");
	expect_no_sums(64, " *");
	expect_no_sums(66, "meta.jsom");
	expect_no_sums(75, " ");
	expect_no_sums(151, "\r");
	expect_no_sums_of(151);
	expect_no_sums_of(153);
	expect_no_sums_of(76);
	expect_no_sums_of(1);
}

static void test_padding_is_zeros(void **state)
{
	(void)state;
	fresh();
	*at(STATE - 1) = 'x';
	expect(DAMAGED);
	fresh();
	*at(STATE_CONTENT + 1000) = 'x';
	expect(DAMAGED);
	fresh();
	*at(FIRST_ZEROS - 1) = 'x';
	expect(DAMAGED);
}

static void test_the_end_is_two_blocks_of_zeros(void **state)
{
	(void)state;
	fresh();
	*at(SECOND_ZEROS) = 'x';
	expect(DAMAGED);
	fresh();
	*at(ALL - 1) = 'x';
	expect(DAMAGED);
	fresh();
	buf_truncate(&tar, SECOND_ZEROS);
	maker_file(&tar, "other", "", 0);
	maker_end(&tar);
	expect(DAMAGED);
	fresh();
	buf_truncate(&tar, SECOND_ZEROS);
	expect(NOT_OVER);
}

/* Headers may give sizes that are not those of what follows. */
static void test_a_header_that_lies_about_its_size_is_found(void **state)
{
	(void)state;
	fresh();
	maker_header(at(STATE), "state.bin", '0', 999);
	expect(DAMAGED); /* the last byte of the content is padding then */
	*at(STATE_CONTENT + 999) = 0;
	expect("state.bin does not have the sum that SHA256SUMS gives");
	fresh();
	maker_header(at(STATE), "state.bin", '0', 1024);
	expect("state.bin does not have the sum that SHA256SUMS gives");
	fresh();
	maker_header(at(STATE), "state.bin", '0', 0);
	expect(DAMAGED);
	fresh();
	maker_header(at(STATE), "state.bin", '0', 1025); /* the content includes the header of SHA256SUMS */
	expect(DAMAGED);
	fresh();
	maker_header(at(STATE), "state.bin", '0', 1 << 20);
	expect(NOT_OVER);
	fresh();
	memset(at(STATE + 124), '7', 12); /* 64 GiB - 1 */
	maker_sum(at(STATE));
	expect(NOT_OVER);
	fresh();
	memcpy(at(STATE + 124), "\x80\0\0\0\0\0\0\0\0\0\3\xe8", 12); /* 1,000, as GNU tar writes large numbers */
	maker_sum(at(STATE));
	expect(NOT_PLAIN);
}

/* Makes an archive with these extended records before state.bin, whose header gives header_size. */
static void extended(const char *records, uint64_t header_size)
{
	struct buf from;

	fresh();
	from = tar;
	buf_init(&tar, MAKER_LIMIT);
	maker_header(buf_data(&from) + STATE, "state.bin", '0', header_size);
	again(&from, META, STATE);
	maker_records(&tar, records);
	again(&from, STATE, ALL);
	buf_free(&from);
}

static void test_an_extended_size_takes_the_place_of_the_headers(void **state)
{
	(void)state;
	extended("13 size=1000\n", 0);
	expect("");
	extended("13 size=1000\n", 1000);
	expect("");
	extended("13 size=1000\n", 7777);
	expect("");
	extended("20 mtime=1700000000\n13 size=1000\n", 0);
	expect("");
	extended("20 mtime=1700000000\n", 1000);
	expect("");
	extended("20 mtime=1700000000\n", 0);
	expect(DAMAGED);
	extended("12 size=999\n", 1000);
	expect(DAMAGED);
	extended("20 size=10000000000\n", 1000);
	expect(NOT_OVER);
	extended("28 size=9223372036854775807\n", 1000);
	expect(NOT_OVER);
}

static void test_extended_records_may_precede_any_file(void **state)
{
	struct buf from;

	(void)state;
	fresh();
	from = tar;
	buf_init(&tar, MAKER_LIMIT);
	maker_records(&tar, "11 mtime=1\n");
	again(&from, META, STATE);
	maker_records(&tar, "13 size=1000\n");
	again(&from, STATE, SUMS);
	maker_records(&tar, "12 size=152\n");
	again(&from, SUMS, SEALED);
	maker_records(&tar, "12 size=192\n");
	again(&from, SEALED, ALL);
	buf_free(&from);
	expect("");
	fresh();
	buf_truncate(&tar, FIRST_ZEROS);
	maker_records(&tar, "11 mtime=1\n"); /* but the end of the record is missing */
	maker_end(&tar);
	expect(MORE_FILES);
}

static void test_an_extended_size_is_held_to_the_same_limits(void **state)
{
	struct buf from;

	(void)state;
	fresh();
	from = tar;
	buf_init(&tar, MAKER_LIMIT);
	maker_records(&tar, "13 size=8192\n");
	again(&from, META, ALL);
	buf_free(&from);
	expect("meta.json is empty or too large");
}

static void test_other_extended_headers_are_refused(void **state)
{
	char records[1024] = "", value[1024];

	(void)state;
	extended("18 path=state.bin\n", 1000);
	expect(NOT_PLAIN);
	extended("13 size=1000", 1000);
	expect(NOT_PLAIN);
	extended("", 1000);
	expect(NOT_PLAIN);
	memset(value, '1', sizeof(value));
	value[1000] = '\0';
	maker_record(records, "mtime", value);
	extended(records, 1000);
	expect("");
	fresh();
	buf_truncate(&tar, STATE);
	maker_zeros(&tar, 512);
	maker_header(at(STATE), "x", 'x', 1025); /* the records are longer than they may be */
	expect(NOT_PLAIN);
	fresh();
	buf_truncate(&tar, STATE);
	maker_records(&tar, "11 mtime=1\n"); /* there are two such headers */
	maker_records(&tar, "11 mtime=1\n");
	expect(NOT_PLAIN);
}

static void test_what_is_missing_after_an_extended_header_is_named(void **state)
{
	(void)state;
	fresh();
	buf_truncate(&tar, STATE);
	maker_records(&tar, "11 mtime=1\n");
	maker_end(&tar);
	expect("it holds no state.bin");
}

/* This digest only counts the bytes, for files that are larger than a test has time for. */
static uint64_t hashed;

static void *blind_begin(void)
{
	return &hashed;
}

static void blind_add(void *state, const void *p, size_t n)
{
	(void)state;
	(void)p;
	hashed += n;
}

static void blind_end(void *state, unsigned char digest[32])
{
	(void)state;
	if (digest != NULL)
		memset(digest, 0, 32);
}

static const struct sha256 blind = { blind_begin, blind_add, blind_end };

/* Feeds what fresh() has from begin to end. */
static void add(struct snapshot_tar *check, size_t begin, size_t end)
{
	assert_null(snapshot_tar_add(check, at(begin), end - begin));
}

static void test_a_state_beyond_8_gib_is_followed_to_its_end(void **state)
{
	static const unsigned char zeros[1 << 20];
	const uint64_t size = (9ull << 30) + 5;
	struct snapshot_tar *check = snapshot_tar_new(&blind);
	uint64_t left;

	(void)state;
	hashed = 0;
	extended("19 size=9663676421\n", 0);
	memset(at(1024 + SUMS_CONTENT), '0', 64); /* 1,024 bytes are the extended header's */
	memset(at(1024 + SUMS_CONTENT + 76), '0', 64);
	add(check, 0, 1024 + STATE_CONTENT);
	for (left = size; left > sizeof(zeros); left -= sizeof(zeros))
		assert_null(snapshot_tar_add(check, zeros, sizeof(zeros)));
	assert_null(snapshot_tar_add(check, zeros, (size_t)left + 507));
	assert_true(hashed >= size);
	add(check, 1024 + SUMS, 1024 + ALL - 1);
	assert_false(snapshot_tar_at_end(check));
	add(check, 1024 + ALL - 1, 1024 + ALL);
	assert_true(snapshot_tar_at_end(check));
	snapshot_tar_free(check);
}

static void *no_memory(void)
{
	return NULL;
}

static void test_without_memory_for_its_hashes_there_is_none(void **state)
{
	static const struct sha256 none = { no_memory, blind_add, blind_end };

	(void)state;
	assert_null(snapshot_tar_new(&none));
	snapshot_tar_free(NULL);
}

static void test_an_error_is_for_good(void **state)
{
	struct snapshot_tar *check = snapshot_tar_new(&blind);
	const char *error;

	(void)state;
	fresh();
	*at(META) = 'M';
	error = snapshot_tar_add(check, at(0), 512);
	feed_expect(error, NO_TAR);
	fresh();
	assert_ptr_equal(snapshot_tar_add(check, at(0), ALL), error);
	assert_ptr_equal(snapshot_tar_add(check, at(0), 0), error);
	assert_false(snapshot_tar_at_end(check));
	snapshot_tar_free(check);
}

static int clear(void **state)
{
	(void)state;
	empty();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_archives_are_accepted),
		cmocka_unit_test(test_cut_short_anywhere_it_is_not_at_its_end),
		cmocka_unit_test(test_more_zeros_may_follow_the_end_and_nothing_else),
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_what_is_no_archive_is_called_so),
		cmocka_unit_test(test_damaged_headers_are_found),
		cmocka_unit_test(test_each_missing_file_is_named),
		cmocka_unit_test(test_other_files_and_another_order_are_refused),
		cmocka_unit_test(test_a_fifth_file_is_refused),
		cmocka_unit_test(test_names_are_compared_to_the_end),
		cmocka_unit_test(test_anything_but_plain_files_is_refused),
		cmocka_unit_test(test_small_files_are_neither_empty_nor_of_8192_bytes),
		cmocka_unit_test(test_the_sums_are_compared),
		cmocka_unit_test(test_the_sums_may_come_in_either_order),
		cmocka_unit_test(test_the_sums_have_one_form),
		cmocka_unit_test(test_padding_is_zeros),
		cmocka_unit_test(test_the_end_is_two_blocks_of_zeros),
		cmocka_unit_test(test_a_header_that_lies_about_its_size_is_found),
		cmocka_unit_test(test_an_extended_size_takes_the_place_of_the_headers),
		cmocka_unit_test(test_extended_records_may_precede_any_file),
		cmocka_unit_test(test_an_extended_size_is_held_to_the_same_limits),
		cmocka_unit_test(test_other_extended_headers_are_refused),
		cmocka_unit_test(test_what_is_missing_after_an_extended_header_is_named),
		cmocka_unit_test(test_a_state_beyond_8_gib_is_followed_to_its_end),
		cmocka_unit_test(test_without_memory_for_its_hashes_there_is_none),
		cmocka_unit_test(test_an_error_is_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, clear);
}
