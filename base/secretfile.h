/*
 * secretfile: reads a file that holds a credential. It never blocks on a FIFO or device: only a regular
 * file (or a symbolic link to one, as projected volumes use) is read, and at most so many bytes.
 */
#ifndef SECRETFILE_H
#define SECRETFILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"

#define SECRETFILE_MAX 65536 /* for a credential */

/*
 * Replaces the content of ret (initialised by the caller) with the file's bytes without trailing white space. max:
 * bytes that the file may have. 0; or -1 with error set (file name and reason, never content) and ret untouched.
 * An empty file is an error.
 */
int secretfile_read(const char *path, size_t max, struct buf *ret, struct error *error);

/*
 * Replaces the content of ret with all bytes of the file, as they are; there may be none. max: bytes that the file
 * may have. 0, with *ret_status what fstat(2) said of the file before it was read; 1 if its size or its time of
 * change was another one after that, so that only a part may have been read: ret is untouched then; or -1 with
 * error set.
 */
int secretfile_read_whole(const char *path, size_t max, struct buf *ret, struct stat *ret_status,
    struct error *error);

/* Whether every user of the host may read the file, if they get to its folder. */
bool secretfile_is_public(const char *path);

#endif
