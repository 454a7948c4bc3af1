/*
 * login: the login: the one token this daemon holds, and who is waiting for it. Drives the lease machine with the
 * real clock, logs each change of state, and applies the rules for a 403.
 */
#ifndef LOGIN_H
#define LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/upstream/lease.h"
#include "daemon/upstream/health.h"
#include "daemon/upstream/token.h"
#include "proto/codes.h"

struct api;
struct auth;
struct event_base;
struct login;
struct login_wait;

/*
 * auth is taken over and freed with the login; api and addresses, those of OpenBao, are borrowed. The login
 * starts with login_start.
 */
struct login *login_new(struct event_base *base, struct api *api, struct auth *auth, char *const *addresses,
    size_t count, bool revoke_on_stop);
void login_start(struct login *login);
void login_free(struct login *login);

/* The live token with a reference for the caller, to be given back with token_release; NULL if there is none. */
struct token *login_token(struct login *login);

/*
 * Waiting for a live token. done runs once, from the loop: with why NULL when a token can be had (ask
 * login_token), else with the failure (not_ready: no login, and none that is worth waiting for). Deadlines are
 * the waiter's own: login_wait_cancel ends the wait and done does not run. NULL: no memory.
 */
typedef void token_ready(void *arg, const struct failure *why);
struct login_wait *login_wait(struct login *login, token_ready *done, void *arg);

/*
 * A request made with token got a 403. done runs once, from the loop: with why NULL if the request may be sent
 * again with login_token (the token was replaced, or was dead and a login has succeeded), else with the failure
 * (permission_denied: the token lives, so it was policy; not_ready; unavailable). token stays the caller's.
 */
struct login_wait *login_denied(struct login *login, struct token *token, bool wrapped, token_ready *done,
    void *arg);
void login_wait_cancel(struct login_wait *wait);

/* To be told when a request got no answer; and whether OpenBao is known not to answer. */
void login_unreachable(struct login *login);
enum health_state login_health(const struct login *login);

/* The present state of the login. */
enum lease_state login_state(const struct login *login);

/*
 * Whoever keeps secrets is told each time a login fails because OpenBao does not accept the credentials, or there
 * are none: this host may not be meant to have them any more. One at a time; NULL: nobody any more.
 */
void login_on_refusal(struct login *login, void (*refused)(void *arg), void *arg);

/*
 * Logs in anew, since what OpenBao stores was replaced and the token may be gone from it. The token serves until
 * then.
 */
void login_afresh(struct login *login);

struct login_status {
	enum lease_state state;
	enum health_state health;
	bool ready;               /* a live token is held */
	const char *reason;       /* why the last login failed, or "" */
	uint64_t lease_left_ms;   /* CLOCK_NEVER: does not expire; 0: no token */
	uint64_t next_renewal_ms; /* from now; CLOCK_NEVER: none planned */
	uint64_t next_login_ms;   /* likewise */
	uint64_t logins, login_failures, renewals, renewal_failures;
};
void login_status(const struct login *login, struct login_status *ret);

/*
 * changed runs, from the loop, when something that login_status tells may have become another; several changes
 * may come to be told at once. It may do anything but free the login. NULL: nobody watches.
 */
void login_watch(struct login *login, void (*changed)(void *arg), void *arg);

/*
 * Ends renewals and logins, fails all waits, revokes the tokens if so configured (at most budget_ms), then runs
 * done, once, from the loop.
 */
void login_stop(struct login *login, uint64_t budget_ms, void (*done)(void *arg), void *arg);

#endif
