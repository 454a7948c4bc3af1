/*
 * snapshot_sums: reads SHA256SUMS, by trying both orders of its lines.
 */
#include "proto/snapshot_sums.h"

#include <stddef.h>
#include <string.h>

enum { DIGITS = 64, LINE = SNAPSHOT_SUMS_SIZE / 2 }; /* bytes of a sum in hexadecimal, and of a line */

static int hex_value(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_line(const unsigned char *line, const char *rest, unsigned char sum[32])
{
	size_t i;

	if (memcmp(line + DIGITS, rest, LINE - DIGITS) != 0)
		return false;
	for (i = 0; i < DIGITS / 2; i++) {
		int high = hex_value(line[2 * i]), low = hex_value(line[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		sum[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

bool snapshot_sums_parse(const unsigned char text[SNAPSHOT_SUMS_SIZE], struct snapshot_sums *ret)
{
	static const char meta[] = "  meta.json\n", state[] = "  state.bin\n";

	return (parse_line(text, meta, ret->meta) && parse_line(text + LINE, state, ret->state)) ||
	    (parse_line(text, state, ret->state) && parse_line(text + LINE, meta, ret->meta));
}
