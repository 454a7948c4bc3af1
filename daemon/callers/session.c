/*
 * session: reads frames, keeps the books of the calls in flight, writes replies. Reading goes through one buffer
 * that all sessions share, so that an idle connection costs little more than its struct; only what is left of an
 * incomplete frame is kept per session. Replies are written once per turn of the loop, however many there are.
 */
#include "daemon/callers/session_internal.h"

#include <errno.h>
#include <event2/event.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/callers/peer.h"
#include "proto/reply.h"

#define LINGER_MS 5000u
#define SWEEP_SECONDS 1
#define OUT_LIMIT (SIZE_MAX / 2) /* of replies to be written: kept in bounds by may_read and call_answer_end */
#define RUSH 256 /* so many sessions at a time leave memory behind that is worth giving back */

/* -- memory that is used again ------------------------------------------------------------------------------- */

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

/* An idle connection holds no buffer. One is kept for whoever has something to say next; it is empty, hence wiped. */
static void give_buffer(struct session *s)
{
	struct sessions *all = s->all;
	if (all->spare.data == NULL && s->out.cap <= SESSION_SPARE_BYTES)
		buf_move(&all->spare, &s->out);
	else
		buf_free(&s->out);
}

static void take_buffer(struct session *s)
{
	if (s->out.data == NULL && s->all->spare.data != NULL)
		buf_move(&s->out, &s->all->spare);
}

/* -- the end ------------------------------------------------------------------------------------------------- */

static void free_calls(struct session *s)
{
	struct call *call, *next;
	DL_FOREACH_SAFE(s->calls, call, next) {
		DL_DELETE(s->calls, call);
		if (call->abandon != NULL)
			call->abandon(call->work);
		s->all->ncalls--;
		give_call(s->all, call);
	}
}

static void session_free(struct session *s)
{
	free_calls(s);
	if (s->dirty && !s->reading)
		DL_DELETE2(s->all->dirty, s, prev_dirty, next_dirty);
	DL_DELETE(s->all->list, s);
	s->all->count--;
	event_free(s->readable);
	event_free(s->writable);
	close(s->fd);
	buf_free(&s->in);
	buf_free(&s->out);
	peer_clear(&s->peer);
	free(s);
}

static void session_end(struct session *s)
{
	struct sessions *all = s->all;
	uid_t uid = s->peer.uid;
	session_free(s);
	all->gone(all->gone_arg, uid);
}

/* -- writing ------------------------------------------------------------------------------------------------- */

void session_mark_dirty(struct session *s)
{
	if (s->dirty)
		return;
	s->dirty = true;
	if (s->reading)
		return;
	DL_APPEND2(s->all->dirty, s, prev_dirty, next_dirty);
	event_active(s->all->flush, 0, 0);
}

