/*
 * session: one caller's connection. Frames in, requests handed over, replies out in the order in which they are
 * ready; a caller that does not read is not read from. What a request means is the handler's business.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/callers/rules.h"
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
	uint64_t output_bytes;     /* waiting to be written: above it, the connection is not read */
	uint64_t frame_timeout_ms; /* from a frame's first byte to its last */
	uint64_t idle_timeout_ms;  /* nothing in flight and nothing begun; 0: no limit */
};

/*
 * Runs for every well-formed request, with deadline_ms on clock_now_ms(). It must see to it that call is ended
 * exactly once, now or later: call_fail or call_answer. request and its spans are valid until it returns.
 */
typedef void session_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms);

/* Runs once when a session has gone, for the listener's books. */
typedef void session_gone(void *arg, uid_t uid);

/* NULL: no memory. default_timeout_ms: for requests that name none. */
struct sessions *sessions_new(struct event_base *base, const struct session_limits *limits, uint64_t default_timeout_ms,
    session_request *request, void *request_arg, session_gone *gone, void *gone_arg);

/* Ends all sessions at once, abandoning their calls, and frees. gone does not run. */
void sessions_free(struct sessions *all);

/* Takes over a connected, non-blocking socket and the peer. -1: no memory; both stay the caller's. */
int session_start(struct sessions *all, int fd, struct peer *peer);

/* No more requests are read; each session ends when its calls are answered and written. */
void sessions_finish(struct sessions *all);

/* Sessions there are; calls in flight over all of them. */
uint64_t sessions_count(const struct sessions *all);
uint64_t sessions_calls(const struct sessions *all);

const struct peer *call_peer(const struct call *call);

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

#endif
