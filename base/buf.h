/*
 * buf: a byte buffer that grows up to a limit, is consumed from the front, and wipes what it lets go of.
 *
 * Every byte that leaves the buffer (consumed, moved in memory, freed) is overwritten. Not thread-safe.
 */
#ifndef BUF_H
#define BUF_H

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>

struct buf {
	unsigned char *data; /* the allocation, or NULL */
	size_t start;        /* first byte held */
	size_t end;          /* one past the last byte held */
	size_t cap;          /* size of the allocation */
	size_t limit;        /* most bytes it may ever hold */
};

/* Makes an empty buffer, which allocates nothing yet and never holds more than limit bytes. */
void buf_init(struct buf *b, size_t limit);

/* Wipes and frees; the buffer is then as after buf_init(), with the same limit, and may be used again. */
void buf_free(struct buf *b);

/* These give the bytes held: buf_len(b) at buf_data(b), valid until the next call that changes the buffer. */
static inline size_t buf_len(const struct buf *b)
{
	return b->end - b->start;
}

static inline unsigned char *buf_data(const struct buf *b)
{
	return b->data == NULL ? NULL : b->data + b->start;
}

/* The slow path of buf_reserve(): moves the bytes or allocates more, so that n more fit. Returns as it does. */
int buf_make_room(struct buf *b, size_t n);

/*
 * Makes room for n more bytes after the held ones. 0, or -1 with the buffer unchanged: over the limit or out
 * of memory. Afterwards up to n bytes may be written at buf_tail(b) and taken over with buf_commit(b, n); what is
 * not taken over is not wiped.
 */
static inline int buf_reserve(struct buf *b, size_t n)
{
	return n <= b->cap - b->end && n <= b->limit - buf_len(b) ? 0 : buf_make_room(b, n);
}

static inline unsigned char *buf_tail(const struct buf *b)
{
	return b->data == NULL ? NULL : b->data + b->end;
}

/* Gives how many bytes may be written at buf_tail() without another buf_reserve(). */
static inline size_t buf_room(const struct buf *b)
{
	size_t room = b->cap - b->end, left = b->limit - buf_len(b);

	return room < left ? room : left;
}

static inline void buf_commit(struct buf *b, size_t n)
{
	assert(n <= buf_room(b));
	b->end += n;
}

/* These append n bytes, a string without its NUL, and formatted text. 0, or -1 with the buffer unchanged. */
int buf_put(struct buf *b, const void *p, size_t n);
int buf_puts(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops and wipes the first n bytes (n at most buf_len). An emptied buffer keeps its allocation. */
void buf_consume(struct buf *b, size_t n);

/* Drops and wipes the last bytes, so that the first n are left (n at most buf_len). It undoes an append. */
void buf_truncate(struct buf *b, size_t n);

/*
 * Moves the content of `from` into `to`, whose own content is wiped and freed first; `from` is empty afterwards.
 * `to` takes over the limit of `from`.
 */
void buf_move(struct buf *to, struct buf *from);

#endif