/* Writes what the socket takes. -1: the caller has gone. */
static int write_out(struct session *s)
{
	while (buf_len(&s->out) > 0) {
		ssize_t n = send(s->fd, buf_data(&s->out), buf_len(&s->out), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return event_add(s->writable, NULL);
		if (n < 0)
			return -1;
		s->active_ms = clock_now_ms();
		stream_sent(s);
		buf_consume(&s->out, (size_t)n);
	}
	if (s->stream.call == NULL)
		give_buffer(s);
	return 0;
}

void session_stop_reading(struct session *s, enum code last_word)
{
	if (s->state != SESSION_OPEN)
		return;
	s->state = SESSION_ENDING;
	s->last_word = last_word;
	s->answers_last_word = last_word != CODE_NONE;
	s->frame_began_ms = 0;
	buf_free(&s->in);
	event_del(s->readable);
	session_mark_dirty(s);
}

static void say_last_word(struct session *s)
{
	struct failure why;
	s->answers_last_word = false;
	if (s->last_word == CODE_TOO_LARGE)
		failure_set(&why, CODE_TOO_LARGE, "a request is over the limit of %llu bytes",
		    (unsigned long long)s->all->limits.request_bytes);
	else
		failure_set(&why, s->last_word, "%s", code_meaning(s->last_word));
	(void)reply_failure(&s->out, (struct jspan){ .p = "", .len = 0 }, &why);
}

/* After writing: does the session go on? -1 and it is to be ended. */
static int after_write(struct session *s)
{
	if (s->state != SESSION_ENDING || s->ncalls > 0)
		return 0;
	if (s->answers_last_word) {
		say_last_word(s);
		if (write_out(s) != 0)
			return -1;
	}
	if (buf_len(&s->out) > 0)
		return 0;
	if (s->last_word == CODE_NONE && !s->lingers)
		return -1;
	/* Closing with unread input would reset the connection under a caller that is still writing. */
	s->state = SESSION_LINGER;
	s->active_ms = clock_now_ms();
	if (shutdown(s->fd, SHUT_WR) != 0)
		return -1;
	return event_add(s->readable, NULL);
}

static void flush_session(struct session *s)
{
	if (write_out(s) != 0 || after_write(s) != 0) {
		session_end(s);
		return;
	}
	stream_written(s);
	if (s->state == SESSION_OPEN)
		session_pump(s);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct sessions *all = arg;
	(void)fd;
	(void)what;
	while (all->dirty != NULL) {
		struct session *s = all->dirty;
		DL_DELETE2(all->dirty, s, prev_dirty, next_dirty);
		s->dirty = false;
		flush_session(s);
	}
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush_session(arg);
}

/* -- calls --------------------------------------------------------------------------------------------------- */

static struct jspan call_id(const struct call *call)
{
	return (struct jspan){ .p = call->id, .len = call->id_len, .type = JSON_STRING };
}

void session_forget_call(struct call *call)
{
	struct session *s = call->session;
	DL_DELETE(s->calls, call);
	s->ncalls--;
	s->all->ncalls--;
	if (s->stream.call == call)
		stream_over(s);
	give_call(s->all, call);
}

static void call_end(struct call *call)
{
	struct session *s = call->session;
	session_forget_call(call);
	session_mark_dirty(s);
}

const struct peer *call_peer(const struct call *call)
{
	return &call->session->peer;
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
	take_buffer(call->session);
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
	if (buf_len(&s->out) > s->all->limits.output_bytes + FRAME_BODY_MAX) {
		buf_truncate(&s->out, w->mark);
		failure_set(&why, CODE_OVERLOADED, "the caller does not read its replies");
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

static struct call *call_new(struct session *s, struct jspan id)
{
	struct call *call = id.len <= sizeof(call->id) ? take_call(s->all) : NULL;
	if (call == NULL)
		return NULL;
	call->session = s;
	call->id_len = id.len;
	memcpy(call->id, id.p, id.len);
	DL_APPEND(s->calls, call);
	s->ncalls++;
	s->all->ncalls++;
	return call;
}

static uint64_t deadline_of(const struct session *s, const struct request *request)
{
	if (request->timeout_ms == 0 && op_is_stream(request->op))
		return CLOCK_NEVER;
	return s->arrived_ms + (request->timeout_ms != 0 ? request->timeout_ms : s->all->default_timeout_ms);
}

static void handle_request(struct session *s, const struct frame *frame)
{
	struct sessions *all = s->all;
	struct request request;
	struct failure why;
	bool good = request_decode((const char *)frame->body, frame->len, &request, &why) == 0;
	if (good && id_in_flight(s, request.id)) {
		failure_set(&why, CODE_INVALID_REQUEST, "id: a request with the same id is in flight");
		good = false;
	}
	if (good && op_is_stream(request.op) && s->ncalls > 0) {
		failure_set(&why, CODE_INVALID_REQUEST, "%s needs its connection to itself: other requests are in flight",
		    op_name(request.op));
		good = false;
	}
	if (good) {
		struct call *call = call_new(s, request.id);
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

/* -- reading ------------------------------------------------------------------------------------------------- */

static bool may_read(const struct session *s)
{
	if (s->state != SESSION_OPEN || buf_len(&s->out) > s->all->limits.output_bytes)
		return false;
	return s->stream.call != NULL ? stream_reads(s) : s->ncalls < s->all->limits.requests;
}

/* False: it is no request, and the session is ending. */
static bool request_frame(struct session *s, const struct frame *frame)
{
	if (frame->kind != FRAME_JSON) {
		session_stop_reading(s, CODE_INVALID_REQUEST);
		return false;
	}
	handle_request(s, frame);
	return true;
}

/* Handles the whole frames at p, as long as the session may take requests. Gives the bytes used up. */
static size_t take_frames(struct session *s, const unsigned char *p, size_t n)
{
	size_t used = 0;
	while (may_read(s)) {
		struct frame frame;
		bool in_stream = s->stream.call != NULL;
		switch (frame_parse(p + used, n - used, in_stream ? FRAME_DATA_MAX : s->all->limits.request_bytes, &frame)) {
		case FRAME_MORE:
			return used;
		case FRAME_TOO_LARGE:
			stream_violated(s, CODE_TOO_LARGE);
			return n;
		case FRAME_BAD_KIND:
			stream_violated(s, CODE_INVALID_REQUEST);
			return n;
		case FRAME_OK:
			break;
		}
		used += FRAME_HEADER + frame.len;
		if (in_stream ? !stream_frame(s, &frame) : !request_frame(s, &frame))
			return n;
	}
	return used;
}

/* Handles what is kept in `in`, then reads or not, as the limits allow. */
void session_pump(struct session *s)
{
	size_t before = buf_len(&s->in);
	if (before > 0) {
		/* session_stop_reading() frees `in`, so what it held is counted here. */
		size_t used = take_frames(s, buf_data(&s->in), before);
		if (s->state != SESSION_OPEN)
			return;
		buf_consume(&s->in, used);
		if (used > 0)
			s->frame_began_ms = buf_len(&s->in) > 0 ? clock_now_ms() : 0;
	}
	if (buf_len(&s->in) == 0)
		buf_free(&s->in);
	if (!may_read(s)) {
		(void)event_del(s->readable);
		return;
	}
	/* The time in which the session was not read does not count against an unfinished frame. */
	if (!event_pending(s->readable, EV_READ, NULL) && s->frame_began_ms != 0)
		s->frame_began_ms = clock_now_ms();
	(void)event_add(s->readable, NULL);
}

static int keep_rest(struct session *s, const unsigned char *p, size_t n)
{
	if (n == 0)
		return 0;
	if (s->frame_began_ms == 0)
		s->frame_began_ms = clock_now_ms();
	return buf_put(&s->in, p, n);
}

/* Bytes that arrived in the shared buffer. -1: no memory, the session cannot go on. */
static int take_bytes(struct session *s, const unsigned char *p, size_t n)
{
	if (buf_len(&s->in) > 0) {
		if (keep_rest(s, p, n) != 0)
			return -1;
		session_pump(s);
		return 0;
	}
	size_t used = take_frames(s, p, n);
	if (s->state != SESSION_OPEN)
		return 0;
	if (keep_rest(s, p + used, n - used) != 0)
		return -1;
	if (!may_read(s))
		(void)event_del(s->readable);
	return 0;
}

/*
 * At the end of its input: has the caller closed, or only shut down its writing side and still reads what it is
 * owed? A Unix socket tells by POLLHUP, which it reports only when both directions are shut (unix_poll in Linux).
 */
static bool has_hung_up(int fd)
{
	struct pollfd p = { .fd = fd };
	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

/* Before others are read, so that their replies find a buffer in which these have been. */
static void answer_at_once(struct session *s)
{
	bool answered = s->reading && s->dirty;
	s->reading = false;
	if (!answered)
		return;
	s->dirty = false;
	flush_session(s);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	struct sessions *all = s->all;
	(void)what;
	ssize_t n = recv(fd, all->scratch, sizeof(all->scratch), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && (s->state == SESSION_LINGER || has_hung_up(fd)))) {
		session_end(s);
		return;
	}
	if (n == 0) {
		session_stop_reading(s, CODE_NONE);
		stream_cut(s);
		return;
	}
	int rc = 0;
	s->reading = !s->dirty;
	if (s->state == SESSION_OPEN) {
		s->arrived_ms = s->active_ms = clock_now_ms();
		rc = take_bytes(s, all->scratch, (size_t)n);
	}
	secmem_wipe(all->scratch, (size_t)n);
	if (rc != 0)
		session_end(s);
	else
		answer_at_once(s);
}

/* -- the books ----------------------------------------------------------------------------------------------- */

static bool overdue(const struct session *s, uint64_t now)
{
	const struct session_limits *limits = &s->all->limits;
	if (s->state == SESSION_LINGER)
		return now >= s->active_ms + LINGER_MS;
	/* A stream is watched by who asked for it. */
	if (s->stream.call == NULL && s->frame_began_ms != 0 && may_read(s) && now >= s->frame_began_ms + limits->frame_timeout_ms)
		return true;
	return limits->idle_timeout_ms != 0 && s->ncalls == 0 && now >= s->active_ms + limits->idle_timeout_ms;
}

/*
 * After a rush: the allocator keeps what is freed below anything still in use, however little that is. Seen after 2,000
 * connections: 2.5 MB.
 */
static void give_memory_back(struct sessions *all)
{
	if (all->most < RUSH || all->count > all->most / 4)
		return;
	all->most = all->count;
	(void)malloc_trim(0);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct sessions *all = arg;
	struct session *s, *next;
	uint64_t now = clock_now_ms();
	(void)fd;
	(void)what;
	DL_FOREACH_SAFE(all->list, s, next) {
		if (overdue(s, now))
			session_end(s);
	}
	give_memory_back(all);
}

int session_start(struct sessions *all, int fd, struct peer *peer)
{
	struct session *s = calloc(1, sizeof(*s));
	uint64_t most;
	if (s == NULL)
		return -1;
	s->readable = event_new(all->base, fd, EV_READ | EV_PERSIST, on_readable, s);
	s->writable = event_new(all->base, fd, EV_WRITE, on_writable, s);
	if (s->readable == NULL || s->writable == NULL || event_add(s->readable, NULL) != 0) {
		if (s->readable != NULL)
			event_free(s->readable);
		if (s->writable != NULL)
			event_free(s->writable);
		free(s);
		return -1;
	}
	s->all = all;
	s->fd = fd;
	s->peer = *peer;
	*peer = (struct peer){ .uid = s->peer.uid, .gid = s->peer.gid };
	s->active_ms = clock_now_ms();
	most = all->limits.request_bytes > FRAME_DATA_MAX ? all->limits.request_bytes : FRAME_DATA_MAX;
	buf_init(&s->in, most + FRAME_HEADER + SESSION_READ_SIZE);
	buf_init(&s->out, OUT_LIMIT);
	DL_APPEND(all->list, s);
	all->count++;
	if (all->count > all->most)
		all->most = all->count;
	return 0;
}

struct sessions *sessions_new(struct event_base *base, const struct session_limits *limits, uint64_t default_timeout_ms,
    session_request *request, void *request_arg, session_gone *gone, void *gone_arg)
{
	struct sessions *all = secmem_calloc(1, sizeof(*all));
	if (all == NULL)
		return NULL;
	all->base = base;
	all->limits = *limits;
	all->default_timeout_ms = default_timeout_ms;
	all->request = request;
	all->request_arg = request_arg;
	all->gone = gone;
	all->gone_arg = gone_arg;
	buf_init(&all->spare, OUT_LIMIT);
	all->flush = event_new(base, -1, 0, on_flush, all);
	all->sweep = event_new(base, -1, EV_PERSIST, on_sweep, all);
	struct timeval every = { .tv_sec = SWEEP_SECONDS };
	if (all->flush == NULL || all->sweep == NULL || event_add(all->sweep, &every) != 0) {
		sessions_free(all);
		return NULL;
	}
	return all;
}

void sessions_finish(struct sessions *all)
{
	struct session *s;
	DL_FOREACH(all->list, s) {
		session_stop_reading(s, CODE_NONE);
	}
}

void sessions_free(struct sessions *all)
{
	struct session *s, *next;
	DL_FOREACH_SAFE(all->list, s, next) {
		session_free(s);
	}
	buf_free(&all->spare);
	while (all->spare_calls != NULL)
		free(take_call(all));
	if (all->flush != NULL)
		event_free(all->flush);
	if (all->sweep != NULL)
		event_free(all->sweep);
	secmem_free(all);
}

uint64_t sessions_count(const struct sessions *all)
{
	return all->count;
}

uint64_t sessions_calls(const struct sessions *all)
{
	return all->ncalls;
}
