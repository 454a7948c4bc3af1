/*
 * The check of snapshots as compressed streams: what is accepted, what is found at each place that can be wrong,
 * how much may follow the archive's end, and how much is done at a time.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "client-lib/sha256_md.h"
#include "daemon/store/sha256_openssl.h"
#include "proto/snapshot.h"
#include "tests/unit/snapshot_feed.h"
#include "tests/unit/snapshot_maker.h"
#include "tests/unit/snapshot_model.h"

#define EMPTY "it is empty"
#define NO_GZIP "it is not gzip"
#define NOT_BEGUN "it ends before it has begun"
#define MIDDLE "it ends in the middle of the archive"
#define NO_END "it ends before its compressed data does"
#define DAMAGED "its compressed data is damaged"
#define FOLLOWS "something follows its end"
#define TOO_MUCH "too much follows the end of its archive"

static struct buf tar, stream;

static const unsigned char *archive(void)
{
	return buf_data(&tar);
}

/* Makes an archive with n bytes of noise in state.bin, and an empty stream. */
static void fresh(size_t n)
{
	buf_free(&tar);
	buf_init(&tar, MAKER_LIMIT);
	buf_free(&stream);
	buf_init(&stream, MAKER_LIMIT);
	maker_archive(&tar, n);
}

static void compress_all(int level)
{
	maker_gzip_all(&stream, archive(), buf_len(&tar), level);
}

static void expect(const char *error)
{
	feed_expect(feed_all_ways(buf_data(&stream), buf_len(&stream)), error);
}

static void test_whole_snapshots_are_accepted(void **state)
{
	static const size_t sizes[] = { 0, 1, 1000, 10000, 60000, 65536, 200000 };
	size_t i;
	int level;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (level = MAKER_STORED; level <= 9; level += 3) {
			fresh(sizes[i]);
			compress_all(level);
			expect("");
		}
}

static void test_libmd_does_as_well_as_openssl(void **state)
{
	struct snapshot_check *check = snapshot_check_new(&sha256_md, true);
	const unsigned char *p;
	size_t n;

	(void)state;
	fresh(1000);
	compress_all(MAKER_STORED);
	p = buf_data(&stream);
	n = buf_len(&stream);
	assert_non_null(check);
	assert_int_equal(snapshot_check_step(check, &p, &n), SNAPSHOT_HUNGRY);
	assert_int_equal(snapshot_check_end(check), 0);
	snapshot_check_free(check);
	snapshot_check_free(NULL);
}

/* Puts another gzip header in place of the ten bytes of the stream's own. */
static void replace_header(const void *header, size_t n)
{
	struct buf all;

	buf_init(&all, MAKER_LIMIT);
	maker_put(&all, header, n);
	maker_put(&all, buf_data(&stream) + 10, buf_len(&stream) - 10);
	buf_move(&stream, &all);
	buf_free(&all);
}

static void test_what_a_gzip_header_may_hold_does_not_matter(void **state)
{
	/* Flags for extra field, name, comment and the header's own sum; time, compression and system. */
	unsigned char header[] = "\x1f\x8b\x08\x1e\1\2\3\4\2\3"
				 "\3\0abc"
				 "name\0comment\0??";
	size_t n = sizeof(header) - 1;
	uLong crc = crc32(crc32(0, NULL, 0), header, (unsigned)n - 2);

	(void)state;
	header[n - 2] = (unsigned char)crc;
	header[n - 1] = (unsigned char)(crc >> 8);
	fresh(1000);
	compress_all(MAKER_STORED);
	replace_header(header, n);
	expect("");
	buf_data(&stream)[16] ^= 1; /* in the name, which the header's sum covers */
	expect(NO_GZIP);
}

