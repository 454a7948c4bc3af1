/*
 * credential_guard: a process beside the daemon that holds a copy of each connection on which a credential is to
 * be sent. When a process dies the kernel closes its connections, and systemd would take what has come until then,
 * or nothing, for the credential. With the guard these connections stay open when the daemon crashes or is killed,
 * and get a refusal.
 */
#ifndef CREDENTIAL_GUARD_H
#define CREDENTIAL_GUARD_H

#include "base/error.h"

#define CREDENTIAL_GUARD_OPTION "--guard-credentials" /* secretstored's only argument when it is to be the guard */
#define CREDENTIAL_GUARD_MAX 32                       /* connections that the guard can hold */

struct credential_guard;
struct event_base;

/*
 * Starts the guard: this program anew, so that the guard has nothing of the daemon's memory, and of its
 * descriptors only the socket between them. If it dies the loop starts another, at once if it lived for a while,
 * else after a pause. NULL with error set.
 */
struct credential_guard *credential_guard_new(struct event_base *base, struct error *error);

/*
 * Has the connection fd guarded until credential_guard_done(). The caller gives it a number below
 * CREDENTIAL_GUARD_MAX, and keeps it open until then. While there is no guard these do nothing, but the next one
 * gets what is to be guarded then.
 */
void credential_guard_watch(struct credential_guard *guard, unsigned number, int fd);
void credential_guard_done(struct credential_guard *guard, unsigned number);

/* Frees. The guard then refuses the connections that are not done, and ends by itself. NULL does nothing. */
void credential_guard_free(struct credential_guard *guard);

/* Runs as the guard, in its own process. Gives the exit status. */
int credential_guard_main(void);

#endif
