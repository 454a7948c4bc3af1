/*
 * users: looks up this machine's users and groups, which people write by name or by number.
 */
#ifndef USERS_H
#define USERS_H

#include <sys/types.h>

#include "base/error.h"

/*
 * These look a user or a group up. A name must exist on this machine; a number from 0 to 4294967294 need not (the
 * highest one means "none" to the kernel). 0; or -1 with why set, to be printed after the setting's name ("there
 * is no user ..."). They may block for as long as the machine's name services (NSS) take.
 */
int users_find(const char *text, uid_t *ret, struct error *why);
int users_find_group(const char *text, gid_t *ret, struct error *why);

#endif