static void test_what_is_not_gzip_is_called_so(void **state)
{
	static const char *const others[] = { "{\"errors\":[\"permission denied\"]}\n", "BZh91AY&SY",
		"\x1f\x9d\x90", "PK\3\4", "\x28\xb5\x2f\xfd", "\x1f\x8b\x07", "\x1f\x8b\x08\x20", "ustar" };
	static unsigned char zlib[8192];
	uLongf compressed;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		fresh(0);
		maker_put(&stream, others[i], strlen(others[i]));
		maker_noise(&stream, 100);
		expect(NO_GZIP);
	}
	fresh(0);
	feed_expect(feed_all_ways(archive(), buf_len(&tar)), NO_GZIP);
	compressed = sizeof(zlib); /* this is zlib's own format */
	assert_int_equal(compress(zlib, &compressed, archive(), buf_len(&tar)), Z_OK);
	feed_expect(feed_all_ways(zlib, compressed), NO_GZIP);
}

static void test_nothing_and_less_than_a_header_are_called_so(void **state)
{
	size_t n;

	(void)state;
	fresh(0);
	compress_all(MAKER_STORED);
	feed_expect(feed("", 0, 1), EMPTY);
	for (n = 1; n < 10; n++)
		feed_expect(feed(buf_data(&stream), n, n), NOT_BEGUN);
	feed_expect(feed(buf_data(&stream), 10, 10), MIDDLE);
}

static void test_compressed_data_that_is_no_archive_is_called_so(void **state)
{
	unsigned char text[2000];

	(void)state;
	memset(text, 't', sizeof(text));
	fresh(0);
	maker_gzip_all(&stream, text, sizeof(text), 6);
	expect("it is compressed data, but no tar archive");
	fresh(0);
	maker_gzip_all(&stream, text, 100, 6);
	expect(MIDDLE);
	fresh(0);
	maker_gzip_all(&stream, "", 0, 6);
	expect(MIDDLE);
}

/*
 * How many bytes follow the archive's last byte in a stored stream: the end of the compression, the sum and the
 * length.
 */
#define AFTER_STORED 10u

static void test_cut_short_anywhere_it_is_not_whole(void **state)
{
	int level;
	size_t n;

	(void)state;
	for (level = MAKER_STORED; level <= 9; level += 3) {
		fresh(1000);
		compress_all(level);
		for (n = 0; n < buf_len(&stream); n++) {
			const char *error = feed(buf_data(&stream), n, n);

			assert_string_not_equal(error, "");
			feed_expect(feed(buf_data(&stream), n, FEED_RANDOM), error);
			if (level == MAKER_STORED && n >= 10)
				feed_expect(error, n < buf_len(&stream) - AFTER_STORED ? MIDDLE : NO_END);
		}
	}
}

/*
 * Some bits of a stored snapshot carry no information: in the gzip header a flag for "probably text", the time,
 * the level of compression and the system; then the bits that fill up the bytes of the first block's header and of
 * the last block.
 */
static bool says_nothing(size_t i, int bit, size_t n)
{
	return (i == 3 && bit == 0) || (i >= 4 && i <= 9) || (i == 10 && bit >= 3) || (i == n - 9 && bit >= 2);
}

static void test_every_changed_bit_is_found_but_those_that_say_nothing(void **state)
{
	size_t n, i;
	int bit;

	(void)state;
	fresh(100);
	compress_all(MAKER_STORED);
	n = buf_len(&stream);
	for (i = 0; i < n; i++)
		for (bit = 0; bit < 8; bit++) {
			buf_data(&stream)[i] ^= (unsigned char)(1 << bit);
			if ((feed(buf_data(&stream), n, n)[0] == '\0') != says_nothing(i, bit, n))
				fail_msg("byte %zu, bit %d", i, bit);
			buf_data(&stream)[i] ^= (unsigned char)(1 << bit);
		}
}

/* Checks that the whole stream is one gzip member that holds the archive. */
static bool holds_the_archive(void)
{
	static unsigned char out[65536];
	z_stream z = { .next_in = buf_data(&stream),
		.avail_in = (unsigned)buf_len(&stream),
		.next_out = out,
		.avail_out = sizeof(out) };
	bool same;

	assert_int_equal(inflateInit2(&z, 31), Z_OK);
	same = inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0 && z.total_out == buf_len(&tar) &&
	    memcmp(out, archive(), buf_len(&tar)) == 0;
	inflateEnd(&z);
	return same;
}

