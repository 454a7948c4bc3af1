/*
 * conn: reads and writes connections, and does not know what their frames mean. It cuts what arrives into frames
 * and hands them up one by one. The upper part (call.c) puts frames into the output; conn_write() decides when
 * they are written. A caller that does not read is not read from, and a user has only a slice of each turn of the
 * loop for all of its connections.
 *
 * The upper part is told of events by struct conn_ops. None of its functions runs within a call from above, but
 * for conns_finish() and, of gone(), conns_free(). The upper part sets members of struct conn to say what it
 * takes.
 */
#ifndef CONN_H
#define CONN_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "daemon/callers/quota.h"
#include "proto/frame.h"

struct conn;
struct conns; /* all connections and what they share */

enum conn_state {
	CONN_READING, /* it is read whenever something comes */
	CONN_HELD,    /* it is not read, since it or its user is at a limit, or the upper part takes no frames */
	CONN_PARKED,  /* it is not read until its user has time again */
	/* it takes no frames any more, and ends when what is in flight is answered and written */
	CONN_CLOSING,
	CONN_CLOSING_GENTLY, /* it does as CONN_CLOSING, but lingers before it ends */
	/* all is written; what still comes is thrown away for a while, so that the caller can read the replies */
	CONN_LINGERING,
	CONN_PARKED_LINGERING, /* it lingers, and is not read until its user has time again */
	CONN_GONE
};

/* The frames that the upper part takes. */
enum conn_mode {
	/* requests of up to limits->request_bytes, while fewer than limits->requests are in flight */
	CONN_FRAMES,
	CONN_STREAM,     /* frames of up to FRAME_DATA_MAX, without a frame time-out and a byte quota */
	CONN_STREAM_WAIT /* none, for now or until the stream has ended */
};

/* The time at which what was put into the output is written. */
enum conn_due {
	CONN_DUE_NOTHING,
	CONN_DUE_NOW,
	CONN_DUE_AFTER_READ, /* when all that was just read has been handled */
	CONN_DUE_AT_TURN_END /* at the end of this turn of the loop, with what comes until then */
};

/* The kind of thing that was put into the output. */
enum conn_output {
	CONN_PART,      /* a part of a stream; or nothing, but more frames are taken than before */
	CONN_REPLY,     /* a whole reply, while other calls are in flight, on any connection */
	CONN_LAST_REPLY /* a whole reply, and no other call is in flight */
};

/* The reason why no frame comes any more. */
enum conn_end {
	CONN_EOF,       /* the caller has shut down its writing side; it may still read */
	CONN_TOO_LARGE, /* a frame is longer than it may be */
	CONN_BAD_KIND,  /* what came is no frame */
	CONN_OVER_QUOTA /* an unfinished frame takes the user over its byte quota */
};

/* These run from the loop. */
struct conn_ops {
	/* A whole frame has come. It is valid until this returns. */
	void (*frame)(struct conn *conn, const struct frame *frame);
	/* Output was written while wants_room was set, perhaps not enough of it. */
	void (*room)(struct conn *conn);
	/*
	 * No frame comes any more; runs once at most. The connection ends when in_flight is 0 and the output is
	 * written: at once after CONN_EOF, else after lingering, so that the caller can read why.
	 */
	void (*ended)(struct conn *conn, enum conn_end why);
	/* The connection has ended, and its memory is freed when this returns. Runs exactly once. */
	void (*gone)(struct conn *conn);
};

/* The upper part embeds this as the first member of its own struct. */
struct conn {
	/* The upper part sets these, and calls conn_write() if more frames are taken thereby. */
	enum conn_mode mode;
	/* frames that are not answered yet: with any the connection is not idle, and does not end */
	uint32_t in_flight;
	bool wants_room; /* room() is to run when output was written */

	/* The upper part reads these. */
	struct conns *conns;
	struct quota *quota;
	uint64_t arrived_ms; /* when the last bytes were read */
	uint64_t sent;       /* bytes that were written so far */

	/* The rest is for conn.c only. */
	enum conn_state state;
	enum conn_due due;
	int fd;
	struct conn *prev, *next;
	struct conn *prev_due, *next_due;
	struct conn *prev_parked, *next_parked;
	struct event readable, writable;
	struct buf in, out;
	uint64_t held;           /* bytes of in and out, as counted in the quota */
	uint64_t frame_began_ms; /* when the incomplete frame in `in` began; 0: there is none */
	uint64_t active_ms;      /* when something was last read or written, or CONN_LINGERING began */
};

/*
 * size is that of the upper part's struct. base, quotas and ops are borrowed; the limits in quotas may change at
 * any time. NULL: no memory.
 */
struct conns *conns_new(struct event_base *base, struct quotas *quotas, const struct conn_ops *ops, size_t size);

/* Ends all connections at once, and frees. gone() runs for each. */
void conns_free(struct conns *conns);

/*
 * Takes what callers have written until now, and stops: at once where nothing is to be read any more or the mode
 * is not CONN_FRAMES, else when all of it was taken. What callers write later fails with EPIPE at their side.
 */
void conns_finish(struct conns *conns);

/* Gives the number of connections. */
uint64_t conns_count(const struct conns *conns);

/*
 * Ends the connection that has been idle longest: in_flight is 0, no frame has begun, and nothing is to be
 * written. False: there is none. Not to be called from conn_ops.
 */
bool conns_end_idlest(struct conns *conns);

/*
 * Has this turn of the loop counted at its end, since work was charged in it. conn.c does so itself for its own.
 */
void conns_count_turn(struct conns *conns);

/* Has time-outs looked at soon, since the limits have changed. */
void conns_look_soon(struct conns *conns);

/*
 * Serves a connected, non-blocking socket in the quota of the user uid, and takes it over. Gives the upper part's
 * struct, which is all zero after its struct conn, and lasts until gone() has run. NULL: no memory, and fd is
 * still the caller's.
 */
struct conn *conn_start(struct conns *conns, int fd, uid_t uid);

/*
 * Takes no frames any more; the connection ends when what is in flight is answered and written. gently: it lingers
 * before it ends, since the caller may be writing. A second call can only make the end gentle.
 */
void conn_stop(struct conn *conn, bool gently);

/* Gives the output, to which whole frames are appended. conn_write() must be called then. */
struct buf *conn_output(struct conn *conn);

/*
 * Writes the output now or later, as enum conn_due says. If the caller has gone, gone() runs later, from the loop.
 */
void conn_write(struct conn *conn, enum conn_output what);

/* Counts what the connection's buffers hold in its user's quota. conn.c does so itself after each event. */
void conn_count_bytes(struct conn *conn);

#endif
