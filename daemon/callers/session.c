/*
 * session: reads frames, keeps the books of the calls in flight, writes replies. Reading goes through one buffer
 * that all sessions share, so that an idle connection costs little more than its struct; only what is left of an
 * incomplete frame is kept per session. Replies are written once per turn of the loop, however many there are.
 */
#include "daemon/callers/session_internal.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/secmem.h"
#include "daemon/callers/peer.h"
#include "daemon/host/harden.h"
#include "proto/reply.h"

#define LINGER_MS 5000u
#define SWEEP_SECONDS 1
#define OUT_LIMIT (SIZE_MAX / 2) /* of replies to be written: kept in bounds by may_read and call_answer_end */
#define ALONE 4 /* reads in a row of one session: it has the daemon to itself */
#define EARLY 2 /* replies to it are written before the next request is handled */
#define RUSH 256 /* so many sessions at a time leave memory behind that is worth giving back */

/* -- buffers that are used again ------------------------------------------------------------------------------ */

/* An idle connection holds no buffer. One is kept for whoever has something to say next; it is empty, hence wiped. */
static void give_buffer(struct session *s)
{
	struct sessions *all = s->all;
	if (all->spare.data == NULL && s->out.cap <= SESSION_SPARE_BYTES)
		buf_move(&all->spare, &s->out);
	else
		buf_free(&s->out);
}

void session_take_buffer(struct session *s)
{
	if (s->out.data == NULL && s->all->spare.data != NULL)
		buf_move(&s->out, &s->all->spare);
}

/* -- the connection's events --------------------------------------------------------------------------------- */

/*
 * libevent is told of what changes only: to be told the same again takes it as long as a look-up in the cache, and both would
 * happen with every request.
 */
int session_listen(struct session *s)
{
	if (!s->listens && event_add(s->readable, NULL) != 0)
		return -1;
	s->listens = true;
	return 0;
}

void session_stop_listening(struct session *s)
{
	if (s->listens)
		(void)event_del(s->readable);
	s->listens = false;
}

void session_flush_soon(struct sessions *all)
{
	if (all->flushes)
		return;
	all->flushes = true;
	event_active(all->flush, 0, 0);
}

/* -- the end ------------------------------------------------------------------------------------------------- */

static void free_calls(struct session *s)
{
	struct call *call, *next;
	DL_FOREACH_SAFE(s->calls, call, next) {
		DL_DELETE(s->calls, call);
		if (call->abandon != NULL)
			call->abandon(call->work);
		session_free_call(call);
	}
}

static void session_free(struct session *s)
{
	struct sessions *all = s->all;
	free_calls(s);
	session_leave_park(s);
	if (s->dirty && !s->reading)
		DL_DELETE2(all->dirty, s, prev_dirty, next_dirty);
	DL_DELETE(all->list, s);
	all->count--;
	event_free(s->readable);
	event_free(s->writable);
	close(s->fd);
	buf_free(&s->in);
	buf_free(&s->out);
	session_count_bytes(s);
	if (all->unsettled == s->share)
		session_settle(all, clock_now_us());
	share_drop(&all->shares, s->share);
	peer_clear(&s->peer);
	free(s);
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
	session_flush_soon(s->all);
}

/* Writes what the socket takes, in work that was begun. -1: the caller has gone. */
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
		s->active_ms = s->all->now_us / 1000;
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
	session_leave_park(s);
	session_stop_listening(s);
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
	return session_listen(s);
}

/* In work that was begun. -1: the session is over. */
static int write_and_go_on(struct session *s)
{
	if (write_out(s) != 0 || after_write(s) != 0)
		return -1;
	stream_written(s);
	if (s->state == SESSION_OPEN)
		session_pump(s);
	return 0;
}

static void flush_session(struct session *s)
{
	session_begin_work(s);
	if (write_and_go_on(s) != 0)
		session_free(s);
	else
		session_end_work(s);
}

/* Runs at the end of each turn of the loop in which something was read or is to be written. */
static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct sessions *all = arg;
	(void)fd;
	(void)what;
	all->at_work = true;
	all->flushes = false;
	while (all->dirty != NULL) {
		struct session *s = all->dirty;
		DL_DELETE2(all->dirty, s, prev_dirty, next_dirty);
		s->dirty = false;
		flush_session(s);
	}
	all->at_work = false;
	session_settle(all, clock_now_us());
	share_next_turn(&all->shares);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	struct sessions *all = s->all;
	(void)fd;
	(void)what;
	all->at_work = true;
	session_flush_soon(all);
	flush_session(s);
	all->at_work = false;
}