static void test_a_changed_byte_of_a_deflated_snapshot_is_found_unless_it_changes_nothing(void **state)
{
	size_t n, i, found = 0;
	int change;

	(void)state;
	fresh(100);
	compress_all(9);
	n = buf_len(&stream);
	assert_in_range(n, 500, 2000);
	for (i = 0; i < n; i++)
		for (change = 1; change < 256; change += change < 128 ? change : 127) {
			buf_data(&stream)[i] ^= (unsigned char)change;
			if (feed(buf_data(&stream), n, FEED_RANDOM)[0] == '\0')
				assert_true(holds_the_archive());
			else
				found++;
			buf_data(&stream)[i] ^= (unsigned char)change;
		}
	assert_in_range(found, n * 9 * 9 / 10, n * 9);
}

static void test_the_sum_and_the_length_of_the_compression_are_checked(void **state)
{
	size_t i;

	(void)state;
	for (i = 1; i <= 8; i++) {
		fresh(1000);
		compress_all(6);
		buf_data(&stream)[buf_len(&stream) - i] ^= 1;
		expect(DAMAGED);
	}
}

static void test_damaged_compression_is_called_so(void **state)
{
	(void)state;
	fresh(1000);
	compress_all(MAKER_STORED);
	buf_data(&stream)[12] ^= 1; /* in the length of a block */
	expect(DAMAGED);
}

static void test_nothing_may_follow_the_end(void **state)
{
	static const size_t sizes[] = { 1, 2, 10, 4096, 100000 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fresh(1000);
		compress_all(MAKER_STORED);
		maker_zeros(&stream, sizes[i]);
		expect(FOLLOWS);
		fresh(1000);
		compress_all(6);
		maker_noise(&stream, sizes[i]);
		expect(FOLLOWS);
	}
	fresh(1000);
	compress_all(6);
	compress_all(6); /* the stream is there twice */
	expect(FOLLOWS);
	fresh(1000);
	compress_all(6);
	maker_gzip_all(&stream, "", 0, 6); /* a member without content */
	expect(FOLLOWS);
}

/*
 * OpenBao takes the end of the stream for the archive's end, and several members in a row for one stream. The
 * check accepts only one member that holds everything.
 */
static void test_a_member_that_ends_before_the_archive_is_refused(void **state)
{
	size_t left;

	(void)state;
	for (left = 0; left <= 1024; left += 512) {
		fresh(1000);
		buf_truncate(&tar, buf_len(&tar) - left);
		compress_all(MAKER_STORED);
		expect(left == 0 ? "" : MIDDLE);
		maker_gzip_all(&stream, "\0", 1, 6);
		expect(left == 0 ? FOLLOWS : MIDDLE);
	}
	fresh(1000);
	maker_gzip_all(&stream, archive(), 3000, 6);
	maker_gzip_all(&stream, archive() + 3000, buf_len(&tar) - 3000, 6);
	expect(MIDDLE);
}

/* The tail: what may follow the archive's end. */

enum kind { ZEROS, NOTHING };

/*
 * Makes a stream in which the archive ends offset bytes into a page of 4,096 bytes; with offset 0 it ends with the
 * page before. Then comes a tail of that many bytes, the last ten of the stream included: zeros that fill up the
 * archive, or stored blocks of nothing.
 */
static void with_tail(int level, size_t offset, size_t tail, enum kind kind)
{
	static const unsigned char block[32768];
	unsigned char header[10 + 4096] = "\x1f\x8b\x08\x08"; /* with a name */
	struct maker_gzip gzip;
	size_t end, have, left;

	maker_gzip_begin(&gzip, &stream);
	if (level == MAKER_STORED)
		maker_gzip_stored(&gzip, archive(), buf_len(&tar));
	else
		maker_gzip_deflated(&gzip, archive(), buf_len(&tar), level);
	end = model_end(buf_data(&stream), buf_len(&stream));
	have = buf_len(&stream) - end;
	assert_in_range(tail, have + 21, sizeof(block));
	left = tail - have - 10;
	if (kind == NOTHING)
		maker_gzip_nothing(&gzip, left / 5 - 2);
	maker_gzip_stored(&gzip, block, kind == NOTHING ? left % 5 + 5 : left - 5);
	maker_gzip_end(&gzip);
	assert_int_equal(buf_len(&stream), end + tail);
	end = (offset + 2 * 4096 - end % 4096 - 1) % 4096; /* the length of the name, which a NUL ends */
	memset(header + 10, 'n', end);
	replace_header(header, 10 + end + 1);
}

