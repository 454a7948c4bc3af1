/*
 * conn: a connection, below all that its frames mean. Bytes that arrive are cut into frames and handed up one by
 * one; what the upper part puts into the output goes down the socket, and conn_write() alone decides when. A
 * caller that does not read is not read from, and the connections of one user together get so much of each turn of
 * the loop and no more.
 *
 * The upper part is told by four functions. None of them runs within a call from above, but for gone() within
 * conns_free(). What conn has to know of the upper part is set in struct conn.
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
struct conns; /* what all connections share */

enum conn_state {
	CONN_READING, /* it is read whenever something comes */
	CONN_HELD,    /* it is not read, since it or its user has as much under way as it may */
	CONN_PARKED,  /* it is not read until its user has time again */
	/* no frame is taken any more; what is in flight is answered and written, then it ends */
	CONN_CLOSING,
	CONN_CLOSING_GENTLY, /* the same, but it lingers before it ends */
	/* all is written; what still comes is thrown away, so that the caller gets to read it */
	CONN_LINGERING,
	CONN_PARKED_LINGERING, /* it lingers, and is not read until its user has time again */
	CONN_GONE
};

/* What the upper part takes. */
enum conn_mode {
	/* frames of up to limits->request_bytes, while fewer than limits->requests are in flight */
	CONN_FRAMES,
	CONN_STREAM,     /* a stream's frames, of up to FRAME_DATA_MAX: no frame time-out, and no quota of bytes */
	CONN_STREAM_WAIT /* no frames, for now or for as long as the stream lasts */
};

/* When what was put into the output is written. */
enum conn_due {
	CONN_DUE_NOTHING,
	CONN_DUE_NOW,
	CONN_DUE_AFTER_READ, /* when all that was just read has been handled */
	CONN_DUE_AT_TURN_END /* with what else comes in this turn of the loop */
};

/* What was put into the output. */
enum conn_output {
	CONN_PART,      /* a part of something that goes on; or nothing, but more is taken than before */
	CONN_REPLY,     /* something whole, while somebody waits for something else */
	CONN_LAST_REPLY /* something whole, and nobody waits for anything else */
};

/* Why no frame comes any more. */
enum conn_end {
	CONN_EOF,       /* the caller has shut down its writing side; it may still read */
	CONN_TOO_LARGE, /* a frame is longer than it may be */
	CONN_BAD_KIND,  /* a frame is none */
	CONN_OVER_QUOTA /* an unfinished frame is more than the user may hold */
};

struct conn_ops {
	/* A whole frame has come. It is valid until this returns. */
	void (*frame)(struct conn *conn, const struct frame *frame);
	/* Some of the output was written while wants_room was set. */
	void (*room)(struct conn *conn);
	/*
	 * No frame comes any more. When in_flight is 0 and the output written, the connection ends: at once after
	 * CONN_EOF, else gently, so that the caller may be told why.
	 */
	void (*ended)(struct conn *conn, enum conn_end why);
	/* The connection has ended. It takes nothing any more, and its memory is freed when this returns. */
	void (*gone)(struct conn *conn);
};

/* First in the upper part's struct of a connection. */
struct conn {
	/* The upper part sets these, and calls conn_write() when that means that more is taken than before. */
	enum conn_mode mode;
	/* frames that are still to be answered: with any the connection is not idle, and does not end */
	uint32_t in_flight;
	bool wants_room;

	/* The upper part reads these. */
	struct conns *all;
	struct quota *quota;
	uint64_t arrived_ms; /* when the last bytes were read */
	uint64_t sent;       /* bytes of output so far */

	/* The rest is conn.c's. */
	enum conn_state state;
	enum conn_due due;
	int fd;
	struct conn *prev, *next;
	struct conn *prev_due, *next_due;
	struct conn *prev_parked, *next_parked;
	struct event readable, writable;
	struct buf in, out;
	uint64_t held;           /* bytes of both, as counted in the quota */
	uint64_t frame_began_ms; /* when the incomplete frame in `in` began; 0: there is none */
	uint64_t active_ms;      /* the last sign of life, or when CONN_LINGERING began */
};

/*
 * size: that of the upper part's struct. quotas, with its limits, and ops are borrowed; the limits may change at
 * any time. NULL: no memory.
 */
struct conns *conns_new(struct event_base *base, struct quotas *quotas, const struct conn_ops *ops, size_t size);

/* Ends all connections at once, and frees. */
void conns_free(struct conns *all);

/* Stops them all, as conn_stop(conn, false) does. */
void conns_finish(struct conns *all);

/* How many connections there are. */
uint64_t conns_count(const struct conns *all);

/*
 * Takes over a connected, non-blocking socket. Gives the upper part's struct, which is zero behind its struct
 * conn, and lasts until gone() has run. NULL: no memory, and the socket stays whose it was.
 */
struct conn *conn_start(struct conns *all, int fd, uid_t uid);

/*
 * No frame is taken any more; what is in flight is to be answered. gently: the caller may be in the middle of
 * writing. Does nothing if it was stopped already, but for making that gentle.
 */
void conn_stop(struct conn *conn, bool gently);

/* The output, into which whole frames are put. Then conn_write() is to be called. */
struct buf *conn_output(struct conn *conn);

/* Has the output written in its time. If the caller has gone, gone() runs later, from the loop. */
void conn_write(struct conn *conn, enum conn_output what);

/* Counts what the connection's buffers hold now among the bytes of its user. It is also done after each event. */
void conn_count_bytes(struct conn *conn);

#endif
