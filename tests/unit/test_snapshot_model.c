/*
 * The check of snapshots against a model, on snapshots of all kinds, whole and damaged at every layer. With the
 * same streams: the archive's end, as the most lenient reader would see it, stays among the bytes that are held
 * back.
 *
 * SNAPSHOT_SEED=N and SNAPSHOT_CASES=N choose others than these.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/snapshot.h"
#include "tests/unit/snapshot_feed.h"
#include "tests/unit/snapshot_maker.h"
#include "tests/unit/snapshot_model.h"

#define CASES 4000u
#define ODD 16u /* one in so many things is unusual */

static struct buf tar, stream;

/* Where files and extended headers begin in the archive. */
static size_t headers[16];
static size_t header_count;

static bool rarely(void)
{
	return maker_chance(ODD) == 0;
}

/*
 * Archives.
 */
static void note_header(void)
{
	if (header_count < sizeof(headers) / sizeof(headers[0]))
		headers[header_count++] = buf_len(&tar);
}

static void add_records(void)
{
	static const char *const texts[] = { "11 mtime=1\n", "20 mtime=1700000000\n",
		"30 mtime=1700000000.123456789\n", "11 ctime=1\n11 atime=2\n", "9 size=7\n", "12 size=152\n",
		"12 size=192\n", "13 size=8191\n", "13 size=8192\n", "19 size=8589934592\n",
		"28 size=9223372036854775807\n", "28 size=9223372036854775808\n", "9 size=1\n9 size=1\n",
		"12 path=a/b\n", "11 size=-1\n", "10 size=1\n", "8 size=\n", "9 size=1", "011 size=1\n",
		"12 size=007\n", "x" };

	note_header();
	maker_records(&tar, texts[maker_chance(sizeof(texts) / sizeof(texts[0]))]);
}

/* Adds a record that gives the right size, for a header that may give another. */
static void add_right_record(size_t n)
{
	char records[1024] = "", size[24];

	if (maker_chance(2) == 0)
		maker_record(records, "mtime", "1700000000.5");
	snprintf(size, sizeof(size), "%zu", n);
	maker_record(records, "size", size);
	note_header();
	maker_records(&tar, records);
}

static void add_file(const char *name, const struct buf *content)
{
	size_t n = buf_len(content), at;
	unsigned char *block;
	bool extended = maker_chance(6) == 0;

	if (rarely() && rarely())
		add_records();
	if (extended)
		add_right_record(n);
	note_header();
	at = buf_len(&tar);
	maker_file(&tar, name, n > 0 ? buf_data(content) : (const unsigned char *)"", n);
	block = buf_data(&tar) + at;
	if (rarely())
		block[156] = '\0';
	if (extended && maker_chance(2) == 0)
		memset(block + 124, '0' + (int)maker_chance(8), 11);
	maker_sum(block);
}

static size_t small_size(void)
{
	static const unsigned edges[] = { 0, 1, 511, 512, 513, 1024, 8191, 8192 };

	return rarely() ? edges[maker_chance(sizeof(edges) / sizeof(edges[0]))] : 1 + maker_chance(600);
}

static void fill(struct buf *content, size_t n)
{
	buf_init(content, MAKER_LIMIT);
	if (maker_chance(2) == 0)
		maker_noise(content, n);
	else
		maker_zeros(content, n);
}

static void make_archive(void)
{
	struct buf meta, state, sums, sealed;
	char text[153];

	header_count = 0;
	fill(&meta, small_size());
	fill(&state, maker_chance(4) == 0 ? maker_chance(40000) : small_size());
	fill(&sealed, small_size());
	maker_sums(text, buf_data(&meta), buf_len(&meta), buf_data(&state), buf_len(&state));
	buf_init(&sums, 152);
	if (maker_chance(2) == 0)
		maker_put(&sums, text, 152);
	else {
		maker_put(&sums, text + 76, 76);
		maker_put(&sums, text, 76);
	}
	add_file("meta.json", &meta);
	add_file("state.bin", &state);
	add_file("SHA256SUMS", &sums);
	add_file("SHA256SUMS.sealed", &sealed);
	maker_end(&tar);
	if (rarely())
		maker_zeros(&tar, maker_chance(20000));
	buf_free(&meta);
	buf_free(&state);
	buf_free(&sums);
	buf_free(&sealed);
}

/*
 * Damage to archives.
 */
static void remove_bytes(struct buf *b, size_t at, size_t n)
{
	memmove(buf_data(b) + at, buf_data(b) + at + n, buf_len(b) - at - n);
	buf_truncate(b, buf_len(b) - n);
}

