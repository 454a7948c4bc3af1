/*
 * reply: writes what all replies share, and decodes replies for the client.
 */
#include <stddef.h>
#include <string.h>

#include "base/compiler.h"
#include "proto/reply.h"
#include "proto/utf8.h"

#define HTTP_STATUS_MAX 999

/* The types that a member may have, one bit for each. */
#define OBJECT (1u << JSON_OBJECT)
#define STRING (1u << JSON_STRING)
#define NUMBER (1u << JSON_NUMBER)
#define BOOL (1u << JSON_TRUE | 1u << JSON_FALSE)
#define NONE (1u << JSON_NULL)

/*
 * X(enumerator, name, types). The members of a secret stand in the order in which the daemon writes them, so that
 * each is found at once. "version" is a secret's, a number, or in the answers to ping and status the daemon's, a
 * string.
 */
#define REPLY_TABLE(X) \
	X(ID, "id", STRING | NUMBER | NONE) \
	X(OK, "ok", BOOL) \
	X(VERSION, "version", NUMBER | STRING) \
	X(CREATED_TIME, "created_time", STRING | NONE) \
	X(METADATA, "metadata", OBJECT | NONE) \
	X(AGE, "age_ms", NUMBER) \
	X(STALE, "stale", BOOL) \
	X(DATA, "data", OBJECT) \
	X(READY, "ready", BOOL) \
	X(STATE, "state", STRING) \
	X(NAME, "name", STRING) \
	X(STREAM, "stream", BOOL) \
	X(CONTINUE, "continue", BOOL) \
	X(BYTES, "bytes", NUMBER) \
	X(SHA256, "sha256", STRING) \
	X(VERIFIED, "verified", BOOL) \
	X(ERROR, "error", OBJECT)

#define ERROR_TABLE(X) \
	X(CODE, "code", STRING) \
	X(MESSAGE, "message", STRING) \
	X(HTTP_STATUS, "status", NUMBER) \
	X(RETRYABLE, "retryable", BOOL) \
	X(DELETED, "deleted", BOOL) \
	X(OF_VERSION, "version", NUMBER)

#define ENUMERATOR(enumerator, name, types) enumerator,
#define NAME_OF(enumerator, name, types) JNAME(name),
#define TYPES_OF(enumerator, name, types) types,

enum { REPLY_TABLE(ENUMERATOR) REPLY_MEMBERS };
enum { ERROR_TABLE(ENUMERATOR) ERROR_MEMBERS };

/* The members of an object that the protocol knows. */
struct members {
	int count;
	const struct jname *names;
	const unsigned *types;
};

static const struct members reply_members = { REPLY_MEMBERS, (const struct jname[]){ REPLY_TABLE(NAME_OF) },
	(const unsigned[]){ REPLY_TABLE(TYPES_OF) } };
static const struct members error_members = { ERROR_MEMBERS, (const struct jname[]){ ERROR_TABLE(NAME_OF) },
	(const unsigned[]){ ERROR_TABLE(TYPES_OF) } };

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
	/* A message that is no valid UTF-8 would make the reply fail, and the caller must get one. */
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

/* Collects the members of the object at s: values[i] is that of known->names[i], and has len 0 if it is absent. */
static int collect_reply_members(struct jscan *s, const struct members *known, struct jspan *values)
{
	struct jspan name, value;
	int i, next = 0, r;

	memset(values, 0, (size_t)known->count * sizeof(*values));
	if (jscan_object(s) < 0)
		return -1;
	while ((r = jscan_member_among(s, known->names, known->count, next, &name, &i)) > 0) {
		if (jscan_value(s, JSCAN_DEPTH_MAX, &value) < 0)
			return -1;
		if (i < 0)
			continue;
		if (values[i].len > 0 || (known->types[i] & 1u << value.type) == 0)
			return -1;
		values[i] = value;
		next = i + 1 < known->count ? i + 1 : 0;
	}
	return r < 0 ? -1 : jscan_end(s);
}

static bool is_true(struct jspan value)
{
	return value.len > 0 && value.type == JSON_TRUE;
}

/* Reads a number, which is 0 if it is absent. */
static int read_optional_number(struct jspan value, uint64_t *ret)
{
	*ret = 0;
	return value.len > 0 ? jspan_number(value, ret) : 0;
}

static enum code code_from_span(struct jspan name)
{
	char text[32];
	long n = jspan_decode(name, text, sizeof(text));
	enum code code = n < 0 ? CODE_NONE : code_by_name(text, (size_t)n);

	/* A newer daemon may have codes that this client does not know. */
	return code == CODE_NONE ? CODE_INTERNAL : code;
}

static int decode_error(struct jspan error, struct failure *ret)
{
	struct jspan value[ERROR_MEMBERS];
	struct jscan s;
	uint64_t status;

	jscan_init(&s, error.p, error.len);
	if (collect_reply_members(&s, &error_members, value) < 0)
		return -1;
	if (value[CODE].len == 0)
		return -1;
	if (read_optional_number(value[HTTP_STATUS], &status) < 0 || status > HTTP_STATUS_MAX)
		return -1;
	if (read_optional_number(value[OF_VERSION], &ret->version) < 0)
		return -1;
	ret->code = code_from_span(value[CODE]);
	ret->status = (int)status;
	ret->deleted = is_true(value[DELETED]);
	return jspan_decode_cut(value[MESSAGE], ret->message, sizeof(ret->message)) < 0 ? -1 : 0;
}

int reply_decode(const char *body, size_t len, struct reply *reply)
{
	struct jspan value[REPLY_MEMBERS];
	NOT_ZEROED struct reply r;
	struct jscan s;

	memset(&r, 0, offsetof(struct reply, failure.message));
	r.failure.message[0] = '\0';
	jscan_init(&s, body, len);
	if (collect_reply_members(&s, &reply_members, value) < 0)
		return -1;
	r.ok = is_true(value[OK]);
	if (value[ID].len == 0 || value[OK].len == 0 || r.ok != (value[ERROR].len == 0))
		return -1;
	if (!r.ok && decode_error(value[ERROR], &r.failure) < 0)
		return -1;
	if (value[VERSION].len > 0 && value[VERSION].type == JSON_STRING)
		r.daemon = value[VERSION];
	else if (read_optional_number(value[VERSION], &r.version) < 0)
		return -1;
	if (read_optional_number(value[AGE], &r.age_ms) < 0)
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
	memcpy(reply, &r, offsetof(struct reply, failure.message) + strlen(r.failure.message) + 1);
	return 0;
}
