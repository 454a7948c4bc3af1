/*
 * snapshot: the outer layer of a snapshot, its compression. Drives zlib's inflate, which checks the gzip member's
 * sum and length, and hands what comes out to snapshot_tar.
 *
 * Where in the compressed bytes the archive's end lies is known by pages: inflate gets no more at a time than is
 * left of a page of the stream, and the next page only when all that this one gives has come out. The end is then
 * taken to be where its page begins: early rather than late, and the same in whatever pieces the stream comes.
 */
#include "proto/snapshot.h"

#include <stdint.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/secmem.h"
#include "proto/snapshot_tar.h"

#define PAGE 4096u
#define ROOM 16384u
#define GZIP_ONLY (16 + MAX_WBITS)
_Static_assert(SNAPSHOT_TAIL_MAX % PAGE == 0, "a tail ends with a page");

enum state {
	INFLATING,
	DRAINING, /* there was no room for more: inflate may have some that needs no further input */
	ENDED,    /* the gzip member has, and was whole */
	BAD
};

struct snapshot_check {
	z_stream z;
	gz_header header; /* inflate marks in it that it has read it */
	struct snapshot_tar *tar;
	enum state state;
	uint64_t taken; /* bytes of the stream */
	uint64_t limit; /* of taken, once the archive's end was seen; NO_LIMIT before */
	const char *error;
	unsigned char out[ROOM];
};

#define NO_LIMIT UINT64_MAX

static void bad(struct snapshot_check *check, const char *error)
{
	if (check->state != BAD)
		check->error = error;
	check->state = BAD;
}

static void *allocate(void *opaque, unsigned items, unsigned size)
{
	(void)opaque;
	return secmem_calloc(items, size);
}

static void release(void *opaque, void *p)
{
	(void)opaque;
	secmem_free(p);
}

struct snapshot_check *snapshot_check_new(const struct sha256 *sha256, bool with_crc)
{
	struct snapshot_check *check = secmem_calloc(1, sizeof(*check));

	if (check == NULL)
		return NULL;
	check->z.zalloc = allocate;
	check->z.zfree = release;
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

/* What inflate may get of n bytes: nothing before the page that has been taken has given all it holds. */
static size_t portion(const struct snapshot_check *check, size_t n)
{
	size_t in_page = (size_t)(check->taken % PAGE);

	if (in_page == 0 && check->state == DRAINING)
		return 0;
	return n < PAGE - in_page ? n : PAGE - in_page;
}

/* After the archive's end: what is left of the tail that may follow it. */
static void limit_tail(struct snapshot_check *check)
{
	uint64_t last;

	if (check->limit != NO_LIMIT || !snapshot_tar_at_end(check->tar))
		return;
	last = check->taken - 1; /* the byte with which the end came is in this one's page */
	check->limit = last - last % PAGE + SNAPSHOT_TAIL_MAX;
}

/* What inflate's answer means, after what has come out of it is dealt with. */
static void judge(struct snapshot_check *check, int answer)
{
	switch (answer) {
	case Z_OK:
	case Z_BUF_ERROR: /* it could do nothing: neither input nor anything left of what it had */
		check->state = check->z.avail_out == 0 ? DRAINING : INFLATING;
		break;
	case Z_STREAM_END:
		check->state = ENDED;
		if (!snapshot_tar_at_end(check->tar))
			bad(check, "it ends in the middle of the archive");
		break;
	case Z_MEM_ERROR:
		bad(check, "there is no memory to check it");
		break;
	default:
		bad(check, check->header.done == 1 ? "its compressed data is damaged" : "it is not gzip");
	}
}

/* One call of inflate. Returns how much work that was, in bytes. */
static size_t inflate_some(struct snapshot_check *check, const unsigned char **p, size_t *n)
{
	size_t given = portion(check, *n), used, produced;
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
		bad(check, error);
	else
		judge(check, answer);
	limit_tail(check);
	return used > produced ? used : produced;
}

enum snapshot_step snapshot_check_step(struct snapshot_check *check, const unsigned char **p, size_t *n)
{
	size_t work = 0;

	while (check->state != BAD && work < SNAPSHOT_STEP && (*n > 0 || check->state == DRAINING)) {
		if (check->state == ENDED)
			bad(check, "something follows its end");
		else if (check->state == INFLATING && check->taken == check->limit)
			bad(check, "too much follows the end of its archive");
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
		bad(check, "it is empty");
	else if (check->header.done != 1)
		bad(check, "it ends before it has begun");
	else if (!snapshot_tar_at_end(check->tar))
		bad(check, "it ends in the middle of the archive");
	else
		bad(check, "it ends before its compressed data does");
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
