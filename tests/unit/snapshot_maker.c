/*
 * snapshot_maker: see its header.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "daemon/store/sha256_openssl.h"
#include "tests/unit/snapshot_maker.h"

void maker_put(struct buf *b, const void *p, size_t n)
{
	assert_int_equal(buf_put(b, p, n), 0);
}

void maker_zeros(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	assert_int_equal(buf_reserve(b, n), 0);
	memset(buf_tail(b), 0, n);
	buf_commit(b, n);
}

static uint64_t state64 = 88172645463325252u;

void maker_seed(uint64_t seed)
{
	state64 = 88172645463325252u ^ seed * 0x9e3779b97f4a7c15u;
	if (state64 == 0)
		state64 = 1;
}

unsigned maker_chance(unsigned n)
{
	state64 ^= state64 << 13;
	state64 ^= state64 >> 7;
	state64 ^= state64 << 17;
	return (unsigned)(state64 >> 33) % n;
}

void maker_noise(struct buf *b, size_t n)
{
	unsigned char *p;

	if (n == 0)
		return;
	assert_int_equal(buf_reserve(b, n), 0);
	p = buf_tail(b);
	buf_commit(b, n);
	while (n-- > 0)
		*p++ = (unsigned char)maker_chance(256);
}

/* Writes octal digits that leave room for the NUL at the field's end. */
static void octal(unsigned char *field, size_t size, uint64_t value)
{
	char digits[32];

	assert_int_equal(snprintf(digits, sizeof(digits), "%0*llo", (int)size - 1, (unsigned long long)value),
	    size - 1);
	memcpy(field, digits, size);
}

void maker_sum(unsigned char block[MAKER_BLOCK])
{
	uint64_t sum = 0;
	size_t i;

	memset(block + 148, ' ', 8);
	for (i = 0; i < MAKER_BLOCK; i++)
		sum += block[i];
	octal(block + 148, 7, sum);
}

void maker_header(unsigned char block[MAKER_BLOCK], const char *name, char type, uint64_t size)
{
	memset(block, 0, MAKER_BLOCK);
	memcpy(block, name, strlen(name));
	octal(block + 100, 8, 0600);
	octal(block + 108, 8, 0);
	octal(block + 116, 8, 0);
	octal(block + 124, 12, size);
	octal(block + 136, 12, 015301321174);
	block[156] = (unsigned char)type;
	memcpy(block + 257,
	    "ustar\0"
	    "00",
	    8);
	octal(block + 329, 8, 0);
	octal(block + 337, 8, 0);
	maker_sum(block);
}

static void put_file(struct buf *tar, const char *name, char type, const void *content, size_t n)
{
	unsigned char block[MAKER_BLOCK];

	maker_header(block, name, type, n);
	maker_put(tar, block, sizeof(block));
	maker_put(tar, content, n);
	maker_zeros(tar, (MAKER_BLOCK - n % MAKER_BLOCK) % MAKER_BLOCK);
}

void maker_file(struct buf *tar, const char *name, const void *content, size_t n)
{
	put_file(tar, name, '0', content, n);
}

void maker_records(struct buf *tar, const char *records)
{
	put_file(tar, "PaxHeaders.0/file", 'x', records, strlen(records));
}

void maker_record(char records[1024], const char *key, const char *value)
{
	size_t have = strlen(records), rest = strlen(key) + strlen(value) + 3, digits = 1;

	while (snprintf(NULL, 0, "%zu", rest + digits) != (int)digits)
		digits++;
	assert_in_range(snprintf(records + have, 1024 - have, "%zu %s=%s\n", rest + digits, key, value), 1,
	    1023 - have);
}

static void sum_line(char *line, const void *p, size_t n, const char *name)
{
	unsigned char digest[32];
	void *hash = sha256_openssl.begin();
	size_t i;

	assert_non_null(hash);
	sha256_openssl.add(hash, p, n);
	sha256_openssl.end(hash, digest);
	for (i = 0; i < sizeof(digest); i++)
		snprintf(line + 2 * i, 3, "%02x", digest[i]);
	snprintf(line + 64, 13, "  %s\n", name);
}

void maker_sums(char text[153], const void *meta, size_t meta_n, const void *state, size_t state_n)
{
	sum_line(text, meta, meta_n, "meta.json");
	sum_line(text + 76, state, state_n, "state.bin");
}

void maker_end(struct buf *tar)
{
	maker_zeros(tar, 2 * (size_t)MAKER_BLOCK);
}

