/*
 * tar: reads headers and extended records (POSIX.1-2017, pax, "ustar Interchange Format").
 */
#include "proto/tar.h"

#include <string.h>

/* Fields of a header: their offset and their size, in bytes. */
enum {
	NAME = 0,
	NAME_SIZE = TAR_NAME_MAX,
	SIZE = 124,
	SIZE_SIZE = 12,
	SUM = 148,
	SUM_SIZE = 8,
	TYPE = 156,
	MAGIC = 257,
	MAGIC_SIZE = 8, /* together with the version, which follows it */
	PREFIX = 345
};

bool tar_all_zero(const unsigned char *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

size_t tar_padding(uint64_t size)
{
	return (size_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

/*
 * Reads octal digits, at least one, after which only NULs and blanks may stand. No field is long enough to
 * overflow.
 */
static bool read_octal(const unsigned char *field, size_t n, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < n && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	if (i == 0)
		return false;
	for (; i < n; i++)
		if (field[i] != '\0' && field[i] != ' ')
			return false;
	*ret = value;
	return true;
}

/* Compares the checksum: the sum of the header's bytes, with blanks in place of the checksum itself. */
static bool sum_is_right(const unsigned char block[TAR_BLOCK])
{
	uint64_t given, sum = 0;
	size_t i;

	for (i = 0; i < TAR_BLOCK; i++)
		sum += i >= SUM && i < SUM + SUM_SIZE ? ' ' : block[i];
	return read_octal(block + SUM, SUM_SIZE, &given) && given == sum;
}

enum tar_status tar_header_parse(const unsigned char block[TAR_BLOCK], struct tar_header *ret)
{
	struct tar_header header = { .type = (char)block[TYPE] };
	size_t len;

	if (tar_all_zero(block, TAR_BLOCK))
		return TAR_ZEROS;
	if (memcmp(block + MAGIC,
		"ustar\0"
		"00",
		MAGIC_SIZE) != 0 ||
	    !sum_is_right(block))
		return TAR_NONE;
	memcpy(header.name, block + NAME, NAME_SIZE);
	len = strlen(header.name);
	if (header.type == '\0') /* is how programs older than POSIX mark a file */
		header.type = TAR_FILE;
	/* A prefix would belong to the name; bytes behind the prefix belong to another kind of archive (star). */
	if (!tar_all_zero(block + NAME + len, NAME_SIZE - len) ||
	    !tar_all_zero(block + PREFIX, TAR_BLOCK - PREFIX) ||
	    (header.type != TAR_FILE && header.type != TAR_RECORDS) ||
	    !read_octal(block + SIZE, SIZE_SIZE, &header.size))
		return TAR_ODD;
	*ret = header;
	return TAR_OK;
}

/* Reads decimal digits from *p on, at least one, and moves *p behind them. False also for more than INT64_MAX. */
static bool read_decimal(const unsigned char **p, const unsigned char *end, uint64_t *ret)
{
	const unsigned char *begin = *p;
	uint64_t value = 0;

	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
		unsigned digit = (unsigned)(**p - '0');

		if (value > ((uint64_t)INT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return *p > begin;
}

/* Checks that the record's content, "key=value", begins with this key, and if so moves *p to the value. */
static bool has_key(const unsigned char **p, const unsigned char *end, const char *key)
{
	size_t len = strlen(key);

	if ((size_t)(end - *p) <= len || memcmp(*p, key, len) != 0 || (*p)[len] != '=')
		return false;
	*p += len + 1;
	return true;
}

static bool is_time(const unsigned char *p, const unsigned char *end)
{
	if (p == end)
		return false;
	for (; p < end; p++)
		if ((*p < '0' || *p > '9') && *p != '.' && *p != '-')
			return false;
	return true;
}

bool tar_records_parse(const unsigned char *p, size_t n, uint64_t *size)
{
	const unsigned char *end, *records_end = p + n;
	bool sized = false;
	uint64_t length;

	/* A record is its length in decimal, itself included; a blank; key=value; and a newline. */
	while (p < records_end) {
		const unsigned char *begin = p;

		if (!read_decimal(&p, records_end, &length) || length > (uint64_t)(records_end - begin) ||
		    length <= (uint64_t)(p - begin))
			return false;
		end = begin + length - 1;
		if (*end != '\n' || *p++ != ' ')
			return false;
		if (has_key(&p, end, "size")) {
			if (sized || !read_decimal(&p, end, size) || p != end)
				return false;
			sized = true;
		} else if (!(has_key(&p, end, "mtime") || has_key(&p, end, "atime") ||
			       has_key(&p, end, "ctime")) ||
		    !is_time(p, end)) {
			return false;
		}
		p = end + 1;
	}
	return true;
}
