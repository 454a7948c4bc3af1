/*
 * exchange: one request and its reply, and the set of all that are under way on a handle: each one's state, id and
 * deadline, and which bytes are to be written next. It does no I/O and runs no callbacks.
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

#define EXCHANGE_MAX 65536        /* exchanges under way at once; ids have 16 bits for the slot */
#define EXCHANGE_TIMEOUT_DIGITS 6 /* the room for a request's timeout_ms, which is filled in when it is written */

enum exchange_state {
	EXCHANGE_FREE,    /* not in use; waits to be used again */
	EXCHANGE_QUEUED,  /* none of its bytes was written on this connection */
	EXCHANGE_WRITING, /* some of its bytes were written */
	EXCHANGE_SENT,    /* all of its bytes were written; the reply is awaited */
	EXCHANGE_ENDED,   /* it has failed, and its callback has to run */
	EXCHANGE_STATES
};

struct exchange {
	TAILQ_ENTRY(exchange) entry; /* in the list of its state */
	TAILQ_ENTRY(exchange) due;   /* in the list by deadline, while it has a callback */
	enum exchange_state state;
	enum op op;
	uint64_t id; /* in the request: the slot in the lower 16 bits, above them a count of the slot's uses */
	uint64_t deadline_ms;
	bool lost; /* it was written to a connection that broke, and has to be sent again */
	struct buf frame;
	size_t written;        /* bytes of the frame that were written */
	size_t timeout_at;     /* where in the frame the time that is left goes when it is written; 0: nowhere */
	ss_callback *callback; /* NULL: it timed out and nobody waits for it, but its reply may still come */
	void *arg;
	int code;            /* in state EXCHANGE_ENDED: the reason */
	const char *message; /* likewise; not owned */
};

TAILQ_HEAD(exchange_list, exchange);

struct exchanges {
	struct exchange **slot;
	size_t nslots, slots_room;
	/* An exchange in state WRITING is the first one in the list of those QUEUED. */
	struct exchange_list list[EXCHANGE_STATES];
	struct exchange_list due;
	size_t pending; /* how many have a callback */
};

void exchanges_init(struct exchanges *exchanges);

/* Frees every exchange, whatever its state, and wipes its frame. The set is empty afterwards. */
void exchanges_free(struct exchanges *exchanges);

/*
 * Returns an exchange in state FREE with a new id and an empty frame. The caller fills it in and queues it; until
 * then it may be returned again. NULL: *ret_code is SS_NO_MEMORY or SS_OVERLOADED.
 */
struct exchange *exchange_new(struct exchanges *exchanges, int *ret_code);

/* Puts a filled-in exchange at the queue's end and into the list by deadline. */
void exchange_queue(struct exchanges *exchanges, struct exchange *x);

/*
 * Fills part[] with what is to be written next: the rest of the frames in the queue, from its front on, at most
 * max of them. Returns how many. Frames of which nothing was written get the time that is left at now_ms.
 */
size_t exchanges_to_write(struct exchanges *exchanges, uint64_t now_ms, struct iovec *part, size_t max);

/*
 * Notes that n more bytes of these parts were written. A write's frame is wiped once all of it was written.
 */
void exchanges_written(struct exchanges *exchanges, size_t n);

/*
 * The timeout that the daemon is told: a little less than what is left, so that it answers before the caller stops
 * waiting.
 */
uint64_t exchange_told_timeout_ms(uint64_t deadline_ms, uint64_t now_ms);

/* Puts an exchange whose connection broke back to the front of the queue, as if nothing of it had been written. */
void exchange_requeue(struct exchanges *exchanges, struct exchange *x);

/* Ends an exchange with a failure, which its callback has yet to be told. The message must last until then. */
void exchange_end(struct exchanges *exchanges, struct exchange *x, int code, const char *message);

/*
 * Takes the callback away from an exchange that timed out. It stays in its state, so that its late reply is
 * recognized.
 */
void exchange_disown(struct exchanges *exchanges, struct exchange *x);

/* Wipes the exchange's frame, and takes the exchange back for later use. Its callback is not run. */
void exchange_free(struct exchanges *exchanges, struct exchange *x);

/* Finds the exchange in state SENT whose id is the one in a reply. NULL: there is none. */
struct exchange *exchange_by_id(const struct exchanges *exchanges, struct jspan id);

/*
 * These return the first in the queue (it may be WRITING), the one that was sent first, the first that ended, and
 * the one with the earliest deadline; NULL if there is none.
 */
struct exchange *exchange_first_queued(const struct exchanges *exchanges);
struct exchange *exchange_first_sent(const struct exchanges *exchanges);
struct exchange *exchange_first_ended(const struct exchanges *exchanges);
struct exchange *exchange_first_due(const struct exchanges *exchanges);

/* Says whether this is a write of which a byte was written, so that nobody knows whether it happened. */
bool exchange_is_doubtful(const struct exchange *x);

/* Says whether exchanges that timed out are on the connection, and none that anybody waits for. */
bool exchanges_are_orphaned(const struct exchanges *exchanges);

#endif
