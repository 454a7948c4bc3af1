/*
 * secretfile: reads a file that holds a credential. It never blocks on a FIFO or device: only a regular
 * file (or a symbolic link to one, as projected volumes use) is read, and at most so many bytes.
 */
#ifndef SECRETFILE_H
#define SECRETFILE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

#define SECRETFILE_MAX 65536 /* for a credential */

/*
 * Replaces the content of ret (initialised by the caller) with the file's bytes without trailing white space. max:
 * bytes that the file may have. 0; or -1 with error set (file name and reason, never content) and ret untouched.
 * An empty file is an error.
 */
int secretfile_read(const char *path, size_t max, struct buf *ret, struct error *error);

/* Whether every user of the host may read the file, if they get to its folder. */
bool secretfile_is_public(const char *path);

#endif
