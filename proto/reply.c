/*
 * reply: the shared parts of a reply's text, and its decoding by the client.
 */
#include <string.h>

#include "proto/reply.h"
#include "proto/utf8.h"

#define HTTP_STATUS_MAX 999

/* A member the protocol knows, and the types it may have, a bit each. */
struct expected {
	const char *name;
	size_t len; /* of the name */
	unsigned types;
};

#define OBJECT (1u << JSON_OBJECT)
#define STRING (1u << JSON_STRING)
#define NUMBER (1u << JSON_NUMBER)
#define BOOL (1u << JSON_TRUE | 1u << JSON_FALSE)
#define NONE (1u << JSON_NULL)

#define MEMBER(name, types) { name, sizeof(name) - 1, types }

/* In the order in which the daemon writes them, in which they are found soonest. */
enum { ID, OK, ERROR, VERSION, CREATED_TIME, METADATA, AGE, STALE, DATA, READY, STATE, NAME, STREAM, CONTINUE, BYTES, SHA256,
	VERIFIED, REPLY_MEMBERS };

/* "version" is a secret's, a number, or in the answer to a ping or status the daemon's, a string. */
static const struct expected reply_members[REPLY_MEMBERS] = {
	[ID] = MEMBER("id", STRING | NUMBER | NONE),
	[OK] = MEMBER("ok", BOOL),
	[ERROR] = MEMBER("error", OBJECT),
	[VERSION] = MEMBER("version", NUMBER | STRING),
	[CREATED_TIME] = MEMBER("created_time", STRING | NONE),
	[METADATA] = MEMBER("metadata", OBJECT | NONE),
	[AGE] = MEMBER("age_ms", NUMBER),
	[STALE] = MEMBER("stale", BOOL),
	[DATA] = MEMBER("data", OBJECT),
	[READY] = MEMBER("ready", BOOL),
	[STATE] = MEMBER("state", STRING),
	[NAME] = MEMBER("name", STRING),
	[STREAM] = MEMBER("stream", BOOL),
	[CONTINUE] = MEMBER("continue", BOOL),
	[BYTES] = MEMBER("bytes", NUMBER),
	[SHA256] = MEMBER("sha256", STRING),
	[VERIFIED] = MEMBER("verified", BOOL),
};

enum { CODE, MESSAGE, HTTP_STATUS, RETRYABLE, DELETED, OF_VERSION, ERROR_MEMBERS };

static const struct expected error_members[ERROR_MEMBERS] = {
	[CODE] = MEMBER("code", STRING),
	[MESSAGE] = MEMBER("message", STRING),
	[HTTP_STATUS] = MEMBER("status", NUMBER),
	[RETRYABLE] = MEMBER("retryable", BOOL),
	[DELETED] = MEMBER("deleted", BOOL),
	[OF_VERSION] = MEMBER("version", NUMBER),
};

void reply_begin(struct jwrite *w, struct buf *out, struct jspan id, bool ok)
{
	jwrite_begin(w, out);
	jwrite_span(w, "id", id);
	jwrite_bool(w, "ok", ok);
}

int reply_failure(struct buf *out, struct jspan id, const struct failure *failure)
{
	size_t len = strnlen(failure->message, sizeof(failure->message));
	struct jwrite w;

	reply_begin(&w, out, id, false);
	jwrite_open(&w, "error", '{');
	jwrite_text(&w, "code", code_name(failure->code));
	/* A caller is owed an answer even if the message is no text. */
	if (len > 0 && utf8_valid(failure->message, len))
		jwrite_string(&w, "message", failure->message, len);
	else
		jwrite_text(&w, "message", code_meaning(failure->code));
	jwrite_uint(&w, "status", failure->status > 0 ? (uint64_t)failure->status : 0);
	jwrite_bool(&w, "retryable", code_retryable(failure->code));
	if (failure->code == CODE_NOT_FOUND && failure->deleted)
		jwrite_bool(&w, "deleted", true);
	if (failure->code == CODE_NOT_FOUND && failure->version > 0)
		jwrite_uint(&w, "version", failure->version);
	jwrite_close(&w, '}');
	return jwrite_end(&w);
}

/*
 * Which of the expected a member is; count: none. A name that equals one as it is written is that one; only others can
 * have been written with escapes. The search begins where the last one ended, since members nearly always come in order.
 */
