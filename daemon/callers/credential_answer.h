/*
 * credential_answer: sends systemd the answer to LoadCredential=, a credential or a refusal. systemd reads bytes
 * until the connection ends, and takes an early end for a shorter or empty credential. So the only way to refuse
 * is to send more than the 1 MiB that it accepts: then the unit fails with 243/CREDENTIALS.
 */
#ifndef CREDENTIAL_ANSWER_H
#define CREDENTIAL_ANSWER_H

#include "base/buf.h"
#include "daemon/callers/credential_value.h"

#define CREDENTIAL_REFUSAL_BYTES ((size_t)CREDENTIAL_VALUE_MAX + 1)

struct credential_answer {
	struct buf value;    /* the part of the value that is not sent yet; it is wiped as it is sent */
	size_t sent;         /* bytes, of value and refusal */
	size_t refusal_left; /* bytes; 0: the answer is no refusal, or all of it was sent */
};

/* Begins an answer with an empty value; the caller puts the value into ret->value. */
void credential_answer_init(struct credential_answer *ret);

/* Turns the answer into a refusal, even if some of its value was sent; the rest of the value is wiped. */
void credential_answer_refuse(struct credential_answer *answer);

enum credential_sent {
	CREDENTIAL_SENT,    /* all of the answer is sent */
	CREDENTIAL_WAITING, /* the socket takes no more for now */
	CREDENTIAL_GONE     /* nobody reads any more */
};

/* Sends as much as the non-blocking socket takes. */
enum credential_sent credential_answer_send(struct credential_answer *answer, int fd);

/* Wipes and frees the value. */
void credential_answer_clear(struct credential_answer *answer);

#endif
