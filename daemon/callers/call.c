/*
 * call: admits requests, makes calls of them, and takes their replies. A call whose op is a stream has its
 * connection to itself; while one side of the stream cannot take more, the other is not read.
 */
#include "daemon/callers/call.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "daemon/callers/conn.h"
#include "daemon/callers/peer.h"
#include "daemon/callers/quota.h"
#include "proto/reply.h"

#define SPARE_CALLS 64u /* structs that are kept for the next calls */
/* Bytes of output above which the source of a stream's data waits until half of them are written. */
#define STREAM_FULL 65536u

struct caller_call {
	struct call call; /* first, since the ops know only this part */
	struct caller_call *prev, *next;
	struct caller *caller;
	bool is_write; /* its answer is never replaced by a refusal, since the change may have been made */
	uint64_t held; /* bytes of the request, as counted in the quota */
	size_t id_len;
	char id[REQUEST_ID_MAX + 2];
	void (*abandon)(void *work);
	void *work;
};

/* A connection with its peer and its calls. */
struct caller {
	struct conn conn; /* first, since conn.c allocates and frees this struct */
	struct calls *shared;
	struct peer peer;
	struct caller_call *calls; /* in flight */
	/* the failure that is sent at the connection's end, when all calls are answered; CODE_NONE: none */
	enum code final_code;
	/* These are for a stream, which is then the only call: conn.mode is not CONN_FRAMES. */
	const struct call_stream *stream; /* NULL until call_stream_begin() */
	void *stream_work;
	bool data_over; /* the caller's empty frame has come, or it is not to send data */
	size_t
	    growing; /* bytes of data in the output's last frame, to which more may be added; 0: there is none */
	/* conn.sent when that frame was begun: as long as it is the same, nothing of the frame has been sent */
	uint64_t grows_at;
};

struct calls {
	struct call_limits limits;
	uint64_t default_timeout_ms;
	call_request *request;
	void *request_arg;
	struct quotas quotas;
	struct conns *conns;
	uint64_t in_flight;
	struct caller_call *spare; /* a stack of nspare structs, at most SPARE_CALLS */
	unsigned nspare;
};

static struct caller_call *caller_call_of(struct call *call)
{
	return (struct caller_call *)call;
}

static struct jspan call_id(const struct caller_call *call)
{
	return (struct jspan){ .p = call->id, .len = call->id_len, .type = JSON_STRING };
}

/* -- the end of a call --------------------------------------------------------------------------------------- */

/* Uncounts and frees a call that was taken out of its caller's list. */
static void release_call(struct caller_call *call)
{
	struct caller *caller = call->caller;
	struct calls *calls = caller->shared;
	caller->conn.in_flight--;
	caller->conn.quota->calls--;
	quota_hold(&calls->quotas, caller->conn.quota, -(int64_t)call->held);
	calls->in_flight--;
	if (calls->nspare >= SPARE_CALLS) {
		free(call);
		return;
	}
	call->next = calls->spare;
	calls->spare = call;
	calls->nspare++;
}

/* Sends the final failure, which has no id, if there is one to send and no call is in flight any more. */
static void send_final_failure(struct caller *caller)
{
	NOT_ZEROED struct failure why;
	if (caller->final_code == CODE_NONE || caller->conn.in_flight > 0)
		return;
	if (caller->final_code == CODE_TOO_LARGE)
		failure_set(&why, CODE_TOO_LARGE, "a request is over the limit of %llu bytes",
		    (unsigned long long)caller->shared->limits.request_bytes);
	else
		failure_set(&why, caller->final_code, "%s", code_meaning(caller->final_code));
	caller->final_code = CODE_NONE;
	(void)reply_failure(conn_output(&caller->conn), (struct jspan){ .p = "", .len = 0 }, &why);
	conn_write(&caller->conn, CONN_PART);
}

/* Ends a call whose reply is in the output already, if it gets one. */
static void end_call(struct caller_call *call)
{
	struct caller *caller = call->caller;
	struct conn *conn = &caller->conn;
	bool cut_short = conn->mode != CONN_FRAMES && caller->stream != NULL && !caller->data_over;
	DL_DELETE(caller->calls, call);
	release_call(call);
	if (conn->mode != CONN_FRAMES) {
		conn->mode = CONN_FRAMES;
		conn->wants_room = false;
		caller->stream = NULL;
		caller->growing = 0;
	}
	/* The caller may still send data for the stream, which cannot be told from requests. */
	if (cut_short)
		conn_stop(conn, true);
	send_final_failure(caller);
}

static void end_with_reply(struct caller_call *call)
{
	struct caller *caller = call->caller;
	end_call(call);
	conn_write(&caller->conn, caller->shared->in_flight == 0 ? CONN_LAST_REPLY : CONN_REPLY);
}

