/*
 * credential_value: takes a field out of a secret without parsing more of it than its members' bounds.
 */
#include "daemon/callers/credential_value.h"

#include <string.h>

static int fail(struct failure *why, enum code code, const char *what)
{
	failure_set(why, code, "%s", what);
	return -1;
}

static int too_large(struct failure *why)
{
	return fail(why, CODE_TOO_LARGE, "it is larger than systemd takes");
}

static int no_memory(struct failure *why)
{
	return fail(why, CODE_INTERNAL, "out of memory");
}

/* A program that reads a credential into a C string would take one with a NUL for a shorter one. */
static int decode(struct jspan string, struct buf *ret, struct failure *why)
{
	int failed = 0;
	long n;

	/* Unescaping never makes it longer, and the quotes leave room for the NUL. */
	if (buf_reserve(ret, string.len) != 0)
		return no_memory(why);
	n = jspan_decode(string, (char *)buf_tail(ret), string.len);
	if (n < 0)
		return fail(why, CODE_UPSTREAM_ERROR, "the field's text is not valid");
	buf_commit(ret, (size_t)n);
	if (memchr(buf_data(ret), '\0', buf_len(ret)) != NULL)
		failed = fail(why, CODE_NOT_FOUND, "the field's text holds a NUL, which many programs would take for its end");
	else if (n > CREDENTIAL_VALUE_MAX)
		failed = too_large(why);
	if (failed != 0)
		buf_truncate(ret, 0);
	return failed;
}

int credential_value(struct jspan data, const char *field, struct buf *ret, struct failure *why)
{
	struct jspan value = data;

	if (field != NULL ? jscan_find(data.p, data.len, field, &value) != 0 : data.type != JSON_OBJECT)
		return fail(why, CODE_UPSTREAM_ERROR, "the secret is no valid JSON object");
	if (value.len == 0)
		return fail(why, CODE_NOT_FOUND, "the secret has no such field");
	if (value.type == JSON_STRING)
		return decode(value, ret, why);
	if (value.len > CREDENTIAL_VALUE_MAX)
		return too_large(why);
	return buf_put(ret, value.p, value.len) == 0 ? 0 : no_memory(why);
}
