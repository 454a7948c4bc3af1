/*
 * keeper: the login: the one token this daemon holds, and who is waiting for it. Drives the lease machine with the
 * real clock, logs each change of state, and applies the rules for a 403.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/upstream/lease.h"
#include "daemon/upstream/reach.h"
#include "daemon/upstream/token.h"
#include "proto/codes.h"

struct api;
struct auth;
struct event_base;
struct keeper;
struct token_wait;

/*
 * auth is taken over and freed with the keeper; api and addresses, those of OpenBao, are borrowed. The login
 * starts with keeper_start.
 */
struct keeper *keeper_new(struct event_base *base, struct api *api, struct auth *auth, char *const *addresses,
    size_t count, bool revoke_on_stop);
void keeper_start(struct keeper *keeper);
void keeper_free(struct keeper *keeper);

/* The live token with a reference for the caller, to be given back with token_release; NULL if there is none. */
struct token *keeper_token(struct keeper *keeper);

/*
 * Waiting for a live token. done runs once, from the loop: with why NULL when a token can be had (ask
 * keeper_token), else with the failure (not_ready: no login, and none that is worth waiting for). Deadlines are
 * the waiter's own: token_wait_cancel ends the wait and done does not run. NULL: no memory.
 */
typedef void token_ready(void *arg, const struct failure *why);
struct token_wait *keeper_wait(struct keeper *keeper, token_ready *done, void *arg);

/*
 * A request made with token got a 403. done runs once, from the loop: with why NULL if the request may be sent
 * again with keeper_token (the token was replaced, or was dead and a login has succeeded), else with the failure
 * (permission_denied: the token lives, so it was policy; not_ready; unavailable). token stays the caller's.
 */
struct token_wait *keeper_denied(struct keeper *keeper, struct token *token, bool wrapped, token_ready *done,
    void *arg);
void token_wait_cancel(struct token_wait *wait);

/* To be told when a request got no answer; and whether OpenBao is known not to answer. */
void keeper_unreachable(struct keeper *keeper);
enum reach_state keeper_reach(const struct keeper *keeper);

/* The present state of the login. */
enum lease_state keeper_state(const struct keeper *keeper);

/*
 * Whoever keeps secrets is told each time a login fails because OpenBao does not accept the credentials, or there
 * are none: this host may not be meant to have them any more. One at a time; NULL: nobody any more.
 */
void keeper_on_refusal(struct keeper *keeper, void (*refused)(void *arg), void *arg);

/*
 * Logs in anew, since what OpenBao stores was replaced and the token may be gone from it. The token serves until
 * then.
 */
void keeper_login_afresh(struct keeper *keeper);

struct keeper_status {
	enum lease_state state;
	enum reach_state reach;
	bool ready;               /* a live token is held */
	const char *reason;       /* why the last login failed, or "" */
	uint64_t lease_left_ms;   /* CLOCK_NEVER: does not expire; 0: no token */
	uint64_t next_renewal_ms; /* from now; CLOCK_NEVER: none planned */
	uint64_t next_login_ms;   /* likewise */
	uint64_t logins, login_failures, renewals, renewal_failures;
};
void keeper_status(const struct keeper *keeper, struct keeper_status *ret);

/*
 * changed runs, from the loop, when something that keeper_status tells may have become another; several changes
 * may come to be told at once. It may do anything but free the keeper. NULL: nobody watches.
 */
void keeper_watch(struct keeper *keeper, void (*changed)(void *arg), void *arg);

/*
 * Ends renewals and logins, fails all waits, revokes the tokens if so configured (at most budget_ms), then runs
 * done, once, from the loop.
 */
void keeper_stop(struct keeper *keeper, uint64_t budget_ms, void (*done)(void *arg), void *arg);

#endif
