/*
 * socket: makes the Unix socket to listen on, and never takes away a socket on which another process listens.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include <sys/types.h>

#include "base/error.h"

/*
 * Takes the lock PATH.lock, removes a dead socket at PATH, binds, sets the group ((gid_t)-1: leaves it), and
 * listens. The socket has this mode from the moment on at which it is there, and whatever is put in its place
 * meanwhile is left alone. The log warns of a folder in which others may do so. 0 with *ret_fd (non-blocking) and
 * *ret_lock_fd, both CLOEXEC and the caller's. -1 with error set; at most the lock file and a dead socket are left
 * behind.
 */
int socket_listen(const char *path, mode_t mode, gid_t group, int *ret_fd, int *ret_lock_fd, struct error *error);

#endif
