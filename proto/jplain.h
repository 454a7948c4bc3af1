/*
 * jplain: finds in a JSON string the first byte that is not plain, that is: a quote, a backslash, a control byte,
 * not ASCII. What comes before it stands for itself. Every payload goes through here, byte for byte, so many at a
 * time.
 */
#ifndef JPLAIN_H
#define JPLAIN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define JPLAIN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/*
 * The high bit of those of eight bytes that are not plain. A byte less than another borrows from the high bit,
 * which only those of 0x80 and up had set before; a borrow can reach the next byte and mark it by mistake, but
 * only after one that is marked already: the lowest mark is right.
 */
static inline uint64_t jplain_marks(uint64_t w)
{
	uint64_t quote = w ^ JPLAIN_EACH('"'), backslash = w ^ JPLAIN_EACH('\\');

	return (w | (w - JPLAIN_EACH(0x20)) | (quote - JPLAIN_EACH(1)) | (backslash - JPLAIN_EACH(1))) &
	    JPLAIN_EACH(0x80);
}

typedef signed char jplain_bytes __attribute__((vector_size(16)));

/*
 * Not 0 in the place of each of the sixteen bytes at p that is not plain. As signed numbers those over ASCII are
 * negative.
 */
static inline jplain_bytes jplain_odd(const char *p)
{
	const jplain_bytes zero = { 0 };
	jplain_bytes v;

	memcpy(&v, p, sizeof(v));
	return (jplain_bytes)((v < zero + 0x20) | (v == zero + '"') | (v == zero + '\\'));
}

/* Moves on in large steps, as far as all bytes in each are plain. */
static inline const char *jplain_blocks(const char *p, const char *end)
{
	jplain_bytes odd;
	uint64_t w[2];

	for (; end - p >= 64; p += 64) {
		odd = jplain_odd(p) | jplain_odd(p + 16) | jplain_odd(p + 32) | jplain_odd(p + 48);
		memcpy(w, &odd, sizeof(w));
		if ((w[0] | w[1]) != 0)
			break;
	}
	return p;
}

/*
 * The first byte from p on that is not plain, or end. Large steps come only after small ones: most strings are
 * short.
 */
static inline const char *jplain_skip(const char *p, const char *end)
{
	uint64_t w;

	for (int step = 0; end - p >= 8; step++) {
		if (step == 2) {
			p = jplain_blocks(p, end);
			continue;
		}
		memcpy(&w, p, sizeof(w));
		w = jplain_marks(le64toh(w));
		if (w != 0)
			return p + __builtin_ctzll(w) / 8;
		p += 8;
	}
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

#endif
