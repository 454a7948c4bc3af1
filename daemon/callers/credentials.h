/*
 * credentials: the socket for LoadCredential=NAME:SOCKET. systemd connects as root from a socket whose name tells
 * unit and credential; a rule says which secret that is; it is fetched, and only then is a byte of the answer
 * sent. What is wrong is said by credential_answer's refusal, never by an early end, and in the log.
 *
 * While OpenBao cannot answer a unit waits, unlike a caller of the other socket: until wait_ms have passed.
 * Nothing ends a connection to root before all of its answer is written, not even the end of this process
 * (credential_guard). Up to 32 are served at a time, the others wait in the kernel's queue.
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
	/* path of the socket to make, with mode 0600 and a lock beside it; removed at the end */
	const char *socket;
	/* instead: a listening one, non-blocking, taken over, that stays where it is; -1: none */
	int fd;
};

/* Borrowed. */
struct credentials_parts {
	const struct credential_rules *rules;
	struct kv *kv;
	struct audit *audit;
	/* for the secret; and again for the reader, then a value is wiped and the rest is a refusal */
	uint64_t wait_ms;
};

/* Listens and accepts. NULL with error set. */
struct credentials *credentials_new(struct event_base *base, const struct credentials_options *options,
    const struct credentials_parts *parts, struct error *error);

/*
 * Others from here on, as after a reload; the rules before are not looked at any more. What is under way goes on
 * to the secret that they named, and a get that has begun ends at the kv where it is.
 */
void credentials_use(struct credentials *credentials, const struct credentials_parts *parts);

/*
 * Accepts no more and removes the socket that it made, refuses what is not fetched yet, and when all is written,
 * or budget_ms have passed, runs stopped, once, from the loop.
 */
void credentials_stop(struct credentials *credentials, uint64_t budget_ms, void (*stopped)(void *arg), void *arg);

/* What is still under way is left to the guard to refuse. */
void credentials_free(struct credentials *credentials);

#endif
