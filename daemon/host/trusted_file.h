/*
 * trusted_file: files that say who may do what, and so may be written by root and the daemon's own user alone, and
 * are used only when they are whole. A file that was changed less than a second ago may be half written: whoever
 * writes it in place goes on, and what is there so far may mean something else.
 */
#ifndef TRUSTED_FILE_H
#define TRUSTED_FILE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/texts.h"

#define TRUSTED_FILE_AGE_MS 1000 /* how long a file is to be left alone */

/*
 * Replaces the content of ret with the bytes of the file, at most max, whose limit is larger. Links are followed,
 * and what they lead to counts. 0; or -1 with error set. *ret_again_ms is 0, unless the file was changed just now:
 * then it is worth to read it again in so many milliseconds.
 */
int trusted_file_read(const char *path, size_t max, struct buf *ret, unsigned *ret_again_ms, struct error *error);

/*
 * Lists the names in a folder that may be written by nobody else either, sorted by their bytes. 0 with the names
 * in ret, which is empty before and is the caller's to clear; there are none if there is no folder. -1 with error
 * set, ret empty, and *ret_again_ms as above.
 */
int trusted_file_list(const char *folder, struct texts *ret, unsigned *ret_again_ms, struct error *error);

#endif
