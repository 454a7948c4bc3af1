/*
 * unwrapped_secret: the SecretID that came out of a wrapping token. Such a token can be opened once, so this must
 * outlive whoever opened it: handed from one login to the next (auth_keep), or as a sealed memfd through systemd's
 * fd store to the daemon that comes after a restart.
 *
 * The memfd is written and read with pwrite and pread, never mapped: of the SecretID there is one copy in this
 * process's memory, the one here, which is locked and wiped as all of secmem is. What is in the memfd can be
 * swapped out.
 */
#ifndef UNWRAPPED_SECRET_H
#define UNWRAPPED_SECRET_H

#include <stdbool.h>

#include "base/error.h"
#include "daemon/upstream/digest.h"

/* Zeroed: nothing is kept. */
struct unwrapped_secret {
	struct digest token; /* of the wrapping token, so that another one is told from it */
	char *secret_id;     /* secmem; NULL: none */
};

/* Keeps a copy, in the place of what was there. 0; or -1: no memory, and nothing has changed. */
int unwrapped_secret_set(struct unwrapped_secret *kept, const char *token, const char *secret_id);
int unwrapped_secret_copy(struct unwrapped_secret *kept, const struct unwrapped_secret *from);

/* The SecretID that came out of this wrapping token, or NULL. Valid until kept changes. */
const char *unwrapped_secret_of(const struct unwrapped_secret *kept, const char *token);

/* Wipes; nothing is kept. */
void unwrapped_secret_clear(struct unwrapped_secret *kept);

/*
 * A memfd with what is kept, which is not nothing: CLOEXEC, sealed against every change, the caller's to close. -1
 * with error set.
 */
int unwrapped_secret_seal(const struct unwrapped_secret *kept, struct error *error);

/*
 * Reads one that unwrapped_secret_seal has made, into kept, in the place of what was there. Only one with all of
 * its seals, its size and its form is taken. fd stays open. 0; or -1 with error set, which holds nothing of it,
 * and kept is unchanged.
 */
int unwrapped_secret_unseal(struct unwrapped_secret *kept, int fd, struct error *error);

#endif
