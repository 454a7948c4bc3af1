/*
 * trusted_file: reads files that say who may do what. They may be writable for root and the daemon's own user
 * alone, and are used only when they are whole. A file that was changed less than a second ago may still be being
 * written, and what is there so far may mean something else.
 */
#ifndef TRUSTED_FILE_H
#define TRUSTED_FILE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/texts.h"

#define TRUSTED_FILE_AGE_MS 1000 /* how long a file must have been unchanged */

/*
 * Replaces the content of ret, whose limit is larger than max, with the bytes of the file, at most max. Links are
 * followed, and their target is what must be trusted. 0; or -1 with error set. *ret_again_ms is 0, or after -1 the
 * time in which the file should be read again, since it was changed just now.
 */
int trusted_file_read(const char *path, size_t max, struct buf *ret, unsigned *ret_again_ms, struct error *error);

/*
 * Lists the names in a folder, which must be trusted as well, sorted by their bytes. 0 with the names in ret,
 * which is empty before and the caller's to clear; without the folder there are none. -1 with error set and ret
 * empty. *ret_again_ms is as above.
 */
int trusted_file_list(const char *folder, struct texts *ret, unsigned *ret_again_ms, struct error *error);

#endif