static void caller_call_wait(struct call *ops_call, void (*abandon)(void *work), void *work)
{
	struct caller_call *call = caller_call_of(ops_call);
	call->abandon = abandon;
	call->work = work;
}

static void caller_call_fail(struct call *ops_call, const struct failure *why)
{
	struct caller_call *call = caller_call_of(ops_call);
	/* The reply is short and only fails without memory. The caller then has to wait for its own deadline. */
	(void)reply_failure(conn_output(&call->caller->conn), call_id(call), why);
	end_with_reply(call);
}

static void caller_call_drop(struct call *ops_call)
{
	struct caller_call *call = caller_call_of(ops_call);
	struct conn *conn = &call->caller->conn;
	end_call(call);
	conn_write(conn, CONN_PART);
}

static void caller_call_answer_begin(struct call *ops_call, struct jwrite *w)
{
	struct caller_call *call = caller_call_of(ops_call);
	reply_begin(w, conn_output(&call->caller->conn), call_id(call), true);
}

static void refuse_bytes(struct caller *caller, struct failure *why)
{
	quota_warn(&caller->shared->quotas, caller->conn.quota, "bytes_per_uid");
	failure_set(why, CODE_OVERLOADED, "this uid's requests and replies take as many bytes as they may");
}

static void caller_call_answer_end(struct call *ops_call, struct jwrite *w)
{
	struct caller_call *call = caller_call_of(ops_call);
	struct caller *caller = call->caller;
	struct buf *out = conn_output(&caller->conn);
	NOT_ZEROED struct failure why;
	if (jwrite_end(w) != 0) {
		failure_set(&why, CODE_TOO_LARGE, "the reply is larger than a frame can be");
		caller_call_fail(ops_call, &why);
		return;
	}
	conn_count_bytes(&caller->conn);
	bool unread = buf_len(out) > caller->shared->limits.output_bytes + FRAME_BODY_MAX;
	if (call->is_write || (!unread && quota_may_hold(&caller->shared->quotas, caller->conn.quota, 0))) {
		end_with_reply(call);
		return;
	}
	buf_truncate(out, w->mark);
	if (unread)
		failure_set(&why, CODE_OVERLOADED, "the caller does not read its replies");
	else
		refuse_bytes(caller, &why);
	caller_call_fail(ops_call, &why);
}

/* -- streams ------------------------------------------------------------------------------------------------- */

static void caller_call_stream_begin(struct call *ops_call, const char *name, const struct call_stream *stream,
    void *work)
{
	struct caller_call *call = caller_call_of(ops_call);
	struct caller *caller = call->caller;
	struct buf *out = conn_output(&caller->conn);
	struct jwrite w;
	caller->stream = stream;
	caller->stream_work = work;
	caller->data_over = stream->data == NULL;
	caller->conn.mode = caller->data_over ? CONN_STREAM_WAIT : CONN_STREAM;
	reply_begin(&w, out, call_id(call), true);
	jwrite_bool(&w, name, true);
	/* The reply is short and only fails without memory. The caller then has to wait for its own deadline. */
	(void)jwrite_end(&w);
	/*
	 * The output's buffer is allocated once for the whole stream, so that it need not grow for each frame.
	 * Once half of STREAM_FULL is written a frame fits, if need be after the other half was moved to the
	 * front.
	 */
	if (stream->room != NULL)
		(void)buf_reserve(out, STREAM_FULL + FRAME_HEADER + FRAME_DATA_MAX);
	conn_write(&caller->conn, CONN_PART);
}

static int caller_call_stream_write(struct call *ops_call, const void *p, size_t n)
{
	struct caller *caller = caller_call_of(ops_call)->caller;
	struct conn *conn = &caller->conn;
	struct buf *out = conn_output(conn);
	size_t growing = caller->grows_at == conn->sent ? caller->growing : 0;
	if (n > 0 && growing > 0 && growing + n <= FRAME_DATA_MAX) {
		/*
		 * Nothing of the last frame has been sent yet, so these bytes are added to it: large frames cost
		 * both sides less.
		 */
		if (buf_put(out, p, n) != 0)
			return -1;
		caller->growing = growing + n;
		frame_header(buf_tail(out) - caller->growing - FRAME_HEADER, FRAME_DATA, caller->growing);
	} else {
		unsigned char header[FRAME_HEADER];
		frame_header(header, FRAME_DATA, n);
		if (buf_reserve(out, sizeof(header) + n) != 0)
			return -1;
		(void)buf_put(out, header, sizeof(header));
		(void)buf_put(out, p, n);
		caller->growing = n;
		caller->grows_at = conn->sent;
	}
	conn_write(conn, CONN_PART);
	conn->wants_room = buf_len(out) > STREAM_FULL;
	return !conn->wants_room;
}

