/*
 * submit: checks a request, writes its frame and queues it.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client-lib/client.h"
#include "proto/frame.h"
#include "proto/jscan.h"
#include "proto/jwrite.h"
#include "proto/request.h"

#define ENVELOPE_MAX 16384u /* more than the rest of a put without its data can take, however it is escaped */

struct client_request {
	enum op op;
	const char *mount, *path; /* NULL for requests without a path */
	struct jspan data;
	const uint64_t *cas;
	uint64_t version;
	uint32_t timeout_ms;
	ss_callback *callback;
	void *arg;
};

/* Returns SS_OK if the request can be taken; otherwise the code, with *why as the message. */
static int check_arguments(const struct ss_client *c, const struct client_request *request, const char **why)
{
	bool has_path = op_has_path(request->op);

	*why = "the handle is being closed";
	if (c->closing)
		return SS_INVALID_REQUEST;
	*why = "a request needs a callback";
	if (request->callback == NULL)
		return SS_INVALID_REQUEST;
	*why = "timeout_ms is over its limit";
	if (request->timeout_ms > SS_MAX_TIMEOUT_MS)
		return SS_INVALID_REQUEST;
	*why = "the mount is not of the form a/b, without empty, \".\" or \"..\" segments and control bytes";
	if (has_path && (request->mount == NULL || !request_path_ok(request->mount, SECRET_MOUNT_MAX)))
		return SS_INVALID_REQUEST;
	*why = "the path is not of the form a/b, without empty, \".\" or \"..\" segments and control bytes";
	if (has_path && (request->path == NULL || !request_path_ok(request->path, SECRET_PATH_MAX)))
		return SS_INVALID_REQUEST;
	*why = "the secret is too large";
	return request->data.len > FRAME_BODY_MAX - ENVELOPE_MAX ? SS_TOO_LARGE : SS_OK;
}

static int write_request(struct exchange *x, const struct client_request *request)
{
	static const char spaces[EXCHANGE_TIMEOUT_DIGITS + 1] = "      ";
	struct jwrite w;

	x->timeout_at = 0;
	jwrite_begin(&w, &x->frame);
	jwrite_uint(&w, "id", x->id);
	jwrite_text(&w, "op", op_name(request->op));
	/* The time left is filled in when the frame is written. Until then there are spaces, which JSON allows. */
	if (!op_is(request->op, OP_AT_ONCE)) {
		jwrite_span(&w, "timeout_ms", (struct jspan){ spaces, EXCHANGE_TIMEOUT_DIGITS, JSON_NUMBER });
		x->timeout_at = buf_len(&x->frame) - EXCHANGE_TIMEOUT_DIGITS;
	}
	if (request->mount != NULL) {
		jwrite_text(&w, "mount", request->mount);
		jwrite_text(&w, "path", request->path);
	}
	if (request->version != 0)
		jwrite_uint(&w, "version", request->version);
	if (request->cas != NULL)
		jwrite_uint(&w, "cas", *request->cas);
	if (request->data.len > 0)
		jwrite_span(&w, "data", request->data);
	return jwrite_end(&w);
}

static int submit_request(struct ss_client *c, const struct client_request *request)
{
	struct exchange *x;
	const char *why;
	int code;

	client_enter(c);
	code = check_arguments(c, request, &why);
	if (code != SS_OK)
		return client_fail(c, code, why);
	x = exchange_new(&c->exchanges, &code);
	if (x == NULL)
		return client_fail(c, code,
		    code == SS_OVERLOADED ? "too many requests under way" : "out of memory");
	if (write_request(x, request) != 0)
		return client_fail(c, SS_NO_MEMORY, "out of memory");
	x->op = request->op;
	x->callback = request->callback;
	x->arg = request->arg;
	x->deadline_ms = clock_now_ms() + (request->timeout_ms != 0 ? request->timeout_ms : SS_DEFAULT_TIMEOUT_MS);
	exchange_queue(&c->exchanges, x);
	/* A new request does not wait because of failures before it. */
	c->retry_at_ms = 0;
	return client_fail(c, SS_OK, "");
}

int ss_submit_get(struct ss_client *c, const char *mount, const char *path, uint64_t version, uint32_t timeout_ms,
    ss_callback *callback, void *arg)
{
	struct client_request request = { .op = OP_KV_GET,
		.mount = mount,
		.path = path,
		.version = version,
		.timeout_ms = timeout_ms,
		.callback = callback,
		.arg = arg };

	return submit_request(c, &request);
}

/* Checks that the text is one JSON object: anything else could break out of its place in the request. */
static int check_object(struct ss_client *c, const char *json, size_t len)
{
	char message[CLIENT_TEXT];
	struct jscan scan;
	struct jspan object;

	jscan_init(&scan, json, len);
	if (jscan_peek(&scan) == JSON_OBJECT && jscan_value(&scan, JSCAN_DEPTH_MAX, &object) == 0 &&
	    jscan_end(&scan) == 0)
		return SS_OK;
	(void)jscan_object(&scan); /* this sets the error if there is no object at all */
	struct jscan_place place = jscan_place(&scan, json);
	snprintf(message, sizeof(message), "the secret is not a JSON object: line %zu, column %zu: %s", place.line,
	    place.column, scan.error);
	return client_fail(c, SS_INVALID_REQUEST, message);
}

int ss_submit_put(struct ss_client *c, const char *mount, const char *path, const char *json, size_t json_len,
    const uint64_t *cas, uint32_t timeout_ms, ss_callback *callback, void *arg)
{
	struct client_request request = { .op = OP_KV_PUT,
		.mount = mount,
		.path = path,
		.data = { json, json_len, JSON_OBJECT },
		.cas = cas,
		.timeout_ms = timeout_ms,
		.callback = callback,
		.arg = arg };

	int code = check_object(c, json != NULL ? json : "", json != NULL ? json_len : 0);

	return code == SS_OK ? submit_request(c, &request) : code;
}

int ss_submit_ping(struct ss_client *c, uint32_t timeout_ms, ss_callback *callback, void *arg)
{
	struct client_request request = { .op = OP_PING,
		.timeout_ms = timeout_ms,
		.callback = callback,
		.arg = arg };

	return submit_request(c, &request);
}

int ss_submit_status(struct ss_client *c, uint32_t timeout_ms, ss_callback *callback, void *arg)
{
	struct client_request request = { .op = OP_STATUS,
		.timeout_ms = timeout_ms,
		.callback = callback,
		.arg = arg };

	return submit_request(c, &request);
}

int ss_submit_probe(struct ss_client *c, uint32_t timeout_ms, ss_callback *callback, void *arg)
{
	struct client_request request = { .op = OP_PROBE,
		.timeout_ms = timeout_ms,
		.callback = callback,
		.arg = arg };

	return submit_request(c, &request);
}
