/*
 * Snapshots out of any bytes: whatever the pieces in which they come, the verdict is the same, and no step does
 * more than its share. The first byte's bits choose what is looked at, since few inputs get through the
 * compression's sums: 1 the archive alone, without compression; 2 with the sums of its headers set right; 4 with a
 * hash that is easy to forge. The second byte chooses the pieces.
 */
#include "proto/snapshot.h"

#include "daemon/store/sha256_openssl.h"
#include "proto/snapshot_tar.h"
#include "tests/fuzz/fuzz.h"

enum { ARCHIVE = 1, RIGHT_SUMS = 2, EASY_HASH = 4 };

/* A digest of 32 times the sum of all bytes. */
static void *easy_begin(void)
{
	return calloc(1, 1);
}

static void easy_add(void *state, const void *p, size_t n)
{
	const unsigned char *bytes = p;
	unsigned char *sum = state;

	while (n-- > 0)
		*sum = (unsigned char)(*sum + *bytes++);
}

static void easy_end(void *state, unsigned char digest[32])
{
	if (digest != NULL)
		memset(digest, *(unsigned char *)state, 32);
	free(state);
}

static const struct sha256 easy = { easy_begin, easy_add, easy_end };

/* The sizes of pieces, one after the other. */
static size_t next_piece(unsigned *pattern, size_t left)
{
	size_t piece;

	*pattern = *pattern * 1103515245u + 12345u;
	piece = 1 + (*pattern >> 16) % ((*pattern >> 8 & 3) == 0 ? 5000 : 700);
	return piece < left ? piece : left;
}

static const char *look_at_archive(const struct sha256 *sha256, const uint8_t *p, size_t n, unsigned pattern)
{
	struct snapshot_tar *tar = snapshot_tar_new(sha256);
	const char *error = NULL;
	size_t some;
	bool end;

	HOLDS(tar != NULL);
	for (; n > 0 && error == NULL; p += some, n -= some) {
		unsigned char *copy;

		some = pattern == 0 ? n : next_piece(&pattern, n);
		copy = exact_copy(p, some);
		error = snapshot_tar_add(tar, copy, some);
		free(copy);
	}
	HOLDS(error == NULL || *error != '\0');
	end = snapshot_tar_at_end(tar);
	HOLDS(!end || error == NULL);
	snapshot_tar_free(tar);
	return error != NULL ? error : end ? "" : "more";
}

static enum snapshot_step step(struct snapshot_check *check, const unsigned char **p, size_t *n)
{
	const unsigned char *before = *p;
	size_t had = *n;
	enum snapshot_step result = snapshot_check_step(check, p, n);

	HOLDS(*n <= had && had - *n <= SNAPSHOT_STEP + SNAPSHOT_STEP_OVER && *p == before + (had - *n));
	HOLDS((result == SNAPSHOT_BAD) == (*snapshot_check_error(check) != '\0'));
	HOLDS(result != SNAPSHOT_HUNGRY || *n == 0);
	return result;
}

static const char *look_at_stream(const struct sha256 *sha256, const uint8_t *p, size_t n, unsigned pattern)
{
	struct snapshot_check *check = snapshot_check_new(sha256, true);
	enum snapshot_step result = SNAPSHOT_HUNGRY;
	const char *error;
	size_t some;
	int end;

	HOLDS(check != NULL);
	for (; n > 0 && result != SNAPSHOT_BAD; p += some, n -= some) {
		unsigned char *copy;
		const unsigned char *at;
		size_t left;

		some = left = pattern == 0 ? n : next_piece(&pattern, n);
		at = copy = exact_copy(p, some);
		do
			result = step(check, &at, &left);
		while (result == SNAPSHOT_BUSY);
		free(copy);
	}
	end = snapshot_check_end(check);
	error = snapshot_check_error(check);
	HOLDS((end == 0) == (*error == '\0'));
	HOLDS(end == 0 || result == SNAPSHOT_BAD || snapshot_check_end(check) == -1);
	snapshot_check_free(check);
	return error;
}

/* Gives each block that looks like a header the sum that it should have. */
static void set_sums(uint8_t *p, size_t n)
{
	for (; n >= 512; p += 512, n -= 512) {
		unsigned sum = 0;
		size_t i;

		if (memcmp(p + 257, "ustar", 5) != 0)
			continue;
		memset(p + 148, ' ', 8);
		for (i = 0; i < 512; i++)
			sum += p[i];
		snprintf((char *)p + 148, 7, "%06o", sum);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sha256 *sha256;
	const char *at_once, *in_pieces;
	unsigned pattern;
	uint8_t *copy;

	if (size < 2 || size > 16384)
		return 0;
	sha256 = (data[0] & EASY_HASH) != 0 ? &easy : &sha256_openssl;
	pattern = 1u + data[1];
	copy = exact_copy(data + 2, size - 2);
	if ((data[0] & ARCHIVE) != 0) {
		if ((data[0] & RIGHT_SUMS) != 0)
			set_sums(copy, size - 2);
		at_once = look_at_archive(sha256, copy, size - 2, 0);
		in_pieces = look_at_archive(sha256, copy, size - 2, pattern);
	} else {
		at_once = look_at_stream(sha256, copy, size - 2, 0);
		in_pieces = look_at_stream(sha256, copy, size - 2, pattern);
	}
	HOLDS(strcmp(at_once, in_pieces) == 0);
	free(copy);
	return 0;
}
