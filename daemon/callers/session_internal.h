/*
 * session_internal: a session's inside, for session.c (frames, the connection), session_turn.c (whose turn it is),
 * session_call.c (calls) and session_stream.c (calls that move data frames).
 */
#ifndef SESSION_INTERNAL_H
#define SESSION_INTERNAL_H

#include <event2/util.h>

#include "base/buf.h"
#include "daemon/callers/session.h"
#include "daemon/callers/share.h"
#include "proto/frame.h"

#define SESSION_READ_SIZE 65536u       /* at a time, of a long frame or a stream */
#define SESSION_READ_FIRST_SIZE 16384u /* and else, so that what one turn has no time for is not much */
#define SESSION_SPARE_BYTES 65536u     /* of a buffer for replies that is kept for the next who has some */
#define SESSION_SPARE_CALLS 64u

enum session_state {
	SESSION_OPEN,   /* requests are read */
	SESSION_ENDING, /* none is read any more; those in flight are answered, then what last_word says, then the end */
	SESSION_LINGER  /* all is said; what still comes is thrown away, so that the caller gets to read the last word */
};

struct call {
	struct call *prev, *next;
	struct session *session;
	bool is_write;   /* its answer is never refused: it may have been done */
	uint64_t held;   /* counted in the share's bytes */
	size_t id_len;
	char id[REQUEST_ID_MAX + 2];
	void (*abandon)(void *work);
	void *work;
};

/* The call that has the session to itself, from its request to its end; call NULL: there is none. */
struct stream {
	struct call *call;
	const struct call_stream *ops; /* NULL until it has begun */
	void *work;
	bool reads;     /* it wants the caller's data now */
	bool data_over; /* the caller's empty frame has come, or none is expected */
	bool full;      /* what it wrote last found no more room after it */
	size_t growing; /* bytes of data in the last frame of out, of which nothing is sent yet; 0: there is none */
};

struct session {
	struct session *prev, *next;
	struct session *prev_dirty, *next_dirty;
	struct session *prev_parked, *next_parked;
	struct sessions *all;
	struct share *share;
	enum session_state state;
	bool dirty;               /* has replies to be written at the end of this turn; in all->dirty, unless it is reading */
	bool reading;             /* what it was sent is being taken; what is answered at once is written right after */
	bool reads_last;          /* reading: it has the daemon to itself, and the last request that it sent is handled */
	bool listens;             /* readable is added */
	bool parked;              /* in all->parked: not heard, since its user has had its time */
	bool answers_last_word;   /* SESSION_ENDING: last_word is to be sent before the end */
	bool lingers;             /* SESSION_ENDING: SESSION_LINGER follows in any case */
	int fd;
	uint32_t ncalls;
	struct peer peer;
	struct event *readable, *writable;
	struct buf in, out;
	uint64_t held;            /* of both, as counted in the share's bytes */
	struct call *calls;
	struct stream stream;
	uint64_t frame_began_ms;  /* when the incomplete frame in `in` began; 0: none */
	uint64_t arrived_ms;      /* when bytes were last read: deadlines count from there */
	uint64_t active_ms;       /* last sign of life, or when SESSION_LINGER began */
	enum code last_word;
};

struct sessions {
	struct event_base *base;
	struct session_limits limits;
	uint64_t default_timeout_ms;
	session_request *request;
	void *request_arg;
	struct shares shares;
	struct session *list, *dirty, *parked;
	struct event *flush, *sweep, *unpark;
	bool flushes; /* flush is active */
	bool at_work; /* in an event of the sessions, not in one of what answers them */
	uint64_t count, ncalls, nparked;
	const struct session *last_heard; /* only to be compared: it may have gone */
	uint64_t in_a_row;                /* so many more times than once it was heard, and nobody else between */
	uint64_t now_us;                 /* when the clock was last looked at, in the work on a session */
	uint64_t began_us, began_cpu_us; /* that work, which its share is told of at its end */
	bool counts_cpu;                 /* by the processor's clock */
	struct share *unsettled;         /* whose share is still to be told of the work that began then; NULL: nobody's */
	bool just_begun;                 /* there was time for it, and nothing was done yet */
	uint64_t warned_ms; /* when the log was last told of a user at a limit; 0: never */
	uint64_t most; /* sessions at a time since memory was last given back */
	struct buf spare;         /* empty; for the replies of the next session that has none of its own */
	struct call *spare_calls; /* a stack of at most SESSION_SPARE_CALLS */
	unsigned nspare_calls;
	unsigned char scratch[SESSION_READ_SIZE];
};

