/*
 * snapshot_model: see its header.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "proto/snapshot.h"
#include "tests/unit/snapshot_maker.h"
#include "tests/unit/snapshot_model.h"

#define OUT_MAX (4u << 20)

/* The compression. Everything that comes out of the stream's members is collected, as long as they are sound. */
struct inflated {
	unsigned char *out;
	size_t len;
	bool one_member; /* the stream is exactly one member */
};

static struct inflated inflate_all(const unsigned char *p, size_t n)
{
	struct inflated all = { .out = malloc(OUT_MAX) };
	z_stream z = { .next_in = (Bytef *)(uintptr_t)p,
		.avail_in = (unsigned)n,
		.next_out = all.out,
		.avail_out = OUT_MAX };
	int answer;

	assert_non_null(all.out);
	assert_int_equal(inflateInit2(&z, 31), Z_OK);
	answer = inflate(&z, Z_SYNC_FLUSH);
	all.one_member = answer == Z_STREAM_END && z.avail_in == 0;
	while (answer == Z_STREAM_END && z.avail_in > 0) {
		assert_int_equal(inflateReset(&z), Z_OK);
		answer = inflate(&z, Z_SYNC_FLUSH);
	}
	assert_int_not_equal(z.avail_out, 0);
	all.len = OUT_MAX - z.avail_out;
	inflateEnd(&z);
	return all;
}

/* How many bytes of the stream it takes to get out_len bytes out of it. */
static size_t input_for(const unsigned char *p, size_t n, size_t out_len)
{
	static unsigned char out[65536];
	z_stream z = { 0 };
	size_t i, total = 0;
	int answer = Z_OK;

	assert_int_equal(inflateInit2(&z, 31), Z_OK);
	for (i = 0; i < n && total < out_len; i++) {
		unsigned char byte = p[i];

		z.next_in = &byte;
		z.avail_in = 1;
		z.next_out = out;
		z.avail_out = sizeof(out);
		if (answer == Z_STREAM_END)
			inflateReset(&z);
		answer = inflate(&z, Z_SYNC_FLUSH);
		total += sizeof(out) - z.avail_out;
	}
	inflateEnd(&z);
	assert_true(total >= out_len);
	return i;
}

/* The archive as it must be. */
struct model {
	const char *p; /* with a NUL behind it */
	size_t len;
	size_t at;
};

static bool is_zero(const char *p, size_t n)
{
	while (n > 0 && *p == '\0')
		p++, n--;
	return n == 0;
}

static size_t rounded_up(size_t n)
{
	return (n + 511) / 512 * 512;
}

/* Returns the number in an octal field, or -1. */
static long long octal_field(const char *field, size_t size)
{
	char text[16] = "", *end;
	long long value;

	memcpy(text, field, size);
	if (strspn(text, "01234567") == 0)
		return -1;
	value = strtoll(text, &end, 8);
	for (; end < text + size; end++)
		if (*end != '\0' && *end != ' ')
			return -1;
	return value;
}

