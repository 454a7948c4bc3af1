/*
 * session_stream: calls that move data frames. They have their session to themselves, and what one side cannot take yet
 * the other is not asked for.
 */
#include "daemon/callers/session_internal.h"
#include "proto/reply.h"

#define OUT_FULL 65536u /* bytes that wait to be written; then their source waits until half of them are gone */

void stream_take(struct session *s, struct call *call)
{
	s->stream = (struct stream){ .call = call };
}

void stream_over(struct session *s)
{
	bool cut_short = s->stream.ops != NULL && !s->stream.data_over;
	s->stream = (struct stream){ .call = NULL };
	if (!cut_short)
		return;
	/* The caller may be in the middle of its data, in which no request can be told from it. */
	s->lingers = true;
	session_stop_reading(s, CODE_NONE);
}

bool stream_reads(const struct session *s)
{
	return s->stream.reads;
}

void stream_violated(struct session *s, enum code last_word)
{
	struct call *call = s->stream.call;
	if (call != NULL) {
		if (call->abandon != NULL)
			call->abandon(call->work);
		s->stream.ops = NULL;
		session_forget_call(call);
	}
	session_stop_reading(s, last_word);
}

bool stream_frame(struct session *s, const struct frame *frame)
{
	struct stream *stream = &s->stream;
	if (frame->kind != FRAME_DATA) {
		stream_violated(s, CODE_INVALID_REQUEST);
		return false;
	}
	if (frame->len == 0) {
		stream->reads = false;
		stream->data_over = true;
	}
	stream->ops->data(stream->work, frame->body, frame->len);
	return s->state == SESSION_OPEN;
}

void stream_sent(struct session *s)
{
	s->stream.growing = 0;
}

void stream_written(struct session *s)
{
	struct stream *stream = &s->stream;
	if (!stream->full || buf_len(&s->out) > OUT_FULL / 2)
		return;
	stream->full = false;
	stream->ops->room(stream->work);
}

void stream_cut(struct session *s)
{
	struct stream *stream = &s->stream;
	if (stream->call == NULL || stream->ops == NULL || stream->data_over)
		return;
	stream->reads = false;
	stream->ops->cut(stream->work);
}

void call_stream_begin(struct call *call, const char *name, const struct call_stream *ops, void *work)
{
	struct session *s = call->session;
	struct jwrite w;
	s->stream = (struct stream){ .call = call, .ops = ops, .work = work, .reads = ops->data != NULL,
		.data_over = ops->data == NULL };
	reply_begin(&w, &s->out, (struct jspan){ .p = call->id, .len = call->id_len, .type = JSON_STRING }, true);
	jwrite_bool(&w, name, true);
	/* Short, so it only fails without memory; then the caller's own deadline has to do. */
	(void)jwrite_end(&w);
	/*
	 * All of it at once: it stays while the stream lasts, so that it does not grow anew for each frame. With half of
	 * OUT_FULL left a frame finds room, if need be by moving that half to the front.
	 */
	if (ops->room != NULL)
		(void)buf_reserve(&s->out, OUT_FULL + FRAME_HEADER + FRAME_DATA_MAX);
	session_mark_dirty(s);
}

/* The last frame, of which nothing is sent yet, with n more bytes in it: few large frames cost both sides less. */
static int grow_frame(struct session *s, const void *p, size_t n)
{
	struct stream *stream = &s->stream;
	if (buf_put(&s->out, p, n) != 0)
		return -1;
	stream->growing += n;
	frame_header(buf_tail(&s->out) - stream->growing - FRAME_HEADER, FRAME_DATA, stream->growing);
	return 0;
}

static int add_frame(struct session *s, const void *p, size_t n)
{
	unsigned char header[FRAME_HEADER];
	frame_header(header, FRAME_DATA, n);
	if (buf_reserve(&s->out, sizeof(header) + n) != 0)
		return -1;
	(void)buf_put(&s->out, header, sizeof(header));
	(void)buf_put(&s->out, p, n);
	s->stream.growing = n;
	return 0;
}

int call_stream_write(struct call *call, const void *p, size_t n)
{
	struct session *s = call->session;
	bool grows = n > 0 && s->stream.growing > 0 && s->stream.growing + n <= FRAME_DATA_MAX;
	if ((grows ? grow_frame(s, p, n) : add_frame(s, p, n)) != 0)
		return -1;
	session_mark_dirty(s);
	s->stream.full = buf_len(&s->out) > OUT_FULL;
	return !s->stream.full;
}

void call_stream_want(struct call *call, bool wanted)
{
	struct session *s = call->session;
	if (s->stream.data_over || s->stream.reads == wanted)
		return;
	s->stream.reads = wanted;
	session_mark_dirty(s);
}
