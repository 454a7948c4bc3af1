/*
 * request: decodes what a caller asks. All members of the envelope are collected first, in whatever order they
 * come, so that the id is known for the reply even if something else is wrong; then they are held against the op.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "proto/request.h"
#include "proto/utf8.h"

#define NUMBER_MAX UINT64_C(9999999999)

/*
 * Only what looks like a mistyped name of ours is repeated in a message: anything longer may as well be a secret
 * that ended up in the wrong place.
 */
#define NAME_SHOWN_MAX 16

#define PING (1u << OP_PING)
#define STATUS (1u << OP_STATUS)
#define PROBE (1u << OP_PROBE)
#define GET (1u << OP_KV_GET)
#define PUT (1u << OP_KV_PUT)
#define SAVE (1u << OP_SNAPSHOT_SAVE)
#define RESTORE (1u << OP_SNAPSHOT_RESTORE)
#define ALL (PING | STATUS | PROBE | GET | PUT | SAVE | RESTORE)

/* X(enumerator, name, ops that take it, ops that need it, least and greatest value if it is a number) */
#define MEMBER_TABLE(X) \
	X(ID, "id", ALL, ALL, 0, 0) \
	X(OP, "op", ALL, ALL, 0, 0) \
	X(TIMEOUT, "timeout_ms", ALL, 0, 1, REQUEST_TIMEOUT_MAX_MS) \
	X(MOUNT, "mount", GET | PUT, GET | PUT, 0, 0) \
	X(PATH, "path", GET | PUT, GET | PUT, 0, 0) \
	X(DATA, "data", PUT, PUT, 0, 0) \
	X(CAS, "cas", PUT, 0, 0, NUMBER_MAX) \
	X(VERSION, "version", GET, 0, 1, NUMBER_MAX) \
	X(MIN_VERSION, "min_version", GET, 0, 0, NUMBER_MAX) \
	X(MAX_AGE, "max_age_ms", GET, 0, 0, NUMBER_MAX) \
	X(FORCE, "force", RESTORE, 0, 0, 0)

enum member {
#define X(enumerator, name, takes, needs, least, greatest) MEMBER_##enumerator,
	MEMBER_TABLE(X)
#undef X
	MEMBER_COUNT
};

static const char *const member_names[] = {
#define X(enumerator, name, takes, needs, least, greatest) name,
	MEMBER_TABLE(X)
#undef X
};

static const struct member_rule {
	unsigned takes, needs;
	uint64_t least, greatest;
} rules[] = {
#define X(enumerator, name, takes, needs, least, greatest) { takes, needs, least, greatest },
	MEMBER_TABLE(X)
#undef X
};

static const char *const op_names[] = {
#define X(enumerator, name) name,
	OP_TABLE(X)
#undef X
};

/* The members as they stand in the text; len 0 where there is none. */
struct envelope {
	struct jspan value[MEMBER_COUNT];
	bool repeated[MEMBER_COUNT];
	struct jspan unknown; /* the first unknown member's name */
	bool too_deep;        /* an unknown member is nested deeper than an envelope may be */
};

const char *op_name(enum op op)
{
	return op < OP_COUNT ? op_names[op] : "unknown";
}

enum op op_by_name(const char *name, size_t n)
{
	unsigned i;

	for (i = 0; i < OP_COUNT; i++)
		if (strlen(op_names[i]) == n && memcmp(op_names[i], name, n) == 0)
			break;
	return (enum op)i;
}

bool op_is_stream(enum op op)
{
	return op == OP_SNAPSHOT_SAVE || op == OP_SNAPSHOT_RESTORE;
}

bool op_has_path(enum op op)
{
	return op == OP_KV_GET || op == OP_KV_PUT;
}

