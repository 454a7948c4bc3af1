/*
 * request: decodes what a caller asks. All members of the envelope are collected first, in whatever order they
 * come, so that the id is known for the reply even if something else is wrong; then they are checked against the
 * op.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/request.h"
#include "proto/utf8.h"

/*
 * A message repeats the name of an unknown member only if it is this short, as a mistyped name of the protocol
 * would be. Anything longer might be a secret that ended up in the wrong place.
 */
#define NAME_SHOWN_MAX 16

static const struct jname member_names[] = {
#define X(enumerator, name, least, greatest) JNAME(name),
	MEMBER_TABLE(X)
#undef X
};

static const struct range {
	uint64_t least, greatest;
} ranges[] = {
#define X(enumerator, name, least, greatest) { least, greatest },
	MEMBER_TABLE(X)
#undef X
};

/* The members as they stand in the text; len 0 where there is none. */
struct envelope {
	struct jspan value[MEMBER_COUNT];
	unsigned has, repeated, null; /* sets of members */
	int next;                     /* the member that is expected next: they mostly come in order */
	struct jspan unknown;         /* the first unknown member's name */
	bool too_deep;                /* a member other than "data" is nested deeper than it may be */
};

/*
 * Gives the end of the path segment at p; NULL if it is empty, "." or "..", or holds a control byte or bad UTF-8.
 */
static const char *segment_end(const char *p, const char *end)
{
	const char *first = p;
	size_t n;

	while (p < end && *p != '/') {
		if (*p >= 0x20 && *p < 0x7f) {
			p++;
			continue;
		}
		n = (unsigned char)*p < 0x80 ? 0 : utf8_sequence(p, (size_t)(end - p));
		if (n == 0)
			return NULL;
		p += n;
	}
	n = (size_t)(p - first);
	return n == 0 || (n == 1 && *first == '.') || (n == 2 && first[0] == '.' && first[1] == '.') ? NULL : p;
}

static bool is_canonical_path(const char *path, size_t len)
{
	const char *p, *end = path + len;

	for (p = segment_end(path, end); p != NULL && p < end; p = segment_end(p + 1, end))
		;
	return p != NULL;
}

bool request_path_ok(const char *path, size_t max)
{
	size_t len = strlen(path);

	return len <= max && is_canonical_path(path, len);
}

/*
 * Takes the value of a member, which is -1 for an unknown one. 0 also if it is nested too deeply; -1: the text
 * cannot be followed any further.
 */
static int collect_value(struct jscan *s, int member, struct jspan name, struct envelope *envelope)
{
	struct jscan before = *s;
	struct jspan value;

	if (member == MEMBER_DATA) {
		if (jscan_value(s, JSCAN_DEPTH_MAX, &value) < 0)
			return -1;
	} else if (jscan_value(s, REQUEST_ENVELOPE_DEPTH - 1, &value) < 0) {
		/* If only the nesting is wrong the text can still be followed, and the id may come later. */
		*s = before;
		if (jscan_value(s, JSCAN_DEPTH_MAX, &value) < 0)
			return -1;
		envelope->too_deep = true;
	}
	if (member >= 0) {
		unsigned bit = 1u << member;

		envelope->repeated |= envelope->has & bit;
		envelope->has |= bit;
		envelope->null |= value.type == JSON_NULL ? bit : 0;
		envelope->value[member] = value;
		envelope->next = member + 1 < MEMBER_COUNT ? member + 1 : 0;
	} else if (envelope->unknown.len == 0) {
		envelope->unknown = name;
	}
	return 0;
}

static int collect_envelope(struct jscan *s, struct envelope *envelope)
{
	struct jspan name;
	int member, r;

	if (jscan_object(s) < 0)
		return -1;
	while ((r = jscan_member_among(s, member_names, MEMBER_COUNT, envelope->next, &name, &member)) > 0)
		if (collect_value(s, member, name, envelope) < 0)
			return -1;
	return r < 0 ? -1 : jscan_end(s);
}

static bool is_valid_id(struct jspan id)
{
	uint64_t value;

	if (id.type == JSON_STRING)
		return id.len - 2 <= REQUEST_ID_MAX;
	return jspan_integer(id, &value) == 0;
}

/* Gives the first member of a set that is not empty. */
static enum member first_member(unsigned set)
{
	return (enum member)(ffs((int)set) - 1);
}

