/*
 * login_helper: a login that logs in at a fakebao, and waiters that remember how they were called back.
 */
#ifndef LOGIN_HELPER_H
#define LOGIN_HELPER_H

#include <stdbool.h>

#include "daemon/upstream/login.h"
#include "tests/unit/fakebao.h"

/* A login with RoleID ROLE-CANARY and SecretID SECRET-CANARY, not started. */
struct login *login_helper_new(struct fakebao *f, bool revoke_on_stop);

/*
 * Makes the same login, and starts it; it has logged in. Tokens are TOKEN-CANARY-1 and so on, one for each login.
 */
struct login *login_helper_serving(struct fakebao *f, unsigned lease_s, bool renewable);

/* Asks for the login's token, and compares it with text; text NULL: there must be none. */
bool login_helper_has(struct login *login, const char *text);

struct login_status login_helper_status(const struct login *login);

struct waiter {
	unsigned times;
	enum code code; /* CODE_NONE: there is a token */
	struct failure why;
};

/* The callback; arg: a struct waiter. */
login_wait_done waiter_ready;

/* How many of the waiters were called back with this code. Checks that each was called back at most once. */
unsigned waiters_with(const struct waiter *waiters, size_t n, enum code code);

#endif