static void caller_call_stream_want(struct call *ops_call, bool wanted)
{
	struct caller *caller = caller_call_of(ops_call)->caller;
	if (caller->data_over || (caller->conn.mode == CONN_STREAM) == wanted)
		return;
	caller->conn.mode = wanted ? CONN_STREAM : CONN_STREAM_WAIT;
	conn_write(&caller->conn, CONN_PART);
}

static void take_stream_data(struct caller *caller, const struct frame *frame)
{
	if (frame->len == 0) {
		caller->conn.mode = CONN_STREAM_WAIT;
		caller->data_over = true;
	}
	caller->stream->data(caller->stream_work, frame->body, frame->len);
}

/* -- requests ------------------------------------------------------------------------------------------------ */

static const struct call_ops caller_call_ops = {
	.wait = caller_call_wait,
	.refuse = caller_call_fail,
	.drop = caller_call_drop,
	.answer_begin = caller_call_answer_begin,
	.answer_end = caller_call_answer_end,
	.stream_begin = caller_call_stream_begin,
	.stream_write = caller_call_stream_write,
	.stream_want = caller_call_stream_want,
};

/* Two requests in flight with the same id are refused, since their replies could not be told apart. */
static bool is_id_in_flight(const struct caller *caller, struct jspan id)
{
	const struct caller_call *call;
	DL_FOREACH(caller->calls, call) {
		if (call->id_len == id.len && memcmp(call->id, id.p, id.len) == 0)
			return true;
	}
	return false;
}

/* Decides whether a request of len bytes may be in flight beside the others. False with why set. */
static bool is_admitted(struct caller *caller, const struct request *request, size_t len, struct failure *why)
{
	struct quotas *quotas = &caller->shared->quotas;
	const struct quota *quota = caller->conn.quota;
	if (is_id_in_flight(caller, request->id))
		failure_set(why, CODE_INVALID_REQUEST, "id: a request with the same id is in flight");
	else if (op_is_stream(request->op) && caller->conn.in_flight > 0)
		failure_set(why, CODE_INVALID_REQUEST,
		    "%s needs its connection to itself: other requests are in flight", op_name(request->op));
	else if (op_is(request->op, OP_FREE)) /* such an op tells of the daemon's health, and is over at once */
		return true;
	else if (!quota_may_call(quotas, quota)) {
		quota_warn(quotas, quota, "requests_per_uid");
		failure_set(why, CODE_OVERLOADED, "this uid has as many requests in flight as it may");
	} else if (!quota_may_hold(quotas, quota, len))
		refuse_bytes(caller, why);
	else
		return true;
	return false;
}

/* Makes and counts a call for an admitted request of len bytes. NULL: no memory. */
static struct caller_call *begin_call(struct caller *caller, const struct request *request, size_t len)
{
	struct calls *calls = caller->shared;
	struct conn *conn = &caller->conn;
	struct caller_call *call = calls->spare;
	if (request->id.len > sizeof(call->id))
		return NULL;
	if (call != NULL) {
		calls->spare = call->next;
		calls->nspare--;
		memset(call, 0, sizeof(*call));
	} else if ((call = calloc(1, sizeof(*call))) == NULL) {
		return NULL;
	}
	call->call = (struct call){ .ops = &caller_call_ops,
		.peer = &caller->peer,
		.began_us = calls->quotas.now_us };
	call->caller = caller;
	call->is_write = op_is(request->op, OP_WRITES | OP_STREAM);
	call->held = len;
	call->id_len = request->id.len;
	memcpy(call->id, request->id.p, request->id.len);
	DL_APPEND(caller->calls, call);
	conn->in_flight++;
	conn->quota->calls++;
	quota_hold(&calls->quotas, conn->quota, (int64_t)len);
	calls->in_flight++;
	if (op_is_stream(request->op))
		conn->mode = CONN_STREAM_WAIT; /* no other request is read until the stream has ended */
	return call;
}

static void take_request(struct caller *caller, const struct frame *frame)
{
	struct calls *calls = caller->shared;
	NOT_ZEROED struct request request;
	NOT_ZEROED struct failure why;
	if (request_decode((const char *)frame->body, frame->len, &request, &why) == 0 &&
	    is_admitted(caller, &request, frame->len, &why)) {
		struct caller_call *call = begin_call(caller, &request, frame->len);
		if (call != NULL) {
			uint64_t timeout_ms = request.timeout_ms != 0 ? request.timeout_ms
								      : calls->default_timeout_ms;
			uint64_t deadline_ms = caller->conn.arrived_ms + timeout_ms;
			if (request.timeout_ms == 0 && op_is_stream(request.op))
				deadline_ms = CLOCK_NEVER;
			calls->request(calls->request_arg, &call->call, &request, deadline_ms);
			return;
		}
		failure_set(&why, CODE_INTERNAL, "out of memory");
	}
	(void)reply_failure(conn_output(&caller->conn), request.id, &why);
	conn_write(&caller->conn, CONN_REPLY);
}

