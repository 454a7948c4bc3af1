/*
 * credentials: serves the socket for LoadCredential=NAME:SOCKET of systemd's units. systemd connects as root from
 * a socket whose name tells unit and credential. Any root process can bind such a name, so the process that
 * connects must itself be in that unit, as systemd's child is; if it is not, or if its unit is not known, it is
 * refused. A rule says which secret that is; it is read, and only then is the answer sent. A failure is told by a
 * refusal (credential_answer) and in the log, never by an early end.
 *
 * While OpenBao cannot answer, a unit waits for up to wait_ms, unlike callers of the other socket. Nothing ends a
 * connection to root before all of its answer is written, not even the end of this process (credential_guard). Up
 * to 32 connections are served at a time; others wait in the kernel's queue.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <stdint.h>

#include "base/error.h"
#include "daemon/access/credential_rules.h"

struct audit;
struct credentials;
struct event_base;
struct kv;

struct credentials_options {
	/*
	 * the path of the socket, which is made with mode 0600 and a lock file beside it, and removed at the end
	 */
	const char *socket;
	int fd; /* a listening, non-blocking socket of systemd's, taken over in place of that; -1: none */
};

/* The parts of the daemon that are used. All are borrowed. */
struct credentials_parts {
	const struct credential_rules *rules;
	struct kv *kv;
	struct audit *audit;
	/*
	 * how long the secret is waited for, and then the reader; after that the rest of the answer is a refusal
	 */
	uint64_t wait_ms;
};

/* Starts the guard, listens and accepts. base is borrowed, options and parts are copied. NULL with error set. */
struct credentials *credentials_new(struct event_base *base, const struct credentials_options *options,
    const struct credentials_parts *parts, struct error *error);

/*
 * Replaces the parts, as after a reload. The rules before are not used any more. A connection under way stays with
 * the secret that its rule named, and a read that has begun ends at the kv where it is.
 */
void credentials_use(struct credentials *credentials, const struct credentials_parts *parts);

/*
 * Accepts no more, removes the socket if it was made here, and refuses credentials whose secret is not there yet.
 * When all answers are written, or budget_ms have passed, stopped runs, once, from the loop.
 */
void credentials_stop(struct credentials *credentials, uint64_t budget_ms, void (*stopped)(void *arg), void *arg);

/* Frees. The guard then refuses on connections that are still under way. NULL does nothing. */
void credentials_free(struct credentials *credentials);

#endif