static const size_t offsets[] = { 0, 1, 2, 5, 14, 15, 16, 2047, 4094, 4095 };

static void expect_with_tail(int level, size_t offset, size_t tail, enum kind kind, const char *error)
{
	fresh(1000);
	with_tail(level, offset, tail, kind);
	expect(error);
}

static void test_a_tail_of_12_kib_may_follow_and_more_than_16_may_not(void **state)
{
	enum kind kind;
	size_t i;
	int level;

	(void)state;
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		for (kind = ZEROS; kind <= NOTHING; kind++)
			for (level = MAKER_STORED; level <= 9; level += 9) {
				expect_with_tail(level, offsets[i], SNAPSHOT_TAIL_MAX - 4096, kind, "");
				expect_with_tail(level, offsets[i], SNAPSHOT_TAIL_MAX, kind, TOO_MUCH);
				expect_with_tail(level, offsets[i], SNAPSHOT_TAIL_MAX * 5 / 4, kind, TOO_MUCH);
			}
}

static void test_the_tail_is_counted_from_the_page_of_the_archives_end(void **state)
{
	size_t i, tail;

	(void)state;
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		tail = SNAPSHOT_TAIL_MAX - (offsets[i] == 0 ? 4096 : offsets[i]);
		expect_with_tail(MAKER_STORED, offsets[i], tail, ZEROS, "");
		expect_with_tail(MAKER_STORED, offsets[i], tail + 1, ZEROS, TOO_MUCH);
	}
}

/*
 * The last byte of a page can give more than there is room for, so that the archive's end comes with the rest of
 * that.
 */
static void test_the_end_is_in_the_page_that_gave_it_even_if_it_comes_late(void **state)
{
	static const unsigned char zeros[65536];
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(zeros); n += 512) {
		fresh(0);
		buf_truncate(&tar, 0);
		maker_archive_of(&tar, zeros, n);
		maker_zeros(&tar, 4096);
		with_tail(9, 0, SNAPSHOT_TAIL_MAX - 4096, ZEROS);
		feed_expect(feed(buf_data(&stream), buf_len(&stream), buf_len(&stream)), "");
		buf_truncate(&stream, 0);
		with_tail(9, 0, SNAPSHOT_TAIL_MAX - 4095, ZEROS);
		feed_expect(feed(buf_data(&stream), buf_len(&stream), buf_len(&stream)), TOO_MUCH);
	}
}

static void test_a_tail_of_nothing_never_gets_long(void **state)
{
	struct maker_gzip gzip;
	size_t end;

	(void)state;
	fresh(1000);
	maker_gzip_begin(&gzip, &stream);
	maker_gzip_deflated(&gzip, archive(), buf_len(&tar), 6);
	end = buf_len(&stream);
	maker_gzip_nothing(&gzip, 100000); /* the stream has no end */
	feed_expect(feed_holding_back(buf_data(&stream), buf_len(&stream), buf_len(&stream), end), TOO_MUCH);
	feed_expect(feed_holding_back(buf_data(&stream), buf_len(&stream), 1, end), TOO_MUCH);
}

static void test_zeros_that_are_deflated_may_fill_up_the_archive_as_much_as_they_like(void **state)
{
	static const unsigned char zeros[1 << 20];
	struct maker_gzip gzip;

	(void)state;
	fresh(1000);
	maker_gzip_begin(&gzip, &stream);
	maker_gzip_stored(&gzip, archive(), buf_len(&tar));
	maker_gzip_deflated(&gzip, zeros, sizeof(zeros), 9);
	maker_gzip_end(&gzip);
	expect("");
	fresh(1000);
	maker_gzip_begin(&gzip, &stream);
	maker_gzip_stored(&gzip, archive(), buf_len(&tar));
	maker_gzip_deflated(&gzip, zeros, sizeof(zeros), 9);
	maker_gzip_deflated(&gzip, "x", 1, 9);
	maker_gzip_end(&gzip);
	expect("something follows the end of its archive");
}

