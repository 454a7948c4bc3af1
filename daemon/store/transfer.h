/*
 * transfer: what the save and the restore of a snapshot have in common: they need a token and the leader, give way
 * to other work of the loop, and end when nothing moves any more.
 */
#ifndef TRANSFER_H
#define TRANSFER_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/drain.h"
#include "daemon/store/attempt.h"

#define TRANSFERS_MAX 4 /* transfers under way at a time */

struct api;
struct login;
struct kv;
struct leader;
struct transfer;

/*
 * The transfers under way, and the parts that they work with. Owners of a transfer may read it, and may set
 * restoring.
 */
struct transfers {
	struct event_base *base;
	struct api *api;
	struct login *login;
	struct leader *leader;
	struct kv *kv;
	uint64_t stall_ms;
	LIST_HEAD(, transfer) list;
	unsigned count;
	struct transfer *restoring; /* the restore under way; NULL: none */
	bool stopping;              /* what begins from now on fails */
	struct drain drain;
	void (*drained)(void *arg);
	void *drained_arg;
};

/*
 * All pointers are borrowed. stall_ms is how long a transfer may make no progress. Returns NULL if there is no
 * memory.
 */
struct transfers *transfers_new(struct event_base *base, struct api *api, struct login *login,
    struct leader *leader, struct kv *kv, uint64_t stall_ms);

/* Ends the transfers under way, each with failed(), and frees the struct. */
void transfers_free(struct transfers *transfers);

/* idle runs once, from the loop, as soon as none is under way. */
void transfers_when_idle(struct transfers *transfers, void (*idle)(void *arg), void *arg);

/*
 * Stops: new transfers fail, those that may be stopped fail from the loop, and the others get budget_ms before
 * they fail, too. drained runs once, from the loop, when none is left.
 */
void transfers_drain(struct transfers *transfers, uint64_t budget_ms, void (*drained)(void *arg), void *arg);

struct transfer_ops {
	/* There is a token, and a node that says that it leads. May run again after transfer_refused(). */
	void (*ready)(struct transfer *t);
	/* Other events have had their turn since transfer_yield(). */
	void (*resume)(struct transfer *t);
	/*
	 * The transfer cannot be made ready, or its time has run out, or the daemon stops: the owner has to end
	 * it.
	 */
	void (*failed)(struct transfer *t, const struct failure *why);
	/* Tells whether it may be stopped now without leaving an outcome in doubt. */
	bool (*may_stop)(const struct transfer *t);
};

enum transfer_state {
	TRANSFER_TOKEN,  /* waits for a login */
	TRANSFER_LEADER, /* the leader is being looked for */
	TRANSFER_READY,  /* its owner is at work */
	TRANSFER_DENIED, /* waits for the login's verdict on a 403 */
	TRANSFER_PAUSE,  /* waits before it tries again */
	TRANSFER_FAILED  /* has failed, and failed() is due from the loop */
};

/*
 * A part of its owner's struct. The owner may read transfers, state, attempt.token and attempt.node, which is the
 * leader.
 */
struct transfer {
	struct attempt attempt; /* the first member, since the transfer is found by it */
	LIST_ENTRY(transfer) link;
	struct transfers *transfers;
	const struct transfer_ops *ops;
	enum transfer_state state;
	bool tries_again; /* TRANSFER_DENIED: a new token makes it ready again */
	uint64_t number;  /* the caller's request, for the log */
	uint64_t deadline_ms;
	uint64_t progress_ms; /* when it last made progress */
	uint64_t again_ms;    /* TRANSFER_PAUSE: when it ends */
	struct event tick, resume_event;
};

/*
 * Begins a transfer. ops is borrowed, and none of its functions runs from within. number is the caller's request,
 * for the log; deadline_ms may be CLOCK_NEVER.
 */
void transfer_start(struct transfer *t, struct transfers *transfers, const struct transfer_ops *ops,
    uint64_t number, uint64_t deadline_ms);

/* Ends a transfer: none of its functions runs any more, and its owner may free it. */
void transfer_end(struct transfer *t);

/* Has resume() run from the loop after other events, input and output included, had their turn. */
void transfer_yield(struct transfer *t);

/* Some bytes have moved: the time after which the transfer counts as stalled begins anew. */
void transfer_note_progress(struct transfer *t);

/*
 * OpenBao's answer was not good. If the trouble may pass the transfer is made ready again after a pause. After a
 * 403 the login finds out whether the token is dead; if it was, the new token makes the transfer ready again, or,
 * with tries_again false since the request cannot be made twice, the transfer fails and says so. Otherwise it
 * fails as the answer says.
 */
void transfer_refused(struct transfer *t, const struct answer *answer, bool tries_again);

/* Make the transfer fail: failed() runs from the loop. Strings are copied. */
void transfer_fail(struct transfer *t, enum code code, const char *message);
void transfer_fail_with(struct transfer *t, const struct failure *why);

#endif
