/*
 * transfer: what a snapshot's save and its restore have in common: a token, the leader, turns of the loop, and an
 * end when nothing moves any more.
 */
#ifndef TRANSFER_H
#define TRANSFER_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/drain.h"
#include "daemon/store/attempt.h"

#define TRANSFERS_MAX 4 /* under way at a time */

struct api;
struct login;
struct kv;
struct leader;
struct transfer;

/* All that are under way, and what they work with; for those who have one, to be read. */
struct transfers {
	struct event_base *base;
	struct api *api;
	struct login *login;
	struct leader *leader;
	struct kv *kv;
	uint64_t stall_ms;
	LIST_HEAD(, transfer) list;
	unsigned count;
	struct transfer *restoring; /* the one that is a restore; NULL: none */
	bool stopping;              /* whatever begins fails */
	struct drain drain;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* All borrowed. stall_ms: how long a transfer may make no progress. NULL: no memory. */
struct transfers *transfers_new(struct event_base *base, struct api *api, struct login *login,
    struct leader *leader, struct kv *kv, uint64_t stall_ms);

/* Ends all that are under way. */
void transfers_free(struct transfers *transfers);

/* idle runs once, from the loop, when none is under way. */
void transfers_when_idle(struct transfers *transfers, void (*idle)(void *arg), void *arg);

/*
 * No more begin; those that can be stopped are, the others get budget_ms. Then drained runs, once, from the loop.
 */
void transfers_drain(struct transfers *transfers, uint64_t budget_ms, void (*drained)(void *arg), void *arg);

struct transfer_ops {
	/* There are a token and a node that says that it leads. */
	void (*ready)(struct transfer *t);
	/* The turn that was asked for with transfer_yield. */
	void (*resume)(struct transfer *t);
	/* It cannot be made ready, or time has run out, or the daemon stops: it is to end. */
	void (*failed)(struct transfer *t, const struct failure *why);
	/* May it be stopped now, with nothing in doubt? */
	bool (*may_stop)(const struct transfer *t);
};

enum transfer_state {
	TRANSFER_TOKEN,  /* waits for a login */
	TRANSFER_LEADER, /* the leader is being looked for */
	TRANSFER_READY,  /* its owner's turn */
	TRANSFER_DENIED, /* waits for what the login says of a 403 */
	TRANSFER_PAUSE,  /* waits before it tries again */
	TRANSFER_FAILED  /* waits for the loop, to be told */
};

/* A part of its owner's struct. To be read: all, state, attempt.token and attempt.node, which is the leader. */
struct transfer {
	struct attempt attempt; /* first, so that it is found to be its */
	LIST_ENTRY(transfer) link;
	struct transfers *transfers;
	const struct transfer_ops *ops;
	enum transfer_state state;
	bool tries_again; /* TRANSFER_DENIED: with a new token it is made ready anew */
	uint64_t number;  /* the caller's request, for the log */
	uint64_t deadline_ms;
	uint64_t progress_ms; /* of the last progress */
	uint64_t again_ms;    /* TRANSFER_PAUSE: until then */
	struct event tick, resume_event;
};

/* Begins. None of ops runs from within it. number: the caller's request. deadline_ms: CLOCK_NEVER for none. */
void transfer_start(struct transfer *t, struct transfers *transfers, const struct transfer_ops *ops,
    uint64_t number, uint64_t deadline_ms);

/* Takes it out of the books. Not told any more. */
void transfer_end(struct transfer *t);

/* Others get their turn first, input and output included. */
void transfer_yield(struct transfer *t);

/* Some bytes have gone on their way. */
void transfer_note_progress(struct transfer *t);

/*
 * OpenBao's answer was not good. Where it may pass the transfer is made ready again after a pause; after a 403
 * OpenBao is asked whether the token is dead, and if it was, a new one makes the transfer ready again, or where it
 * cannot be done twice (tries_again false) failed() says that it was that. Else it fails, as the answer says.
 */
void transfer_refused(struct transfer *t, const struct answer *answer, bool tries_again);

/* failed(), from the loop. */
void transfer_fail(struct transfer *t, enum code code, const char *message);
void transfer_fail_with(struct transfer *t, const struct failure *why);

#endif
