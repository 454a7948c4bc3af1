/*
 * approle_wrapped: gets a SecretID out of a response-wrapping token, which OpenBao opens only once. The SecretID
 * stays in memory, so that logins with the same token need not open it again.
 */
#ifndef APPROLE_WRAPPED_H
#define APPROLE_WRAPPED_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/upstream/auth.h"
#include "daemon/upstream/unwrapped_secret.h"

struct api;
struct approle_wrapped;

/* mount: where the AppRole method is mounted that must have made the token; copied. NULL: no memory. */
struct approle_wrapped *approle_wrapped_new(struct api *api, const char *mount);

/* Cancels an opening under way (done does not run), wipes and frees. NULL: does nothing. */
void approle_wrapped_free(struct approle_wrapped *wrapped);

/*
 * Gives the SecretID of the wrapping token that was opened last, and which token that was; valid as long as
 * wrapped. A secret that came out of a token elsewhere, such as before a restart, may be copied into it.
 */
struct unwrapped_secret *approle_wrapped_secret(struct approle_wrapped *wrapped);

/*
 * Asks OpenBao which path made the token, and opens it if that was the AppRole method's. node is the one to ask
 * and is borrowed until done runs; NULL: any. done runs once, from the loop: with AUTH_OK when
 * approle_wrapped_secret() is this token's SecretID, else with the result and reason of a login that fails because
 * of it; reason is valid until done returns. One opening at a time. 0, or -1: no memory, and done does not run.
 */
typedef void approle_wrapped_done(void *arg, enum auth_result result, const char *reason);
int approle_wrapped_open(struct approle_wrapped *wrapped, const char *token, const char *node,
    uint64_t deadline_ms, approle_wrapped_done *done, void *arg);

/* Tells whether a wrapping token that was created at this path holds a SecretID of that mount. Pure; for tests. */
bool approle_wrapped_path_ok(const char *creation_path, const char *mount);

#endif
