/*
 * Control documents: logins ('l'), renewals ('r'), lookups ('s'), revocations ('p'), wrapping lookups ('w'),
 * unwrapping ('u'), health ('h'): what is taken is sane and can stand in a header, and everything is given back.
 */
#include <stdbool.h>

#include "daemon/upstream/control.h"
#include "tests/fuzz/fuzz_answer.h"

static void check_credential(const char *s)
{
	if (s == NULL)
		return;
	HOLDS(*s != '\0');
	for (; *s != '\0'; s++)
		HOLDS(*s >= 0x21 && *s <= 0x7e);
}

static void read_as(char asked, const struct http_reply *reply, struct control *ret)
{
	switch (asked) {
	case 'r':
		control_renew(reply, ret);
		HOLDS(ret->client_token == NULL && ret->secret_id == NULL);
		break;
	case 's':
		control_lookup(reply, ret);
		HOLDS(ret->client_token == NULL && ret->secret_id == NULL);
		HOLDS(ret->lease_ms == 0 || ret->result == CONTROL_OK);
		break;
	case 'p':
		control_plain(reply, ret);
		HOLDS(ret->document == NULL);
		break;
	case 'w':
		control_wrapping(reply, ret);
		HOLDS((ret->creation_path != NULL) == (ret->result == CONTROL_OK));
		break;
	case 'u':
		control_unwrap(reply, ret);
		HOLDS((ret->secret_id != NULL) == (ret->result == CONTROL_OK));
		break;
	case 'h':
		control_health(reply, ret);
		HOLDS((ret->result == CONTROL_OK) == (ret->health && ret->initialized && !ret->sealed));
		break;
	default:
		control_login(reply, ret);
		HOLDS((ret->client_token != NULL) == (ret->result == CONTROL_OK));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	struct http_reply reply;
	struct control control;
	char asked;

	if (!begun)
		control_global_init();
	begun = true;
	if (fuzz_answer(data, size, &asked, &reply) < 0)
		return 0;
	memset(&control, 0x55, sizeof(control));
	read_as(asked, &reply, &control);
	check_credential(control.client_token);
	check_credential(control.secret_id);
	HOLDS(control.reason != NULL && control.status == reply.status && !control.tls);
	HOLDS(control.result == CONTROL_OK || control.reason[0] != '\0');
	HOLDS(control.result != CONTROL_OK || (reply.status >= 200 && reply.status < 300) || control.health);
	HOLDS(control.lease_ms <= UINT64_C(315360000000));
	/* What is not OpenBao's own answer denies nothing. */
	HOLDS((control.result == CONTROL_DENIED || control.result == CONTROL_DENIED_WRAPPED) ==
	    (reply.status == 403 && !control.foreign));
	control_clear(&control);
	HOLDS(control.document == NULL && control.client_token == NULL);
	fuzz_answer_free(&reply);
	return 0;
}
