/*
 * call: a connection's frames become calls, from the decision whether their user may have them to their replies. A
 * call whose op is a stream has its connection to itself; what one side cannot take yet, the other is not asked
 * for.
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

#define SPARE_CALLS 64u
#define STREAM_FULL 65536u /* bytes of output; then the data's source waits until half of them are gone */

struct caller_call {
	struct call call; /* first, since the ops see that */
	struct caller_call *prev, *next;
	struct caller *caller;
	bool is_write; /* its answer is never refused: it may have been done */
	uint64_t held; /* counted in the quota's bytes */
	size_t id_len;
	char id[REQUEST_ID_MAX + 2];
	void (*abandon)(void *work);
	void *work;
};

/* A connection, as its calls see it. */
struct caller {
	struct conn conn; /* first, since conn.c makes and frees this struct */
	struct calls *all;
	struct peer peer;
	struct caller_call *calls;
	enum code last_word; /* said when all calls are answered, if no more are read; CODE_NONE: nothing */
	/* The call that has the connection to itself, as conn.mode says, is the only one. */
	const struct call_stream *stream; /* NULL until it has begun */
	void *stream_work;
	bool data_over; /* the caller's empty frame has come, or none is expected */
	size_t growing; /* bytes of data in the last frame of the output; 0: it is not to grow */
	/* conn.sent when that was put there: if it is still so, nothing of the frame has been sent */
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
	struct caller_call *spare; /* a stack of at most SPARE_CALLS */
	unsigned nspare;
};

static struct caller_call *caller_call_of(struct call *call)
{
	return (struct caller_call *)call;
}

static struct jspan id_of(const struct caller_call *call)
{
	return (struct jspan){ .p = call->id, .len = call->id_len, .type = JSON_STRING };
}

/* -- the end of a call --------------------------------------------------------------------------------------- */

/* The call is in no list any more. */
static void let_go_of_call(struct caller_call *call)
{
	struct caller *caller = call->caller;
	struct calls *all = caller->all;
	caller->conn.in_flight--;
	caller->conn.quota->calls--;
	caller->conn.quota->bytes -= call->held;
	all->in_flight--;
	if (all->nspare >= SPARE_CALLS) {
		free(call);
		return;
	}
	call->next = all->spare;
	all->spare = call;
	all->nspare++;
}

/* No more requests are read: what is in flight is answered, then comes the last word. */
static void say_last_word(struct caller *caller)
{
	NOT_ZEROED struct failure why;
	if (caller->last_word == CODE_NONE || caller->conn.in_flight > 0)
		return;
	if (caller->last_word == CODE_TOO_LARGE)
		failure_set(&why, CODE_TOO_LARGE, "a request is over the limit of %llu bytes",
		    (unsigned long long)caller->all->limits.request_bytes);
	else
		failure_set(&why, caller->last_word, "%s", code_meaning(caller->last_word));
	caller->last_word = CODE_NONE;
	(void)reply_failure(conn_output(&caller->conn), (struct jspan){ .p = "", .len = 0 }, &why);
	conn_write(&caller->conn, CONN_PART);
}

/* Takes the call out of the books. Its reply is in the output, if it gets one. */
static void end_call(struct caller_call *call)
{
	struct caller *caller = call->caller;
	struct conn *conn = &caller->conn;
	bool cut_short = conn->mode != CONN_FRAMES && caller->stream != NULL && !caller->data_over;
	DL_DELETE(caller->calls, call);
	let_go_of_call(call);
	if (conn->mode != CONN_FRAMES) {
		conn->mode = CONN_FRAMES;
		conn->wants_room = false;
		caller->stream = NULL;
		caller->growing = 0;
	}
	/* The caller may be in the middle of its data, in which no request can be told from it. */
	if (cut_short)
		conn_stop(conn, true);
	say_last_word(caller);
}

