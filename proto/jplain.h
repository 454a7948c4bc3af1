/*
 * jplain: finds in a JSON string the first byte that is not plain. A byte is plain if it is ASCII, but no quote,
 * backslash or control byte: it then stands for itself. Every payload goes through here byte for byte, so up to 64
 * bytes are looked at in one step.
 */
#ifndef JPLAIN_H
#define JPLAIN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define JPLAIN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte)) /* eight of the byte in a word */

/*
 * Marks those of the eight bytes in w that are not plain by their high bit. Bytes from 0x80 on have it set
 * already. The subtractions set it in bytes below 0x20, and in quotes and backslashes, which the xor has made 0. A
 * borrow can reach the next higher byte and mark it by mistake, but only from a byte that is marked itself: so the
 * lowest mark is right, and no other is to be used.
 */
static inline uint64_t jplain_marks(uint64_t w)
{
	uint64_t quote = w ^ JPLAIN_EACH('"'), backslash = w ^ JPLAIN_EACH('\\');

	return (w | (w - JPLAIN_EACH(0x20)) | (quote - JPLAIN_EACH(1)) | (backslash - JPLAIN_EACH(1))) &
	    JPLAIN_EACH(0x80);
}

typedef signed char jplain_bytes __attribute__((vector_size(16)));

/*
 * Marks those of the sixteen bytes at p that are not plain by a value that is not 0. The bytes are compared as
 * signed numbers, so that those from 0x80 on are negative and below 0x20, too.
 */
static inline jplain_bytes jplain_odd(const char *p)
{
	const jplain_bytes zero = { 0 };
	jplain_bytes v;

	memcpy(&v, p, sizeof(v));
	return (jplain_bytes)((v < zero + 0x20) | (v == zero + '"') | (v == zero + '\\'));
}

/*
 * Skips blocks of 64 bytes that are all plain. Gives the start of the first block that is not, or of a shorter
 * rest.
 */
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
 * Gives the first byte from p on that is not plain, or end. The first 16 bytes are taken 8 at a time, and only
 * then blocks of 64, since most strings are short.
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
