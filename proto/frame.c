/*
 * frame: reads and writes the headers of frames.
 */
#include <stdint.h>

#include "proto/frame.h"

enum frame_status frame_parse(const unsigned char *p, size_t n, size_t limit, struct frame *ret)
{
	size_t i, len = 0;

	if (n > 0 && p[0] != FRAME_JSON && p[0] != FRAME_DATA)
		return FRAME_BAD_KIND;
	/*
	 * Bytes that have not come yet count as zero, so that a length over the limit is found as early as
	 * possible.
	 */
	for (i = 1; i < FRAME_HEADER; i++)
		len = len << 8 | (i < n ? p[i] : 0);
	if (len > limit)
		return FRAME_TOO_LARGE;
	if (n < FRAME_HEADER)
		return FRAME_MORE;
	ret->kind = p[0] == FRAME_JSON ? FRAME_JSON : FRAME_DATA;
	ret->len = len;
	ret->body = n - FRAME_HEADER < len ? NULL : p + FRAME_HEADER;
	return ret->body == NULL ? FRAME_MORE : FRAME_OK;
}

void frame_header(unsigned char out[FRAME_HEADER], enum frame_kind kind, size_t len)
{
	uint32_t word = (uint32_t)kind << 24 | ((uint32_t)len & FRAME_BODY_MAX);
	int i;

	for (i = FRAME_HEADER - 1; i >= 0; i--) {
		out[i] = (unsigned char)(word & 0xff);
		word >>= 8;
	}
}
