/*
 * exchange: one request and its reply, and the books of all that are under way on a handle: in which state each
 * is, which id it has, when it is due, what of it is to be written next. No I/O and no callbacks here.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "client-lib/secretstore.h"
#include "proto/jscan.h"
#include "proto/ops.h"

#define EXCHANGE_MAX 65536        /* under way at once; ids have 16 bits for them */
#define EXCHANGE_TIMEOUT_DIGITS 6 /* a request's timeout_ms is filled in when it is written: room for it */

enum exchange_state {
	EXCHANGE_FREE,    /* waits to be used again */
	EXCHANGE_QUEUED,  /* not one byte is written on this connection */
	EXCHANGE_WRITING, /* some bytes are */
	EXCHANGE_SENT,    /* all are; the reply is awaited */
	EXCHANGE_ENDED,   /* it has failed; its callback is to run */
	EXCHANGE_STATES
};

struct exchange {
	TAILQ_ENTRY(exchange) entry; /* in the list of its state */
	TAILQ_ENTRY(exchange) due;   /* among those with a callback, by deadline */
	enum exchange_state state;
	enum op op;
	uint64_t id; /* on the wire: the slot in the lower 16 bits, above them a count of its uses */
	uint64_t deadline_ms;
	bool lost; /* it was written to a connection that broke, and is to be sent again */
	struct buf frame;
	size_t written;        /* bytes of the frame */
	size_t timeout_at;     /* where in the frame the time left is filled in when it is written; 0: nowhere */
	ss_callback *callback; /* NULL: nobody waits any more (it timed out), but its reply may still come */
	void *arg;
	int code;            /* EXCHANGE_ENDED: why */
	const char *message; /* likewise; not owned */
};

TAILQ_HEAD(exchange_list, exchange);

struct exchanges {
	struct exchange **slot;
	size_t nslots, slots_room;
	/* WRITING shares QUEUED's list, as its first. */
	struct exchange_list list[EXCHANGE_STATES];
	struct exchange_list due;
	size_t pending; /* with a callback */
};

void exchanges_init(struct exchanges *all);

/* Frees all of them, whatever their state, and wipes their frames. */
void exchanges_free(struct exchanges *all);

/*
 * One that is still in state FREE, with a new id and an empty frame, for the caller to fill in and queue. NULL:
 * with *ret_code SS_NO_MEMORY or SS_OVERLOADED.
 */
struct exchange *exchange_new(struct exchanges *all, int *ret_code);

/* Takes a filled-in exchange into the queue's end and the list by deadline. */
void exchange_queue(struct exchanges *all, struct exchange *x);

/*
 * What is to be written next, at most max parts: what is left of the frames in the queue, from its front on. The
 * time that is left at now_ms is filled in where nothing of the frame was written.
 */
size_t exchanges_to_write(struct exchanges *all, uint64_t now_ms, struct iovec *part, size_t max);

/* Notes that n more bytes of that were written. The frame of a write is wiped once it is whole. */
void exchanges_written(struct exchanges *all, size_t n);

/* The timeout that the daemon is told, so that it answers a little before the caller stops waiting. */
uint64_t exchange_time_told(uint64_t deadline_ms, uint64_t now_ms);

/* Puts one whose connection broke back to the front of the queue, as if nothing were written. */
void exchange_requeue(struct exchanges *all, struct exchange *x);

/* The exchange has failed and goes to the ended ones, to be reported. The message must last until then. */
void exchange_end(struct exchanges *all, struct exchange *x, int code, const char *message);

/* Nobody waits for it any more. It goes on without a callback, so that its late reply is known for what it is. */
void exchange_disown(struct exchanges *all, struct exchange *x);

/* Wipes it and takes it back for later use. */
void exchange_free(struct exchanges *all, struct exchange *x);

/* The one that is SENT under this id, as a reply has it; NULL if there is none. */
struct exchange *exchange_by_id(const struct exchanges *all, struct jspan id);

/* The first in the queue (it may be WRITING); the one that was sent first; ended; due first. Or NULL. */
struct exchange *exchange_next(const struct exchanges *all);
struct exchange *exchange_oldest(const struct exchanges *all);
struct exchange *exchange_ended(const struct exchanges *all);
struct exchange *exchange_due(const struct exchanges *all);

/* Is it a write of which a byte is on the wire, so that nobody knows its fate? */
bool exchange_is_doubtful(const struct exchange *x);

/* Are there some on the wire that timed out, and none that anybody waits for? */
bool exchanges_are_orphaned(const struct exchanges *all);

#endif
