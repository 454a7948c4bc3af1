/*
 * attempt: the state that a request to OpenBao keeps through all its tries: the token, what it waits for, and the
 * failure to report if no try works. It decides, for reads, writes and snapshots alike, what follows an answer
 * that is not good.
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

/* The owner's functions. They run from the loop, never from within the functions below. */
struct attempt_ops {
	/* The wait for a login, a verdict or the mount guard has ended well: the owner takes its next step. */
	void (*go_on)(struct attempt *a);
	/* The wait has failed; a->failure says why. */
	void (*failed)(struct attempt *a);
	/* The mount guard's answer is not good. NULL for an owner that never asks the guard. */
	void (*refused)(struct attempt *a, const struct answer *answer);
};

/* The first member of its owner's struct. */
struct attempt {
	const struct attempt_ops *ops;
	struct login *login;
	struct token *token;     /* the token of this try, with a reference; NULL: none */
	struct login_wait *wait; /* what the request waits for, in this and the next three; NULL: not for that */
	struct mounts_wait *guard;
	struct leader_wait *search;
	struct http_call *http;
	char *node;                    /* the address of the node to ask; NULL: any */
	unsigned tries;                /* pauses so far */
	unsigned denials, denials_max; /* 403s so far, and how many may be taken for a dead token's */
	struct failure failure;        /* what the last answer said, or why the request fails */
};

/*
 * Takes a reference to the token that is live now and gives the previous one back. Returns false if there is no
 * live token.
 */
bool attempt_take_token(struct attempt *a);

/*
 * Wait for a login, for the login's verdict on the token after a 403 (see login_denied()), or for the mount guard.
 * Each returns false if there is no memory; then none of the functions in ops runs for it.
 */
bool attempt_await_login(struct attempt *a);
bool attempt_await_verdict(struct attempt *a, bool wrapped);
bool attempt_await_guard(struct attempt *a, struct mounts *mounts, const char *mount, uint64_t number);

/* Sets the node to ask; NULL is any. The string is copied. Returns false if there is no memory. */
bool attempt_set_node(struct attempt *a, const char *node);

/*
 * attempt_stop_waiting() ends all waits and cancels the HTTP request, without a callback. attempt_release() does
 * the same, and gives the token and the node back, too.
 */
void attempt_stop_waiting(struct attempt *a);
void attempt_release(struct attempt *a);

enum attempt_next {
	ATTEMPT_FAILS,  /* the request fails with a->failure */
	ATTEMPT_DENIED, /* the token may be dead: call attempt_await_verdict() */
	ATTEMPT_PAUSES  /* worth another try after a pause of at least answer->again_ms */
};

/*
 * Decides what follows an answer that is not VERDICT_OK, and sets a->failure to what that answer says. health is
 * OpenBao's state as a whole; pass HEALTH_UP where only the answer of the node that was asked shall count.
 */
enum attempt_next attempt_judge(struct attempt *a, const struct answer *answer, enum health_state health);

/*
 * Gives how long to wait before the next try, in milliseconds: longer and randomly spread from try to try, and at
 * least least_ms. Counts the pause.
 */
uint64_t attempt_pause_ms(struct attempt *a, uint64_t least_ms);

#endif