static void test_an_archive_filled_up_to_10_kib_as_gnu_tar_does_it_is_accepted(void **state)
{
	(void)state;
	fresh(1000);
	maker_zeros(&tar, 10240 - buf_len(&tar));
	compress_all(MAKER_STORED);
	expect("");
}

/* How much work one step does. */
static size_t hashed;

static void *counting_begin(void)
{
	return &hashed;
}

static void counting_add(void *state, const void *p, size_t n)
{
	(void)state;
	(void)p;
	hashed += n;
}

static void counting_end(void *state, unsigned char digest[32])
{
	(void)state;
	if (digest != NULL)
		memset(digest, 0, 32);
}

static const struct sha256 counting = { counting_begin, counting_add, counting_end };

static void test_no_step_does_much_more_than_its_share_of_a_bomb(void **state)
{
	struct snapshot_check *check = snapshot_check_new(&counting, true);
	enum snapshot_step result;
	const unsigned char *p;
	size_t n, steps = 0, before;
	struct buf bomb;

	(void)state;
	buf_init(&bomb, MAKER_LIMIT);
	maker_zeros(&bomb, 10u << 20);
	fresh(0);
	buf_truncate(&tar, 0);
	maker_archive_of(&tar, buf_data(&bomb), buf_len(&bomb));
	compress_all(9);
	assert_in_range(buf_len(&stream), 1000, 20000);
	p = buf_data(&stream);
	n = buf_len(&stream);
	hashed = 0;
	assert_non_null(check);
	do {
		before = hashed;
		result = snapshot_check_step(check, &p, &n);
		assert_in_range(hashed - before, 0, SNAPSHOT_STEP + 16384);
		steps++;
	} while (result == SNAPSHOT_BUSY);
	assert_in_range(steps, (10u << 20) / (SNAPSHOT_STEP + 16384), (10u << 20) / SNAPSHOT_STEP + 3);
	snapshot_check_free(check);
	expect("");
	buf_free(&bomb);
}

/* Steps over the first n bytes of the stream. Returns how often the check was busy without input. */
static size_t count_idle_steps(size_t n)
{
	struct snapshot_check *check = snapshot_check_new(&counting, true);
	const unsigned char *p = buf_data(&stream);
	enum snapshot_step result;
	size_t idle = 0;

	assert_non_null(check);
	do {
		result = snapshot_check_step(check, &p, &n);
		assert_int_not_equal(result, SNAPSHOT_BAD);
		idle += result == SNAPSHOT_BUSY && n == 0;
	} while (result == SNAPSHOT_BUSY);
	assert_int_equal(snapshot_check_end(check), -1);
	snapshot_check_free(check);
	return idle;
}

static void test_it_can_be_busy_without_input(void **state)
{
	static const unsigned char zeros[1 << 20];
	size_t n, found = 0;

	(void)state;
	fresh(0);
	buf_truncate(&tar, 0);
	maker_archive_of(&tar, zeros, sizeof(zeros));
	compress_all(9);
	/*
	 * A byte gives up to 2,064 bytes; with some of these lengths the last byte gives more than there is room
	 * for.
	 */
	for (n = 500; n < 900; n++)
		found += count_idle_steps(n);
	assert_in_range(found, 2, 20);
}

static void test_room_that_is_filled_to_its_last_byte_is_no_trouble(void **state)
{
	static const unsigned char zeros[100000];
	struct maker_gzip gzip;
	size_t first;

	(void)state;
	fresh(0);
	buf_truncate(&tar, 0);
	maker_archive_of(&tar, zeros, sizeof(zeros));
	maker_gzip_begin(&gzip, &stream);
	maker_gzip_deflated(&gzip, archive(), 16000, 9);
	maker_gzip_stored(&gzip, archive() + 16000, 384);
	first = buf_len(&stream); /* this gives 16,384 bytes */
	maker_gzip_stored(&gzip, archive() + 16384, buf_len(&tar) - 16384);
	maker_gzip_end(&gzip);
	feed_expect(feed(buf_data(&stream), buf_len(&stream), first), "");
	expect("");
}

