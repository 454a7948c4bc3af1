/*
 * Replies out of any bytes, as a client must expect them from whatever listens on the socket.
 */
#include "base/buf.h"
#include "proto/frame.h"
#include "proto/reply.h"
#include "proto/utf8.h"
#include "tests/fuzz/fuzz.h"

static void check_span(struct jspan span, const char *body, size_t size, unsigned types)
{
	struct jspan again;
	struct jscan s;

	if (span.len == 0)
		return;
	HOLDS(span.p >= body && span.p + span.len <= body + size);
	HOLDS((types & 1u << span.type) != 0);
	jscan_init(&s, span.p, span.len);
	HOLDS(jscan_value(&s, JSCAN_DEPTH_MAX, &again) == 0 && jscan_end(&s) == 0 && again.len == span.len);
}

static void check_failure(const struct reply *reply)
{
	const struct failure *f = &reply->failure;
	struct reply again;
	struct buf out;

	HOLDS(f->code != CODE_NONE && code_by_name(code_name(f->code), strlen(code_name(f->code))) == f->code);
	HOLDS(f->status >= 0 && f->status < 1000);
	HOLDS(memchr(f->message, '\0', sizeof(f->message)) != NULL && utf8_valid(f->message, strlen(f->message)));
	buf_init(&out, FRAME_HEADER + FRAME_BODY_MAX);
	HOLDS(reply_failure(&out, reply->id, f) == 0);
	HOLDS(
	    reply_decode((const char *)buf_data(&out) + FRAME_HEADER, buf_len(&out) - FRAME_HEADER, &again) == 0);
	HOLDS(!again.ok && again.failure.code == f->code && again.failure.status == f->status);
	HOLDS(f->message[0] == '\0' || strcmp(again.failure.message, f->message) == 0);
	if (f->code == CODE_NOT_FOUND)
		HOLDS(again.failure.deleted == f->deleted && again.failure.version == f->version);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *body = exact_copy(data, size);
	const char *begin = size > 0 ? body : body + 1;
	struct reply reply;

	if (reply_decode(begin, size, &reply) == 0) {
		HOLDS(reply.id.len > 0);
		check_span(reply.id, begin, size, 1u << JSON_STRING | 1u << JSON_NUMBER | 1u << JSON_NULL);
		check_span(reply.data, begin, size, 1u << JSON_OBJECT);
		check_span(reply.metadata, begin, size, 1u << JSON_OBJECT | 1u << JSON_NULL);
		check_span(reply.created_time, begin, size, 1u << JSON_STRING);
		check_span(reply.state, begin, size, 1u << JSON_STRING);
		check_span(reply.daemon, begin, size, 1u << JSON_STRING);
		HOLDS(reply.version == 0 || reply.daemon.len == 0);
		HOLDS(reply.has_age || reply.age_ms == 0);
		HOLDS(reply.has_bytes ? reply.bytes <= JSPAN_INTEGER_MAX : reply.bytes == 0);
		check_span(reply.sha256, begin, size, 1u << JSON_STRING);
		if (!reply.ok)
			check_failure(&reply);
	}
	free(body);
	return 0;
}
