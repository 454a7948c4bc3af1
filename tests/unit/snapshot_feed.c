/*
 * snapshot_feed: see its header.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/sha256_openssl.h"
#include "proto/snapshot.h"
#include "proto/snapshot_tar.h"
#include "tests/unit/snapshot_feed.h"
#include "tests/unit/snapshot_maker.h"

#define STEP_INPUT_MAX (SNAPSHOT_STEP + SNAPSHOT_STEP_OVER)

static size_t size_of_piece(size_t piece, size_t left)
{
	static const unsigned sizes[] = { 1, 2, 16, 512, 4096, 5000, 65536, 200000 };

	if (piece == FEED_RANDOM)
		piece = 1 + maker_chance(sizes[maker_chance(sizeof(sizes) / sizeof(sizes[0]))]);
	return piece < left ? piece : left;
}

/* One step, and what it must hold. Adds to *taken. */
static enum snapshot_step step(struct snapshot_check *check, const unsigned char **p, size_t *n, size_t *taken)
{
	const unsigned char *before = *p;
	size_t had = *n;
	enum snapshot_step result = snapshot_check_step(check, p, n);

	assert_true(*n <= had && had - *n <= STEP_INPUT_MAX);
	assert_ptr_equal(*p, before + (had - *n));
	*taken += had - *n;
	assert_int_equal(snapshot_check_error(check)[0] != '\0', result == SNAPSHOT_BAD);
	if (result == SNAPSHOT_HUNGRY)
		assert_int_equal(*n, 0);
	return result;
}

/* A check that found an error keeps it, takes nothing more, and says the same again. */
static void expect_bad_for_good(struct snapshot_check *check)
{
	const char *error = snapshot_check_error(check);
	const unsigned char *p = (const unsigned char *)"x";
	size_t n = 1, taken = 0;

	assert_int_equal(step(check, &p, &n, &taken), SNAPSHOT_BAD);
	assert_int_equal(n, 1);
	assert_int_equal(snapshot_check_end(check), -1);
	assert_ptr_equal(snapshot_check_error(check), error);
}

const char *feed_holding_back(const void *p, size_t n, size_t piece, size_t end)
{
	struct snapshot_check *check = snapshot_check_new(&sha256_openssl, true);
	/* The check reads an exact copy, so that a sanitizer sees a read beyond its end. */
	unsigned char *copy = malloc(n > 0 ? n : 1);
	const unsigned char *at = copy;
	enum snapshot_step result = SNAPSHOT_HUNGRY;
	size_t given = 0, taken = 0, some;
	const char *error;
	bool whole;

	assert_non_null(check);
	assert_non_null(copy);
	memcpy(copy, p, n);
	while (given < n && result != SNAPSHOT_BAD) {
		some = size_of_piece(piece, n - given);
		given += some;
		do {
			result = step(check, &at, &some, &taken);
			if (result != SNAPSHOT_BAD && taken >= end)
				assert_true(taken - end <= SNAPSHOT_TAIL_MAX && taken - end < SNAPSHOT_HOLD_BACK);
		} while (result == SNAPSHOT_BUSY);
	}
	if (result == SNAPSHOT_BAD)
		expect_bad_for_good(check);
	else
		assert_int_equal(taken, n);
	whole = snapshot_check_end(check) == 0;
	error = snapshot_check_error(check);
	assert_int_equal(whole, error[0] == '\0');
	snapshot_check_free(check);
	free(copy);
	return error;
}

const char *feed(const void *p, size_t n, size_t piece)
{
	return feed_holding_back(p, n, piece, SIZE_MAX);
}

const char *feed_all_ways(const void *p, size_t n)
{
	const char *error = feed(p, n, n);

	feed_expect(feed(p, n, 1), error);
	feed_expect(feed(p, n, FEED_RANDOM), error);
	feed_expect(feed(p, n, FEED_RANDOM), error);
	return error;
}

const char *feed_archive(const struct buf *tar, size_t piece)
{
	struct snapshot_tar *check = snapshot_tar_new(&sha256_openssl);
	const char *error = NULL;
	size_t given = 0, some;

	assert_non_null(check);
	while (given < buf_len(tar) && error == NULL) {
		unsigned char *copy;

		some = size_of_piece(piece, buf_len(tar) - given);
		copy = malloc(some);
		assert_non_null(copy);
		memcpy(copy, buf_data(tar) + given, some);
		error = snapshot_tar_add(check, copy, some);
		free(copy);
		given += some;
	}
	if (error == NULL && !snapshot_tar_at_end(check))
		error = "not at its end";
	if (error != NULL)
		assert_false(snapshot_tar_at_end(check));
	snapshot_tar_free(check);
	return error == NULL ? "" : error;
}

void feed_expect(const char *error, const char *expected)
{
	assert_string_equal(error, expected);
}
