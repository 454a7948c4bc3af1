/*
 * config_file: a configuration's files, the main one and those of the drop-in folder beside it, into a struct
 * config. A file that somebody else can write, or that may be half written, is not used. The environment, and what
 * must be set, are config.c's business.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "base/error.h"
#include "daemon/config/config.h"

/*
 * Puts what the files set into config, over what is there. 0, with *ret_address_line the line of openbao.address
 * (0: it is not set); or -1 with error set ("FILE:LINE: group.name: ...") and config half changed, to be freed.
 * *ret_again_ms is 0 unless files are just being changed: then the error says so, and it is time to read again in
 * so many milliseconds.
 */
int config_file_read(const char *path, struct config *config, unsigned *ret_address_line, unsigned *ret_again_ms,
    struct error *error);

#endif
