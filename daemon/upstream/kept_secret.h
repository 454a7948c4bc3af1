/*
 * kept_secret: the SecretID that came out of a wrapping token. Such a token can be opened once, so this must
 * outlive whoever opened it: handed from one login to the next (auth_keep), or as a sealed memfd through systemd's
 * fd store to the daemon that comes after a restart.
 *
 * The memfd is written and read with pwrite and pread, never mapped: of the SecretID there is one copy in this
 * process's memory, the one here, which is locked and wiped as all of secmem is. What is in the memfd can be
 * swapped out.
 */
#ifndef KEPT_SECRET_H
#define KEPT_SECRET_H

#include <stdbool.h>

#include "base/error.h"
#include "daemon/upstream/digest.h"

/* Zeroed: nothing is kept. */
struct kept_secret {
	struct digest token; /* of the wrapping token, so that another one is told from it */
	char *secret_id;     /* secmem; NULL: none */
};

/* Keeps a copy, in the place of what was there. 0; or -1: no memory, and nothing has changed. */
int kept_secret_set(struct kept_secret *kept, const char *token, const char *secret_id);
int kept_secret_copy(struct kept_secret *kept, const struct kept_secret *from);

/* The SecretID that came out of this wrapping token, or NULL. Valid until kept changes. */
const char *kept_secret_of(const struct kept_secret *kept, const char *token);

/* Wipes; nothing is kept. */
void kept_secret_clear(struct kept_secret *kept);

/*
 * A memfd with what is kept, which is not nothing: CLOEXEC, sealed against every change, the caller's to close. -1
 * with error set.
 */
int kept_secret_seal(const struct kept_secret *kept, struct error *error);

/*
 * Reads one that kept_secret_seal has made, into kept, in the place of what was there. Only one with all of its
 * seals, its size and its form is taken. fd stays open. 0; or -1 with error set, which holds nothing of it, and
 * kept is unchanged.
 */
int kept_secret_unseal(struct kept_secret *kept, int fd, struct error *error);

#endif