void maker_archive_of(struct buf *tar, const void *state, size_t n)
{
	char sums[153], meta[256];
	struct buf sealed;
	int meta_n;

	meta_n = snprintf(meta, sizeof(meta),
	    "{\"Version\":1,\"ID\":\"bolt-snapshot\",\"Index\":32,\"Term\":3,\"Peers\":null,"
	    "\"Configuration\":{\"Servers\":[{\"Suffrage\":0,\"ID\":\"n1\",\"Address\":\"127.0.0.1:8201\"}]},"
	    "\"ConfigurationIndex\":1,\"Size\":%zu}\n",
	    n);
	assert_in_range(meta_n, 1, sizeof(meta) - 1);
	maker_sums(sums, meta, (size_t)meta_n, state, n);
	buf_init(&sealed, 192);
	maker_noise(&sealed, 192);
	maker_file(tar, "meta.json", meta, (size_t)meta_n);
	maker_file(tar, "state.bin", state, n);
	maker_file(tar, "SHA256SUMS", sums, 152);
	maker_file(tar, "SHA256SUMS.sealed", buf_data(&sealed), 192);
	maker_end(tar);
	buf_free(&sealed);
}

void maker_archive(struct buf *tar, size_t n)
{
	struct buf state;

	buf_init(&state, MAKER_LIMIT);
	maker_noise(&state, n);
	maker_archive_of(tar, n > 0 ? buf_data(&state) : (const void *)"", n);
	buf_free(&state);
}

static void put_little_endian(struct buf *out, uint32_t value)
{
	unsigned char bytes[] = { (unsigned char)value, (unsigned char)(value >> 8), (unsigned char)(value >> 16),
		(unsigned char)(value >> 24) };

	maker_put(out, bytes, sizeof(bytes));
}

static void count(struct maker_gzip *gzip, const void *p, size_t n)
{
	gzip->crc = crc32(gzip->crc, p, (unsigned)n);
	gzip->size += (uint32_t)n;
}

void maker_gzip_begin(struct maker_gzip *gzip, struct buf *out)
{
	*gzip = (struct maker_gzip){ .out = out, .crc = crc32(0, NULL, 0) };
	maker_put(out, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
}

void maker_gzip_stored(struct maker_gzip *gzip, const void *p, size_t n)
{
	const unsigned char *bytes = p;

	count(gzip, p, n);
	while (n > 0) {
		uint32_t some = n < 65535 ? (uint32_t)n : 65535;

		maker_put(gzip->out, "", 1);
		put_little_endian(gzip->out, some | (some ^ 0xffff) << 16);
		maker_put(gzip->out, bytes, some);
		bytes += some;
		n -= some;
	}
}

void maker_gzip_nothing(struct maker_gzip *gzip, size_t blocks)
{
	while (blocks-- > 0)
		maker_put(gzip->out, "\0\0\0\xff\xff", 5);
}

void maker_gzip_deflated(struct maker_gzip *gzip, const void *p, size_t n, int level)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)p, .avail_in = (unsigned)n };
	int answer;

	count(gzip, p, n);
	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	do {
		assert_int_equal(buf_reserve(gzip->out, 4096), 0);
		z.next_out = buf_tail(gzip->out);
		z.avail_out = 4096;
		answer = deflate(&z, Z_SYNC_FLUSH); /* ends it with a stored block of nothing */
		buf_commit(gzip->out, 4096 - z.avail_out);
	} while (answer == Z_OK && z.avail_out == 0);
	deflateEnd(&z);
}

void maker_gzip_end(struct maker_gzip *gzip)
{
	maker_put(gzip->out, "\3", 2); /* the last block, with fixed codes, and its end */
	put_little_endian(gzip->out, (uint32_t)gzip->crc);
	put_little_endian(gzip->out, gzip->size);
}

void maker_gzip_all(struct buf *out, const void *p, size_t n, int level)
{
	struct maker_gzip gzip;

	maker_gzip_begin(&gzip, out);
	if (level == MAKER_STORED)
		maker_gzip_stored(&gzip, p, n);
	else
		maker_gzip_deflated(&gzip, p, n, level);
	maker_gzip_end(&gzip);
}

void maker_snapshot(struct buf *out, size_t state_size)
{
	struct buf tar;

	buf_init(&tar, MAKER_LIMIT);
	maker_archive(&tar, state_size);
	maker_gzip_all(out, buf_data(&tar), buf_len(&tar), MAKER_STORED);
	buf_free(&tar);
}
