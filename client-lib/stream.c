/*
 * stream: see the header.
 */
#include "client-lib/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "proto/jwrite.h"

#define REQUEST_ID 1u /* the connection has only this one request */
#define REQUEST_MAX 256u
#define RETRY_MS 10

/* -- failures ------------------------------------------------------------------------------------------------- */

int stream_fail(struct stream *s, int code, const char *text)
{
	static const char *const fates[] = {
		[FATE_NONE] = "",
		[FATE_KEPT] = "; nothing was restored",
		[FATE_UNKNOWN] = "; the snapshot may have been restored",
	};
	char message[CLIENT_TEXT];

	snprintf(message, sizeof(message), "%s%s", text, fates[s->fate]);
	return client_fail(s->client, s->fate == FATE_UNKNOWN ? SS_UNKNOWN_OUTCOME : code, message);
}

static int fail_broken(struct stream *s)
{
	return stream_fail(s, SS_NO_DAEMON,
	    s->fate == FATE_UNKNOWN
		? "the connection to the daemon broke before it said what became of the snapshot"
		: "the connection to the daemon broke in the middle of the snapshot");
}

static int fail_garbled(struct stream *s)
{
	return stream_fail(s, SS_PROTOCOL, "what the daemon said cannot be understood");
}

int stream_check_deadline(struct stream *s)
{
	if (clock_now_ms() < s->deadline_ms)
		return SS_OK;
	return stream_fail(s, SS_TIMEOUT, "the time for the snapshot is over");
}

static int fail_silent(struct stream *s)
{
	char text[CLIENT_TEXT];
	int code = stream_check_deadline(s);

	if (code != SS_OK)
		return code;
	snprintf(text, sizeof(text), "nothing came from the daemon for %u s", s->silence_ms / 1000);
	return stream_fail(s, SS_TIMEOUT, text);
}

/* -- waiting -------------------------------------------------------------------------------------------------- */

/* Returns when a wait that begins now must end. */
static uint64_t wait_end_ms(const struct stream *s)
{
	uint64_t silent_ms = clock_now_ms() + s->silence_ms;

	return silent_ms < s->deadline_ms ? silent_ms : s->deadline_ms;
}