static void insert_bytes(struct buf *b, size_t at, const void *p, size_t n)
{
	struct buf all;

	buf_init(&all, MAKER_LIMIT);
	maker_put(&all, buf_data(b), at);
	maker_put(&all, p, n);
	maker_put(&all, buf_data(b) + at, buf_len(b) - at);
	buf_move(b, &all);
	buf_free(&all);
}

static size_t some_block(void)
{
	return 512 * (size_t)maker_chance((unsigned)(buf_len(&tar) / 512));
}

/* Changes a header, and makes its sum right. */
static void damage_header(void)
{
	static const char *const sizes[] = { "00000000000", "00000000001", "00000000230", "77777777777",
		"777777777777", "1", " 1", "0000000023 ", "-1", "\x80\0\0\0\0\0\0\0\0\0\0\1",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "" };
	static const char types[] = "01234567xgLKSV7A";
	unsigned char *block = buf_data(&tar) + headers[maker_chance((unsigned)header_count)];
	unsigned i;

	if (block + MAKER_BLOCK > buf_data(&tar) + buf_len(&tar))
		return; /* it was cut off before */
	switch (maker_chance(4)) {
	case 0:
		i = maker_chance(sizeof(sizes) / sizeof(sizes[0]));
		memcpy(block + 124, sizes[i], strnlen(sizes[i], 11) + 1);
		break;
	case 1:
		block[156] = (unsigned char)types[maker_chance(sizeof(types))];
		break;
	case 2: /* change a byte, mostly in the name, the magic and the prefix */
		i = maker_chance(3);
		block[(i == 0 ? 0 : i == 1 ? 257 : 345) + maker_chance(20)] = (unsigned char)maker_chance(128);
		break;
	default:
		block[maker_chance(MAKER_BLOCK)] = (unsigned char)maker_chance(256);
	}
	maker_sum(block);
}

static void damage_archive(void)
{
	size_t at = some_block(), from = some_block();
	unsigned char block[MAKER_BLOCK] = { 0 };

	switch (maker_chance(9)) {
	case 0:
	case 1:
	case 2:
		damage_header();
		break;
	case 3:
		buf_data(&tar)[maker_chance((unsigned)buf_len(&tar))] ^= (unsigned char)(1u << maker_chance(8));
		break;
	case 4: /* leave out a block */
		remove_bytes(&tar, at, MAKER_BLOCK);
		break;
	case 5: /* insert a copy of a block, or zeros */
		if (maker_chance(2) == 0)
			memcpy(block, buf_data(&tar) + from, MAKER_BLOCK);
		insert_bytes(&tar, at, block, MAKER_BLOCK);
		break;
	case 6: /* swap two blocks */
		memcpy(block, buf_data(&tar) + from, MAKER_BLOCK);
		memmove(buf_data(&tar) + from, buf_data(&tar) + at, MAKER_BLOCK);
		memcpy(buf_data(&tar) + at, block, MAKER_BLOCK);
		break;
	case 7: /* cut the archive, in the second of its last blocks or anywhere */
		buf_truncate(&tar, maker_chance(2) == 0 ? buf_len(&tar) - MAKER_BLOCK / 2 : at + MAKER_BLOCK);
		break;
	default: /* append something */
		if (maker_chance(2) == 0)
			maker_zeros(&tar, maker_chance(600));
		maker_noise(&tar, 1 + maker_chance(600));
	}
}

/*
 * Compression.
 */
static void compress_some(struct maker_gzip *gzip, const unsigned char *p, size_t n)
{
	switch (maker_chance(3)) {
	case 0:
		maker_gzip_stored(gzip, p, n);
		break;
	case 1:
		maker_gzip_deflated(gzip, p, n, 1 + (int)maker_chance(9));
		break;
	default:
		maker_gzip_stored(gzip, p, n);
		maker_gzip_nothing(gzip, rarely() ? maker_chance(2000) : maker_chance(3));
	}
}

/* Adds a tail behind the archive, without the compression's own end. */
static void add_tail(struct maker_gzip *gzip)
{
	static const unsigned char zeros[1 << 20];
	const unsigned limit = SNAPSHOT_TAIL_MAX - 4096 - 200 + maker_chance(4500);

	switch (maker_chance(12)) {
	case 0:
		maker_gzip_nothing(gzip, limit / 5);
		break;
	case 1:
		maker_gzip_stored(gzip, zeros, limit);
		break;
	case 2:
		maker_gzip_deflated(gzip, zeros, maker_chance(sizeof(zeros)), 9);
		break;
	case 3:
		maker_gzip_nothing(gzip, maker_chance(20000));
		break;
	case 4:
		if (rarely())
			maker_gzip_deflated(gzip, "x", 1, 1);
		break;
	default:
		break;
	}
}

