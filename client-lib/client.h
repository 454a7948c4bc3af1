/*
 * client: a handle, as the library's own files see it.
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
	struct forked forked; /* whose connection and requests these are: after a fork not the child's */
	struct link link;
	uint64_t connection;  /* counts the connections made */
	unsigned tries;       /* connections tried since the last good reply */
	uint64_t retry_at_ms; /* not connected: not to be tried before */
	struct exchanges exchanges;
	unsigned depth; /* within client_step or a callback */
	bool closing;   /* ss_close() was called from a callback */
	struct ss_error last;
	char last_text[CLIENT_TEXT];
	unsigned silence_ms; /* how long a snapshot's transfer may stand still; tests shorten it */
};

/*
 * To be called first by every function that is given a handle to work with: in a child of the process that used it
 * last, the parent's connection and requests are forgotten, without a word to the daemon or a callback.
 */
void client_enter(struct ss_client *c);

/* Sets what ss_last_error() gives, and gives code back. */
int client_fail(struct ss_client *c, int code, const char *message);
void client_note(struct ss_client *c, const struct ss_error *error);

/* A failure that the daemon told, as the library's callers get it. The message is why's. */
struct ss_error client_error_of(const struct failure *why);

/* client_enter(), and SS_OK if the caller may wait: within a callback the loop is running already. */
int client_may_wait(struct ss_client *c);

/*
 * Around a call that runs functions of the caller's: what a callback may not do with the handle, they may not
 * either. If one of them called ss_close(), client_release() does that: the handle is gone afterwards.
 */
void client_hold(struct ss_client *c);
void client_release(struct ss_client *c);

/* One turn: read if readable, then deadlines, connect, write; callbacks run. The client may be gone afterwards. */
void client_step(struct ss_client *c, bool readable);

/* Waits until something is to be done, and does it. Like client_step otherwise. */
void client_wait(struct ss_client *c);

#endif
