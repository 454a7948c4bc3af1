/*
 * config_scan: looks over a config file before libconfig reads it, for what libconfig 1.5 would take otherwise
 * than a person who reads the file, without a word:
 *
 *   - a comment or a string that is not closed swallows the rest of the file; \x00 in a string is left out
 *   - whole numbers over 2147483647 wrap around, hexadecimal and L ones too; 0660 is six hundred and sixty
 *   - strings in a row become one: ["a/x" "b/y"] is a list of one path that nobody meant
 *   - @include "DIRECTORY" ends the process with status 2, a FIFO stops it, a NUL in the file included goes unseen
 *
 * It also keeps the RoleID from libconfig, which does not wipe its memory. Pure but for that.
 */
#ifndef CONFIG_SCAN_H
#define CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct config_scan {
	char *role_id; /* secmem: the text of the setting role_id, or NULL; in the file it is now "xxx" */
	unsigned line; /* of the error */
};

/*
 * Looks at the len bytes of text, none of them NUL (which would end it for libconfig), and overwrites the RoleID
 * in it. 0 with *ret filled in (ret->role_id is the caller's to free); or -1 with why set, which names the
 * setting, ret->line its line and ret->role_id NULL.
 */
int config_scan(char *text, size_t len, struct config_scan *ret, struct error *why);

/* The nth (from 0) setting that begins on the line, as "group.name". False: there is none. */
bool config_scan_name(const char *text, size_t len, unsigned line, size_t nth, char *ret, size_t cap);

#endif
