/*
 * socket: makes the Unix socket to listen on, so that no other daemon's live socket is ever taken away.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include <sys/types.h>

#include "base/error.h"

/*
 * Takes the lock PATH.lock, removes a dead socket at PATH, binds, sets mode and group, listens. The socket is
 * never there with more rights than mode. 0 with *ret_fd (non-blocking) and *ret_lock_fd, both CLOEXEC and the
 * caller's; or -1 with error set, leaving at most the lock file and a dead socket behind.
 */
int socket_listen(const char *path, mode_t mode, gid_t group, int *ret_fd, int *ret_lock_fd, struct error *error);

#endif
