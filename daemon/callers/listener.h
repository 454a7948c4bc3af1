/*
 * listener: the socket on which callers arrive, and how many of them may: their connections are counted in all and
 * per user.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include <stdint.h>

#include "base/error.h"
#include "daemon/callers/accept.h"
#include "daemon/callers/call.h"

struct event_base;
struct listener;

struct listener_options {
	struct accept_options accept;
	uint64_t connections, connections_per_uid;
	struct call_limits calls;
	uint64_t default_timeout_ms;
};

/* Listens and accepts, as accept_new() does, and hands what is asked to request. NULL with error set. */
struct listener *listener_new(struct event_base *base, const struct listener_options *options,
    call_request *request, void *arg, struct error *error);

/*
 * From now on the limits are those of options, for connections that there are, too; the rest of options is not
 * looked at.
 */
void listener_set_limits(struct listener *listener, const struct listener_options *options);

/* Accepts no more, removes the socket if it made it, and lets what is in flight be answered. */
void listener_stop(struct listener *listener);

/* Ends all connections, abandoning their calls, and lets go of the lock. NULL: does nothing. */
void listener_free(struct listener *listener);

#endif
