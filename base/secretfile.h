/*
 * secretfile: reads a file that holds a credential, or settings. It never blocks on a FIFO or device: only a
 * regular file (or a symbolic link to one, as Kubernetes' projected volumes use) is read, and only up to a maximum
 * size.
 */
#ifndef SECRETFILE_H
#define SECRETFILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"

#define SECRETFILE_MAX 65536 /* bytes of a credential's file */

/*
 * Replaces the content of ret (initialised by the caller) with the file's bytes without trailing white space. max
 * is the largest file that is read, in bytes. 0; or -1 with error set (file name and reason, never content) and
 * ret untouched. A file that is empty, begins with a byte order mark, holds a NUL byte or more than ret may hold
 * is an error.
 */
int secretfile_read(const char *path, size_t max, struct buf *ret, struct error *error);

/*
 * Tells whether n bytes begin with a byte order mark, of UTF-8 or UTF-16. Editors put it there unseen, and no
 * credential has one.
 */
bool secretfile_has_mark(const void *bytes, size_t n);

/*
 * Replaces the content of ret with all bytes of the file as they are, of which there may be none. max is the
 * largest file that is read, in bytes. 0 with *ret_status, which fstat(2) gave before the file was read. 1 with
 * ret untouched: size or time of change was another one afterwards, so that only a part may have been read. -1
 * with error set.
 */
int secretfile_read_whole(const char *path, size_t max, struct buf *ret, struct stat *ret_status,
    struct error *error);

/*
 * Says what is doubtful about the mode or the owner of a credential's file, as a text that follows its name and
 * lives for ever ("others than its owner may write it ..."); or gives NULL. is_private: nor may every user of the
 * host read it, who can reach its folder.
 */
const char *secretfile_doubt(const char *path, bool is_private);

#endif
