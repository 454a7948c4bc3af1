/*
 * auth: how the daemon logs in to OpenBao: one login at a time, by one of the ways in auth_modes.h. The struct is
 * opaque, and nothing outside upstream/ can add a way. When to log in is decided by login.c.
 */
#ifndef AUTH_H
#define AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/upstream/auth_modes.h"
#include "daemon/upstream/control.h"
#include "daemon/upstream/digest.h"

struct api;
struct auth;
struct event_base;
struct leader;

struct auth_approle_options {
	const char *mount;
	const char *role_id;        /* used if role_id_file is NULL */
	const char *role_id_file;   /* read at each login */
	const char *secret_id;      /* from the environment; used if secret_id_file is NULL */
	const char *secret_id_file; /* read at each login */
	bool secret_id_wrapped;     /* the SecretID's place holds a response-wrapping token */
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
	AUTH_MODES(AUTH_OPTIONS_MEMBER) /* only the member of this mode is used */
};

/*
 * Makes an auth of options->mode. base, api, role_id and secret_id are borrowed, all else is copied. NULL: no
 * memory.
 */
struct auth *auth_new(struct event_base *base, struct api *api, const struct auth_options *options);

/* Each way to log in has a constructor that auth_new calls: auth_approle_new(base, api, options) and so on. */
#define AUTH_CONSTRUCTOR(NAME, name, text) \
	struct auth *auth_##name##_new(struct event_base *base, struct api *api, \
	    const struct auth_##name##_options *options);
AUTH_MODES(AUTH_CONSTRUCTOR)

/*
 * Sends logins from now on to the leader, where one is found: a standby answers them from its own state, which
 * lags behind, and refuses a role or SecretID that is new (observed with OpenBao 2.7.2). leader is borrowed.
 */
void auth_at_leader(struct auth *auth, struct leader *leader);

/* Cancels a login under way (its callback does not run), wipes and frees. NULL: does nothing. */
void auth_free(struct auth *auth);

enum auth_result {
	AUTH_OK,
	AUTH_UNREACHABLE, /* no answer, sealed, no active node */
	AUTH_REJECTED,    /* 400: invalid role or secret id */
	AUTH_DENIED,      /* 403, where that may mean that the role is locked after refused logins */
	/*
	 * There is no usable credential: a file is missing or not a regular file, a wrapping token is used up, or
	 * a Kubernetes token is not accepted.
	 */
	AUTH_CREDENTIAL,
	AUTH_FAILED /* anything else */
};

struct auth_reply {
	enum auth_result result;
	/*
	 * Valid until the callback returns. AUTH_OK: the token. Else one that the login has made all the same, to
	 * be revoked; NULL: none.
	 */
	const char *client_token;
	uint64_t lease_ms; /* AUTH_OK; 0: the token does not expire */
	bool renewable;
	bool irrevocable;   /* the token is never revoked: the login did not make it, or it is a batch token */
	bool doubtful;      /* AUTH_REJECTED: by a node that is not known to lead, and may not know what is new */
	const char *reason; /* of a failure, for the log and status; holds no credential, address or namespace */
};

/*
 * Tells the end of a login: runs exactly once, from the loop, never from within auth_login. It may begin the next
 * login.
 */
typedef void auth_done(void *arg, const struct auth_reply *reply);

/*
 * Begins a login; one at a time. It ends by deadline_ms (of clock_now_ms()), or if a search for the leader comes
 * first and takes longer, at its end; a search takes at most 6 s.
 */
void auth_login(struct auth *auth, uint64_t deadline_ms, auth_done *done, void *arg);

/*
 * Tells whether the credentials differ from those that the last login used, and were the same at two calls in a
 * row, so that a file is not taken while it is being written. False while a login is under way. It reads the
 * files, so it is to be called at most a few times a second.
 */
bool auth_credential_changed(struct auth *auth);

/* Says of which role the credentials are, and which they are, without holding them. */
struct auth_identity {
	struct digest role;        /* of namespace, mount and role; not valid: this way to log in locks no role */
	struct digest credentials; /* of all of them */
};

/* Gives the identity of the credentials that the latest login used. */
void auth_identity(const struct auth *auth, struct auth_identity *ret);

/*
 * Reads the credentials, as a login would, and gives their identity; they count as used by the latest login from
 * then on (auth_credential_changed). Not to be called while a login is under way. 0; or -1: they cannot be read.
 */
int auth_identify(struct auth *auth, struct auth_identity *ret);

/*
 * A wrapping token is used up by the login that opens it, so the SecretID that came out of it must outlive the
 * auth. auth_unwrapped() gives the one that this auth has, valid until its next login; NULL: none.
 */
struct unwrapped_secret;
const struct unwrapped_secret *auth_unwrapped(const struct auth *auth);

/*
 * Copies a SecretID that another auth had, perhaps before a restart; logins use it as long as the wrapping token
 * is the one it came out of. To be called before the first login. False: this way to log in has no use for it, or
 * no memory.
 */
bool auth_set_unwrapped(struct auth *auth, const struct unwrapped_secret *unwrapped);

/*
 * on_unwrapped runs whenever a wrapping token was opened, before the login goes on. It must not call the auth;
 * unwrapped is valid until it returns. NULL: nobody is told.
 */
typedef void auth_secret_unwrapped(void *arg, const struct unwrapped_secret *unwrapped);
void auth_on_unwrapped(struct auth *auth, auth_secret_unwrapped *on_unwrapped, void *arg);

#endif
