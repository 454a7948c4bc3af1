/*
 * socket: makes the Unix socket to listen on, and never takes away a socket on which another process listens.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include <sys/types.h>

#include "base/error.h"

/*
 * Takes the lock PATH.lock, removes a dead socket at PATH, binds, sets group ((gid_t)-1: leaves it) and mode, and
 * listens. The socket never has more rights than mode. 0 with *ret_fd (non-blocking) and *ret_lock_fd, both
 * CLOEXEC and the caller's. -1 with error set; at most the lock file and a dead socket are left behind.
 */
int socket_listen(const char *path, mode_t mode, gid_t group, int *ret_fd, int *ret_lock_fd, struct error *error);

#endif
