/*
 * tar: reads headers and extended records (POSIX.1-2017, pax, "ustar Interchange Format").
 */
#include "proto/tar.h"

#include <string.h>

/* Fields of a header: where they begin, and their size. */
enum {
	NAME = 0,
	NAME_SIZE = TAR_NAME_MAX,
	SIZE = 124,
	SIZE_SIZE = 12,
	SUM = 148,
	SUM_SIZE = 8,
	TYPE = 156,
	MAGIC = 257,
	MAGIC_SIZE = 8, /* with the version */
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

/* Octal digits, at least one, and then nothing but NULs and blanks. A field has too few of them to overflow. */
static bool octal(const unsigned char *field, size_t n, uint64_t *ret)
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

/* The sum of the header's bytes, with blanks in place of the sum itself. */
static bool sum_is_right(const unsigned char block[TAR_BLOCK])
{
	uint64_t given, sum = 0;
	size_t i;

	for (i = 0; i < TAR_BLOCK; i++)
		sum += i >= SUM && i < SUM + SUM_SIZE ? ' ' : block[i];
	return octal(block + SUM, SUM_SIZE, &given) && given == sum;
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
	if (header.type == '\0') /* as before POSIX */
		header.type = TAR_FILE;
	/* A prefix belongs to the name; what stands behind it would make it an archive of another kind (star). */
	if (!tar_all_zero(block + NAME + len, NAME_SIZE - len) ||
	    !tar_all_zero(block + PREFIX, TAR_BLOCK - PREFIX) ||
	    (header.type != TAR_FILE && header.type != TAR_RECORDS) ||
	    !octal(block + SIZE, SIZE_SIZE, &header.size))
		return TAR_ODD;
	*ret = header;
	return TAR_OK;
}

/* Decimal digits from *p on, at least one, moving *p behind them. */
static bool decimal(const unsigned char **p, const unsigned char *end, uint64_t *ret)
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

/* Does the record's content, "key=value", begin with this key? Moves *p to the value. */
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
	const unsigned char *end, *all = p + n;
	bool sized = false;
	uint64_t length;

	/* Each record is its own length, which counts itself; a blank; key=value; and a newline. */
	while (p < all) {
		const unsigned char *begin = p;

		if (!decimal(&p, all, &length) || length > (uint64_t)(all - begin) ||
		    length <= (uint64_t)(p - begin))
			return false;
		end = begin + length - 1;
		if (*end != '\n' || *p++ != ' ')
			return false;
		if (has_key(&p, end, "size")) {
			if (sized || !decimal(&p, end, size) || p != end)
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
