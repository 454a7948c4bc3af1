/*
 * auth_internal: what the ways to log in have in common. Only for auth.c and the auth_*.c files, which thereby are
 * the only ones that can make a struct auth.
 */
#ifndef AUTH_INTERNAL_H
#define AUTH_INTERNAL_H

#include <event2/event_struct.h>

#include "base/error.h"
#include "daemon/upstream/auth.h"

struct auth_ops {
	void (*login)(struct auth *auth, uint64_t deadline_ms); /* ends with auth_ok or auth_fail */
	bool (*credential_changed)(struct auth *auth);
	void (*free)(struct auth *auth); /* also ends a login under way */
};

/* The first member of each way's own struct. */
struct auth {
	const struct auth_ops *ops;
	struct event failed;     /* tells a failure from the loop */
	enum auth_result result; /* of the failure */
	struct error reason;
	auth_done *done;         /* NULL: no login is under way */
	void *arg;
};

/* 0 or -1: no memory. */
int auth_init(struct auth *auth, struct event_base *base, const struct auth_ops *ops);

/* The login has worked. Only from the loop; nothing of auth may be touched afterwards. client_token need not outlive it. */
void auth_ok(struct auth *auth, const char *client_token, uint64_t lease_ms, bool renewable);

/* The login has failed. May be called at any time, also from within ops->login; the reason is copied. */
void auth_fail(struct auth *auth, enum auth_result result, const char *reason);

/* As auth_fail, with the result that stands for that of a control document. */
void auth_fail_control(struct auth *auth, const struct control *control);

#endif
