/*
 * credential_answer: sends a credential, or more bytes than a credential may have.
 */
#include "daemon/callers/credential_answer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* A refusal repeats this line, for people who look at what came. */
#define REFUSAL_LINE "No credential: see secretstored's log. This is too long to be one\n"
#define FOUR_TIMES(text) text text text text
static const char refusal[] = FOUR_TIMES(FOUR_TIMES(FOUR_TIMES(REFUSAL_LINE)));

void credential_answer_init(struct credential_answer *ret)
{
	*ret = (struct credential_answer){ .sent = 0 };
	buf_init(&ret->value, SIZE_MAX);
}

void credential_answer_clear(struct credential_answer *answer)
{
	buf_free(&answer->value);
}

void credential_answer_refuse(struct credential_answer *answer)
{
	buf_free(&answer->value);
	answer->refusal_left = answer->sent < CREDENTIAL_REFUSAL_BYTES ? CREDENTIAL_REFUSAL_BYTES - answer->sent
								       : 0;
}

enum credential_sent credential_answer_send(struct credential_answer *answer, int fd)
{
	for (;;) {
		bool refuses = answer->refusal_left > 0;
		const void *p = refuses ? (const void *)refusal : buf_data(&answer->value);
		size_t len = refuses ? answer->refusal_left : buf_len(&answer->value);
		if (len == 0)
			return CREDENTIAL_SENT;
		if (refuses && len > sizeof(refusal) - 1)
			len = sizeof(refusal) - 1;
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? CREDENTIAL_WAITING
										      : CREDENTIAL_GONE;
		answer->sent += (size_t)n;
		if (refuses)
			answer->refusal_left -= (size_t)n;
		else
			buf_consume(&answer->value, (size_t)n);
	}
}
