/*
 * approle_wrapped: a SecretID that is handed over inside a response-wrapping token, which can be opened once. What
 * came out is kept, so that the same token is never opened twice.
 */
#ifndef APPROLE_WRAPPED_H
#define APPROLE_WRAPPED_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/upstream/auth.h"
#include "daemon/upstream/unwrapped_secret.h"

struct api;
struct approle_wrapped;

/* mount: of the AppRole method, which must have made the token; copied. NULL: no memory. */
struct approle_wrapped *approle_wrapped_new(struct api *api, const char *mount);

/* Ends an opening under way (done does not run), wipes and frees. */
void approle_wrapped_free(struct approle_wrapped *wrapped);

/* Gives what came out of the wrapping token that was opened last, or was opened elsewhere and put here. */
struct unwrapped_secret *approle_wrapped_secret(struct approle_wrapped *wrapped);

/*
 * Looks where the token was made, and opens it, at that node (NULL: at any), whose name must last so long. done
 * runs once, from the loop: with AUTH_OK when what is kept is that token's SecretID, else with the result of a
 * login that fails for this reason. One at a time. 0, or -1: no memory, and done does not run.
 */
typedef void approle_wrapped_done(void *arg, enum auth_result result, const char *reason);
int approle_wrapped_open(struct approle_wrapped *wrapped, const char *token, const char *node,
    uint64_t deadline_ms, approle_wrapped_done *done, void *arg);

/* Pure, for tests: whether a wrapping token created at this path holds a SecretID of that mount. */
bool approle_wrapped_path_ok(const char *creation_path, const char *mount);

#endif
