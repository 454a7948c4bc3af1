/*
 * auth_helper: logins at a fakebao, and files to take the credentials from.
 */
#ifndef AUTH_HELPER_H
#define AUTH_HELPER_H

#include <stdbool.h>

#include "daemon/upstream/auth.h"
#include "tests/unit/fakebao.h"

/* How a login ended. */
struct auth_ended {
	unsigned times;
	bool inside; /* auth_login has not returned yet */
	enum auth_result result;
	char token[64], reason[600];
	uint64_t lease_ms;
	bool renewable, irrevocable, doubtful;
};

/* The callback; arg: a struct auth_ended. */
auth_done auth_helper_done;

/* Logs in and waits for the end. */
struct auth_ended auth_helper_login(struct fakebao *f, struct auth *auth);

/* Logs in where the path grants a token, and checks that the login gives that token. */
void auth_helper_granted(struct fakebao *f, struct auth *auth, const char *path);

void auth_helper_write(const char *path, const char *content);

#endif
