/*
 * users: this machine's users and groups, as people write them: by name or by number.
 */
#ifndef USERS_H
#define USERS_H

#include <sys/types.h>

#include "base/error.h"

/*
 * Looks a user or a group up. A name must exist on this machine; a number need not, and is taken from 0 to
 * 4294967294 (the highest one means "none" to the kernel). 0; or -1 with why set, which follows the setting's name
 * ("there is no user ..."). It may block for as long as the machine's name services take (NSS).
 */
int users_find(const char *text, uid_t *ret, struct error *why);
int users_find_group(const char *text, gid_t *ret, struct error *why);

#endif
