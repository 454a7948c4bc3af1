/*
 * credential_value: takes a field out of a secret without parsing more of it than its members' bounds.
 */
#include "daemon/callers/credential_value.h"

#include <string.h>

static int refuse_value(struct failure *why, enum code code, const char *what)
{
	failure_set(why, code, "%s", what);
	return -1;
}

static int too_large(struct failure *why)
{
	return refuse_value(why, CODE_TOO_LARGE, "it is larger than systemd takes");
}

static int value_lacks_memory(struct failure *why)
{
	return refuse_value(why, CODE_INTERNAL, "out of memory");
}

/* Of a member that is there twice the last one counts, as for those who ask on the other socket. */
static int find_field(struct jspan data, const char *field, struct jspan *ret, struct failure *why)
{
	struct jscan scan;
	struct jspan key, value;
	int more;

	ret->len = 0;
	jscan_init(&scan, data.p, data.len);
	(void)jscan_object(&scan);
	while ((more = jscan_member(&scan, &key)) == 1 && jscan_value(&scan, JSCAN_DEPTH_MAX, &value) == 0)
		if (jspan_equals(key, field))
			*ret = value;
	if (jscan_end(&scan) != 0)
		return refuse_value(why, CODE_UPSTREAM_ERROR, "the secret is no valid JSON object");
	return ret->len > 0 ? 0 : refuse_value(why, CODE_NOT_FOUND, "the secret has no such field");
}

/* A program that reads a credential into a C string would take one with a NUL for a shorter one. */
static int decode_field(struct jspan string, struct buf *ret, struct failure *why)
{
	int failed = 0;
	long n;

	/* Unescaping never makes it longer, and the quotes leave room for the NUL. */
	if (buf_reserve(ret, string.len) != 0)
		return value_lacks_memory(why);
	n = jspan_decode(string, (char *)buf_tail(ret), string.len);
	if (n < 0)
		return refuse_value(why, CODE_UPSTREAM_ERROR, "the field's text is not valid");
	buf_commit(ret, (size_t)n);
	if (memchr(buf_data(ret), '\0', buf_len(ret)) != NULL)
		failed = refuse_value(why, CODE_NOT_FOUND, "the field's text holds a NUL, which many programs would take for its end");
	else if (n > CREDENTIAL_VALUE_MAX)
		failed = too_large(why);
	if (failed != 0)
		buf_truncate(ret, 0);
	return failed;
}

int credential_value(struct jspan data, const char *field, struct buf *ret, struct failure *why)
{
	struct jspan value = data;

	if (field != NULL && find_field(data, field, &value, why) != 0)
		return -1;
	if (field == NULL && data.type != JSON_OBJECT)
		return refuse_value(why, CODE_UPSTREAM_ERROR, "the secret is no valid JSON object");
	if (value.type == JSON_STRING)
		return decode_field(value, ret, why);
	if (value.len > CREDENTIAL_VALUE_MAX)
		return too_large(why);
	return buf_put(ret, value.p, value.len) == 0 ? 0 : value_lacks_memory(why);
}
