/*
 * Frames out of any bytes: each byte that comes may complete what was seen so far, but never change it.
 */
#include "proto/frame.h"
#include "tests/fuzz/fuzz.h"

/* Parses the first n bytes; with FRAME_OK the body is within them. */
static enum frame_status parse(const uint8_t *p, size_t n, size_t limit, struct frame *ret)
{
	unsigned char *copy = exact_copy(p, n);
	enum frame_status status;

	memset(ret, 0, sizeof(*ret));
	status = frame_parse(n > 0 ? copy : copy + 1, n, limit, ret);
	if (status == FRAME_OK)
		HOLDS(ret->body == copy + FRAME_HEADER && ret->len <= n - FRAME_HEADER);
	if (status == FRAME_OK || (status == FRAME_MORE && n >= FRAME_HEADER))
		HOLDS(ret->len <= limit && ret->len <= FRAME_BODY_MAX);
	if (status == FRAME_MORE)
		HOLDS(ret->body == NULL);
	free(copy);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum frame_status status = FRAME_MORE, before;
	unsigned char header[FRAME_HEADER];
	struct frame f = { 0 };
	size_t limit, n, len = 0;

	if (size < 3 || size > 4096)
		return 0;
	limit = (size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2];
	data += 3;
	size -= 3;
	for (n = 0; n <= size; n++) {
		before = status;
		status = parse(data, n, limit, &f);
		HOLDS(before == FRAME_MORE || status == before);
		if (n > FRAME_HEADER && (status == FRAME_OK || status == FRAME_MORE))
			HOLDS(f.len == len);
		if (n >= FRAME_HEADER && status != FRAME_BAD_KIND && status != FRAME_TOO_LARGE) {
			len = f.len;
			HOLDS((status == FRAME_OK) == (n >= FRAME_HEADER + len));
			frame_header(header, f.kind, f.len);
			HOLDS(memcmp(header, data, FRAME_HEADER) == 0);
		}
	}
	return 0;
}