static bool write_at_once(struct session *s)
{
	struct sessions *all = s->all;
	bool begun = all->at_work, written;
	if (!begun) {
		session_flush_soon(all);
		session_begin_work(s);
	}
	written = write_out(s) == 0 && s->listens && buf_len(&s->in) + buf_len(&s->out) == 0;
	if (!begun)
		session_end_work(s);
	return written;
}

/* What is left, also where the caller has gone, is seen to by the flush, or after what was read. */
void session_write_soon(struct session *s)
{
	struct sessions *all = s->all;
	bool alone = all->at_work ? s->reads_last : all->ncalls == 0;
	if (s->dirty || s->state != SESSION_OPEN || !alone || !write_at_once(s))
		session_mark_dirty(s);
}

/* -- reading ------------------------------------------------------------------------------------------------- */

static bool may_read(const struct session *s)
{
	size_t unwritten = buf_len(&s->out);
	if (s->state != SESSION_OPEN || unwritten > s->all->limits.output_bytes)
		return false;
	if (s->stream.call != NULL)
		return stream_reads(s);
	/* Of a user that holds too much only connections are read of which replies are read. */
	return s->ncalls < s->all->limits.requests && (unwritten == 0 || !session_holds_too_much(s, 0));
}

/* False: it is no request, and the session is ending. */
static bool request_frame(struct session *s, const struct frame *frame)
{
	if (frame->kind != FRAME_JSON) {
		session_stop_reading(s, CODE_INVALID_REQUEST);
		return false;
	}
	session_handle_request(s, frame);
	return true;
}

/*
 * Whether so many replies go out now and not with those to the requests that came along with theirs. A caller who is
 * alone works on them meanwhile, and neither side has to be woken as long as there are requests: from memory that is twice
 * as many a second. With several callers others' requests fill that time, and writing less often is better.
 */
static bool writes_early(const struct session *s, unsigned replies)
{
	return s->all->in_a_row >= ALONE && s->reading && replies % EARLY == 0;
}

/* Handles the whole frames at p, as long as the session may take requests and has time. Gives the bytes used up. */
static size_t take_frames(struct session *s, const unsigned char *p, size_t n)
{
	size_t used = 0;
	unsigned handled = 0;
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
		if (!session_may_go_on(s)) {
			session_park(s);
			return used;
		}
		used += FRAME_HEADER + frame.len;
		s->reads_last = used == n && s->reading && s->all->in_a_row >= ALONE;
		if (in_stream ? !stream_frame(s, &frame) : !request_frame(s, &frame))
			return n;
		/* Whether the caller has gone shows when the last reply is written. */
		if (used < n && writes_early(s, ++handled))
			(void)write_out(s);
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
	if (s->parked || !may_read(s)) {
		session_stop_listening(s);
		return;
	}
	/* The time in which the session was not read does not count against an unfinished frame. */
	if (!s->listens && s->frame_began_ms != 0)
		s->frame_began_ms = clock_now_ms();
	(void)session_listen(s);
}

static int keep_rest(struct session *s, const unsigned char *p, size_t n)
{
	if (n == 0)
		return 0;
	if (s->frame_began_ms == 0)
		s->frame_began_ms = clock_now_ms();
	return buf_put(&s->in, p, n);
}

