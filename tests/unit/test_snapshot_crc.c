/*
 * The check of a snapshot without the sum of its compression: what is found all the same, and what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/sha256_openssl.h"
#include "proto/snapshot.h"
#include "tests/unit/snapshot_maker.h"

static bool is_whole(const struct buf *stream, bool with_crc)
{
	struct snapshot_check *check = snapshot_check_new(&sha256_openssl, with_crc);
	const unsigned char *p = buf_data(stream);
	size_t n = buf_len(stream);
	enum snapshot_step step;
	bool whole;

	assert_non_null(check);
	do
		step = snapshot_check_step(check, &p, &n);
	while (step == SNAPSHOT_BUSY);
	whole = step == SNAPSHOT_HUNGRY && snapshot_check_end(check) == 0;
	assert_true(whole == (snapshot_check_error(check)[0] == '\0'));
	snapshot_check_free(check);
	return whole;
}

static void test_the_sums_inside_are_compared_in_any_case(void **state)
{
	struct buf stream;
	size_t found = 0, len;

	(void)state;
	maker_seed(7);
	buf_init(&stream, MAKER_LIMIT);
	maker_snapshot(&stream, 30000);
	assert_true(is_whole(&stream, false) && is_whole(&stream, true));
	len = buf_len(&stream);
	for (size_t at = 0; at < len; at += 11) {
		buf_data(&stream)[at] ^= 0x04;
		found += !is_whole(&stream, false);
		/* A stream that is refused without the sum is refused with it, too. */
		assert_true(is_whole(&stream, false) || !is_whole(&stream, true));
		buf_data(&stream)[at] ^= 0x04;
	}
	/*
	 * Almost every change is found. The rest is for OpenBao to find: the content of SHA256SUMS.sealed, and
	 * what fills up and surrounds the archive.
	 */
	assert_true(found > len / 11 * 95 / 100);
	buf_free(&stream);
}

static void test_a_stream_that_is_cut_short_anywhere_is_not_whole(void **state)
{
	struct buf stream;
	size_t len;

	(void)state;
	maker_seed(8);
	buf_init(&stream, MAKER_LIMIT);
	maker_snapshot(&stream, 3000);
	len = buf_len(&stream);
	while (len-- > 0) {
		buf_truncate(&stream, len);
		assert_false(is_whole(&stream, false));
	}
	buf_free(&stream);
}

static void test_only_with_it_the_compressions_sum_counts(void **state)
{
	struct buf stream;

	(void)state;
	maker_seed(9);
	buf_init(&stream, MAKER_LIMIT);
	maker_snapshot(&stream, 3000);
	buf_data(&stream)[buf_len(&stream) - 8] ^= 1; /* gzip's CRC-32, RFC 1952 */
	assert_true(is_whole(&stream, false));
	assert_false(is_whole(&stream, true));
	buf_free(&stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_sums_inside_are_compared_in_any_case),
		cmocka_unit_test(test_a_stream_that_is_cut_short_anywhere_is_not_whole),
		cmocka_unit_test(test_only_with_it_the_compressions_sum_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
