/*
 * accept: listens on a Unix socket, which it makes or which systemd has passed on, and accepts connections in
 * batches. When there are no descriptors left it pauses, since it would be woken at once again for as long as
 * somebody waits.
 */
#ifndef ACCEPT_H
#define ACCEPT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct accept;
struct event_base;

struct accept_options {
	/* absolute path; its directory is made (0755) if only the last part of that is missing */
	const char *socket;
	mode_t mode;
	gid_t group;      /* of the socket; (gid_t)-1: the daemon's own */
	int fd;           /* a listening, non-blocking socket that is taken over; -1: the socket is made */
	const char *whom; /* the log says: cannot accept WHOM for now; it is borrowed */
};

/*
 * Listens and accepts. With options->fd the socket belongs to systemd: its path is not touched, and whoever
 * connects while no daemon runs waits for the next one. Else a lock file beside the socket (its name with ".lock")
 * is held until accept_free(), so that of two daemons that start at once only one gets the socket. A socket on
 * which somebody listens is never removed; a dead one is.
 *
 * admit runs from the loop for each connection, and owns fd, which is non-blocking and CLOEXEC. If it returns
 * false no other connection is accepted before accept_go_on(). options are not kept, but for whom. NULL with error
 * set.
 */
struct accept *accept_new(struct event_base *base, const struct accept_options *options,
    bool (*admit)(void *arg, int fd), void *arg, struct error *error);

/* Accepts again after admit() has returned false; during a pause it does so when that is over. */
void accept_go_on(struct accept *accept);

/*
 * Accepts no more: closes the socket, and removes it if it was made here. Connections in the kernel's queue of a
 * socket that was made here are reset.
 */
void accept_stop(struct accept *accept);

/* Stops, if that was not done, releases the lock and frees. NULL does nothing. */
void accept_free(struct accept *accept);

#endif