static bool segment_ok(const char *p, size_t n)
{
	size_t i;

	if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
		return false;
	for (i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			return false;
	return true;
}

bool request_path_ok(const char *path, size_t max)
{
	size_t len = strlen(path), n;

	if (len > max || !utf8_valid(path, len))
		return false;
	for (;; path += n + 1) {
		n = strcspn(path, "/");
		if (!segment_ok(path, n))
			return false;
		if (path[n] == '\0')
			return true;
	}
}

/* Takes the value of the member with that name. 0, or -1: the text cannot be followed any further. */
static int collect_value(struct jscan *s, struct jspan name, struct envelope *envelope)
{
	int member = jspan_among(name, member_names, MEMBER_COUNT);
	struct jscan before = *s;
	struct jspan value;

	if (member == MEMBER_DATA) {
		if (jscan_value(s, JSCAN_DEPTH_MAX, &value) < 0)
			return -1;
	} else if (jscan_value(s, REQUEST_ENVELOPE_DEPTH - 1, &value) < 0) {
		/* Where only the nesting is wrong the text can be followed still, and the id may come later. */
		*s = before;
		if (jscan_value(s, JSCAN_DEPTH_MAX, &value) < 0)
			return -1;
		envelope->too_deep = true;
	}
	if (member >= 0) {
		envelope->repeated[member] = envelope->value[member].len > 0;
		envelope->value[member] = value;
	} else if (envelope->unknown.len == 0) {
		envelope->unknown = name;
	}
	return 0;
}

static int collect(struct jscan *s, struct envelope *envelope)
{
	struct jspan name;
	int r;

	if (jscan_object(s) < 0)
		return -1;
	while ((r = jscan_member(s, &name)) > 0)
		if (collect_value(s, name, envelope) < 0)
			return -1;
	return r < 0 ? -1 : jscan_end(s);
}

static bool id_ok(struct jspan id)
{
	uint64_t value;

	if (id.type == JSON_STRING)
		return id.len - 2 <= REQUEST_ID_MAX;
	return jspan_integer(id, &value) == 0;
}

static int refuse(struct failure *why, enum member member, const char *what)
{
	failure_set(why, CODE_INVALID_REQUEST, "member \"%s\" %s", member_names[member], what);
	return -1;
}

static int refuse_unknown(struct failure *why, struct jspan name)
{
	char shown[NAME_SHOWN_MAX + 1];
	long n = jspan_decode(name, shown, sizeof(shown));
	size_t plain = strspn(shown, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	if (n > 0 && plain == (size_t)n)
		failure_set(why, CODE_INVALID_REQUEST, "member \"%s\" is unknown", shown);
	else
		failure_set(why, CODE_INVALID_REQUEST, "a member is unknown");
	return -1;
}

/* What can be told before the op is known. */
static int check_shape(const struct envelope *envelope, struct failure *why)
{
	int member;

	for (member = 0; member < MEMBER_COUNT; member++)
		if (envelope->repeated[member])
			return refuse(why, (enum member)member, "is repeated");
	if (envelope->too_deep) {
		failure_set(why, CODE_INVALID_REQUEST, "a member is nested too deeply");
		return -1;
	}
	return 0;
}

static int check_id(struct jspan id, struct failure *why)
{
	if (id.len == 0)
		return refuse(why, MEMBER_ID, "is missing");
	if (!id_ok(id))
		return refuse(why, MEMBER_ID, "must be a string of at most 64 bytes or an integer from 0 to 9007199254740991");
	return 0;
}

static int find_op(struct jspan name, enum op *ret, struct failure *why)
{
	char text[32];
	long n;

	if (name.len == 0)
		return refuse(why, MEMBER_OP, "is missing");
	if (name.type != JSON_STRING)
		return refuse(why, MEMBER_OP, "must be a string");
	n = jspan_decode(name, text, sizeof(text));
	*ret = n < 0 ? OP_COUNT : op_by_name(text, (size_t)n);
	if (*ret < OP_COUNT)
		return 0;
	failure_set(why, CODE_UNKNOWN_OP, "%s", code_meaning(CODE_UNKNOWN_OP));
	return -1;
}

static int check_members(const struct envelope *envelope, enum op op, struct failure *why)
{
	unsigned bit = 1u << op;
	int member;

	if (envelope->unknown.len > 0)
		return refuse_unknown(why, envelope->unknown);
	for (member = 0; member < MEMBER_COUNT; member++) {
		if (envelope->value[member].len > 0 && (rules[member].takes & bit) == 0) {
			failure_set(why, CODE_INVALID_REQUEST, "member \"%s\" is unknown for %s", member_names[member],
			    op_name(op));
			return -1;
		}
		if (envelope->value[member].len == 0 && (rules[member].needs & bit) != 0)
			return refuse(why, (enum member)member, "is missing");
		if (envelope->value[member].len > 0 && envelope->value[member].type == JSON_NULL)
			return refuse(why, (enum member)member, "is null");
	}
	return 0;
}

/* A number leaves *ret alone if it is absent, and sets *has (which may be NULL) if it is there. */
static int take_number(const struct envelope *envelope, enum member member, bool *has, uint64_t *ret,
    struct failure *why)
{
	struct jspan span = envelope->value[member];
	const struct member_rule *rule = &rules[member];
	uint64_t value;
	char range[80];

	if (span.len == 0)
		return 0;
	if (jspan_number(span, &value) < 0 || value < rule->least || value > rule->greatest) {
		snprintf(range, sizeof(range), "must be an integer from %llu to %llu", (unsigned long long)rule->least,
		    (unsigned long long)rule->greatest);
		return refuse(why, member, range);
	}
	*ret = value;
	if (has != NULL)
		*has = true;
	return 0;
}

static int take_path(const struct envelope *envelope, enum member member, char *out, size_t cap,
    struct failure *why)
{
	struct jspan span = envelope->value[member];
	long n;

	if (span.len == 0)
		return 0;
	if (span.type != JSON_STRING)
		return refuse(why, member, "must be a string");
	n = jspan_decode(span, out, cap);
	if (n < 0)
		return refuse(why, member, "is too long");
	if ((size_t)n != strlen(out) || !request_path_ok(out, cap - 1))
		return refuse(why, member, "has an empty, \".\" or \"..\" segment, or a control byte");
	return 0;
}

static int take_data(const struct envelope *envelope, struct jspan *ret, struct failure *why)
{
	struct jspan span = envelope->value[MEMBER_DATA];

	if (span.len > 0 && span.type != JSON_OBJECT)
		return refuse(why, MEMBER_DATA, "must be an object");
	*ret = span;
	return 0;
}

static int take_flag(const struct envelope *envelope, enum member member, bool *ret, struct failure *why)
{
	struct jspan span = envelope->value[member];

	if (span.len > 0 && span.type != JSON_TRUE && span.type != JSON_FALSE)
		return refuse(why, member, "must be true or false");
	*ret = span.len > 0 && span.type == JSON_TRUE;
	return 0;
}

static int take_members(const struct envelope *envelope, struct request *request, struct failure *why)
{
	if (take_number(envelope, MEMBER_TIMEOUT, NULL, &request->timeout_ms, why) < 0 ||
	    take_path(envelope, MEMBER_MOUNT, request->mount, sizeof(request->mount), why) < 0 ||
	    take_path(envelope, MEMBER_PATH, request->path, sizeof(request->path), why) < 0 ||
	    take_data(envelope, &request->data, why) < 0 ||
	    take_number(envelope, MEMBER_CAS, &request->has_cas, &request->cas, why) < 0 ||
	    take_number(envelope, MEMBER_VERSION, NULL, &request->version, why) < 0 ||
	    take_number(envelope, MEMBER_MIN_VERSION, NULL, &request->min_version, why) < 0 ||
	    take_number(envelope, MEMBER_MAX_AGE, &request->has_max_age, &request->max_age_ms, why) < 0 ||
	    take_flag(envelope, MEMBER_FORCE, &request->force, why) < 0)
		return -1;
	return 0;
}

int request_decode(const char *body, size_t len, struct request *request, struct failure *why)
{
	struct envelope envelope = { 0 };
	struct jspan id;
	struct jscan s;
	int r;

	memset(request, 0, offsetof(struct request, mount));
	request->mount[0] = request->path[0] = '\0';
	request->op = OP_COUNT;
	jscan_init(&s, body, len);
	r = collect(&s, &envelope);
	id = envelope.value[MEMBER_ID];
	if (id.len > 0 && !envelope.repeated[MEMBER_ID] && id_ok(id))
		request->id = id;
	if (r < 0) {
		failure_set(why, CODE_INVALID_REQUEST, "not a JSON object as the protocol wants it: %s", s.error);
		return -1;
	}
	if (check_shape(&envelope, why) < 0 || check_id(id, why) < 0 ||
	    find_op(envelope.value[MEMBER_OP], &request->op, why) < 0 ||
	    check_members(&envelope, request->op, why) < 0)
		return -1;
	return take_members(&envelope, request, why);
}
