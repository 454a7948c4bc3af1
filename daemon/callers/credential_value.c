/*
 * credential_value: finds a field in a secret, scanning the others without decoding them.
 */
#include "daemon/callers/credential_value.h"

#include <string.h>

#include "base/secmem.h"

static const char larger_text[] = "it is larger than systemd takes";

static int set_failure(struct failure *why, enum code code, const char *what)
{
	failure_set(why, code, "%s", what);
	return -1;
}

/*
 * Decodes a string. One with a NUL is refused, since a program that reads it into a C string would cut it there.
 */
static int put_text_of(struct jspan string, struct buf *ret, struct failure *why)
{
	/* Unescaping never makes it longer, and the quotes leave room for the NUL. */
	if (buf_reserve(ret, string.len) != 0)
		return set_failure(why, CODE_INTERNAL, "out of memory");
	long n = jspan_decode(string, (char *)buf_tail(ret), string.len);
	if (n < 0) {
		secmem_wipe(buf_tail(ret), string.len);
		return set_failure(why, CODE_UPSTREAM_ERROR, "the field's text is not valid");
	}
	buf_commit(ret, (size_t)n);
	if (memchr(buf_data(ret), '\0', buf_len(ret)) != NULL)
		(void)set_failure(why, CODE_NOT_FOUND,
		    "the field's text holds a NUL, which many programs would take for its end");
	else if (n > CREDENTIAL_VALUE_MAX)
		(void)set_failure(why, CODE_TOO_LARGE, larger_text);
	else
		return 0;
	buf_truncate(ret, 0);
	return -1;
}

int credential_value(struct jspan data, const char *field, struct buf *ret, struct failure *why)
{
	struct jspan value = data;
	/* If a member is there twice the last one counts, as jq and most JSON parsers have it. */
	int found = field != NULL ? jscan_find(data.p, data.len, field, &value) : 1;

	if (found < 0 || (field == NULL && data.type != JSON_OBJECT))
		return set_failure(why, CODE_UPSTREAM_ERROR, "the secret is no valid JSON object");
	if (found == 0)
		return set_failure(why, CODE_NOT_FOUND, "the secret has no such field");
	if (value.type == JSON_STRING)
		return put_text_of(value, ret, why);
	if (value.len > CREDENTIAL_VALUE_MAX)
		return set_failure(why, CODE_TOO_LARGE, larger_text);
	return buf_put(ret, value.p, value.len) == 0 ? 0 : set_failure(why, CODE_INTERNAL, "out of memory");
}
