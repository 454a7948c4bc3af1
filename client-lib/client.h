/*
 * client: a handle, as the library's own files see it.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "base/buf.h"
#include "client-lib/exchange.h"
#include "client-lib/forked.h"
#include "client-lib/secretstore.h"
#include "proto/codes.h"
#include "proto/reply.h"

#define CLIENT_TEXT 256
#define CLIENT_TIMEOUT_DIGITS 6 /* a request's timeout_ms is filled in when it is written: room for it */

struct ss_client {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct forked forked;  /* whose connection and requests these are: after a fork not the child's */
	int fd;                /* -1: not connected */
	uint64_t connection;   /* counts the connections made */
	unsigned tries;        /* connections tried since the last good reply */
	uint64_t retry_at_ms;  /* not connected: not to be tried before */
	struct buf in;
	struct exchanges exchanges;
	unsigned depth;        /* within client_step or a callback */
	bool closing;          /* ss_close() was called from a callback */
	char trouble[CLIENT_TEXT]; /* why connecting failed */
	struct ss_error last;
	char last_text[CLIENT_TEXT];
	unsigned silence_ms;   /* how long a snapshot's transfer may stand still; tests shorten it */
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
 * Around a call that runs functions of the caller's: what a callback may not do with the handle, they may not either.
 * If one of them called ss_close(), client_release() does that: the handle is gone afterwards.
 */
void client_hold(struct ss_client *c);
void client_release(struct ss_client *c);

/* One turn: read if readable, then deadlines, connect, write; callbacks run. The client may be gone afterwards. */
void client_step(struct ss_client *c, bool readable);

/* Waits until something is to be done, and does it. Like client_step otherwise. */
void client_wait(struct ss_client *c);

/*
 * Delivery: each takes the exchange out of the books and runs its callback, which may submit requests or close the
 * handle. deliver_timeout leaves an exchange that is on the wire in the books, without a callback.
 */
void deliver_reply(struct ss_client *c, struct exchange *x, const struct reply *reply, const char *body,
    size_t len);
void deliver_failure(struct ss_client *c, struct exchange *x, const struct failure *why, const char *body,
    size_t len);
void deliver_timeout(struct ss_client *c, struct exchange *x);
void deliver_ended(struct ss_client *c);

/* Does a reply that says ok lack what a reply to this request must have? */
bool deliver_misfits(const struct exchange *x, const struct reply *reply);

/* Connects without blocking. Else trouble says why not. BUSY may pass, which poll() cannot tell. */
enum dialled { DIALLED, DIALLED_BUSY, DIALLED_NOBODY };
enum dialled connection_dial(const char *path, int *ret_fd, char trouble[CLIENT_TEXT]);

/* The timeout that the daemon is told, so that it answers a little before the caller stops waiting. */
uint64_t connection_time_told(uint64_t deadline_ms, uint64_t now_ms);

/* Opens a connection. If nobody is there, requests that were not yet sent once end. */
void connection_open(struct ss_client *c, uint64_t now_ms);

/* Writes what the socket takes; reads what is there, and delivers. The connection may be gone afterwards. */
void connection_write(struct ss_client *c, uint64_t now_ms);
void connection_read(struct ss_client *c);

/*
 * Closes. What is on the wire is to be sent again (code SS_OK) or ends with the code; a put ends as unknown in any
 * case. Runs no callbacks: the ended ones wait for deliver_ended(). message must last until then.
 */
void connection_drop(struct ss_client *c, int code, const char *message);

#endif