/* An unfinished request that would take more than its user may hold: it cannot be answered, as its id is not known. */
static void refuse_bytes(struct session *s)
{
	session_count_bytes(s);
	if (s->stream.call != NULL || s->parked || !may_read(s) || buf_len(&s->in) <= SESSION_READ_FIRST_SIZE ||
	    !session_holds_too_much(s, 0))
		return;
	session_warn_of_limit(s, "bytes_per_uid");
	session_stop_reading(s, CODE_OVERLOADED);
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
		session_stop_listening(s);
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

static size_t read_size(const struct session *s)
{
	return s->stream.call != NULL || buf_len(&s->in) > 0 ? SESSION_READ_SIZE : SESSION_READ_FIRST_SIZE;
}

/* Before others are read, so that their replies find a buffer in which these have been. -1: the session is over. */
static int answer_at_once(struct session *s)
{
	bool answered = s->reading && s->dirty;
	s->reading = s->reads_last = false;
	if (!answered)
		return 0;
	s->dirty = false;
	return write_and_go_on(s);
}

static void read_some(struct session *s)
{
	struct sessions *all = s->all;
	session_flush_soon(all);
	all->in_a_row = s == all->last_heard ? all->in_a_row + 1 : 0;
	all->last_heard = s;
	session_begin_work(s);
	if (!session_may_begin(s)) {
		session_park(s);
		return;
	}
	ssize_t n = recv(s->fd, all->scratch, read_size(s), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && (s->state == SESSION_LINGER || has_hung_up(s->fd)))) {
		session_free(s);
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
		s->arrived_ms = s->active_ms = all->began_us / 1000;
		rc = take_bytes(s, all->scratch, (size_t)n);
	}
	secmem_wipe(all->scratch, (size_t)n);
	if (rc != 0 || answer_at_once(s) != 0) {
		session_free(s);
		return;
	}
	if (s->state == SESSION_OPEN)
		refuse_bytes(s);
	session_end_work(s);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	struct sessions *all = s->all;
	(void)fd;
	(void)what;
	all->at_work = true;
	read_some(s);
	all->at_work = false;
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

/* After a rush there is a lot of it: 2.5 MB were seen after 2,000 connections. */
static void give_memory_back(struct sessions *all)
{
	if (all->most < RUSH || all->count > all->most / 4)
		return;
	all->most = all->count;
	harden_give_memory_back();
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
			session_free(s);
	}
	give_memory_back(all);
}

int session_start(struct sessions *all, int fd, struct peer *peer)
{
	struct session *s = calloc(1, sizeof(*s));
	struct share *share = s != NULL ? share_take(&all->shares, peer->uid) : NULL;
	if (share == NULL) {
		free(s);
		return -1;
	}
	s->readable = event_new(all->base, fd, EV_READ | EV_PERSIST, on_readable, s);
	s->writable = event_new(all->base, fd, EV_WRITE, on_writable, s);
	if (s->readable == NULL || s->writable == NULL || session_listen(s) != 0) {
		if (s->readable != NULL)
			event_free(s->readable);
		if (s->writable != NULL)
			event_free(s->writable);
		share_drop(&all->shares, share);
		free(s);
		return -1;
	}
	s->all = all;
	s->share = share;
	s->fd = fd;
	s->peer = *peer;
	*peer = (struct peer){ .uid = s->peer.uid, .gid = s->peer.gid };
	s->active_ms = clock_now_ms();
	buf_init(&s->in, FRAME_BODY_MAX + FRAME_HEADER + SESSION_READ_SIZE); /* frame_parse sees to the limit, which may change */
	buf_init(&s->out, OUT_LIMIT);
	DL_APPEND(all->list, s);
	all->count++;
	if (all->count > all->most)
		all->most = all->count;
	return 0;
}

struct sessions *sessions_new(struct event_base *base, const struct session_limits *limits, uint64_t default_timeout_ms,
    session_request *request, void *request_arg)
{
	struct sessions *all = secmem_calloc(1, sizeof(*all));
	if (all == NULL)
		return NULL;
	all->base = base;
	all->limits = *limits;
	all->default_timeout_ms = default_timeout_ms;
	all->request = request;
	all->request_arg = request_arg;
	buf_init(&all->spare, OUT_LIMIT);
	all->flush = event_new(base, -1, 0, on_flush, all);
	all->sweep = event_new(base, -1, EV_PERSIST, on_sweep, all);
	all->unpark = event_new(base, -1, 0, session_on_unpark, all);
	struct timeval every = { .tv_sec = SWEEP_SECONDS };
	if (all->flush == NULL || all->sweep == NULL || all->unpark == NULL || event_add(all->sweep, &every) != 0) {
		sessions_free(all);
		return NULL;
	}
	return all;
}

void sessions_set_limits(struct sessions *all, const struct session_limits *limits, uint64_t default_timeout_ms)
{
	all->limits = *limits;
	all->default_timeout_ms = default_timeout_ms;
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
	session_free_spare_calls(all);
	if (all->flush != NULL)
		event_free(all->flush);
	if (all->sweep != NULL)
		event_free(all->sweep);
	if (all->unpark != NULL)
		event_free(all->unpark);
	secmem_free(all);
}

uint64_t sessions_count(const struct sessions *all)
{
	return all->count;
}

uint64_t sessions_count_of(struct sessions *all, uid_t uid)
{
	return share_connections(&all->shares, uid);
}

uint64_t sessions_calls(const struct sessions *all)
{
	return all->ncalls;
}
