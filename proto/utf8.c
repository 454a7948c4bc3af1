/*
 * utf8: checks, cuts and writes UTF-8.
 */
#include "proto/utf8.h"

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Gives the length of a character by its first byte; 0 if no character starts with it. */
static size_t announced_length(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c < 0xc2) /* a continuation, or an overlong form of ASCII */
		return 0;
	if (c < 0xe0)
		return 2;
	if (c < 0xf0)
		return 3;
	return c < 0xf5 ? 4 : 0;
}

size_t utf8_sequence(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t i, len;

	if (n == 0)
		return 0;
	len = announced_length(u[0]);
	if (len > n)
		return 0;
	for (i = 1; i < len; i++)
		if (!is_continuation(u[i]))
			return 0;
	/* The second byte decides about overlong forms, surrogates and the upper end. */
	if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) || (u[0] == 0xf0 && u[1] < 0x90) ||
	    (u[0] == 0xf4 && u[1] > 0x8f))
		return 0;
	return len;
}

bool utf8_valid(const char *p, size_t n)
{
	size_t len;

	while (n > 0) {
		len = utf8_sequence(p, n);
		if (len == 0)
			return false;
		p += len;
		n -= len;
	}
	return true;
}

size_t utf8_trim(const char *p, size_t n)
{
	size_t back;
	unsigned char c;

	for (back = 1; back <= 3 && back <= n; back++) {
		c = (unsigned char)p[n - back];
		if (!is_continuation(c))
			return announced_length(c) > back ? n - back : n;
	}
	return n;
}

uint32_t utf8_unseen(const char *p, const char *end)
{
	const unsigned char *c = (const unsigned char *)p;
	uint32_t point;

	if (*c == '\r')
		return p + 1 < end && p[1] == '\n' ? 0 : '\r';
	if (*c < 0x80)
		return (*c < 0x20 && *c != '\t' && *c != '\n') || *c == 0x7f ? *c : 0;
	if (*c == 0xc2)
		return c[1] < 0xa0 ? c[1] : 0;
	if (*c < 0xe0 || *c >= 0xf0)
		return 0;
	point = (c[0] & 0xfu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu);
	/* U+2028 and U+2029 end lines; the others from there to U+2069 can show a comment as a rule. */
	return (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) || point == 0xfeff ||
		point >= 0xfffe
	    ? point
	    : 0;
}

size_t utf8_encode(uint32_t point, char out[4])
{
	static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t i, len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

	for (i = len - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (point & 0x3f));
		point >>= 6;
	}
	out[0] = (char)(first[len] | point);
	return len;
}
