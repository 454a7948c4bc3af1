/*
 * tar: headers of a tar archive, of the plainest kind: POSIX ustar, and the extended ("pax") records that are for
 * a file's times and a size of 8 GiB or more. Anything else that a tar archive could hold is refused, so that what
 * is accepted means the same to every reader of archives.
 */
#ifndef TAR_H
#define TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK 512u
#define TAR_NAME_MAX 100

#define TAR_FILE '0'
#define TAR_RECORDS 'x' /* what follows are extended records for the next file */

enum tar_status {
	TAR_OK,
	TAR_ZEROS, /* a block of zeros: two of them are the archive's end */
	TAR_NONE,  /* no ustar header: other words in it, or another sum than it gives */
	TAR_ODD    /* one, but with something in it that is refused */
};

struct tar_header {
	char name[TAR_NAME_MAX + 1];
	char type;     /* TAR_FILE or TAR_RECORDS */
	uint64_t size; /* bytes; filled up with zeros to whole blocks */
};

/* ret is filled in with TAR_OK only. */
enum tar_status tar_header_parse(const unsigned char block[TAR_BLOCK], struct tar_header *ret);

/*
 * The n bytes of extended records at p. False if they are malformed, or any but one size and times. A size is at
 * most INT64_MAX; if there is none, *size is left as it is.
 */
bool tar_records_parse(const unsigned char *p, size_t n, uint64_t *size);

/* How many bytes of zeros fill up a file of this size. */
size_t tar_padding(uint64_t size);

bool tar_all_zero(const unsigned char *p, size_t n);

#endif