/* -- session.c -- */

/* Whether the connection is read. session_listen: 0, or -1 without memory. */
int session_listen(struct session *s);
void session_stop_listening(struct session *s);

/* At the end of this turn of the loop what is dirty is written, and the turn's time is charged. */
void session_flush_soon(struct sessions *all);

/* What was put into out is written at the end of this turn of the loop. */
void session_mark_dirty(struct session *s);

/*
 * The same, but right away if no other call is in flight, or this is answered at once and nobody else was heard of late: a
 * caller who is alone has the reply before the daemon tidies up. With many callers their replies together cost less: who
 * reads them is woken once.
 */
void session_write_soon(struct session *s);

/* No more requests: what is in flight is answered, then comes last_word, unless CODE_NONE, then the end. */
void session_stop_reading(struct session *s, enum code last_word);

/* Reads, or not, as the limits and the stream allow, beginning with what is there. Not from within a data frame. */
void session_pump(struct session *s);

/* -- session_turn.c -- */

/*
 * Around all that is done for a session, so that its user is charged the time. Where the session has ended meanwhile there is
 * no session_end_work().
 */
void session_begin_work(struct session *s);
void session_end_work(struct session *s);

/* Whether the session may be heard, of which work was just begun. */
bool session_may_begin(const struct session *s);

/* Whether there is time left in the work that was begun, for another request. */
bool session_may_go_on(const struct session *s);

/* The work that ended last is charged to its user, now that the clock is looked at again. */
void session_settle(struct sessions *all, uint64_t now_us);

/* Not heard until the next turn, or some later one; and heard again, or about to end. */
void session_park(struct session *s);
void session_leave_park(struct session *s);

/* Of all->unpark. */
void session_on_unpark(evutil_socket_t fd, short what, void *arg);

/* -- session_call.c -- */

/* Counts what the session's buffers hold now, among the bytes of its user. */
void session_count_bytes(struct session *s);

/* Whether the user would hold more than it may with so many bytes more. */
bool session_holds_too_much(const struct session *s, size_t more);

/* Tells the log that the session's user is at one of its limits, though not every time. */
void session_warn_of_limit(struct session *s, const char *setting);

void session_handle_request(struct session *s, const struct frame *frame);

/* Takes the call out of the books without a reply to it. */
void session_forget_call(struct call *call);

/* The same, for a call that is in no list any more. */
void session_free_call(struct call *call);

/* When all sessions have gone. */
void session_free_spare_calls(struct sessions *all);

/* What the session says next may be put into out. */
void session_take_buffer(struct session *s);

/* -- session_stream.c -- */

/* A request that is a stream's has come: from now on no other is read. */
void stream_take(struct session *s, struct call *call);

/* Does the stream want a data frame now? Only if there is one. */
bool stream_reads(const struct session *s);

/* A whole frame has come while the stream reads. False: it was not one of data, and the session is ending. */
bool stream_frame(struct session *s, const struct frame *frame);

/* A frame has come that is none, or is too long. */
void stream_violated(struct session *s, enum code last_word);

/* Some of out was sent. */
void stream_sent(struct session *s);

/* As much of out as the socket takes was sent. */
void stream_written(struct session *s);

/* The caller has shut down its writing side, and all frames before that were handled. */
void stream_cut(struct session *s);

/* The stream's call has ended. */
void stream_over(struct session *s);

#endif
