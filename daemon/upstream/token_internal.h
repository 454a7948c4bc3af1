/*
 * token_internal: the keeper's inside, for token.c (the token's life), token_wait.c (who waits for it) and
 * token_revoke.c (its end).
 */
#ifndef TOKEN_INTERNAL_H
#define TOKEN_INTERNAL_H

#include <event2/event_struct.h>
#include <sys/queue.h>

#include "base/error.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/auth.h"
#include "daemon/upstream/token.h"

struct token {
	TAILQ_ENTRY(token) link; /* keeper.tokens */
	struct keeper *keeper;   /* NULL: it is gone */
	unsigned references;
	bool dead;               /* ended, or known to OpenBao no more, or being revoked */
	bool borrowed;           /* no login made it: never revoked */
	char text[];
};

TAILQ_HEAD(token_list, token);
TAILQ_HEAD(wait_list, token_wait);
TAILQ_HEAD(revocation_list, revocation);

struct keeper {
	struct event_base *base;
	struct api *api;
	struct auth *auth;
	struct reach *reach;
	struct lease lease;
	struct event timer;        /* when the lease machine has something to do */
	struct token *current;     /* the keeper's reference; NULL when the machine holds none */
	struct token_list tokens;  /* all that are referred to, the current one too */
	uint64_t login_since;
	struct http_call *renewal; /* under way */
	uint64_t renewal_since;
	enum auth_result failed;   /* the last login's end, AUTH_OK if it worked */
	struct error reason;       /* of that, for the log and status */
	uint64_t logins, login_failures, renewals, renewal_failures;
	void (*refused)(void *arg); /* keeper_on_refusal */
	void *refused_arg;
	struct event change;       /* to be told */
	void (*changed)(void *arg);
	void *changed_arg;
	/* token_wait.c */
	struct wait_list for_login, for_lookup, decided;
	struct http_call *lookup;  /* lookup-self of the current token, under way */
	struct event deliver;      /* calls back those that are decided */
	unsigned round;            /* of deliver */
	/* token_revoke.c */
	bool revoke_on_stop;
	struct revocation_list revocations;
	struct event stop;         /* the end of keeper_stop */
	void (*stopped)(void *arg);
	void *stopped_arg;
};

/* -- token.c -- */

/* Does what the lease machine wants done by now, and all that follows from its state. After each event. */
void keeper_drive(struct keeper *keeper);

/* The same if something has come due, as after a sleep of the machine, of which no timer tells. */
void keeper_catch_up(struct keeper *keeper);

/* OpenBao knows the current token no more. */
void keeper_token_dead(struct keeper *keeper);

/* -- token_wait.c -- */

void token_wait_init(struct keeper *keeper);

/* The current token is another one now, or none: what OpenBao would say of the old one is of no interest. */
void token_wait_replaced(struct keeper *keeper);

/* Decides those that wait for a login, if it came or will not come. */
void token_wait_settle(struct keeper *keeper);

/* Forgets all, without calling back. */
void token_wait_free(struct keeper *keeper);

/* -- token_revoke.c -- */

/* NULL: no memory. One reference. */
struct token *token_new(struct keeper *keeper, const char *text);

void token_revoke_init(struct keeper *keeper);

/* Ends revocations under way; tokens that are referred to still belong to nobody from here on. */
void token_revoke_free(struct keeper *keeper);

#endif
