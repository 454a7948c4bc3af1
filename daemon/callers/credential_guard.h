/*
 * credential_guard: a process beside the daemon that holds a copy of each connection on which a credential is
 * owed. When a process dies the kernel closes its connections, and systemd takes what came until then, or nothing,
 * for the credential. With the guard a connection stays open when the daemon crashes or is killed, and gets a
 * refusal.
 */
#ifndef CREDENTIAL_GUARD_H
#define CREDENTIAL_GUARD_H

#include "base/error.h"

#define CREDENTIAL_GUARD_OPTION "--guard-credentials" /* what this program is run with to be the guard */
#define CREDENTIAL_GUARD_MAX 32                       /* connections that it holds */

struct credential_guard;

/* Runs this same program anew, so that nothing of this process's memory is in the guard. NULL with error set. */
struct credential_guard *credential_guard_new(struct error *error);

/* Has the connection fd guarded until it is done. Its number is the caller's, below CREDENTIAL_GUARD_MAX. */
void credential_guard_watch(struct credential_guard *guard, unsigned number, int fd);
void credential_guard_done(struct credential_guard *guard, unsigned number);

/* The guard refuses what is not done, and ends. */
void credential_guard_free(struct credential_guard *guard);

/* The guard's own life; gives its exit status. */
int credential_guard_main(void);

#endif
