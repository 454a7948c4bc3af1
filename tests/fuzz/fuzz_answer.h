/*
 * fuzz_answer: the input of the targets that read OpenBao's answers: a letter for what was asked, three digits for
 * the HTTP status, and the body.
 */
#ifndef FUZZ_ANSWER_H
#define FUZZ_ANSWER_H

#include "daemon/upstream/http.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_ANSWER_HEAD 4

/* 0, or -1: too short. The body is a copy to be freed. */
static inline int fuzz_answer(const uint8_t *data, size_t size, char *ret_asked, struct http_reply *ret)
{
	int status = 0;

	if (size < FUZZ_ANSWER_HEAD)
		return -1;
	for (int i = 1; i < FUZZ_ANSWER_HEAD; i++)
		status = status * 10 + (uint8_t)(data[i] - '0') % 10;
	*ret_asked = (char)data[0];
	*ret = (struct http_reply){ .outcome = HTTP_REPLY,
		.sent = true,
		.status = status,
		.body = exact_copy(data + FUZZ_ANSWER_HEAD, size - FUZZ_ANSWER_HEAD),
		.body_len = size - FUZZ_ANSWER_HEAD };
	return 0;
}

static inline void fuzz_answer_free(struct http_reply *reply)
{
	/* The declaration is const for those who read it. */
	free((void *)(uintptr_t)reply->body);
}

#endif
