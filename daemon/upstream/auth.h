/*
 * auth: how the daemon logs in. Sealed: the struct is opaque, every constructor is in this header, and nothing
 * outside upstream/ can make another.
 */
#ifndef AUTH_H
#define AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/upstream/control.h"

struct api;
struct auth;
struct event_base;

struct auth_approle_options {
	const char *mount;
	const char *role_id;        /* NULL if role_id_file */
	const char *role_id_file;   /* read at each login */
	const char *secret_id;      /* from the environment; NULL if secret_id_file */
	const char *secret_id_file; /* read at each login */
	bool secret_id_wrapped;     /* it holds a response-wrapping token */
};

/* Everything is copied to wiped memory. NULL: no memory. api is borrowed. */
struct auth *auth_approle_new(struct event_base *base, struct api *api, const struct auth_approle_options *options);

/* Cancels a login under way (its callback does not run), wipes and frees. */
void auth_free(struct auth *auth);

enum auth_result {
	AUTH_OK,
	AUTH_UNREACHABLE, /* no answer, sealed, no active node */
	AUTH_REJECTED,    /* 400 invalid role or secret id */
	AUTH_DENIED,      /* 403 */
	AUTH_CREDENTIAL,  /* no usable credential: a file that is missing or no regular file, a used-up wrapping token */
	AUTH_FAILED
};

struct auth_reply {
	enum auth_result result;
	const char *client_token; /* AUTH_OK; valid until the callback returns */
	uint64_t lease_ms;
	bool renewable;
	const char *reason;       /* else: for the log and status; holds no credential, address or namespace */
};

/* Runs exactly once, from the loop, never from within auth_login. */
typedef void auth_done(void *arg, const struct auth_reply *reply);

/* One login at a time. Ends by deadline_ms. */
void auth_login(struct auth *auth, uint64_t deadline_ms, auth_done *done, void *arg);

/*
 * Whether the credentials now differ from those the last login used, and have stood still for two calls in a
 * row (a file being written is not taken half done). Cheap: to be called a few times a second while waiting.
 */
bool auth_credential_changed(struct auth *auth);

#endif
