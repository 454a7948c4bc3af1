/*
 * session: one caller's connection. Frames in, requests handed over, replies out in the order in which they are
 * ready; a caller that does not read is not read from, and one user's connections together get so much of each turn of
 * the loop and no more. What a request means is the handler's business.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/access/rules.h"
#include "proto/codes.h"
#include "proto/jwrite.h"
#include "proto/request.h"

struct event_base;
struct session;
struct sessions; /* what all sessions share */
struct call;     /* one request of a session, from its frame to its reply */

struct session_limits {
	uint64_t request_bytes;    /* largest request frame */
	uint64_t requests;         /* in flight per connection: at it, the connection is not read */
	uint64_t requests_per_uid; /* in flight over all of a user's connections: at it, requests are refused */
	uint64_t output_bytes;     /* waiting to be written: above it, the connection is not read */
	uint64_t bytes_per_uid;    /* of requests and replies that a user's connections hold: at it, they are refused */
	uint64_t frame_timeout_ms; /* from a frame's first byte to its last */
	uint64_t idle_timeout_ms;  /* nothing in flight and nothing begun; 0: no limit */
};

/*
 * Runs for every well-formed request, with deadline_ms on clock_now_ms(). It must see to it that call is ended
 * exactly once, now or later: call_fail or call_answer. request and its spans are valid until it returns.
 */
typedef void session_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms);

/* NULL: no memory. default_timeout_ms: for requests that name none. */
struct sessions *sessions_new(struct event_base *base, const struct session_limits *limits, uint64_t default_timeout_ms,
    session_request *request, void *request_arg);

/* From here on, for sessions there are, too. */
void sessions_set_limits(struct sessions *all, const struct session_limits *limits, uint64_t default_timeout_ms);

/* Ends all sessions at once, abandoning their calls, and frees. */
void sessions_free(struct sessions *all);

/* Takes over a connected, non-blocking socket and the peer. -1: no memory; both stay the caller's. */
int session_start(struct sessions *all, int fd, struct peer *peer);

/* No more requests are read; each session ends when its calls are answered and written. */
void sessions_finish(struct sessions *all);

/* Sessions there are, and of one user; calls in flight over all of them. */
uint64_t sessions_count(const struct sessions *all);
uint64_t sessions_count_of(struct sessions *all, uid_t uid);
uint64_t sessions_calls(const struct sessions *all);

const struct peer *call_peer(const struct call *call);

/* When the session last looked at the clock, as clock_now_us(): in a session_request that is a moment ago. */
uint64_t call_now_us(const struct call *call);

/*
 * While a call waits for something: abandon(work) runs if the caller goes away first (the call is then gone and
 * must not be ended any more).
 */
void call_wait(struct call *call, void (*abandon)(void *work), void *work);

/* Ends the call with a failure. */
void call_fail(struct call *call, const struct failure *why);

/*
 * Ends the call with a reply: call_answer_begin opens it ({"id":…,"ok":true), the caller adds members, and
 * call_answer_end sends it; a reply that is too large, or that the caller has no room for, becomes a failure.
 */
void call_answer_begin(struct call *call, struct jwrite *w);
void call_answer_end(struct call *call, struct jwrite *w);

/*
 * Streams: a call whose op is a stream's has its session to itself until it is ended. Between its request and its reply
 * it moves data frames, in one direction; either side can make the other wait.
 */
struct call_stream {
	/* There is room again for what call_stream_write() takes. NULL: it is never called. */
	void (*room)(void *work);
	/*
	 * Of the caller's data the next n bytes, at most FRAME_DATA_MAX; 0: all has come. NULL: the caller is not to send any.
	 */
	void (*data)(void *work, const unsigned char *p, size_t n);
	/* The caller will send no more, though it has not said that all has come. It still reads. */
	void (*cut)(void *work);
};

/*
 * Tells the caller to go ahead: {"id":…,"ok":true,NAME:true}. From now on the functions run. ops and work must last
 * until the call has ended, as by call_fail() and call_answer_end(), or was abandoned. If it fails before all of the
 * caller's data has come, the session ends with it.
 */
void call_stream_begin(struct call *call, const char *name, const struct call_stream *ops, void *work);

/*
 * Sends n bytes of data, at most FRAME_DATA_MAX, which may come to be in one frame with others; 0: the empty frame. 1, or 0: no
 * more is to be sent before ops->room; or -1: no memory, it was not sent.
 */
int call_stream_write(struct call *call, const void *p, size_t n);

/* Whether the caller's data is wanted, which it is at first. */
void call_stream_want(struct call *call, bool wanted);

#endif
