/*
 * listener: accepts callers on the daemon's socket, as far as the limits of connections in all and per user let
 * it.
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
	uint64_t connections, connections_per_uid; /* how many there may be */
	struct call_limits calls;
	uint64_t default_timeout_ms;
	const struct rules *rules; /* borrowed; they say what of callers must be known */
};

/* Listens and accepts as accept_new() does; request is the handler of all requests. NULL with error set. */
struct listener *listener_new(struct event_base *base, const struct listener_options *options,
    call_request *request, void *arg, struct error *error);

/*
 * Replaces all limits, the default time-out and the rules by those of options, for existing connections, too; but
 * whether a caller is on the host stays what it was at its accept. options->accept is not used.
 */
void listener_set_limits(struct listener *listener, const struct listener_options *options);

/* Accepts no more, removes the socket if it was made here, and lets what is in flight be answered. */
void listener_stop(struct listener *listener);

/* Ends all connections, abandons their calls, releases the socket's lock and frees. NULL does nothing. */
void listener_free(struct listener *listener);

#endif