static void compress_archive(void)
{
	size_t at = 0, n = buf_len(&tar), some;
	struct maker_gzip gzip;

	maker_gzip_begin(&gzip, &stream);
	while (at < n) {
		some = maker_chance(3) == 0 ? n - at : 1 + maker_chance((unsigned)(n - at));
		compress_some(&gzip, buf_data(&tar) + at, some);
		at += some;
		if (rarely() && rarely()) { /* in two members */
			maker_gzip_end(&gzip);
			maker_gzip_begin(&gzip, &stream);
		}
	}
	add_tail(&gzip);
	maker_gzip_end(&gzip);
}

static void damage_stream(void)
{
	unsigned n = (unsigned)buf_len(&stream);

	switch (maker_chance(6)) {
	case 0:
		buf_data(&stream)[maker_chance(n)] ^= (unsigned char)(1u << maker_chance(8));
		break;
	case 1:
		buf_data(&stream)[maker_chance(20)] ^= (unsigned char)(1u << maker_chance(8));
		break;
	case 2:
		buf_truncate(&stream, n - maker_chance(20));
		break;
	case 3:
		buf_truncate(&stream, maker_chance(n));
		break;
	case 4:
		maker_noise(&stream, 1 + maker_chance(50000));
		break;
	default:
		maker_gzip_all(&stream, buf_data(&tar), buf_len(&tar), (int)maker_chance(10));
	}
}

/*
 * The comparison.
 */
struct counts {
	unsigned whole, damaged, damaged_whole, ends, ends_of_bad;
};

static void judge(bool damaged, struct counts *counts)
{
	const unsigned char *p = buf_data(&stream);
	size_t n = buf_len(&stream), end = model_end(p, n);
	bool whole = model_is_whole(p, n);
	const char *error = feed_holding_back(p, n, n, end);

	if ((error[0] == '\0') != whole)
		fail_msg("the model says %s, the check \"%s\"", whole ? "whole" : "not whole", error);
	feed_expect(feed_holding_back(p, n, FEED_RANDOM, end), error);
	feed_expect(feed_holding_back(p, n, FEED_RANDOM, end), error);
	if (maker_chance(4) == 0)
		feed_expect(feed_holding_back(p, n, 1, end), error);
	counts->whole += !damaged && whole;
	counts->damaged += damaged;
	counts->damaged_whole += damaged && whole;
	counts->ends += end != SIZE_MAX;
	counts->ends_of_bad += end != SIZE_MAX && !whole;
	if (whole && end > n)
		fail_msg("the lenient reader sees no end");
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
	const char *value = getenv(name);

	return value == NULL ? otherwise : (unsigned)strtoul(value, NULL, 10);
}

static unsigned the_case;

static void test_the_check_agrees_with_the_model_and_the_end_is_held_back(void **state)
{
	const unsigned seed = from_environment("SNAPSHOT_SEED", 1),
		       cases = from_environment("SNAPSHOT_CASES", CASES);
	struct counts counts = { 0 };
	unsigned n;

	(void)state;
	print_message("seed %u, %u cases\n", seed, cases);
	for (the_case = 0; the_case < cases; the_case++) {
		bool damaged = false;

		maker_seed((uint64_t)seed << 32 | the_case);
		buf_init(&tar, MAKER_LIMIT);
		buf_init(&stream, MAKER_LIMIT);
		make_archive();
		for (n = maker_chance(5); n > 2 && buf_len(&tar) > MAKER_BLOCK; n--, damaged = true)
			damage_archive();
		compress_archive();
		for (n = maker_chance(5); n > 3; n--, damaged = true)
			damage_stream();
		judge(damaged, &counts);
		buf_free(&tar);
		buf_free(&stream);
	}
	the_case = UINT32_MAX;
	print_message("whole: %u of %u undamaged, %u of %u damaged; ends in %u, of these %u not whole\n",
	    counts.whole, cases - counts.damaged, counts.damaged_whole, counts.damaged, counts.ends,
	    counts.ends_of_bad);
	/* If nearly all streams were of one kind, agreement would say little. */
	assert_in_range(counts.whole, (cases - counts.damaged) / 2, (cases - counts.damaged) * 9 / 10);
	assert_in_range(counts.damaged_whole, counts.damaged / 50, counts.damaged / 2);
	assert_in_range(counts.ends_of_bad, cases / 5, cases);
}

/* Says which case it was, since a failed assertion jumps away from there. */
static int tell(void **state)
{
	(void)state;
	if (the_case != UINT32_MAX)
		print_error("case %u\n", the_case);
	buf_free(&tar);
	buf_free(&stream);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_the_check_agrees_with_the_model_and_the_end_is_held_back, tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
