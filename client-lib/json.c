/*
 * json: finds one member of a JSON object, for callers that have no JSON library.
 */
#include "base/secmem.h"
#include "client-lib/secretstore.h"
#include "proto/jscan.h"

static int find_json_member(const char *json, size_t len, const char *name, struct jspan *ret_value)
{
	int found = jscan_find(json, len, name, ret_value);

	return found < 0 ? SS_PROTOCOL : found == 0 ? SS_NO_FIELD : SS_OK;
}

int ss_json_field(const char *json, size_t json_len, const char *name, const char **ret_value, size_t *ret_len)
{
	struct jspan value;
	int code = find_json_member(json, json_len, name, &value);

	if (code != SS_OK)
		return code;
	*ret_value = value.p;
	*ret_len = value.len;
	return SS_OK;
}

int ss_json_string(const char *json, size_t json_len, const char *name, char **ret_value, size_t *ret_len)
{
	struct jspan value;
	char *text;
	long n;
	int code = find_json_member(json, json_len, name, &value);

	if (code != SS_OK)
		return code;
	if (value.type != JSON_STRING)
		return SS_NOT_A_STRING;
	/* Unescaping never makes a text longer, and without the quotes there is room for the NUL. */
	text = secmem_malloc(value.len);
	if (text == NULL)
		return SS_NO_MEMORY;
	n = jspan_decode(value, text, value.len);
	if (n < 0) {
		secmem_free(text);
		return SS_PROTOCOL;
	}
	*ret_value = text;
	if (ret_len != NULL)
		*ret_len = (size_t)n;
	return SS_OK;
}

int ss_secret_string(const struct ss_secret *secret, const char *name, char **ret_value, size_t *ret_len)
{
	if (secret->data == NULL)
		return SS_NO_FIELD;
	return ss_json_string(secret->data, secret->data_len, name, ret_value, ret_len);
}
