/*
 * login: the daemon's login at OpenBao: gets the token, keeps it alive, and gives it to requests, which wait for
 * it if need be. lease.c decides when to log in and to renew, auth.c logs in. Also decides what a 403 to a request
 * means.
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
struct refused;
struct event_base;
struct login;
struct login_wait;

/*
 * Makes a login, which sends nothing before login_start. auth is taken over, and freed also if this fails; base,
 * api and addresses ("https://host:port", those of api's http in the same order) are borrowed. revoke_on_stop:
 * tokens are revoked by login_stop. NULL: no memory.
 */
struct login *login_new(struct event_base *base, struct api *api, struct auth *auth, char *const *addresses,
    size_t count, bool revoke_on_stop);
void login_start(struct login *login);

/*
 * The login's lines in the log begin with label from now on, which is borrowed, so that one login can be told from
 * another; "" at first.
 */
void login_set_label(struct login *login, const char *label);

/* Cancels what is under way and frees; no callback runs, and no token is revoked. NULL: does nothing. */
void login_free(struct login *login);

/*
 * Gives the live token with a reference for the caller, to be given back with token_release. NULL: there is none.
 */
struct token *login_token(struct login *login);

/*
 * Waits for a live token. done runs once, from the loop: with why NULL when login_token gives one, else with the
 * failure (not_ready: there is no token, and no login that is worth waiting for). The wait has no deadline; the
 * caller may end it with login_wait_cancel. NULL: no memory, and done does not run.
 */
typedef void login_wait_done(void *arg, const struct failure *why);
struct login_wait *login_wait(struct login *login, login_wait_done *done, void *arg);

/*
 * Finds out why a request that was made with token got a 403; wrapped: as in struct answer. done runs once, from
 * the loop: with why NULL if the request may be sent again with login_token (the token was replaced, or was dead
 * and a login has succeeded), else with the failure (permission_denied: the token lives, so a policy denied the
 * request; not_ready; unavailable; internal). token stays the caller's. NULL: no memory, and done does not run.
 */
struct login_wait *login_denied(struct login *login, struct token *token, bool wrapped, login_wait_done *done,
    void *arg);

/* Ends a wait; its done does not run. */
void login_wait_cancel(struct login_wait *wait);

/* Tells that a request got no answer, so that health looks whether OpenBao is there. */
void login_unreachable(struct login *login);

/* Gives whether OpenBao is there. */
enum health_state login_health(const struct login *login);

/* Gives the present state of the login. */
enum lease_state login_state(const struct login *login);

/*
 * refused runs each time a login fails because OpenBao does not accept the credentials, or there are none. Whoever
 * has secrets in memory must then drop them, since this host may not be allowed to have them any more. NULL:
 * nobody is told.
 */
void login_on_refusal(struct login *login, void (*refused)(void *arg), void *arg);

/*
 * Takes over what another login has found refused, perhaps before a restart. If it is about the role that this one
 * logs in with, it counts as if it had happened to this one: from its first login with readable credentials on. To
 * be called before login_start.
 */
void login_remember(struct login *login, const struct refused *before);

/*
 * Reads the credentials, and gives in *ret the addresses, role and credentials that this login is for, with no
 * refusals. Not to be called while a login is under way. False: the credentials cannot be read.
 */
bool login_role(struct login *login, struct refused *ret);

/*
 * Gives what OpenBao has refused to this login since it has worked last, what it remembers included. The
 * role is that of the latest login that was refused or has worked.
 */
void login_refused(const struct login *login, struct refused *ret);

/*
 * changed runs, from the loop, whenever login_refused() gives something else, and after each login that worked. It
 * must not call the login. NULL: nobody is told.
 */
void login_on_refused(struct login *login, void (*changed)(void *arg, const struct refused *refused), void *arg);

/*
 * Logs in anew, because what OpenBao stores was replaced and may not hold the token any more. The token stays in
 * use until that login has succeeded.
 */
void login_afresh(struct login *login);

/* These count what has happened since the daemon started, and only grow. */
struct login_counters {
	uint64_t logins, login_failures, renewals, renewal_failures;
};

/*
 * Counts in *counters from now on, which several logins may share and which must outlive the login. Without this
 * each login counts for itself.
 */
void login_count_in(struct login *login, struct login_counters *counters);

struct login_status {
	enum lease_state state;
	enum health_state health;
	const char *namespace_closed; /* "sealed" or "locked"; NULL: the namespace is open */
	bool ready;                   /* a live token is held */
	uint64_t logged_in_ms;        /* clock_now_ms() when it last has logged in; 0: it never has */
	const char *reason;           /* why the last login failed; "": it worked, or there was none */
	uint64_t lease_left_ms;       /* CLOCK_NEVER: the token does not expire; 0: there is no token */
	uint64_t next_renewal_ms;     /* from now; CLOCK_NEVER: none is planned */
	uint64_t next_login_ms;       /* from now; CLOCK_NEVER: none is planned */
	struct login_counters counters;
};

/* Fills *ret; reason is valid until the loop goes on. */
void login_status(const struct login *login, struct login_status *ret);

/*
 * changed runs, from the loop, when login_status may give something else than before; once for several changes at
 * the same time. It may do anything but free the login. NULL: nobody watches.
 */
void login_watch(struct login *login, void (*changed)(void *arg), void *arg);

/*
 * Stops logging in and renewing, fails all waits as not_ready, and revokes the tokens if so configured. done runs
 * once, from the loop, when that has ended, after budget_ms at the latest.
 */
void login_stop(struct login *login, uint64_t budget_ms, void (*done)(void *arg), void *arg);

#endif
