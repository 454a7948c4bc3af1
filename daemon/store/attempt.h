/*
 * attempt: what a request to OpenBao has with it however often it is sent: the token, how often it was denied or tried again, and
 * what is to be told if nothing better comes. Here is decided what follows an answer that is not good: for reads, writes and
 * snapshots alike.
 */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/upstream/classify.h"
#include "daemon/upstream/token.h"

/* Part of its owner's struct. */
struct attempt {
	struct keeper *keeper;
	struct token *token;     /* the one that it is sent with, with a reference; NULL: none */
	struct token_wait *wait; /* NULL: it waits neither for a login nor for what the keeper says of a 403 */
	unsigned tries;          /* pauses so far */
	unsigned denials, denials_max;
	struct failure failure;  /* of the last answer */
};

void attempt_init(struct attempt *a, struct keeper *keeper, unsigned denials_max);

/* Takes the token that is live now in the place of the one before. False: there is none. */
bool attempt_take_token(struct attempt *a);

/*
 * Waits for a login; or for what the keeper says of a 403 to the token. done must set a->wait to NULL. 0; or -1: no memory, done
 * does not run.
 */
int attempt_await_login(struct attempt *a, token_ready *done, void *arg);
int attempt_await_verdict(struct attempt *a, bool wrapped, token_ready *done, void *arg);

/* Gives the token back, and waits no more. */
void attempt_let_go(struct attempt *a);

enum attempt_next {
	ATTEMPT_FAILS,  /* with a->failure */
	ATTEMPT_DENIED, /* the token may be dead: attempt_await_verdict() */
	ATTEMPT_PAUSES  /* it is worth another try, after answer->again_ms at the soonest */
};

/*
 * What follows an answer that is not VERDICT_OK; nothing was done so far. reach: the state of OpenBao as a whole, if it is to
 * count; for one who goes by the word of the node that was asked, REACH_UP.
 */
enum attempt_next attempt_judge(struct attempt *a, const struct answer *answer, enum reach_state reach);

/* How long to wait before the next try: longer each time, and for at least least_ms. */
uint64_t attempt_pause_ms(struct attempt *a, uint64_t least_ms);

#endif
