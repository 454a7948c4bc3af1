/*
 * accept: a socket on which programs arrive, made here or passed on by systemd. Takes the connections in batches,
 * pauses when there are no descriptors left instead of spinning on a backlog that it cannot take, and removes the
 * socket that it made.
 */
#ifndef ACCEPT_H
#define ACCEPT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct accept;
struct event_base;

struct accept_options {
	const char *socket; /* absolute path; its directory is made (0755) if only the last part is missing */
	mode_t mode;
	gid_t group;      /* (gid_t)-1: leave it */
	int fd;           /* a socket that listens already, non-blocking, taken over; -1: it is to be made */
	const char *whom; /* whom it "cannot accept for now", for the log; must last as long */
};

/*
 * Listens and accepts. With options->fd the socket is somebody else's: its path is not touched, and who connects
 * while nobody accepts waits for the next daemon. Else a lock file beside the socket (its name with ".lock") is
 * held until accept_free(), so that of two daemons that start at once only one gets the socket; a socket on which
 * somebody listens is never removed, a dead one is.
 *
 * admit runs for each connection, non-blocking and CLOEXEC, and owns it from then on. False: no other is to be
 * taken before accept_go_on(). NULL with error set.
 */
struct accept *accept_new(struct event_base *base, const struct accept_options *options,
    bool (*admit)(void *arg, int fd), void *arg, struct error *error);

/* Connections are taken again, unless it has stopped or pauses; then they are after the pause. */
void accept_go_on(struct accept *accept);

/*
 * Accepts no more, and removes the socket if it made it. Those in the queue of a socket that is thus closed are
 * reset.
 */
void accept_stop(struct accept *accept);

/* Stops, if it has not, and lets go of the lock. NULL: does nothing. */
void accept_free(struct accept *accept);

#endif
