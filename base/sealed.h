/*
 * sealed: a few bytes in a memfd that nobody can change any more, which systemd's fd store carries to the daemon
 * that runs after a restart. It is written and read with pwrite and pread, never mapped, so that this process's
 * memory holds no copy of its own. The memfd itself can be swapped out.
 */
#ifndef SEALED_H
#define SEALED_H

#include <stddef.h>

#include "base/error.h"

/*
 * Gives a memfd that holds head and then rest, CLOEXEC and the caller's to close. name is what /proc shows of it.
 * -1 with error set.
 */
int sealed_new(const char *name, const void *head, size_t head_len, const void *rest, size_t rest_len,
    struct error *error);

/* Gives the size of a memfd with all seals, which is from min to max, min > 0. 0 with error set: fd is no such. */
size_t sealed_size(int fd, size_t min, size_t max, struct error *error);

#endif