static int ms_left_until(uint64_t until_ms)
{
	uint64_t now_ms = clock_now_ms();

	return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

/* Waits until the socket is ready for any of the events. */
static int wait_for_socket(struct stream *s, short events, short *ret_events)
{
	uint64_t until_ms = wait_end_ms(s);
	struct pollfd p = { .fd = s->link.fd, .events = events };
	int n;

	do {
		n = poll(&p, 1, ms_left_until(until_ms));
		if (n < 0 && errno != EINTR)
			return stream_fail(s, SS_NO_MEMORY, strerror(errno));
	} while (n <= 0 && ms_left_until(until_ms) > 0);
	if (n <= 0)
		return fail_silent(s);
	*ret_events = p.revents;
	return SS_OK;
}

int stream_open(struct stream *s, struct ss_client *c, uint32_t timeout_ms, enum fate fate)
{
	enum link_connected how;
	uint64_t until_ms;

	*s = (struct stream){ .client = c, .fate = fate, .silence_ms = c->silence_ms };
	s->deadline_ms = timeout_ms != 0 ? clock_now_ms() + timeout_ms : CLOCK_NEVER;
	link_init(&s->link, FRAME_DATA_MAX);
	until_ms = wait_end_ms(s);
	while ((how = link_connect(&s->link, c->path)) != LINK_CONNECTED) {
		if (how == LINK_NO_LISTENER || ms_left_until(until_ms) == 0)
			return stream_fail(s, client_unconnected(&s->link), s->link.error);
		(void)poll(NULL, 0, RETRY_MS);
	}
	return SS_OK;
}

void stream_close(struct stream *s)
{
	link_free(&s->link);
}

/* -- reading -------------------------------------------------------------------------------------------------- */

int stream_next_frame(struct stream *s, struct frame *ret)
{
	enum frame_status status;
	short events;

	while ((status = link_next(&s->link, ret)) == FRAME_MORE) {
		ssize_t n = link_read(&s->link);
		int code = SS_OK;

		if (n == LINK_NO_MEMORY)
			code = stream_fail(s, SS_NO_MEMORY, "out of memory for the snapshot");
		else if (n == LINK_CLOSED)
			code = fail_broken(s);
		else if (n == 0)
			code = wait_for_socket(s, POLLIN, &events);
		if (code != SS_OK)
			return code;
	}
	return status == FRAME_OK ? SS_OK : fail_garbled(s);
}

/* The connection has only one request, so a failure without an id is about that request, too. */
static bool is_our_reply(const struct reply *reply)
{
	uint64_t id;

	if (reply->id.type == JSON_NULL)
		return !reply->ok;
	return reply->id.type == JSON_NUMBER && jspan_number(reply->id, &id) == 0 && id == REQUEST_ID;
}

static bool decode_frame(const struct frame *frame, struct reply *ret)
{
	return frame->kind == FRAME_JSON && reply_decode((const char *)frame->body, frame->len, ret) == 0 &&
	    is_our_reply(ret);
}

/* The daemon knows more than the library: its failure is reported without the fate. */
static int take_failure(struct stream *s, const struct failure *why)
{
	struct ss_error error = client_error_of(why);

	client_set_error(s->client, &error);
	return error.code;
}

int stream_take_refusal(struct stream *s, const struct frame *frame)
{
	struct reply reply;

	if (!decode_frame(frame, &reply) || reply.ok)
		return fail_garbled(s);
	return take_failure(s, &reply.failure);
}

int stream_next_reply(struct stream *s, struct reply *ret)
{
	struct frame frame;
	int code = stream_next_frame(s, &frame);

	if (code != SS_OK)
		return code;
	if (!decode_frame(&frame, ret))
		return fail_garbled(s);
	return ret->ok ? SS_OK : take_failure(s, &ret->failure);
}

/* -- writing -------------------------------------------------------------------------------------------------- */

/* The daemon spoke before its turn, or has closed. What it said before that is the failure. */
static int take_early_reply(struct stream *s)
{
	struct frame frame;
	int code = stream_next_frame(s, &frame);

	return code != SS_OK ? code : stream_take_refusal(s, &frame);
}

/* Writes all of p, unless the daemon has said something. Once a byte was written, the fate is `then`. */
static int write_unless_spoken(struct stream *s, unsigned char *p, size_t n, enum fate then)
{
	struct pollfd spoken = { .fd = s->link.fd, .events = POLLIN };

	if (link_has_more(&s->link) || poll(&spoken, 1, 0) > 0)
		return take_early_reply(s);
	while (n > 0) {
		struct iovec part = { p, n };
		ssize_t sent = link_write(&s->link, &part, 1);
		short events;
		int code;

		if (sent > 0) {
			s->fate = then;
			p += sent;
			n -= (size_t)sent;
			continue;
		}
		code = sent == 0 ? wait_for_socket(s, POLLIN | POLLOUT, &events) : SS_OK;
		if (code == SS_OK && (sent < 0 || (events & ~POLLOUT) != 0))
			code = take_early_reply(s);
		if (code != SS_OK)
			return code;
	}
	return SS_OK;
}

int stream_send_data(struct stream *s, unsigned char *frame, size_t len)
{
	frame_header(frame, FRAME_DATA, len);
	return write_unless_spoken(s, frame, FRAME_HEADER + len, len == 0 ? FATE_UNKNOWN : s->fate);
}

int stream_request(struct stream *s, enum op op, bool force)
{
	struct jwrite w;
	struct buf out;
	int code;

	buf_init(&out, REQUEST_MAX);
	jwrite_begin(&w, &out);
	jwrite_uint(&w, "id", REQUEST_ID);
	jwrite_text(&w, "op", op_name(op));
	if (s->deadline_ms != CLOCK_NEVER)
		jwrite_uint(&w, "timeout_ms", exchange_told_timeout_ms(s->deadline_ms, clock_now_ms()));
	if (force)
		jwrite_bool(&w, "force", true);
	if (jwrite_end(&w) != 0)
		code = stream_fail(s, SS_NO_MEMORY, "out of memory");
	else
		code = write_unless_spoken(s, buf_data(&out), buf_len(&out), s->fate);
	buf_free(&out);
	return code;
}
