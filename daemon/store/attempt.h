/*
 * attempt: what a request to OpenBao has with it however often it is sent: the token, what it waits for, and what
 * is to be told if nothing better comes. Here is decided what follows an answer that is not good: for reads,
 * writes and snapshots alike.
 */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/upstream/classify.h"
#include "daemon/upstream/login.h"

struct attempt;
struct leader_wait;
struct mounts;
struct mounts_wait;

/* They run from the loop. */
struct attempt_ops {
	/* What was waited for is there: the next step. */
	void (*go_on)(struct attempt *a);
	/* It will not come; a->failure says why. */
	void (*failed)(struct attempt *a);
	/* The mount guard's answer is not good. NULL for one who does not ask it. */
	void (*refused)(struct attempt *a, const struct answer *answer);
};

/* Part of its owner's struct, first. */
struct attempt {
	const struct attempt_ops *ops;
	struct login *login;
	struct token *token;     /* the one that it is sent with, with a reference; NULL: none */
	struct login_wait *wait; /* this and the next three: what it waits for; NULL: not for that */
	struct mounts_wait *guard;
	struct leader_wait *search;
	struct http_call *http;
	char *node;     /* the leader's address, if it goes there */
	unsigned tries; /* pauses so far */
	unsigned denials, denials_max;
	struct failure failure; /* what the last answer said, or what it fails with */
};

/* Takes the token that is live now, in the place of the one before. False: there is none. */
bool attempt_take_token(struct attempt *a);

/*
 * These wait for a login; for what the login says of a 403 to the token; for the mount guard. False: no memory.
 */
bool attempt_await_login(struct attempt *a);
bool attempt_await_verdict(struct attempt *a, bool wrapped);
bool attempt_await_guard(struct attempt *a, struct mounts *mounts, const char *mount, uint64_t number);

/* It goes to that node; NULL: to any. False: no memory. */
bool attempt_set_node(struct attempt *a, const char *node);

/* The first ends all waiting; the second gives token and node back, too. */
void attempt_stop_waiting(struct attempt *a);
void attempt_release(struct attempt *a);

enum attempt_next {
	ATTEMPT_FAILS,  /* with a->failure */
	ATTEMPT_DENIED, /* the token may be dead: attempt_await_verdict() */
	ATTEMPT_PAUSES  /* it is worth another try, after answer->again_ms at the soonest */
};

/*
 * What follows an answer that is not VERDICT_OK; nothing was done so far. health: the state of OpenBao as a whole,
 * if it is to count; for one who goes by the word of the node that was asked, HEALTH_UP.
 */
enum attempt_next attempt_judge(struct attempt *a, const struct answer *answer, enum health_state health);

/* How long to wait before the next try: longer each time, and for at least least_ms. */
uint64_t attempt_pause_ms(struct attempt *a, uint64_t least_ms);

#endif
