/*
 * unwrapped_secret: the SecretID that came out of a wrapping token. Such a token can be opened only once, so the
 * SecretID must outlive the auth that opened it: it is copied to the next one (auth_set_unwrapped), or goes as a
 * sealed memfd (sealed.h) through systemd's fd store to the daemon that runs after a restart.
 */
#ifndef UNWRAPPED_SECRET_H
#define UNWRAPPED_SECRET_H

#include <stdbool.h>

#include "base/error.h"
#include "daemon/upstream/digest.h"

/* Holds a SecretID and the digest of its wrapping token; all zero: none. */
struct unwrapped_secret {
	struct digest token; /* of the wrapping token, to know it again */
	char *secret_id;     /* secmem; NULL: none */
};

/* Both replace the SecretID in *secret by a copy. 0; or -1: no memory, and *secret is unchanged. */
int unwrapped_secret_set(struct unwrapped_secret *secret, const char *token, const char *secret_id);
int unwrapped_secret_copy(struct unwrapped_secret *secret, const struct unwrapped_secret *from);

/* Gives the SecretID if it came out of this wrapping token, else NULL. Valid until *secret changes. */
const char *unwrapped_secret_of(const struct unwrapped_secret *secret, const char *token);

/* Wipes and frees the SecretID; *secret is all zero then. */
void unwrapped_secret_clear(struct unwrapped_secret *secret);

/*
 * Gives a memfd that holds the secret, which must have a SecretID: CLOEXEC, sealed against every change, and the
 * caller's to close. -1 with error set.
 */
int unwrapped_secret_seal(const struct unwrapped_secret *secret, struct error *error);

/*
 * Replaces the SecretID in *secret by that in a memfd of unwrapped_secret_seal, which must have all seals, a
 * possible size and the right format. fd stays open. 0; or -1 with error set, which holds nothing of the content,
 * and *secret is unchanged.
 */
int unwrapped_secret_unseal(struct unwrapped_secret *secret, int fd, struct error *error);

#endif
