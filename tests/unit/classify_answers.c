/*
 * classify_answers: replies without anything behind their bodies, so that a byte too far is found.
 */
#include "tests/unit/classify_answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct http_reply answers_reply(int status, const char *body, size_t len, char **copy)
{
	*copy = malloc(len > 0 ? len : 1);
	assert_non_null(*copy);
	memcpy(*copy, body, len);
	return (struct http_reply){ .outcome = HTTP_REPLY,
		.sent = true,
		.status = status,
		.body = *copy,
		.body_len = len };
}

struct answer answers_classify(enum what what, struct http_reply *reply)
{
	static void (*const readers[])(const struct http_reply *, struct answer *) = { [GET] = classify_get,
		[PUT] = classify_put,
		[SAVE] = classify_save,
		[RESTORE] = classify_restore };
	struct answer ret;

	memset(&ret, 0x55, sizeof(ret));
	readers[what](reply, &ret);
	return ret;
}

struct answer answers_read(enum what what, int status, const char *body)
{
	char *copy;
	struct http_reply reply = answers_reply(status, body, strlen(body), &copy);
	struct answer ret = answers_classify(what, &reply);

	free(copy);
	return ret;
}

struct answer answers_none(enum what what, enum http_outcome outcome, bool sent)
{
	struct http_reply reply = { .outcome = outcome, .sent = sent };

	return answers_classify(what, &reply);
}

void answers_expect_failed(struct answer a, enum code code, int status)
{
	assert_int_equal(a.verdict, VERDICT_FAILED);
	assert_string_equal(code_name(a.failure.code), code_name(code));
	assert_int_equal(a.failure.status, status);
	assert_true(strlen(a.failure.message) > 0);
	assert_int_equal(a.data.len, 0);
}

void answers_expect_again(struct answer a, uint64_t ms, enum code code)
{
	assert_int_equal(a.verdict, VERDICT_AGAIN);
	assert_int_equal(a.again_ms, ms);
	assert_string_equal(code_name(a.failure.code), code_name(code));
	assert_true(strlen(a.failure.message) > 0);
}

void answers_expect_span(struct jspan span, const char *text)
{
	assert_int_equal(span.len, strlen(text));
	assert_memory_equal(span.p, text, span.len);
}