static int refuse_member(struct failure *why, enum member member, const char *what)
{
	failure_set(why, CODE_INVALID_REQUEST, "member \"%s\" %s", member_names[member].text, what);
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

/* Checks what must hold whatever the op is. */
static int check_shape(const struct envelope *envelope, struct failure *why)
{
	if (envelope->repeated != 0)
		return refuse_member(why, first_member(envelope->repeated), "is repeated");
	if (envelope->too_deep) {
		failure_set(why, CODE_INVALID_REQUEST, "a member is nested too deeply");
		return -1;
	}
	return 0;
}

static int find_op(struct jspan name, enum op *ret, struct failure *why)
{
	if (name.len == 0)
		return refuse_member(why, MEMBER_OP, "is missing");
	if (name.type != JSON_STRING)
		return refuse_member(why, MEMBER_OP, "must be a string");
	*ret = op_by_span(name);
	if (*ret != OP_COUNT)
		return 0;
	failure_set(why, CODE_UNKNOWN_OP, "%s", code_meaning(CODE_UNKNOWN_OP));
	return -1;
}

static int check_members(const struct envelope *envelope, enum op op, struct failure *why)
{
	const struct op_info *info = op_info(op);
	unsigned needs = info->needs, unknown = envelope->has & ~info->takes;
	unsigned wrong = unknown | envelope->null | (needs & ~envelope->has);
	enum member member;

	if (envelope->unknown.len > 0)
		return refuse_unknown(why, envelope->unknown);
	if (wrong == 0)
		return 0;
	member = first_member(wrong);
	if ((unknown & 1u << member) == 0)
		return refuse_member(why, member, (envelope->has & 1u << member) != 0 ? "is null" : "is missing");
	failure_set(why, CODE_INVALID_REQUEST, "member \"%s\" is unknown for %s", member_names[member].text,
	    info->name);
	return -1;
}

static int refuse_number(struct failure *why, enum member member)
{
	char what[80];

	snprintf(what, sizeof(what), "must be an integer from %llu to %llu",
	    (unsigned long long)ranges[member].least, (unsigned long long)ranges[member].greatest);
	return refuse_member(why, member, what);
}

/* Decodes a number: sets *ret, and *has unless that is NULL; leaves both untouched if the member is absent. */
static int decode_number(const struct envelope *envelope, enum member member, bool *has, uint64_t *ret,
    struct failure *why)
{
	const struct range *range = &ranges[member];
	uint64_t value;

	if ((envelope->has & 1u << member) == 0)
		return 0;
	if (jspan_number(envelope->value[member], &value) < 0 || value < range->least || value > range->greatest)
		return refuse_number(why, member);
	*ret = value;
	if (has != NULL)
		*has = true;
	return 0;
}

/* Decodes a mount or a path of at most max bytes into out. Gives its length with its NUL; or 0 with why set. */
static size_t decode_part(const struct envelope *envelope, enum member member, char *out, size_t max,
    struct failure *why)
{
	struct jspan span = envelope->value[member];
	long n;

	if (span.type != JSON_STRING) {
		refuse_member(why, member, "must be a string");
		return 0;
	}
	n = jspan_decode(span, out, max + 1);
	if (n < 0)
		refuse_member(why, member, "is too long");
	else if (!is_canonical_path(out, (size_t)n))
		refuse_member(why, member, "has an empty, \".\" or \"..\" segment, or a control byte");
	else
		return (size_t)n + 1;
	return 0;
}

static int decode_secret_name(const struct envelope *envelope, struct secret_name *name, struct failure *why)
{
	size_t mount = decode_part(envelope, MEMBER_MOUNT, name->key, SECRET_MOUNT_MAX, why);
	size_t path = mount > 0 ? decode_part(envelope, MEMBER_PATH, name->key + mount, SECRET_PATH_MAX, why) : 0;

	name->path_at = (uint16_t)mount;
	name->key_len = (uint16_t)(mount + path);
	return path > 0 ? 0 : -1;
}

static int decode_data(const struct envelope *envelope, struct jspan *ret, struct failure *why)
{
	struct jspan span = envelope->value[MEMBER_DATA];

	if (span.len > 0 && span.type != JSON_OBJECT)
		return refuse_member(why, MEMBER_DATA, "must be an object");
	*ret = span;
	return 0;
}

static int decode_flag(const struct envelope *envelope, enum member member, bool *ret, struct failure *why)
{
	struct jspan span = envelope->value[member];

	if (span.len > 0 && span.type != JSON_TRUE && span.type != JSON_FALSE)
		return refuse_member(why, member, "must be true or false");
	*ret = span.len > 0 && span.type == JSON_TRUE;
	return 0;
}

static int decode_numbers(const struct envelope *envelope, struct request *request, struct failure *why)
{
	if (decode_number(envelope, MEMBER_TIMEOUT, NULL, &request->timeout_ms, why) < 0 ||
	    decode_number(envelope, MEMBER_CAS, &request->has_cas, &request->cas, why) < 0 ||
	    decode_number(envelope, MEMBER_VERSION, NULL, &request->version, why) < 0 ||
	    decode_number(envelope, MEMBER_MIN_VERSION, NULL, &request->min_version, why) < 0 ||
	    decode_number(envelope, MEMBER_MAX_AGE, &request->has_max_age, &request->max_age_ms, why) < 0)
		return -1;
	return 0;
}

static int decode_members(const struct envelope *envelope, struct request *request, struct failure *why)
{
	if (decode_numbers(envelope, request, why) < 0 ||
	    (op_has_path(request->op) && decode_secret_name(envelope, &request->name, why) < 0) ||
	    decode_data(envelope, &request->data, why) < 0 ||
	    decode_flag(envelope, MEMBER_FORCE, &request->force, why) < 0)
		return -1;
	return 0;
}

int request_decode(const char *body, size_t len, struct request *request, struct failure *why)
{
	struct envelope envelope = { 0 };
	struct jspan id;
	struct jscan s;
	int r;

	memset(request, 0, offsetof(struct request, name) + sizeof(request->name));
	request->op = OP_COUNT;
	jscan_init(&s, body, len);
	r = collect_envelope(&s, &envelope);
	id = envelope.value[MEMBER_ID];
	if (id.len > 0 && (envelope.repeated & HAS(ID)) == 0 && is_valid_id(id))
		request->id = id;
	if (r < 0) {
		failure_set(why, CODE_INVALID_REQUEST, "not a JSON object as the protocol wants it: byte %zu: %s",
		    (size_t)(s.p - body) + 1, s.error);
		return -1;
	}
	if (check_shape(&envelope, why) < 0)
		return -1;
	if (request->id.len == 0)
		return refuse_member(why, MEMBER_ID,
		    id.len == 0 ? "is missing"
				: "must be a string of at most 64 bytes or an integer from 0 to 9007199254740991");
	if (find_op(envelope.value[MEMBER_OP], &request->op, why) < 0 ||
	    check_members(&envelope, request->op, why) < 0)
		return -1;
	return decode_members(&envelope, request, why);
}
