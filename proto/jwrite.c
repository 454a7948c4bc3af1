/*
 * jwrite: writes a JSON frame. A value that came as JSON text is copied as it is; it was checked when it was
 * scanned.
 */
#include <string.h>

#include "proto/frame.h"
#include "proto/jplain.h"
#include "proto/jwrite.h"
#include "proto/utf8.h"

static void write_bytes(struct jwrite *w, const void *p, size_t n)
{
	if (!w->failed && buf_put(w->out, p, n) < 0)
		w->failed = true;
}

/* Gives how many of the n bytes at p can be written into a string as they are, up to the first that cannot. */
static size_t plain_length(const char *p, size_t n)
{
	size_t i, len;

	for (i = 0;; i += len) {
		i = (size_t)(jplain_skip(p + i, p + n) - p);
		len = i < n && (unsigned char)p[i] >= 0x80 ? utf8_sequence(p + i, n - i) : 0;
		if (len == 0)
			return i;
	}
}

/*
 * Writes a comma if one is due and the member's name, and reserves len bytes for the value. Gives their place,
 * which the caller must fill in, or NULL after an error.
 */
static char *begin_member(struct jwrite *w, struct jname name, size_t len)
{
	size_t front = (w->comma ? 1 : 0) + (name.text != NULL ? name.len + 3 : 0);
	char *p;

	if (w->failed || len > FRAME_BODY_MAX || buf_reserve(w->out, front + len) < 0) {
		w->failed = true;
		return NULL;
	}
	p = (char *)buf_tail(w->out);
	buf_commit(w->out, front + len);
	if (w->comma)
		*p++ = ',';
	w->comma = true;
	if (name.text != NULL) {
		*p++ = '"';
		memcpy(p, name.text, name.len);
		memcpy(p + name.len, "\":", 2);
		p += name.len + 2;
	}
	return p;
}

/*
 * Writes a whole member with its value as it is. It grows the buffer once, since every reply consists of members.
 */
static void write_member(struct jwrite *w, struct jname name, const char *value, size_t len)
{
	char *p = begin_member(w, name, len);

	if (p != NULL && len > 0)
		memcpy(p, value, len);
}

/* Writes a member up to its value, which follows. */
static void write_lead(struct jwrite *w, struct jname name)
{
	write_member(w, name, NULL, 0);
}

void jwrite_begin(struct jwrite *w, struct buf *out)
{
	static const char start[FRAME_HEADER + 1] = { [FRAME_HEADER] = '{' };

	*w = (struct jwrite){ .out = out, .mark = buf_len(out) };
	write_bytes(w, start, sizeof(start));
}

void jwrite_named_string(struct jwrite *w, struct jname name, const char *value, size_t len)
{
	char *p;

	if (len > 0 && plain_length(value, len) < len) {
		write_lead(w, name);
		if (!w->failed && jwrite_escaped(w->out, value, len) < 0)
			w->failed = true;
		return;
	}
	/* Nearly all strings need no escaping and are copied at once. */
	p = begin_member(w, name, len + 2);
	if (p == NULL)
		return;
	*p++ = '"';
	if (len > 0)
		memcpy(p, value, len);
	p[len] = '"';
}

void jwrite_named_uint(struct jwrite *w, struct jname name, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	write_member(w, name, digits + at, sizeof(digits) - at);
}

void jwrite_named_span(struct jwrite *w, struct jname name, struct jspan value)
{
	if (value.len == 0)
		write_member(w, name, "null", 4);
	else
		write_member(w, name, value.p, value.len);
}

void jwrite_named_open(struct jwrite *w, struct jname name, char bracket)
{
	write_lead(w, name);
	write_bytes(w, &bracket, 1);
	w->comma = false;
}

void jwrite_close(struct jwrite *w, char bracket)
{
	write_bytes(w, &bracket, 1);
	w->comma = true;
}

int jwrite_end(struct jwrite *w)
{
	size_t body;

	write_bytes(w, "}", 1);
	body = buf_len(w->out) - w->mark - FRAME_HEADER;
	if (w->failed || body > FRAME_BODY_MAX) {
		w->failed = true;
		buf_truncate(w->out, w->mark);
		return -1;
	}
	frame_header(buf_data(w->out) + w->mark, FRAME_JSON, body);
	return 0;
}

static int write_escape(struct buf *out, unsigned char c)
{
	static const char meant[] = "\"\\\b\f\n\r\t", written[] = "\"\\bfnrt", hex[] = "0123456789abcdef";
	const char *at = memchr(meant, c, sizeof(meant) - 1);
	const char escape[] = { '\\', at != NULL ? written[at - meant] : 'u', '0', '0', hex[c >> 4],
		hex[c & 0xf] };

	return buf_put(out, escape, at != NULL ? 2 : sizeof(escape));
}

int jwrite_escaped(struct buf *out, const char *p, size_t len)
{
	size_t mark = buf_len(out), n;

	if (buf_put(out, "\"", 1) < 0)
		return -1;
	while (len > 0) {
		n = plain_length(p, len);
		if (n > 0 && buf_put(out, p, n) < 0)
			goto fail;
		p += n;
		len -= n;
		if (len == 0)
			break;
		if ((unsigned char)*p >= 0x80 || write_escape(out, (unsigned char)*p) < 0)
			goto fail;
		p++;
		len--;
	}
	if (buf_put(out, "\"", 1) == 0)
		return 0;
fail:
	buf_truncate(out, mark);
	return -1;
}
