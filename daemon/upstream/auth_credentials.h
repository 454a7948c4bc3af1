/*
 * auth_credentials: what a way to log in must know: up to two texts, each from a file that is read again at each
 * login, so that new credentials need no restart, or given once. Of what was read only a digest stays.
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
	const char *text; /* if there is no file */
	bool is_private;  /* a file that every user may read is warned of */
	struct buf read;  /* what these gave, with a NUL behind it; empty but while a login is under way */
};

struct auth_credentials {
	struct auth_credential credential[AUTH_CREDENTIALS_MAX];
	size_t n;
	struct digest warned_of;
	struct digest used; /* what the latest login used */
	struct digest seen; /* what auth_credentials_changed saw last */
};

void auth_credentials_init(struct auth_credentials *credentials);
void auth_credentials_free(struct auth_credentials *credentials);

/* Adds one, which is from then on known by its number, from 0. text is borrowed. 0 or -1: no memory. */
int auth_credentials_add(struct auth_credentials *credentials, const char *file, const char *text);

/*
 * Reads all for a login, to be looked at until auth_credentials_forget. 0; or -1 with why set, and none is there.
 */
int auth_credentials_read(struct auth_credentials *credentials, struct error *why);
const char *auth_credentials_text(const struct auth_credentials *credentials, size_t i);
void auth_credentials_forget(struct auth_credentials *credentials);

/* Tells what auth_credential_changed() tells. It is not called while a login is under way. */
bool auth_credentials_changed(struct auth_credentials *credentials);

#endif
