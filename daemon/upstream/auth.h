/*
 * auth: how the daemon logs in. Sealed: the struct is opaque, the ways to log in are those of auth_modes.h, and
 * nothing outside upstream/ can make another.
 */
#ifndef AUTH_H
#define AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/upstream/auth_modes.h"
#include "daemon/upstream/control.h"

struct api;
struct auth;
struct event_base;
struct leader;

struct auth_approle_options {
	const char *mount;
	const char *role_id;        /* NULL if role_id_file */
	const char *role_id_file;   /* read at each login */
	const char *secret_id;      /* from the environment; NULL if secret_id_file */
	const char *secret_id_file; /* read at each login */
	bool secret_id_wrapped;     /* it holds a response-wrapping token */
};

struct auth_kubernetes_options {
	const char *mount;
	const char *role;
	const char *token_file; /* the service account's token; read at each login */
};

#ifdef SECRETSTORE_DEV_TOKEN
struct auth_devtoken_options {
	const char *token_file; /* read at each login */
};
#endif

#define AUTH_OPTIONS_MEMBER(NAME, name, text) struct auth_##name##_options name;
struct auth_options {
	enum auth_mode mode;
	AUTH_MODES(AUTH_OPTIONS_MEMBER) /* only the mode's own are looked at */
};

/* role_id, secret_id and api are borrowed, all else is copied. NULL: no memory. */
struct auth *auth_new(struct event_base *base, struct api *api, const struct auth_options *options);

/* The same for each way: auth_approle_new(base, api, options) and so on. */
#define AUTH_CONSTRUCTOR(NAME, name, text) \
	struct auth *auth_##name##_new(struct event_base *base, struct api *api, \
	    const struct auth_##name##_options *options);
AUTH_MODES(AUTH_CONSTRUCTOR)

/*
 * From here on logins go to the leader, where one is found: a standby answers them from a state of its own that
 * lags behind, and refuses a role or SecretID that is new (observed with OpenBao 2.7.2). Borrowed.
 */
void auth_at_leader(struct auth *auth, struct leader *leader);

/* Cancels a login under way (its callback does not run), wipes and frees. */
void auth_free(struct auth *auth);

enum auth_result {
	AUTH_OK,
	AUTH_UNREACHABLE, /* no answer, sealed, no active node */
	AUTH_REJECTED,    /* 400 invalid role or secret id */
	AUTH_DENIED,      /* 403, where that may be a lockout */
	AUTH_CREDENTIAL, /* no usable credential: a file that is missing or no regular file, a used-up wrapping token,
	                     a Kubernetes token that is not accepted */
	AUTH_FAILED
};

struct auth_reply {
	enum auth_result result;
	const char *client_token; /* AUTH_OK; valid until the callback returns */
	uint64_t lease_ms;
	bool renewable;
	bool borrowed;      /* the login did not make this token: it is not the daemon's to revoke */
	const char *reason; /* else: for the log and status; holds no credential, address or namespace */
};

/* Runs exactly once, from the loop, never from within auth_login. */
typedef void auth_done(void *arg, const struct auth_reply *reply);

/* One login at a time. Ends by deadline_ms. */
void auth_login(struct auth *auth, uint64_t deadline_ms, auth_done *done, void *arg);

/*
 * Tells whether the credentials now differ from those the last login used, and have stood still for two calls in a
 * row (a file being written is not taken half done). Cheap: to be called a few times a second while waiting.
 */
bool auth_credential_changed(struct auth *auth);

/*
 * A wrapping token is used up by the login that opens it, so that what came out must outlive the auth.
 * auth_unwrapped: what this one has, valid until its next login; NULL: nothing. auth_keep: a copy of what another
 * one had, or a daemon before a restart, for use where the token is still the same; before the first login. False:
 * this way to log in has no use for it, or there is no memory. auth_on_unwrapped: runs when a token was opened,
 * before the login goes on; it must not call the auth.
 */
struct unwrapped_secret;
const struct unwrapped_secret *auth_unwrapped(const struct auth *auth);
bool auth_keep(struct auth *auth, const struct unwrapped_secret *kept);
typedef void auth_unwrapped_secret(void *arg, const struct unwrapped_secret *kept);
void auth_on_unwrapped(struct auth *auth, auth_unwrapped_secret *on_kept, void *arg);

#endif
