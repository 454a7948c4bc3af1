/*
 * Any bytes as the address of whoever asks for a credential, and as a secret that one is taken from: what is
 * accepted reads the same when it is put together again, and a value is no longer than what it came from.
 */
#include "daemon/access/credential_rules.h"
#include "daemon/callers/credential_value.h"
#include "tests/fuzz/fuzz.h"

static void check_peer(const char *name, size_t size)
{
	struct credential_peer peer;
	const char *end;
	size_t unit, id;

	if (!credential_peer_parse(name, size, &peer))
		return;
	unit = strlen(peer.unit);
	id = strlen(peer.id);
	HOLDS(unit > 0 && id > 0 && credential_id_ok(peer.id) && strchr(peer.unit, '/') == NULL);
	HOLDS(size >= 9 + unit + id && size <= CREDENTIAL_NAME_MAX && name[0] == '\0');
	end = name + size;
	HOLDS(memcmp(end - id, peer.id, id) == 0 && end[-(long)id - 1] == '/');
	HOLDS(memcmp(end - id - 1 - unit, peer.unit, unit) == 0);
	HOLDS(memcmp(end - id - 1 - unit - 6, "/unit/", 6) == 0);
}

static void check_value(const char *text, size_t size, const char *field)
{
	struct jspan data = { .p = text, .len = size, .type = JSON_OBJECT };
	struct failure why;
	struct buf value;
	int failed;

	buf_init(&value, SIZE_MAX);
	failed = credential_value(data, field, &value, &why);
	HOLDS(failed ? buf_len(&value) == 0 && why.message[0] != '\0' : buf_len(&value) <= size);
	if (!failed && field == NULL)
		HOLDS(buf_len(&value) == size);
	buf_free(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size);

	check_peer(text, size);
	check_value(text, size, "a");
	check_value(text, size, NULL);
	free(text);
	return 0;
}