static int which(struct jspan name, const struct expected *expected, int count, int first)
{
	const char *text = name.p + 1;
	size_t len = name.len - 2;
	int i, tried;

	for (i = first, tried = 0; tried < count; tried++, i = i + 1 < count ? i + 1 : 0)
		if (expected[i].len == len && memcmp(expected[i].name, text, len) == 0)
			return i;
	if (memchr(text, '\\', len) == NULL)
		return count;
	for (i = 0; i < count && !jspan_equals(name, expected[i].name); i++)
		;
	return i;
}

/* Takes the members of the object at s into values, count of each. */
static int collect(struct jscan *s, const struct expected *expected, int count, struct jspan *values)
{
	struct jspan name, value;
	int i = -1, r;

	memset(values, 0, (size_t)count * sizeof(*values));
	if (jscan_object(s) < 0)
		return -1;
	while ((r = jscan_member(s, &name)) > 0) {
		if (jscan_value(s, JSCAN_DEPTH_MAX, &value) < 0)
			return -1;
		i = which(name, expected, count, i + 1 < count ? i + 1 : 0);
		if (i == count)
			continue;
		if (values[i].len > 0 || (expected[i].types & 1u << value.type) == 0)
			return -1;
		values[i] = value;
	}
	return r < 0 ? -1 : jscan_end(s);
}

static bool is_true(struct jspan value)
{
	return value.len > 0 && value.type == JSON_TRUE;
}

/* An absent number is 0. */
static int take_number(struct jspan value, uint64_t *ret)
{
	*ret = 0;
	return value.len > 0 ? jspan_number(value, ret) : 0;
}

static enum code code_of(struct jspan name)
{
	char text[32];
	long n = jspan_decode(name, text, sizeof(text));
	enum code code = n < 0 ? CODE_NONE : code_by_name(text, (size_t)n);

	/* A newer daemon may know more ways to fail. */
	return code == CODE_NONE ? CODE_INTERNAL : code;
}

static int decode_error(struct jspan error, struct failure *ret)
{
	struct jspan value[ERROR_MEMBERS];
	struct jscan s;
	uint64_t status;

	jscan_init(&s, error.p, error.len);
	if (collect(&s, error_members, ERROR_MEMBERS, value) < 0)
		return -1;
	if (value[CODE].len == 0)
		return -1;
	if (take_number(value[HTTP_STATUS], &status) < 0 || status > HTTP_STATUS_MAX)
		return -1;
	if (take_number(value[OF_VERSION], &ret->version) < 0)
		return -1;
	ret->code = code_of(value[CODE]);
	ret->status = (int)status;
	ret->deleted = is_true(value[DELETED]);
	return jspan_decode_cut(value[MESSAGE], ret->message, sizeof(ret->message)) < 0 ? -1 : 0;
}

int reply_decode(const char *body, size_t len, struct reply *reply)
{
	struct jspan value[REPLY_MEMBERS];
	struct reply r = { 0 };
	struct jscan s;

	jscan_init(&s, body, len);
	if (collect(&s, reply_members, REPLY_MEMBERS, value) < 0)
		return -1;
	r.ok = is_true(value[OK]);
	if (value[ID].len == 0 || value[OK].len == 0 || r.ok != (value[ERROR].len == 0))
		return -1;
	if (!r.ok && decode_error(value[ERROR], &r.failure) < 0)
		return -1;
	if (value[VERSION].len > 0 && value[VERSION].type == JSON_STRING)
		r.daemon = value[VERSION];
	else if (take_number(value[VERSION], &r.version) < 0)
		return -1;
	if (take_number(value[AGE], &r.age_ms) < 0)
		return -1;
	if (value[BYTES].len > 0 && jspan_integer(value[BYTES], &r.bytes) < 0)
		return -1;
	r.has_bytes = value[BYTES].len > 0;
	r.has_age = value[AGE].len > 0;
	r.id = value[ID];
	r.data = value[DATA];
	r.metadata = value[METADATA];
	if (value[CREATED_TIME].type == JSON_STRING)
		r.created_time = value[CREATED_TIME];
	r.ready = is_true(value[READY]);
	r.state = value[STATE];
	r.name = value[NAME];
	r.stale = is_true(value[STALE]);
	r.stream = is_true(value[STREAM]);
	r.go_on = is_true(value[CONTINUE]);
	r.sha256 = value[SHA256];
	r.verified = is_true(value[VERIFIED]);
	*reply = r;
	return 0;
}