static void end_with_reply(struct caller_call *call)
{
	struct caller *caller = call->caller;
	end_call(call);
	conn_write(&caller->conn, caller->all->in_flight == 0 ? CONN_LAST_REPLY : CONN_REPLY);
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
	/* Short, so it only fails without memory; then the caller's own deadline has to do. */
	(void)reply_failure(conn_output(&call->caller->conn), id_of(call), why);
	end_with_reply(call);
}

static void caller_call_answer_begin(struct call *ops_call, struct jwrite *w)
{
	struct caller_call *call = caller_call_of(ops_call);
	reply_begin(w, conn_output(&call->caller->conn), id_of(call), true);
}

static void refuse_bytes(struct caller *caller, struct failure *why)
{
	quota_warn(&caller->all->quotas, caller->conn.quota, "bytes_per_uid");
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
	bool unread = buf_len(out) > caller->all->limits.output_bytes + FRAME_BODY_MAX;
	if (call->is_write || (!unread && quota_may_hold(&caller->all->quotas, caller->conn.quota, 0))) {
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
	reply_begin(&w, out, id_of(call), true);
	jwrite_bool(&w, name, true);
	/* Short, so it only fails without memory; then the caller's own deadline has to do. */
	(void)jwrite_end(&w);
	/*
	 * All of it at once: it stays while the stream lasts, so that it does not grow anew for each frame. With
	 * half of STREAM_FULL left a frame finds room, if need be by moving that half to the front.
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
		 * Nothing of the last frame is sent yet, so these bytes go into it: large frames cost both sides
		 * less.
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
	.answer_begin = caller_call_answer_begin,
	.answer_end = caller_call_answer_end,
	.stream_begin = caller_call_stream_begin,
	.stream_write = caller_call_stream_write,
	.stream_want = caller_call_stream_want,
};

/* The same id twice in flight could not be told apart. */
static bool is_id_in_flight(const struct caller *caller, struct jspan id)
{
	const struct caller_call *call;
	DL_FOREACH(caller->calls, call) {
		if (call->id_len == id.len && memcmp(call->id, id.p, id.len) == 0)
			return true;
	}
	return false;
}

/* False, with why set: the connection, or its user, may not have this request in flight beside what is there. */
static bool is_admitted(struct caller *caller, const struct request *request, size_t len, struct failure *why)
{
	struct quotas *quotas = &caller->all->quotas;
	const struct quota *quota = caller->conn.quota;
	if (is_id_in_flight(caller, request->id))
		failure_set(why, CODE_INVALID_REQUEST, "id: a request with the same id is in flight");
	else if (op_is_stream(request->op) && caller->conn.in_flight > 0)
		failure_set(why, CODE_INVALID_REQUEST,
		    "%s needs its connection to itself: other requests are in flight", op_name(request->op));
	else if (op_is(request->op, OP_FREE)) /* tells of the daemon's health, and is over at once */
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

/* Puts an admitted request of len bytes into the books. NULL: no memory. */
static struct caller_call *begin_call(struct caller *caller, const struct request *request, size_t len)
{
	struct calls *all = caller->all;
	struct conn *conn = &caller->conn;
	struct caller_call *call = all->spare;
	if (request->id.len > sizeof(call->id))
		return NULL;
	if (call != NULL) {
		all->spare = call->next;
		all->nspare--;
		memset(call, 0, sizeof(*call));
	} else if ((call = calloc(1, sizeof(*call))) == NULL) {
		return NULL;
	}
	call->call = (struct call){ .ops = &caller_call_ops,
		.peer = &caller->peer,
		.began_us = all->quotas.now_us };
	call->caller = caller;
	call->is_write = op_is(request->op, OP_WRITES | OP_STREAM);
	call->held = len;
	call->id_len = request->id.len;
	memcpy(call->id, request->id.p, request->id.len);
	DL_APPEND(caller->calls, call);
	conn->in_flight++;
	conn->quota->calls++;
	conn->quota->bytes += len;
	all->in_flight++;
	if (op_is_stream(request->op))
		conn->mode = CONN_STREAM_WAIT; /* no other is read until it has ended */
	return call;
}

static void take_request(struct caller *caller, const struct frame *frame)
{
	struct calls *all = caller->all;
	NOT_ZEROED struct request request;
	NOT_ZEROED struct failure why;
	if (request_decode((const char *)frame->body, frame->len, &request, &why) == 0 &&
	    is_admitted(caller, &request, frame->len, &why)) {
		struct caller_call *call = begin_call(caller, &request, frame->len);
		if (call != NULL) {
			uint64_t timeout_ms = request.timeout_ms != 0 ? request.timeout_ms
								      : all->default_timeout_ms;
			uint64_t deadline_ms = caller->conn.arrived_ms + timeout_ms;
			if (request.timeout_ms == 0 && op_is_stream(request.op))
				deadline_ms = CLOCK_NEVER;
			all->request(all->request_arg, &call->call, &request, deadline_ms);
			return;
		}
		failure_set(&why, CODE_INTERNAL, "out of memory");
	}
	(void)reply_failure(conn_output(&caller->conn), request.id, &why);
	conn_write(&caller->conn, CONN_REPLY);
}

/* -- what the connection tells ------------------------------------------------------------------------------- */

/* Nothing that may come is a request. A stream's call is not answered; other calls are, before the last word. */
static void end_with_word(struct caller *caller, enum code last_word)
{
	if (caller->conn.mode != CONN_FRAMES) {
		struct caller_call *call = caller->calls;
		if (call->abandon != NULL)
			call->abandon(call->work);
		caller->stream = NULL;
		end_call(call);
	}
	conn_stop(&caller->conn, true);
	caller->last_word = last_word;
	say_last_word(caller);
}

static void caller_frame(struct conn *conn, const struct frame *frame)
{
	struct caller *caller = (struct caller *)conn;
	if (frame->kind != (conn->mode == CONN_FRAMES ? FRAME_JSON : FRAME_DATA))
		end_with_word(caller, CODE_INVALID_REQUEST);
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
	static const enum code last_words[] = {
		[CONN_TOO_LARGE] = CODE_TOO_LARGE,
		[CONN_BAD_KIND] = CODE_INVALID_REQUEST,
		[CONN_OVER_QUOTA] = CODE_OVERLOADED,
	};
	struct caller *caller = (struct caller *)conn;
	if (why != CONN_EOF) {
		end_with_word(caller, last_words[why]);
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
		let_go_of_call(call);
	}
	peer_clear(&caller->peer);
}

/* -- all of them --------------------------------------------------------------------------------------------- */

int calls_connect(struct calls *all, int fd, struct peer *peer)
{
	struct caller *caller = (struct caller *)conn_start(all->conns, fd, peer->uid);
	if (caller == NULL)
		return -1;
	caller->all = all;
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
	struct calls *all = calloc(1, sizeof(*all));
	if (all == NULL)
		return NULL;
	calls_set_limits(all, limits, default_timeout_ms);
	all->request = request;
	all->request_arg = request_arg;
	all->quotas.limits = &all->limits;
	all->conns = conns_new(base, &all->quotas, &ops, sizeof(struct caller));
	if (all->conns == NULL) {
		free(all);
		return NULL;
	}
	return all;
}

void calls_set_limits(struct calls *all, const struct call_limits *limits, uint64_t default_timeout_ms)
{
	all->limits = *limits;
	all->default_timeout_ms = default_timeout_ms;
}

void calls_finish(struct calls *all)
{
	conns_finish(all->conns);
}

void calls_free(struct calls *all)
{
	conns_free(all->conns);
	while (all->spare != NULL) {
		struct caller_call *call = all->spare;
		all->spare = call->next;
		free(call);
	}
	free(all);
}

uint64_t calls_connections(const struct calls *all)
{
	return conns_count(all->conns);
}

uint64_t calls_connections_of(struct calls *all, uid_t uid)
{
	return quota_connections(&all->quotas, uid);
}

uint64_t calls_in_flight(const struct calls *all)
{
	return all->in_flight;
}
