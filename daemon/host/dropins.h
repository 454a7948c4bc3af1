/*
 * dropins: which files of a drop-in folder count.
 */
#ifndef DROPINS_H
#define DROPINS_H

#include "base/error.h"
#include "base/texts.h"

/*
 * Adds to paths the files in the folder, which must be trusted (see trusted_file_list()), sorted by the bytes of
 * their names. A file's name has letters, digits, dots, _ and -, no dot at its start, and .yaml at its end; to
 * notes a sentence is added for each that looks like one and is none. Without the folder there are none. 0; or -1
 * with error and *ret_again_ms set as trusted_file_list() does.
 */
int dropins_list(const char *folder, struct texts *paths, struct texts *notes, unsigned *ret_again_ms,
    struct error *error);

#endif
