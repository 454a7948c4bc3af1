/*
 * snapshot: the outer layer of a snapshot, its compression. zlib's inflate checks the gzip member; what comes out
 * of it goes to snapshot_tar.
 *
 * Where in the compressed bytes the archive's end lies is only known to a page: inflate gets at most the rest of
 * one page of the stream at a time, and the next page only when all that came out of this one has been taken. The
 * end is then assumed to be where its page begins. That is early rather than late, and does not depend on how the
 * stream is cut into pieces.
 */
#include "proto/snapshot.h"

#include <stdint.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/secmem.h"
#include "proto/snapshot_tar.h"

#define PAGE 4096u                 /* of the stream, in bytes */
#define ROOM 16384u                /* bytes for what comes out of one call of inflate */
#define GZIP_ONLY (16 + MAX_WBITS) /* a window size for inflateInit2(), which then takes gzip and nothing else */
_Static_assert(SNAPSHOT_TAIL_MAX % PAGE == 0, "a tail ends with a page");

enum state {
	INFLATING,
	DRAINING, /* inflate has filled its room: it may give more without further input */
	ENDED,    /* the gzip member has ended, and archive and member are whole */
	BAD
};

struct snapshot_check {
	z_stream z;
	gz_header header; /* its member `done` says whether inflate has read the header */
	struct snapshot_tar *tar;
	enum state state;
	uint64_t taken; /* bytes of the stream so far */
	uint64_t limit; /* the most that taken may become, since the archive's end was seen; NO_LIMIT before */
	const char *error;
	unsigned char out[ROOM];
};

#define NO_LIMIT UINT64_MAX

static void set_bad(struct snapshot_check *check, const char *error)
{
	if (check->state != BAD)
		check->error = error;
	check->state = BAD;
}

static void *zlib_allocate(void *opaque, unsigned items, unsigned size)
{
	(void)opaque;
	return secmem_calloc(items, size);
}

static void zlib_release(void *opaque, void *p)
{
	(void)opaque;
	secmem_free(p);
}

struct snapshot_check *snapshot_check_new(const struct sha256 *sha256, bool with_crc)
{
	struct snapshot_check *check = secmem_calloc(1, sizeof(*check));

	if (check == NULL)
		return NULL;
	check->z.zalloc = zlib_allocate;
	check->z.zfree = zlib_release;
	check->limit = NO_LIMIT;
	check->error = "";
	check->tar = snapshot_tar_new(sha256);
	if (check->tar == NULL || inflateInit2(&check->z, GZIP_ONLY) != Z_OK ||
	    inflateGetHeader(&check->z, &check->header) != Z_OK || inflateValidate(&check->z, with_crc) != Z_OK) {
		snapshot_check_free(check);
		return NULL;
	}
	return check;
}

void snapshot_check_free(struct snapshot_check *check)
{
	if (check == NULL)
		return;
	inflateEnd(&check->z);
	snapshot_tar_free(check->tar);
	secmem_free(check);
}

/*
 * Gives how many of n bytes inflate may get now; none while it still has output from a page that it has finished.
 */
static size_t input_portion(const struct snapshot_check *check, size_t n)
{
	size_t in_page = (size_t)(check->taken % PAGE);

	if (in_page == 0 && check->state == DRAINING)
		return 0;
	return n < PAGE - in_page ? n : PAGE - in_page;
}

/* Once the archive's end was seen: limits the bytes of the stream that may follow it. */
static void limit_tail(struct snapshot_check *check)
{
	uint64_t last;

	if (check->limit != NO_LIMIT || !snapshot_tar_at_end(check->tar))
		return;
	last = check->taken - 1; /* is in the same page as the byte with which the end came */
	check->limit = last - last % PAGE + SNAPSHOT_TAIL_MAX;
}

/* Sets the state by inflate's answer, after its output was checked. */
static void judge_inflate(struct snapshot_check *check, int answer)
{
	switch (answer) {
	case Z_OK:
	case Z_BUF_ERROR: /* it could do nothing: there was no input, and it had no output left */
		check->state = check->z.avail_out == 0 ? DRAINING : INFLATING;
		break;
	case Z_STREAM_END:
		check->state = ENDED;
		if (!snapshot_tar_at_end(check->tar))
			set_bad(check, "it ends in the middle of the archive");
		break;
	case Z_MEM_ERROR:
		set_bad(check, "there is no memory to check it");
		break;
	default:
		set_bad(check, check->header.done == 1 ? "its compressed data is damaged" : "it is not gzip");
	}
}

/*
 * Calls inflate once. Gives how much work that was: the bytes taken or the bytes that came out, whichever is more.
 */
static size_t inflate_some(struct snapshot_check *check, const unsigned char **p, size_t *n)
{
	size_t given = input_portion(check, *n), used, produced;
	const char *error;
	int answer;

	check->z.next_in = *p;
	check->z.avail_in = (unsigned)given;
	check->z.next_out = check->out;
	check->z.avail_out = ROOM;
	answer = inflate(&check->z, Z_NO_FLUSH);
	used = given - check->z.avail_in;
	produced = ROOM - check->z.avail_out;
	*p += used;
	*n -= used;
	check->taken += used;
	error = snapshot_tar_add(check->tar, check->out, produced);
	if (error != NULL)
		set_bad(check, error);
	else
		judge_inflate(check, answer);
	limit_tail(check);
	return used > produced ? used : produced;
}

enum snapshot_step snapshot_check_step(struct snapshot_check *check, const unsigned char **p, size_t *n)
{
	size_t work = 0;

	while (check->state != BAD && work < SNAPSHOT_STEP && (*n > 0 || check->state == DRAINING)) {
		if (check->state == ENDED)
			set_bad(check, "something follows its end");
		else if (check->state == INFLATING && check->taken == check->limit)
			set_bad(check, "too much follows the end of its archive");
		else
			work += inflate_some(check, p, n);
	}
	if (check->state == BAD)
		return SNAPSHOT_BAD;
	return *n > 0 || check->state == DRAINING ? SNAPSHOT_BUSY : SNAPSHOT_HUNGRY;
}

int snapshot_check_end(struct snapshot_check *check)
{
	if (check->state == ENDED)
		return 0;
	if (check->taken == 0)
		set_bad(check, "it is empty");
	else if (check->header.done != 1)
		set_bad(check, "it ends before it has begun");
	else if (!snapshot_tar_at_end(check->tar))
		set_bad(check, "it ends in the middle of the archive");
	else
		set_bad(check, "it ends before its compressed data does");
	return -1;
}

const char *snapshot_check_error(const struct snapshot_check *check)
{
	return check->error;
}

const unsigned char *snapshot_check_state_sum(const struct snapshot_check *check)
{
	return snapshot_tar_state_sum(check->tar);
}
