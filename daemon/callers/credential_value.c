/*
 * credential_value: takes a field out of a secret without parsing more of it than its members' bounds.
 */
#include "daemon/callers/credential_value.h"

#include <string.h>

/* Of a member that is there twice the last one counts, as for those who ask on the other socket. */
static const char *find(struct jspan data, const char *field, struct jspan *ret)
{
	struct jscan scan;
	struct jspan key, value;
	int more;

	ret->len = 0;
	jscan_init(&scan, data.p, data.len);
	if (jscan_object(&scan) != 0)
		return "the secret is no JSON object";
	while ((more = jscan_member(&scan, &key)) == 1) {
		if (jscan_value(&scan, JSCAN_DEPTH_MAX, &value) != 0)
			return "the secret is no valid JSON";
		if (jspan_equals(key, field))
			*ret = value;
	}
	if (more != 0 || jscan_end(&scan) != 0)
		return "the secret is no valid JSON";
	return ret->len > 0 ? NULL : "the secret has no such field";
}

static const char too_large[] = "it is larger than systemd takes", no_memory[] = "out of memory";

/* A program that reads a credential into a C string would take one with a NUL for a shorter one. */
static const char *decode(struct jspan string, struct buf *ret)
{
	const char *wrong = NULL;
	long n;

	/* Unescaping never makes it longer, and the quotes leave room for the NUL. */
	if (buf_reserve(ret, string.len) != 0)
		return no_memory;
	n = jspan_decode(string, (char *)buf_tail(ret), string.len);
	if (n < 0)
		return "the field's text is not valid";
	buf_commit(ret, (size_t)n);
	if (memchr(buf_data(ret), '\0', buf_len(ret)) != NULL)
		wrong = "the field's text holds a NUL";
	else if (n > CREDENTIAL_VALUE_MAX)
		wrong = too_large;
	if (wrong != NULL)
		buf_truncate(ret, 0);
	return wrong;
}

const char *credential_value(struct jspan data, const char *field, struct buf *ret)
{
	struct jspan value = data;
	const char *wrong = field != NULL ? find(data, field, &value) : NULL;

	if (wrong != NULL)
		return wrong;
	if (field == NULL && data.type != JSON_OBJECT)
		return "the secret is no JSON object";
	if (value.type == JSON_STRING)
		return decode(value, ret);
	if (value.len > CREDENTIAL_VALUE_MAX)
		return too_large;
	return buf_put(ret, value.p, value.len) == 0 ? NULL : no_memory;
}
