/*
 * call: one request as the ops see it, from its frame to its reply. The code that received the request
 * (callers/call.c) makes the struct and supplies its functions. An op ends each call exactly once, at once or
 * later, with call_fail() or with call_answer_begin() and call_answer_end().
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
 * The functions of a stream. A call whose op is a stream has its connection to itself until it is ended. Between
 * its request and its reply data frames move in one direction, and either side can make the other wait.
 */
struct call_stream {
	/* There is room again for call_stream_write(). NULL for a stream that never writes. */
	void (*room)(void *work);
	/*
	 * Takes the next n bytes of the caller's data, at most FRAME_DATA_MAX; n = 0 says that all has come. NULL
	 * for a stream whose caller sends none.
	 */
	void (*data)(void *work, const unsigned char *p, size_t n);
	/* The caller stopped sending before it said that all has come. It still reads. */
	void (*cut)(void *work);
};

/* The functions below call these. */
struct call_ops {
	void (*wait)(struct call *call, void (*abandon)(void *work), void *work);
	void (*refuse)(struct call *call, const struct failure *why);
	void (*drop)(struct call *call);
	void (*answer_begin)(struct call *call, struct jwrite *w);
	void (*answer_end)(struct call *call, struct jwrite *w);
	void (*stream_begin)(struct call *call, const char *name, const struct call_stream *stream, void *work);
	int (*stream_write)(struct call *call, const void *p, size_t n);
	void (*stream_want)(struct call *call, bool wanted);
};

/* The first member of a struct of whoever makes the call. */
struct call {
	const struct call_ops *ops;
	const struct peer *peer; /* valid for longer than the call */
	uint64_t began_us;       /* clock_now_us() when its frame was looked at */
};

/*
 * Says that the call will be ended later. If the caller goes away before that, abandon(work) runs, once; the call
 * is then freed and must not be used any more.
 */
static inline void call_wait(struct call *call, void (*abandon)(void *work), void *work)
{
	call->ops->wait(call, abandon, work);
}

/*
 * Ends the call with a failure. One that is to stay unsaid ends it without a reply. That may only be while the
 * daemon stops: the end of the connection follows when its other calls have ended, and says the rest.
 */
static inline void call_fail(struct call *call, const struct failure *why)
{
	if (why->unsaid)
		call->ops->drop(call);
	else
		call->ops->refuse(call, why);
}

/*
 * These two end the call with a reply. call_answer_begin() opens it ({"id":…,"ok":true), the op adds members, and
 * call_answer_end() sends it. If the reply is too large, or the caller has no room for it, a failure is sent in
 * its place.
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
 * work must last until the call has ended or was abandoned. If the call fails before all of the caller's data has
 * come the connection is closed after the reply.
 */
static inline void call_stream_begin(struct call *call, const char *name, const struct call_stream *stream,
    void *work)
{
	call->ops->stream_begin(call, name, stream, work);
}

/*
 * Sends n bytes of data, at most FRAME_DATA_MAX, perhaps in one frame with the bytes of other writes. n = 0 sends
 * the empty frame. Returns 1; or 0: they are taken, and no more may be sent before the stream's room(); or -1: no
 * memory, they were not sent.
 */
static inline int call_stream_write(struct call *call, const void *p, size_t n)
{
	return call->ops->stream_write(call, p, n);
}

/* Tells the caller to send or to wait with its data (wanted false). At first the data is wanted. */
static inline void call_stream_want(struct call *call, bool wanted)
{
	call->ops->stream_want(call, wanted);
}

#endif
