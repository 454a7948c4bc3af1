/*
 * call: one request as the ops see it, from its frame to its reply. Whoever hears it (callers/call.c) makes it and
 * fills in its functions; an op ends it exactly once, now or later, with call_fail() or with call_answer_begin()
 * and call_answer_end().
 */
#ifndef OPS_CALL_H
#define OPS_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/access/peer.h"
#include "proto/codes.h"
#include "proto/jwrite.h"

struct call;

/*
 * Streams: a call whose op is a stream's has its connection to itself until it is ended. Between its request and
 * its reply it moves data frames, in one direction; either side can make the other wait.
 */
struct call_stream {
	/* There is room again for what call_stream_write() takes. NULL: that is never called. */
	void (*room)(void *work);
	/*
	 * The next n bytes of the caller's data, at most FRAME_DATA_MAX; 0: all has come. NULL: the caller is not
	 * to send any.
	 */
	void (*data)(void *work, const unsigned char *p, size_t n);
	/* The caller will send no more, though it has not said that all has come. It still reads. */
	void (*cut)(void *work);
};

/* What the functions below do for this kind of call. */
struct call_ops {
	void (*wait)(struct call *call, void (*abandon)(void *work), void *work);
	void (*refuse)(struct call *call, const struct failure *why);
	void (*answer_begin)(struct call *call, struct jwrite *w);
	void (*answer_end)(struct call *call, struct jwrite *w);
	void (*stream_begin)(struct call *call, const char *name, const struct call_stream *stream, void *work);
	int (*stream_write)(struct call *call, const void *p, size_t n);
	void (*stream_want)(struct call *call, bool wanted);
};

/* Part of its maker's struct, first. */
struct call {
	const struct call_ops *ops;
	const struct peer *peer; /* outlasts the call */
	uint64_t began_us;       /* clock_now_us() when its frame was looked at */
};

/*
 * While a call waits for something: abandon(work) runs if the caller goes away first. The call is then gone and
 * must not be ended any more.
 */
static inline void call_wait(struct call *call, void (*abandon)(void *work), void *work)
{
	call->ops->wait(call, abandon, work);
}

/* Ends the call with a failure. */
static inline void call_fail(struct call *call, const struct failure *why)
{
	call->ops->refuse(call, why);
}

/*
 * Ends the call with a reply: call_answer_begin opens it ({"id":…,"ok":true), the op adds members, and
 * call_answer_end sends it. A reply that is too large, or for which the caller has no room, becomes a failure.
 */
static inline void call_answer_begin(struct call *call, struct jwrite *w)
{
	call->ops->answer_begin(call, w);
}

static inline void call_answer_end(struct call *call, struct jwrite *w)
{
	call->ops->answer_end(call, w);
}

/*
 * Tells the caller to go ahead: {"id":…,"ok":true,NAME:true}. From now on the stream's functions run. stream and
 * work must last until the call has ended or was abandoned. If it fails before all of the caller's data has come,
 * the connection ends with it.
 */
static inline void call_stream_begin(struct call *call, const char *name, const struct call_stream *stream,
    void *work)
{
	call->ops->stream_begin(call, name, stream, work);
}

/*
 * Sends n bytes of data, at most FRAME_DATA_MAX, which may come to be in one frame with others; 0: the empty
 * frame. 1, or 0: no more is to be sent before the stream's room(); or -1: no memory, it was not sent.
 */
static inline int call_stream_write(struct call *call, const void *p, size_t n)
{
	return call->ops->stream_write(call, p, n);
}

/* Whether the caller's data is wanted, which it is at first. */
static inline void call_stream_want(struct call *call, bool wanted)
{
	call->ops->stream_want(call, wanted);
}

#endif
