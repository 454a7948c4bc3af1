/*
 * client: what a handle (struct ss_client) consists of, for the files of the library. The public interface is
 * secretstore.h.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "client-lib/link.h"
#include "client-lib/exchange.h"
#include "client-lib/forked.h"
#include "client-lib/secretstore.h"
#include "proto/codes.h"

#define CLIENT_TEXT 256

struct ss_client {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct forked forked; /* tells a forked child that the connection and the requests are not its own */
	struct link link;
	uint64_t connection;  /* how many connections were made */
	unsigned tries;       /* connections that were tried since the last good reply */
	uint64_t retry_at_ms; /* without a connection: when the next may be tried */
	struct exchanges exchanges;
	unsigned depth; /* callbacks and client_hold() in which the handle is in use */
	bool closing;   /* ss_close() was called; the handle is freed when depth is 0 */
	struct ss_error last;
	char last_text[CLIENT_TEXT];
	unsigned silence_ms; /* how long a snapshot's transfer may make no progress; tests shorten it */
};

/*
 * Every function that uses a handle calls this first. In a forked child it forgets the parent's connection and
 * requests; the daemon notices nothing, and no callback runs.
 */
void client_enter(struct ss_client *c);

/* These set what ss_last_error() returns. client_fail() returns code. The message is copied. */
int client_fail(struct ss_client *c, int code, const char *message);
void client_set_error(struct ss_client *c, const struct ss_error *error);

/* Turns a failure from a reply into the form that callers get. The message stays the one of why. */
struct ss_error client_error_of(const struct failure *why);

/* Gives the code for what fails since there is no connection; link->error is the message. */
static inline int client_unconnected(const struct link *link)
{
	return link->denied ? SS_NO_ACCESS : SS_NO_DAEMON;
}

/*
 * Does what client_enter() does, and returns SS_OK if the caller may wait. Within a callback it may not, since the
 * handle's loop is running already: SS_INVALID_REQUEST.
 */
int client_may_wait(struct ss_client *c);

/*
 * These two go around a call that runs the caller's own functions, in which the same is forbidden as in callbacks.
 * If one of them called ss_close(), client_release() closes the handle, which is gone afterwards.
 */
void client_hold(struct ss_client *c);
void client_release(struct ss_client *c);

/*
 * Does what is due on the handle: reads if readable is set, ends requests whose time is over, connects, writes,
 * and runs the callbacks. It does nothing within a callback. The handle may be gone afterwards.
 */
void client_step(struct ss_client *c, bool readable);

/* Waits until something is due on the handle, and does it. The handle may be gone afterwards. */
void client_wait(struct ss_client *c);

#endif