/* -- events of the connection -------------------------------------------------------------------------------- */

/*
 * Stops reading for good, and sends a failure without an id: a stream is abandoned, other calls are answered
 * first.
 */
static void end_with_failure(struct caller *caller, enum code final_code)
{
	if (caller->conn.mode != CONN_FRAMES) {
		struct caller_call *call = caller->calls;
		if (call->abandon != NULL)
			call->abandon(call->work);
		caller->stream = NULL;
		end_call(call);
	}
	conn_stop(&caller->conn, true);
	caller->final_code = final_code;
	send_final_failure(caller);
}

static void caller_frame(struct conn *conn, const struct frame *frame)
{
	struct caller *caller = (struct caller *)conn;
	if (frame->kind != (conn->mode == CONN_FRAMES ? FRAME_JSON : FRAME_DATA))
		end_with_failure(caller, CODE_INVALID_REQUEST);
	else if (frame->kind == FRAME_JSON)
		take_request(caller, frame);
	else
		take_stream_data(caller, frame);
}

static void caller_room(struct conn *conn)
{
	struct caller *caller = (struct caller *)conn;
	if (buf_len(conn_output(conn)) > STREAM_FULL / 2)
		return;
	conn->wants_room = false;
	caller->stream->room(caller->stream_work);
}

static void caller_ended(struct conn *conn, enum conn_end why)
{
	static const enum code final_codes[] = {
		[CONN_TOO_LARGE] = CODE_TOO_LARGE,
		[CONN_BAD_KIND] = CODE_INVALID_REQUEST,
		[CONN_OVER_QUOTA] = CODE_OVERLOADED,
	};
	struct caller *caller = (struct caller *)conn;
	if (why != CONN_EOF) {
		end_with_failure(caller, final_codes[why]);
	} else if (conn->mode != CONN_FRAMES && caller->stream != NULL && !caller->data_over) {
		conn->mode = CONN_STREAM_WAIT;
		caller->stream->cut(caller->stream_work);
	}
}

static void caller_gone(struct conn *conn)
{
	struct caller *caller = (struct caller *)conn;
	struct caller_call *call, *next;
	DL_FOREACH_SAFE(caller->calls, call, next) {
		DL_DELETE(caller->calls, call);
		if (call->abandon != NULL)
			call->abandon(call->work);
		release_call(call);
	}
	peer_clear(&caller->peer);
}

/* -- all of them --------------------------------------------------------------------------------------------- */

int calls_connect(struct calls *calls, int fd, struct peer *peer, uid_t user)
{
	struct caller *caller = (struct caller *)conn_start(calls->conns, fd, user);
	if (caller == NULL)
		return -1;
	caller->shared = calls;
	caller->peer = *peer;
	*peer = (struct peer){ .uid = peer->uid, .gid = peer->gid };
	return 0;
}

struct calls *calls_new(struct event_base *base, const struct call_limits *limits, uint64_t default_timeout_ms,
    call_request *request, void *request_arg)
{
	static const struct conn_ops ops = { .frame = caller_frame,
		.room = caller_room,
		.ended = caller_ended,
		.gone = caller_gone };
	struct calls *calls = calloc(1, sizeof(*calls));
	if (calls == NULL)
		return NULL;
	calls_set_limits(calls, limits, default_timeout_ms);
	calls->request = request;
	calls->request_arg = request_arg;
	calls->quotas.limits = &calls->limits;
	calls->conns = conns_new(base, &calls->quotas, &ops, sizeof(struct caller));
	if (calls->conns == NULL) {
		free(calls);
		return NULL;
	}
	return calls;
}

void calls_set_limits(struct calls *calls, const struct call_limits *limits, uint64_t default_timeout_ms)
{
	calls->limits = *limits;
	calls->default_timeout_ms = default_timeout_ms;
	if (calls->conns != NULL)
		conns_look_soon(calls->conns);
}

void calls_finish(struct calls *calls)
{
	conns_finish(calls->conns);
}

void calls_free(struct calls *calls)
{
	conns_free(calls->conns);
	quotas_clear(&calls->quotas);
	while (calls->spare != NULL) {
		struct caller_call *call = calls->spare;
		calls->spare = call->next;
		free(call);
	}
	free(calls);
}

uint64_t calls_connections(const struct calls *calls)
{
	return conns_count(calls->conns);
}

struct quotas *calls_quotas(struct calls *calls)
{
	return &calls->quotas;
}

void calls_count_turn(struct calls *calls)
{
	conns_count_turn(calls->conns);
}

bool calls_end_idlest(struct calls *calls)
{
	return conns_end_idlest(calls->conns);
}

uint64_t calls_in_flight(const struct calls *calls)
{
	return calls->in_flight;
}
