/*
 * credential_answer: the bytes that go to systemd in answer to LoadCredential=. All it can be told is a stream of
 * bytes and its end, and an end that comes too early is a valid credential, if a shorter or empty one. So the only
 * way to say no is to send more than the 1 MiB that systemd takes: then it refuses, and the unit fails with
 * 243/CREDENTIALS.
 */
#ifndef CREDENTIAL_ANSWER_H
#define CREDENTIAL_ANSWER_H

#include "base/buf.h"
#include "daemon/callers/credential_value.h"

#define CREDENTIAL_REFUSAL_BYTES ((size_t)CREDENTIAL_VALUE_MAX + 1)

struct credential_answer {
	struct buf value; /* what is left of it to be sent; wiped as it goes */
	size_t sent;
	size_t refusal_left; /* bytes; 0: the answer is no refusal, or all of it was sent */
};

/* Begins an answer whose value is empty; the value is to be put into ret->value. */
void credential_answer_init(struct credential_answer *ret);

/* Makes a refusal of the answer, whatever of its value was sent; the rest of the value is wiped. */
void credential_answer_refuse(struct credential_answer *answer);

enum credential_sent {
	CREDENTIAL_SENT,    /* all of it */
	CREDENTIAL_WAITING, /* the socket takes no more for now */
	CREDENTIAL_GONE     /* nobody reads any more */
};

/* Sends as much as the non-blocking socket takes. */
enum credential_sent credential_answer_send(struct credential_answer *answer, int fd);

/* Wipes and frees. */
void credential_answer_clear(struct credential_answer *answer);

#endif
