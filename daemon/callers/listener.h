/*
 * listener: the socket on which callers arrive. Makes it, guards it against a second daemon, accepts within the
 * limits and hands each connection to a session.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "daemon/callers/call.h"

struct event_base;
struct listener;

struct listener_options {
	const char *socket; /* absolute path; its directory is made (0755) if only the last part is missing */
	mode_t mode;
	gid_t group;        /* (gid_t)-1: leave it */
	int fd;             /* a socket that listens already, non-blocking, taken over; -1: it is to be made */
	uint64_t connections, connections_per_uid;
	struct call_limits calls;
	uint64_t default_timeout_ms;
};

/*
 * Listens and accepts. With fd the socket is somebody else's: its path is not touched, and who connects while nobody
 * accepts waits for the next daemon. Else a lock file beside the socket (its name with ".lock") is held for as long as the listener
 * lives, so that of two daemons that start at once only one gets the socket; a socket on which somebody listens
 * is never removed, a dead one is. NULL with error set.
 */
struct listener *listener_new(struct event_base *base, const struct listener_options *options, call_request *request,
    void *arg, struct error *error);

/* The limits are from here on those of options, also for the sessions there are; the rest of options is not looked at. */
void listener_set_limits(struct listener *listener, const struct listener_options *options);

/* Accepts no more, removes the socket if it made it, lets the sessions finish. */
void listener_stop(struct listener *listener);

/* Ends all sessions and lets go of the lock. */
void listener_free(struct listener *listener);

struct calls *listener_calls(struct listener *listener);

#endif
