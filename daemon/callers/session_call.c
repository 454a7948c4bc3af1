/*
 * session_call: requests that have come, from the decision whether their user may have them to their replies.
 */
#include "daemon/callers/session_internal.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "daemon/host/log.h"
#include "proto/reply.h"

#define WARN_MS 10000u

/* -- what a user holds --------------------------------------------------------------------------------------- */

/* Counts what the session's buffers hold now. */
void session_count_bytes(struct session *s)
{
	uint64_t held = buf_len(&s->in) + buf_len(&s->out);
	s->share->bytes += held - s->held;
	s->held = held;
}

bool session_holds_too_much(const struct session *s, size_t more)
{
	return s->share->bytes + more > s->all->limits.bytes_per_uid;
}

void session_warn_of_limit(struct session *s, const char *setting)
{
	struct sessions *all = s->all;
	uint64_t now = clock_now_ms();
	if (all->warned_ms != 0 && now < all->warned_ms + WARN_MS)
		return;
	all->warned_ms = now;
	log_warning("uid %lu is at limits.%s: what is over it is refused", (unsigned long)s->share->uid, setting);
}

/* -- calls --------------------------------------------------------------------------------------------------- */

/* Zeroed. NULL: no memory. */
static struct call *take_call(struct sessions *all)
{
	struct call *call = all->spare_calls;
	if (call == NULL)
		return calloc(1, sizeof(*call));
	all->spare_calls = call->next;
	all->nspare_calls--;
	memset(call, 0, sizeof(*call));
	return call;
}

static void give_call(struct sessions *all, struct call *call)
{
	if (all->nspare_calls >= SESSION_SPARE_CALLS) {
		free(call);
		return;
	}
	call->next = all->spare_calls;
	all->spare_calls = call;
	all->nspare_calls++;
}

void session_free_spare_calls(struct sessions *all)
{
	while (all->spare_calls != NULL)
		free(take_call(all));
}

/* The call is in no list any more. */
void session_free_call(struct call *call)
{
	struct session *s = call->session;
	s->ncalls--;
	s->all->ncalls--;
	s->share->calls--;
	s->share->bytes -= call->held;
	give_call(s->all, call);
}

static void too_many_bytes(struct session *s, struct failure *why)
{
	session_warn_of_limit(s, "bytes_per_uid");
	failure_set(why, CODE_OVERLOADED, "this uid's requests and replies take as many bytes as they may");
}

static struct jspan call_id(const struct call *call)
{
	return (struct jspan){ .p = call->id, .len = call->id_len, .type = JSON_STRING };
}

void session_forget_call(struct call *call)
{
	struct session *s = call->session;
	DL_DELETE(s->calls, call);
	if (s->stream.call == call)
		stream_over(s);
	session_free_call(call);
}

static void call_end(struct call *call)
{
	struct session *s = call->session;
	session_forget_call(call);
	session_write_soon(s);
}

const struct peer *call_peer(const struct call *call)
{
	return &call->session->peer;
}

uint64_t call_now_us(const struct call *call)
{
	return call->session->all->now_us;
}

void call_wait(struct call *call, void (*abandon)(void *work), void *work)
{
	call->abandon = abandon;
	call->work = work;
}

void call_fail(struct call *call, const struct failure *why)
{
	/* Short, so it only fails without memory; then the caller's own deadline has to do. */
	(void)reply_failure(&call->session->out, call_id(call), why);
	call_end(call);
}

void call_answer_begin(struct call *call, struct jwrite *w)
{
	session_take_buffer(call->session);
	reply_begin(w, &call->session->out, call_id(call), true);
}

void call_answer_end(struct call *call, struct jwrite *w)
{
	struct session *s = call->session;
	struct failure why;
	if (jwrite_end(w) != 0) {
		failure_set(&why, CODE_TOO_LARGE, "the reply is larger than a frame can be");
		call_fail(call, &why);
		return;
	}
	session_count_bytes(s);
	bool unread = buf_len(&s->out) > s->all->limits.output_bytes + FRAME_BODY_MAX;
	if (!call->is_write && (unread || session_holds_too_much(s, 0))) {
		buf_truncate(&s->out, w->mark);
		if (unread)
			failure_set(&why, CODE_OVERLOADED, "the caller does not read its replies");
		else
			too_many_bytes(s, &why);
		call_fail(call, &why);
		return;
	}
	call_end(call);
}

/* The same id twice in flight could not be told apart. */
static bool id_in_flight(const struct session *s, struct jspan id)
{
	const struct call *call;
	DL_FOREACH(s->calls, call) {
		if (call->id_len == id.len && memcmp(call->id, id.p, id.len) == 0)
			return true;
	}
	return false;
}

static struct call *call_new(struct session *s, const struct request *request, size_t len)
{
	struct jspan id = request->id;
	struct call *call = id.len <= sizeof(call->id) ? take_call(s->all) : NULL;
	if (call == NULL)
		return NULL;
	call->session = s;
	call->is_write = op_is(request->op, OP_WRITES | OP_STREAM);
	call->held = len;
	call->id_len = id.len;
	memcpy(call->id, id.p, id.len);
	DL_APPEND(s->calls, call);
	s->ncalls++;
	s->all->ncalls++;
	s->share->calls++;
	s->share->bytes += len;
	return call;
}

static uint64_t deadline_of(const struct session *s, const struct request *request)
{
	if (request->timeout_ms == 0 && op_is_stream(request->op))
		return CLOCK_NEVER;
	return s->arrived_ms + (request->timeout_ms != 0 ? request->timeout_ms : s->all->default_timeout_ms);
}

/* False, with why set: the session, or its user, may not have this request in flight beside what is there. */
static bool is_admitted(struct session *s, const struct request *request, size_t len, struct failure *why)
{
	const struct session_limits *limits = &s->all->limits;
	if (id_in_flight(s, request->id))
		failure_set(why, CODE_INVALID_REQUEST, "id: a request with the same id is in flight");
	else if (op_is_stream(request->op) && s->ncalls > 0)
		failure_set(why, CODE_INVALID_REQUEST, "%s needs its connection to itself: other requests are in flight",
		    op_name(request->op));
	else if (request->op == OP_PING) /* tells of the daemon's health, and is over at once */
		return true;
	else if (s->share->calls >= limits->requests_per_uid) {
		session_warn_of_limit(s, "requests_per_uid");
		failure_set(why, CODE_OVERLOADED, "this uid has as many requests in flight as it may");
	} else if (session_holds_too_much(s, len))
		too_many_bytes(s, why);
	else
		return true;
	return false;
}

void session_handle_request(struct session *s, const struct frame *frame)
{
	struct sessions *all = s->all;
	WRITTEN_FIRST struct request request;
	WRITTEN_FIRST struct failure why;
	if (request_decode((const char *)frame->body, frame->len, &request, &why) == 0 &&
	    is_admitted(s, &request, frame->len, &why)) {
		struct call *call = call_new(s, &request, frame->len);
		if (call != NULL) {
			if (op_is_stream(request.op))
				stream_take(s, call);
			all->request(all->request_arg, call, &request, deadline_of(s, &request));
			return;
		}
		failure_set(&why, CODE_INTERNAL, "out of memory");
	}
	(void)reply_failure(&s->out, request.id, &why);
	session_mark_dirty(s);
}
