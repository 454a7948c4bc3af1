/*
 * tar: reads the headers of the plainest kind of tar archive: POSIX ustar, with those extended ("pax") records
 * that give a file's times, or its size if that is 8 GiB or more. Anything else that a tar archive can hold is
 * refused, so that what is accepted means the same to every reader of archives.
 */
#ifndef TAR_H
#define TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK 512u   /* bytes of a header; content is filled up to a multiple of it */
#define TAR_NAME_MAX 100 /* bytes */

/* Types of headers. */
#define TAR_FILE '0'
#define TAR_RECORDS 'x' /* extended records follow, which are for the next file */

enum tar_status {
	TAR_OK,
	TAR_ZEROS, /* a block of zeros: two of them are the archive's end */
	TAR_NONE,  /* no ustar header, or one whose checksum is wrong */
	TAR_ODD    /* a ustar header with something in it that is refused */
};

struct tar_header {
	char name[TAR_NAME_MAX + 1];
	char type;     /* TAR_FILE or TAR_RECORDS */
	uint64_t size; /* bytes of content, without what fills up its last block */
};

/* Reads a header. ret is filled in with TAR_OK only. */
enum tar_status tar_header_parse(const unsigned char block[TAR_BLOCK], struct tar_header *ret);

/*
 * Reads n bytes of extended records at p. False: they are malformed, or other than times and at most one size. A
 * size is at most INT64_MAX. If there is none, *size is untouched; after false it may be set.
 */
bool tar_records_parse(const unsigned char *p, size_t n, uint64_t *size);

/* Gives how many bytes of zeros fill up the last block of a file of this size. */
size_t tar_padding(uint64_t size);

/* True if all n bytes at p are 0, as it is for n = 0. */
bool tar_all_zero(const unsigned char *p, size_t n);

#endif