static bool is_sound_header(const char *block)
{
	const unsigned char *bytes = (const unsigned char *)block;
	long long sum = 8 * ' ';
	int i;

	for (i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? 0 : bytes[i];
	return octal_field(block + 148, 8) == sum && memcmp(block + 257, "ustar", 6) == 0 &&
	    memcmp(block + 263, "00", 2) == 0 && is_zero(block + 345, 167) && octal_field(block + 124, 12) >= 0;
}

/*
 * Returns one record's length, or 0 if it is no record. A size that it holds goes to *size; it may do so only
 * once.
 */
static size_t record(const char *p, size_t n, long long *size)
{
	char line[1100], key[16], value[1100], rebuilt[1200];
	unsigned long long length;
	int digits = (int)strspn(p, "0123456789");

	if (digits == 0 || digits > 18)
		return 0;
	length = strtoull(p, NULL, 10);
	if (length > n || length < 5 || strlen(p) < length)
		return 0;
	snprintf(line, sizeof(line), "%.*s", (int)length, p);
	if (sscanf(line + digits, " %15[a-z]=%1099[-.0-9]", key, value) != 2)
		return 0;
	snprintf(rebuilt, sizeof(rebuilt), "%.*s %s=%s\n", digits, line, key, value);
	if (strcmp(line, rebuilt) != 0)
		return 0;
	if (strcmp(key, "size") == 0) {
		const char *digit = value + strspn(value, "0");

		if (*size >= 0 || strspn(value, "0123456789") != strlen(value) || strlen(digit) > 19 ||
		    (strlen(digit) == 19 && strcmp(digit, "9223372036854775807") > 0))
			return 0;
		*size = strtoll(value, NULL, 10);
	} else if (strcmp(key, "mtime") != 0 && strcmp(key, "atime") != 0 && strcmp(key, "ctime") != 0) {
		return 0;
	}
	return (size_t)length;
}

/*
 * Passes over an extended header, if there is one; false if it is not as it must be. *size is the size that it
 * gives, or -1.
 */
static bool extension(struct model *m, long long *size)
{
	const char *block = m->p + m->at;
	long long n, at;
	size_t one;

	*size = -1;
	if (m->len - m->at < 512 || block[156] != 'x')
		return true;
	n = octal_field(block + 124, 12);
	if (!is_sound_header(block) || n < 1 || n > 1024 || m->len - m->at < 512 + rounded_up((size_t)n) ||
	    !is_zero(block + strnlen(block, 100), 100 - strnlen(block, 100)) ||
	    !is_zero(block + 512 + n, rounded_up((size_t)n) - (size_t)n))
		return false;
	for (at = 0; at < n; at += (long long)one) {
		one = record(block + 512 + at, (size_t)(n - at), size);
		if (one == 0)
			return false;
	}
	m->at += 512 + rounded_up((size_t)n);
	return true;
}

/* Takes the next file, if it has this name and is whole. */
static bool next_file(struct model *m, const char *name, const char **content, size_t *n)
{
	char padded[100] = "";
	const char *block;
	long long extended, size;

	if (!extension(m, &extended) || m->len - m->at < 512)
		return false;
	block = m->p + m->at;
	memcpy(padded, name, strlen(name));
	if (!is_sound_header(block) || memcmp(block, padded, 100) != 0 ||
	    (block[156] != '0' && block[156] != '\0'))
		return false;
	size = extended >= 0 ? extended : octal_field(block + 124, 12);
	if (size > OUT_MAX || m->len - m->at < 512 + rounded_up((size_t)size))
		return false;
	*content = block + 512;
	*n = (size_t)size;
	m->at += 512 + rounded_up(*n);
	return is_zero(*content + *n, rounded_up(*n) - *n);
}

static bool sums_fit(const char *meta, size_t meta_n, const char *state, size_t state_n, const char *given)
{
	char sums[153], other[153];

	maker_sums(sums, meta, meta_n, state, state_n);
	snprintf(other, sizeof(other), "%.76s%.76s", sums + 76, sums);
	return memcmp(sums, given, 152) == 0 || memcmp(other, given, 152) == 0;
}

/* Returns the length of the archive up to its end; 0 if it is not as it must be. */
static size_t archive_is_whole(struct model m)
{
	const char *meta, *state, *sums, *sealed;
	size_t meta_n, state_n, sums_n, sealed_n;

	if (!next_file(&m, "meta.json", &meta, &meta_n) || meta_n < 1 || meta_n > 8191 ||
	    !next_file(&m, "state.bin", &state, &state_n) || !next_file(&m, "SHA256SUMS", &sums, &sums_n) ||
	    sums_n != 152 || !next_file(&m, "SHA256SUMS.sealed", &sealed, &sealed_n) || sealed_n < 1 ||
	    sealed_n > 8191)
		return 0;
	if (m.len - m.at < 1024 || !is_zero(m.p + m.at, m.len - m.at) ||
	    !sums_fit(meta, meta_n, state, state_n, sums))
		return 0;
	return m.at + 1024;
}

bool model_is_whole(const unsigned char *p, size_t n)
{
	struct inflated all = inflate_all(p, n);
	size_t end, page;

	all.out[all.len] = '\0';
	end = archive_is_whole((struct model){ (const char *)all.out, all.len, 0 });
	free(all.out);
	if (end == 0 || !all.one_member)
		return false;
	page = (input_for(p, n, end) - 1) / 4096;
	return n <= page * 4096 + SNAPSHOT_TAIL_MAX;
}

/*
 * The archive as OpenBao's reader would take it, and more leniently still: any names, any kinds, numbers in any
 * form.
 */
static long long any_number(const char *field, size_t size)
{
	char text[16] = "";
	long long value = 0;
	size_t i;

	memcpy(text, field, size);
	if ((text[0] & 0x80) != 0) {
		for (i = 1; i < size; i++)
			value = (value & 0x3fffffffffffff) << 8 | (unsigned char)text[i];
		return value;
	}
	return strtoll(text + strspn(text, " "), NULL, 8);
}

static bool any_header(const char *block)
{
	long long plain = 8 * ' ', with_signs = 8 * ' ';
	int i;

	for (i = 0; i < 512; i++)
		if (i < 148 || i >= 156) {
			plain += (unsigned char)block[i];
			with_signs += (signed char)block[i];
		}
	return any_number(block + 148, 8) == plain || any_number(block + 148, 8) == with_signs;
}

static long long any_extended_size(const char *p, size_t n)
{
	long long size = -1;
	size_t i;

	for (i = 0; i + 5 < n; i++)
		if (memcmp(p + i, "size=", 5) == 0)
			size = strtoll(p + i + 5, NULL, 10);
	return size;
}

/* Returns where the archive that begins at out ends; 0: it has no end. */
static size_t any_end(const char *out, size_t len)
{
	long long size, extended = -1;
	size_t at = 0;

	while (len - at >= 1024) {
		const char *block = out + at;

		if (is_zero(block, 512))
			return is_zero(block + 512, 512) ? at + 1024 : 0;
		if (!any_header(block))
			return 0;
		size = any_number(block + 124, 12);
		at += 512;
		if (block[156] == 'x') {
			if (size < 0 || (size_t)size > len - at)
				return 0;
			extended = any_extended_size(out + at, (size_t)size);
		} else if (strchr("gLK", block[156]) == NULL || block[156] == '\0') {
			if (extended >= 0)
				size = extended;
			extended = -1;
			if (block[156] >= '1' && block[156] <= '6')
				size = 0;
		}
		if (size < 0 || (size_t)size > len || rounded_up((size_t)size) > len - at)
			return 0;
		at += rounded_up((size_t)size);
	}
	return 0;
}

size_t model_end(const unsigned char *p, size_t n)
{
	struct inflated all = inflate_all(p, n);
	size_t end;

	all.out[all.len] = '\0';
	end = any_end((const char *)all.out, all.len);
	free(all.out);
	return end == 0 ? SIZE_MAX : input_for(p, n, end);
}
