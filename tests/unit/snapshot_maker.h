/*
 * snapshot_maker: makes snapshots, whole ones and any other kind: the archive file by file, and the compression
 * block by block. All functions append to a buffer; the test fails where there is no memory.
 */
#ifndef SNAPSHOT_MAKER_H
#define SNAPSHOT_MAKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define MAKER_LIMIT (64u << 20) /* the limit of the buffers, for buf_init */

void maker_put(struct buf *b, const void *p, size_t n);
void maker_zeros(struct buf *b, size_t n);

/* These give random numbers, the same sequence for the same seed. */
void maker_seed(uint64_t seed);
unsigned maker_chance(unsigned n); /* a number from 0 to n - 1 */
void maker_noise(struct buf *b, size_t n);

/* The archive, as Go's archive/tar writes it. */
#define MAKER_BLOCK 512u

/*
 * Makes a header; size must be below 8 GiB. maker_sum sets its checksum, and is called again after a change of it.
 */
void maker_header(unsigned char block[MAKER_BLOCK], const char *name, char type, uint64_t size);
void maker_sum(unsigned char block[MAKER_BLOCK]);

/*
 * Appends a header with its content, which may be shorter than the size in the header, and zeros up to a whole
 * block.
 */
void maker_file(struct buf *tar, const char *name, const void *content, size_t n);

/*
 * maker_records appends an extended header ("pax") with these records; maker_record appends one record to a string
 * of at most 1,024 bytes.
 */
void maker_records(struct buf *tar, const char *records);
void maker_record(char records[1024], const char *key, const char *value);

/* Writes what SHA256SUMS must hold, 152 bytes and a NUL. */
void maker_sums(char text[153], const void *meta, size_t meta_n, const void *state, size_t state_n);

void maker_end(struct buf *tar);

/* Appends a whole archive. Its state.bin has n bytes of noise or zeros. */
void maker_archive(struct buf *tar, size_t n);
void maker_archive_of(struct buf *tar, const void *state, size_t n);

/*
 * The compression. After maker_gzip_begin come any blocks, then maker_gzip_end. Each part begins at a whole byte.
 */
struct maker_gzip {
	struct buf *out;
	unsigned long crc;
	uint32_t size;
};

void maker_gzip_begin(struct maker_gzip *gzip, struct buf *out);
void maker_gzip_stored(struct maker_gzip *gzip, const void *p, size_t n);
void maker_gzip_deflated(struct maker_gzip *gzip, const void *p, size_t n, int level);
void maker_gzip_nothing(struct maker_gzip *gzip, size_t blocks); /* stored blocks of no bytes, 5 bytes each */
void maker_gzip_end(struct maker_gzip *gzip);

/* Appends all of p as one gzip member, in stored blocks as OpenBao writes it, or deflated. */
void maker_gzip_all(struct buf *out, const void *p, size_t n, int level);
#define MAKER_STORED 0

/* Appends a whole snapshot as OpenBao sends it. */
void maker_snapshot(struct buf *out, size_t state_size);

#endif
