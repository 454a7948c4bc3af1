/*
 * auth_internal: what the ways to log in have in common. Only for auth.c and the auth_*.c files, which thereby are
 * the only ones that can make a struct auth.
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
	void (*login)(struct auth *auth); /* the credentials are there; ends with auth_ok or auth_fail */
	void (*free)(struct auth *auth);  /* the way's own part, and the struct; also ends what it has begun */
	bool borrowed;                    /* as in struct auth_reply */
	enum auth_result denied;          /* what a 403 to the login comes to … */
	const char *denied_reason;        /* … and its reason, where OpenBao names none */
};

/* The first member of each way's own struct. */
struct auth {
	const struct auth_ops *ops;
	struct api *api;
	struct leader *leader; /* NULL: logins go to any node */
	struct leader_wait *search;
	char *node;  /* where this login goes; NULL: to any */
	char *mount; /* of the method; NULL: it has none */
	struct auth_credentials credentials;
	struct http_call *call; /* the login's own request */
	uint64_t deadline_ms;
	struct event failed;     /* tells a failure from the loop */
	enum auth_result result; /* of the failure */
	struct error reason;
	auth_done *done; /* NULL: no login is under way */
	void *arg;
	/* what outlives a login of this way; NULL: nothing does. Its way's own to free */
	struct unwrapped_secret *kept;
	auth_unwrapped_secret *on_kept; /* NULL: nobody asks */
	void *on_kept_arg;
};

/* mount: copied; NULL for none. 0; or -1: no memory, and auth_free is to be called all the same. */
int auth_init(struct auth *auth, struct event_base *base, struct api *api, const char *mount,
    const struct auth_ops *ops);

/* A member of the object that a login sends. */
struct auth_member {
	const char *name, *value;
};

/* Sends the login, forgets the credentials, and ends as the answer says. May be called from within ops->login. */
void auth_send(struct auth *auth, const struct auth_member members[2]);

/* Can it stand in a header, as tokens do? */
bool auth_is_token(const char *text);

/* A wrapping token was opened, and what came out is in auth->kept. */
void auth_has_unwrapped(struct auth *auth);

/*
 * The login has worked. Only from the loop; nothing of auth may be touched afterwards. client_token need not
 * outlive it.
 */
void auth_ok(struct auth *auth, const char *client_token, uint64_t lease_ms, bool renewable);

/* The login has failed. May be called at any time, also from within ops->login; the reason is copied. */
void auth_fail(struct auth *auth, enum auth_result result, const char *reason);

/* Does what auth_fail() does, with the result that stands for that of a control document. */
void auth_fail_control(struct auth *auth, const struct control *control);

#endif
