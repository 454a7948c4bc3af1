/*
 * auth_internal: the struct and the functions that the ways to log in share. Only auth.c and the auth_*.c files
 * may include it, so that nobody else can make a struct auth.
 */
#ifndef AUTH_INTERNAL_H
#define AUTH_INTERNAL_H

#include <event2/event_struct.h>

#include "base/error.h"
#include "daemon/upstream/auth.h"
#include "daemon/upstream/auth_credentials.h"
#include "daemon/upstream/unwrapped_secret.h"
#include "daemon/upstream/leader.h"

struct auth_ops {
	/* Logs in with the credentials, which have been read. Ends with auth_ok, from the loop, or auth_fail. */
	void (*login)(struct auth *auth);
	/* Cancels what login has begun, and frees the way's own part and the struct. */
	void (*free)(struct auth *auth);
	bool borrowed;             /* logins do not make the tokens that they give, so these are never revoked */
	enum auth_result denied;   /* the result of a login that gets a 403 … */
	const char *denied_reason; /* … and its reason, unless OpenBao names one */
};

/* The common part of all ways to log in, the first member of each way's own struct. */
struct auth {
	const struct auth_ops *ops;
	struct api *api;
	struct leader *leader;      /* NULL: logins go to any node */
	struct leader_wait *search; /* for the leader, under way; else NULL */
	char *node;                 /* the node that this login goes to; NULL: any */
	char *mount;                /* of the auth method; NULL: it has none */
	struct auth_credentials credentials;
	struct http_call *call; /* the login's own request */
	uint64_t deadline_ms;
	struct event failed; /* tells the failure below from the loop */
	enum auth_result result;
	struct error reason;
	auth_done *done; /* NULL: no login is under way */
	void *arg;
	/* the SecretID that came out of a wrapping token, owned by the way; NULL: the way has no such thing */
	struct unwrapped_secret *unwrapped;
	auth_secret_unwrapped *on_unwrapped; /* NULL: nobody asks */
	void *on_unwrapped_arg;
};

/*
 * Initialises a zeroed struct. mount is copied; NULL: none. 0; or -1: no memory, and auth_free must still be
 * called.
 */
int auth_init(struct auth *auth, struct event_base *base, struct api *api, const char *mount,
    const struct auth_ops *ops);

/* A member of the object that a login sends. */
struct auth_member {
	const char *name, *value;
};

/*
 * Sends a login with these members, wipes the credentials, and ends the login when the answer comes. May be called
 * from within ops->login.
 */
void auth_send(struct auth *auth, const struct auth_member members[2]);

/* Tells whether the text has only characters that a token may have, which goes into a header: visible ASCII. */
bool auth_is_token(const char *text);

/* Tells whoever asked (auth_on_unwrapped) that a wrapping token was opened; its SecretID is in auth->unwrapped. */
void auth_tell_unwrapped(struct auth *auth);

/*
 * Ends a login that has worked. To be called from the loop, never from within ops->login; auth must not be used
 * after it, since the callback may free it. client_token is copied by whoever needs it. lease_ms 0: it does not
 * expire. batch: it is a batch token, which OpenBao cannot revoke.
 */
void auth_ok(struct auth *auth, const char *client_token, uint64_t lease_ms, bool renewable, bool batch);

/* Ends a login that has failed. May be called at any time, also from within ops->login; the reason is copied. */
void auth_fail(struct auth *auth, enum auth_result result, const char *reason);

/* Ends a login that has failed with the result and reason that follow from OpenBao's answer. */
void auth_fail_control(struct auth *auth, const struct control *control);

#endif
