/*
 * auth_credentials: the up to two texts that a way to log in needs. Each comes from a file that is read again at
 * each login, so that new credentials need no restart, or was given once. After a login only a digest of them
 * stays.
 */
#ifndef AUTH_CREDENTIALS_H
#define AUTH_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "daemon/upstream/digest.h"

#define AUTH_CREDENTIALS_MAX 2

struct auth_credential {
	char *file;
	const char *text; /* used if file is NULL; borrowed */
	bool is_private;  /* a warning is logged if every user may read the file */
	bool is_role;     /* it names the role */
	struct buf read;  /* the text that was read, with a NUL at its end; empty outside of logins */
};

struct auth_credentials {
	struct auth_credential credential[AUTH_CREDENTIALS_MAX];
	size_t n;
	struct digest warned_of; /* the credentials for which the warning was logged */
	struct digest used;      /* what the latest login used */
	struct digest role;      /* of what names the role among it; not valid: nothing does */
	struct digest seen;      /* what auth_credentials_changed saw last */
};

void auth_credentials_init(struct auth_credentials *credentials);
void auth_credentials_free(struct auth_credentials *credentials);

/*
 * Adds a credential, at most AUTH_CREDENTIALS_MAX; the others call it by its number, from 0. file, which is
 * copied, or else text, which is borrowed, must not be NULL. 0; or -1: no memory.
 */
int auth_credentials_add(struct auth_credentials *credentials, const char *file, const char *text);

/*
 * Reads all credentials for a login; auth_credentials_text gives each, as a string, until auth_credentials_forget
 * wipes them. 0; or -1 with why set (file name and reason), and none can be asked for.
 */
int auth_credentials_read(struct auth_credentials *credentials, struct error *why);
const char *auth_credentials_text(const struct auth_credentials *credentials, size_t i);
void auth_credentials_forget(struct auth_credentials *credentials);

/* Tells what auth_credential_changed() of auth.h tells. It must not be called while a login is under way. */
bool auth_credentials_changed(struct auth_credentials *credentials);

#endif
