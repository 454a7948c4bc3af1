/*
 * buf: a byte buffer that grows up to a limit, is consumed from the front, and wipes what it lets go of. The
 * held bytes are data[start] to data[end - 1]; bytes that were held elsewhere in the allocation have been zeroed.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/secmem.h"

#define FIRST_SIZE 256 /* small, since there is a buffer or two for every connection */
#define SPARE_ROOM 64

void buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf){ .limit = limit };
}

void buf_free(struct buf *b)
{
	if (b->data != NULL)
		secmem_wipe(b->data + b->start, buf_len(b));
	secmem_free_wiped(b->data);
	buf_init(b, b->limit);
}

/* Moves the held bytes to the front of the allocation. */
static void move_to_front(struct buf *b)
{
	size_t len = buf_len(b);

	if (len > 0)
		memmove(b->data, b->data + b->start, len);
	secmem_wipe(b->data + len, b->end - len);
	b->start = 0;
	b->end = len;
}

/* Moves the held bytes into a larger allocation with room for n more. The caller has checked the limit. */
static int move_to_larger(struct buf *b, size_t n)
{
	size_t len = buf_len(b);
	size_t cap = b->cap > 0 ? b->cap : FIRST_SIZE / 2;
	unsigned char *data;

	cap = cap > b->limit / 2 ? b->limit : cap * 2;
	/*
	 * After a large piece mostly only a few bytes follow, such as a frame's end. A little spare room keeps
	 * them from doubling the allocation.
	 */
	if (cap < len + n)
		cap = b->limit - len - n > SPARE_ROOM ? len + n + SPARE_ROOM : b->limit;
	data = secmem_malloc(cap);
	if (data == NULL)
		return -1;
	if (len > 0)
		memcpy(data, b->data + b->start, len);
	buf_free(b);
	b->data = data;
	b->start = 0;
	b->end = len;
	b->cap = cap;
	return 0;
}

int buf_make_room(struct buf *b, size_t n)
{
	size_t len = buf_len(b);

	if (n > b->limit - len)
		return -1;
	/*
	 * Moving within the allocation is worth it only if at least as much was consumed as must be moved: else a
	 * nearly full buffer would be moved again and again for a few bytes each time.
	 */
	if (len + n <= b->cap && (b->start >= len || b->cap == b->limit)) {
		move_to_front(b);
		return 0;
	}
	return move_to_larger(b, n);
}

int buf_put(struct buf *b, const void *p, size_t n)
{
	if (buf_reserve(b, n) < 0)
		return -1;
	if (n > 0)
		memcpy(b->data + b->end, p, n);
	b->end += n;
	return 0;
}

int buf_puts(struct buf *b, const char *s)
{
	return buf_put(b, s, strlen(s));
}

/*
 * The text is formatted outside the buffer first: vsnprintf needs room for a NUL, which the limit may not leave.
 */
int buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	char *text;
	int n, r = -1;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		return -1;
	text = secmem_malloc((size_t)n + 1);
	if (text == NULL)
		return -1;
	va_start(args, format);
	if (vsnprintf(text, (size_t)n + 1, format, args) == n)
		r = buf_put(b, text, (size_t)n);
	va_end(args);
	secmem_free(text);
	return r;
}

static void rewind_if_empty(struct buf *b)
{
	if (b->start == b->end)
		b->start = b->end = 0;
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= buf_len(b));
	if (n == 0)
		return;
	secmem_wipe(b->data + b->start, n);
	b->start += n;
	rewind_if_empty(b);
}

void buf_truncate(struct buf *b, size_t n)
{
	size_t len = buf_len(b);

	assert(n <= len);
	if (n == len)
		return;
	secmem_wipe(b->data + b->start + n, len - n);
	b->end = b->start + n;
	rewind_if_empty(b);
}

void buf_move(struct buf *to, struct buf *from)
{
	if (to == from)
		return;
	buf_free(to);
	*to = *from;
	buf_init(from, from->limit);
}