static void test_a_flood_of_nothing_is_taken_in_portions(void **state)
{
	struct maker_gzip gzip;

	(void)state;
	fresh(1000);
	maker_gzip_begin(&gzip, &stream);
	maker_gzip_stored(&gzip, archive(), 1000);
	maker_gzip_nothing(&gzip, 1000000);
	maker_gzip_stored(&gzip, archive() + 1000, buf_len(&tar) - 1000);
	maker_gzip_end(&gzip);
	/* feed() checks each step. */
	feed_expect(feed(buf_data(&stream), buf_len(&stream), buf_len(&stream)), "");
}

static void test_memory_does_not_grow_with_the_stream(void **state)
{
	struct snapshot_check *check;
	const unsigned char *p;
	size_t n, before, early = 0;

	(void)state;
	fresh(4u << 20);
	compress_all(1);
	before = mallinfo2().uordblks;
	check = snapshot_check_new(&sha256_openssl, true);
	assert_non_null(check);
	p = buf_data(&stream);
	n = buf_len(&stream);
	while (snapshot_check_step(check, &p, &n) == SNAPSHOT_BUSY)
		if (early == 0)
			early = mallinfo2().uordblks;
	assert_int_equal(mallinfo2().uordblks, early);
	assert_in_range(early - before, 0, 80000);
	assert_int_equal(snapshot_check_end(check), 0);
	snapshot_check_free(check);
}

static void *no_memory(void)
{
	return NULL;
}

static void test_without_memory_for_its_hashes_there_is_none(void **state)
{
	static const struct sha256 none = { no_memory, counting_add, counting_end };

	(void)state;
	assert_null(snapshot_check_new(&none, true));
}

static int clear(void **state)
{
	(void)state;
	buf_free(&tar);
	buf_free(&stream);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_snapshots_are_accepted),
		cmocka_unit_test(test_libmd_does_as_well_as_openssl),
		cmocka_unit_test(test_what_a_gzip_header_may_hold_does_not_matter),
		cmocka_unit_test(test_what_is_not_gzip_is_called_so),
		cmocka_unit_test(test_nothing_and_less_than_a_header_are_called_so),
		cmocka_unit_test(test_compressed_data_that_is_no_archive_is_called_so),
		cmocka_unit_test(test_cut_short_anywhere_it_is_not_whole),
		cmocka_unit_test(test_every_changed_bit_is_found_but_those_that_say_nothing),
		cmocka_unit_test(test_a_changed_byte_of_a_deflated_snapshot_is_found_unless_it_changes_nothing),
		cmocka_unit_test(test_the_sum_and_the_length_of_the_compression_are_checked),
		cmocka_unit_test(test_damaged_compression_is_called_so),
		cmocka_unit_test(test_nothing_may_follow_the_end),
		cmocka_unit_test(test_a_member_that_ends_before_the_archive_is_refused),
		cmocka_unit_test(test_a_tail_of_12_kib_may_follow_and_more_than_16_may_not),
		cmocka_unit_test(test_the_tail_is_counted_from_the_page_of_the_archives_end),
		cmocka_unit_test(test_the_end_is_in_the_page_that_gave_it_even_if_it_comes_late),
		cmocka_unit_test(test_a_tail_of_nothing_never_gets_long),
		cmocka_unit_test(test_zeros_that_are_deflated_may_fill_up_the_archive_as_much_as_they_like),
		cmocka_unit_test(test_an_archive_filled_up_to_10_kib_as_gnu_tar_does_it_is_accepted),
		cmocka_unit_test(test_no_step_does_much_more_than_its_share_of_a_bomb),
		cmocka_unit_test(test_it_can_be_busy_without_input),
		cmocka_unit_test(test_room_that_is_filled_to_its_last_byte_is_no_trouble),
		cmocka_unit_test(test_a_flood_of_nothing_is_taken_in_portions),
		cmocka_unit_test(test_memory_does_not_grow_with_the_stream),
		cmocka_unit_test(test_without_memory_for_its_hashes_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, clear);
}
