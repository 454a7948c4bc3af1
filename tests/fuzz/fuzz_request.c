/*
 * Requests out of any bytes: what is accepted is within all limits and reads the same when it is written again;
 * what is refused has an answer that a client understands.
 */
#include "base/buf.h"
#include "proto/frame.h"
#include "proto/jwrite.h"
#include "proto/reply.h"
#include "proto/request.h"
#include "proto/utf8.h"
#include "tests/fuzz/fuzz.h"

static void write_request(struct buf *out, const struct request *r)
{
	struct jwrite w;

	jwrite_begin(&w, out);
	if (r->data.len > 0)
		jwrite_span(&w, "data", r->data);
	jwrite_text(&w, "op", op_name(r->op));
	if (op_has_path(r->op)) {
		jwrite_text(&w, "mount", secret_mount(&r->name));
		jwrite_text(&w, "path", secret_path(&r->name));
	}
	if (r->has_cas)
		jwrite_uint(&w, "cas", r->cas);
	if (r->version > 0)
		jwrite_uint(&w, "version", r->version);
	if (r->min_version > 0)
		jwrite_uint(&w, "min_version", r->min_version);
	if (r->has_max_age)
		jwrite_uint(&w, "max_age_ms", r->max_age_ms);
	if (r->timeout_ms > 0)
		jwrite_uint(&w, "timeout_ms", r->timeout_ms);
	jwrite_span(&w, "id", r->id);
	HOLDS(jwrite_end(&w) == 0);
}

static int same(struct jspan a, struct jspan b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static void check_accepted(const struct request *r)
{
	struct request again;
	struct failure why;
	struct buf out;

	HOLDS(r->op < OP_COUNT && r->id.len > 0);
	HOLDS(r->timeout_ms <= REQUEST_TIMEOUT_MAX_MS);
	HOLDS(op_has_path(r->op) == (r->op == OP_KV_GET || r->op == OP_KV_PUT));
	if (op_has_path(r->op))
		HOLDS(request_path_ok(secret_mount(&r->name), SECRET_MOUNT_MAX) &&
		    request_path_ok(secret_path(&r->name), SECRET_PATH_MAX));
	else
		HOLDS(r->name.key_len == 0);
	HOLDS((r->op == OP_KV_PUT) == (r->data.len > 0));
	HOLDS(!r->has_cas || r->op == OP_KV_PUT);
	HOLDS((r->version == 0 && r->min_version == 0 && !r->has_max_age) || r->op == OP_KV_GET);
	buf_init(&out, FRAME_HEADER + FRAME_BODY_MAX);
	write_request(&out, r);
	HOLDS(request_decode((const char *)buf_data(&out) + FRAME_HEADER, buf_len(&out) - FRAME_HEADER, &again,
		  &why) == 0);
	HOLDS(again.op == r->op && same(again.id, r->id) && same(again.data, r->data));
	HOLDS(again.name.key_len == r->name.key_len && again.name.path_at == r->name.path_at);
	HOLDS(memcmp(again.name.key, r->name.key, r->name.key_len) == 0);
	HOLDS(again.has_cas == r->has_cas && again.cas == r->cas && again.version == r->version);
	HOLDS(again.min_version == r->min_version && again.has_max_age == r->has_max_age);
	HOLDS(again.max_age_ms == r->max_age_ms && again.timeout_ms == r->timeout_ms);
	buf_free(&out);
}

static void check_refused(const struct request *r, const struct failure *why)
{
	struct reply reply;
	struct buf out;

	HOLDS(why->code == CODE_INVALID_REQUEST || why->code == CODE_UNKNOWN_OP);
	HOLDS(why->message[0] != '\0' && utf8_valid(why->message, strlen(why->message)));
	buf_init(&out, 4096);
	HOLDS(reply_failure(&out, r->id, why) == 0);
	HOLDS(
	    reply_decode((const char *)buf_data(&out) + FRAME_HEADER, buf_len(&out) - FRAME_HEADER, &reply) == 0);
	HOLDS(!reply.ok && reply.failure.code == why->code && strcmp(reply.failure.message, why->message) == 0);
	HOLDS(r->id.len > 0 ? same(reply.id, r->id) : reply.id.type == JSON_NULL);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *body = exact_copy(data, size);
	const char *begin = size > 0 ? body : body + 1;
	struct request request;
	struct failure why;
	int r = request_decode(begin, size, &request, &why);

	if (request.id.len > 0) {
		HOLDS(request.id.p >= begin && request.id.p + request.id.len <= begin + size);
		HOLDS(request.id.len <= REQUEST_ID_MAX + 2);
	}
	if (r == 0)
		check_accepted(&request);
	else
		check_refused(&request, &why);
	free(body);
	return 0;
}
