/*
 * Replies: as they are written, and as a client reads them, those of a newer daemon and odd ones included.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/frame.h"
#include "proto/reply.h"
#include "proto/utf8.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct jspan no_id;
static struct buf out;
static struct reply reply;
static char *body; /* no longer than the reply, so that ASan and valgrind see any read beyond it */

static int setup(void **state)
{
	(void)state;
	buf_init(&out, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&out);
	free(body);
	body = NULL;
	return 0;
}

static int decode_bytes(const char *text, size_t len)
{
	free(body);
	body = malloc(len > 0 ? len : 1);
	assert_non_null(body);
	memcpy(body, text, len);
	memset(&reply, 0xee, sizeof(reply));
	return reply_decode(body, len, &reply);
}

static int decode(const char *text)
{
	return decode_bytes(text, strlen(text));
}

static int decode_written(void)
{
	struct frame f;

	assert_int_equal(frame_parse(buf_data(&out), buf_len(&out), FRAME_BODY_MAX, &f), FRAME_OK);
	return decode_bytes((const char *)f.body, f.len);
}

static void assert_written(const char *text)
{
	assert_int_equal(buf_len(&out), strlen(text) + FRAME_HEADER);
	assert_memory_equal(buf_data(&out) + FRAME_HEADER, text, strlen(text));
}

static void assert_span(struct jspan span, const char *text)
{
	assert_int_equal(span.len, strlen(text));
	if (span.len > 0)
		assert_memory_equal(span.p, text, span.len);
}

static void test_a_reply_begins_with_the_id_as_it_was_written(void **state)
{
	static const char *const ids[] = { "7", "\"\\u0041\xc3\xa9\"", "\"\"" };
	char text[60];
	struct jwrite w;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ids); i++) {
		reply_begin(&w, &out, (struct jspan){ ids[i], strlen(ids[i]), JSON_STRING }, i % 2 == 0);
		assert_int_equal(jwrite_end(&w), 0);
		snprintf(text, sizeof(text), "{\"id\":%s,\"ok\":%s}", ids[i], i % 2 == 0 ? "true" : "false");
		assert_written(text);
		buf_truncate(&out, 0);
	}
	reply_begin(&w, &out, no_id, true);
	assert_int_equal(jwrite_end(&w), 0);
	assert_written("{\"id\":null,\"ok\":true}");
}

static void test_a_failure_is_written_with_all_its_facts(void **state)
{
	struct failure f;

	(void)state;
	failure_set(&f, CODE_CAS_MISMATCH, "cas mismatch");
	f.status = 400;
	f.deleted = true; /* this has no effect with this code */
	f.version = 7;
	assert_int_equal(reply_failure(&out, (struct jspan){ "7", 1, JSON_NUMBER }, &f), 0);
	assert_written("{\"id\":7,\"ok\":false,\"error\":{\"code\":\"cas_mismatch\",\"message\":\"cas mismatch\","
		       "\"status\":400,\"retryable\":false}}");
	buf_truncate(&out, 0);
	failure_set(&f, CODE_NOT_FOUND, "deleted");
	f.status = 404;
	f.deleted = true;
	f.version = 3;
	assert_int_equal(reply_failure(&out, no_id, &f), 0);
	assert_written(
	    "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"not_found\",\"message\":\"deleted\",\"status\":404,"
	    "\"retryable\":false,\"deleted\":true,\"version\":3}}");
	buf_truncate(&out, 0);
	failure_set(&f, CODE_NOT_FOUND, "no such secret");
	assert_int_equal(reply_failure(&out, no_id, &f), 0);
	assert_written(
	    "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"not_found\",\"message\":\"no such secret\","
	    "\"status\":0,\"retryable\":false}}");
}

static void test_a_failure_with_an_unusable_message_is_answered_all_the_same(void **state)
{
	static const char *const messages[] = { "", "\xff", "cut \xc3" };
	struct failure f;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(messages); i++) {
		failure_set(&f, CODE_SEALED, "%s", "");
		strcpy(f.message, messages[i]);
		assert_int_equal(reply_failure(&out, no_id, &f), 0);
		assert_int_equal(decode_written(), 0);
		assert_int_equal(reply.failure.code, CODE_SEALED);
		assert_string_equal(reply.failure.message, code_meaning(CODE_SEALED));
		buf_truncate(&out, 0);
	}
	memset(f.message, 'x', sizeof(f.message)); /* the text is not even terminated */
	assert_int_equal(reply_failure(&out, no_id, &f), 0);
	assert_int_equal(decode_written(), 0);
}

static void test_a_reply_that_does_not_fit_leaves_nothing(void **state)
{
	struct failure f;
	size_t limit;

	(void)state;
	failure_set(&f, CODE_SEALED, "sealed");
	for (limit = 0; limit < 100; limit++) {
		buf_free(&out);
		buf_init(&out, limit);
		if (reply_failure(&out, no_id, &f) == 0)
			break;
		assert_int_equal(buf_len(&out), 0);
	}
	assert_in_range(limit, 80, 99);
	assert_int_equal(decode_written(), 0);
}

static void test_failures_of_all_codes_survive_the_journey(void **state)
{
	static const enum code codes[] = {
#define X(enumerator, name, number, retryable, meaning) CODE_##enumerator,
		CODE_TABLE(X)
#undef X
	};
	struct failure f;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(codes); i++) {
		failure_set(&f, codes[i], "say \"%s\"\n\xc3\xa9", code_name(codes[i]));
		f.status = 418;
		f.deleted = codes[i] == CODE_NOT_FOUND;
		f.version = codes[i] == CODE_NOT_FOUND ? 12 : 0;
		assert_int_equal(reply_failure(&out, (struct jspan){ "\"x\"", 3, JSON_STRING }, &f), 0);
		assert_int_equal(decode_written(), 0);
		assert_false(reply.ok);
		assert_span(reply.id, "\"x\"");
		assert_int_equal(reply.failure.code, codes[i]);
		assert_int_equal(reply.failure.status, 418);
		assert_int_equal(reply.failure.deleted, f.deleted);
		assert_int_equal(reply.failure.version, f.version);
		assert_string_equal(reply.failure.message, f.message);
		buf_truncate(&out, 0);
	}
}

static void test_a_get_is_read_back(void **state)
{
	(void)state;
	assert_int_equal(
	    decode(
		"{\"id\":7,\"ok\":true,\"version\":3,\"created_time\":\"2026-01-01T00:00:00Z\","
		"\"metadata\":{\"a\":\"b\"},\"age_ms\":12,\"stale\":true,\"data\":{\"big\":12345678901234567000,"
		"\"u\":\"\\u0000\"}}"),
	    0);
	assert_true(reply.ok);
	assert_span(reply.id, "7");
	assert_int_equal(reply.version, 3);
	assert_span(reply.created_time, "\"2026-01-01T00:00:00Z\"");
	assert_span(reply.metadata, "{\"a\":\"b\"}");
	assert_span(reply.data, "{\"big\":12345678901234567000,\"u\":\"\\u0000\"}");
	assert_true(reply.has_age);
	assert_int_equal(reply.age_ms, 12);
	assert_true(reply.stale);
	assert_int_equal(reply.failure.code, CODE_NONE);
}

/* Writes one of the members of a get's reply. Its name is plain, or has its first letter escaped. */
static char *put_member(char *p, size_t i, bool escaped)
{
	static const char *const members[][2] = { { "id", "7" }, { "ok", "true" }, { "version", "3" },
		{ "created_time", "\"now\"" }, { "metadata", "{}" }, { "age_ms", "12" }, { "stale", "true" },
		{ "data", "{\"a\":1}" }, { "unknown", "0" }, { "unkn\\u006fwn", "[]" } };
	const char *name = members[i][0], *value = members[i][1];

	if (escaped)
		return p + sprintf(p, "\"\\u%04x%s\":%s,", (unsigned)name[0], name + 1, value);
	return p + sprintf(p, "\"%s\":%s,", name, value);
}

static void test_members_are_found_in_any_order_and_under_any_escapes(void **state)
{
	enum { MEMBERS = 10 };
	/* No step shares a divisor with MEMBERS, so each visits all members. */
	static const size_t steps[] = { 1, 3, 7, 9 };
	char text[1000], *p;
	size_t step, first, i;

	(void)state;
	for (step = 0; step < COUNT(steps); step++) {
		for (first = 0; first < 2 * MEMBERS; first++) {
			p = text + sprintf(text, "{");
			for (i = 0; i < MEMBERS; i++)
				p = put_member(p, (first + i * steps[step]) % MEMBERS,
				    first >= MEMBERS && i % 3 != 0);
			strcpy(p - 1, "}");
			assert_int_equal(decode(text), 0);
			assert_true(
			    reply.ok && reply.stale && reply.has_age && reply.age_ms == 12 && reply.version == 3);
			assert_span(reply.id, "7");
			assert_span(reply.created_time, "\"now\"");
			assert_span(reply.metadata, "{}");
			assert_span(reply.data, "{\"a\":1}");
		}
	}
}

static void test_absent_members_are_empty(void **state)
{
	(void)state;
	assert_int_equal(decode("{\"ok\":true,\"id\":null}"), 0);
	assert_true(reply.ok);
	assert_span(reply.id, "null");
	assert_span(reply.data, "");
	assert_span(reply.metadata, "");
	assert_span(reply.created_time, "");
	assert_span(reply.state, "");
	assert_span(reply.daemon, "");
	assert_int_equal(reply.version, 0);
	assert_false(reply.has_age);
	assert_false(reply.stale);
	assert_false(reply.ready);
	assert_int_equal(decode("{\"id\":1,\"ok\":true,\"metadata\":null,\"created_time\":null}"), 0);
	assert_span(reply.metadata, "null");
	assert_int_equal(reply.metadata.type, JSON_NULL);
	assert_span(reply.created_time, "");
}

static void test_a_ping_is_read_back(void **state)
{
	(void)state;
	assert_int_equal(
	    decode(
		"{\"id\":1,\"ok\":true,\"ready\":true,\"state\":\"serving\",\"version\":\"0.1.0\",\"protocol\":1,"
		"\"ops\":[\"ping\"],\"limits\":{\"request_bytes\":1048576}}"),
	    0);
	assert_true(reply.ready);
	assert_span(reply.state, "\"serving\"");
	assert_span(reply.daemon, "\"0.1.0\"");
	assert_int_equal(reply.version, 0);
	assert_span(reply.name, "");
}

static void test_a_probe_is_read_back(void **state)
{
	(void)state;
	assert_int_equal(decode("{\"id\":1,\"ok\":true,\"name\":\"secretstore\"}"), 0);
	assert_true(reply.ok);
	assert_span(reply.name, "\"secretstore\"");
}

static void test_the_replies_of_a_stream_are_read_back(void **state)
{
	(void)state;
	assert_int_equal(decode("{\"id\":1,\"ok\":true,\"stream\":true}"), 0);
	assert_true(reply.stream && !reply.go_on && !reply.has_bytes && !reply.verified);
	assert_int_equal(decode("{\"id\":1,\"ok\":true,\"continue\":true}"), 0);
	assert_true(reply.go_on && !reply.stream);
	assert_int_equal(
	    decode("{\"id\":1,\"ok\":true,\"bytes\":9007199254740991,\"sha256\":\"9f\",\"verified\":true}"), 0);
	assert_true(reply.has_bytes && reply.verified && !reply.stream);
	assert_int_equal(reply.bytes, 9007199254740991);
	assert_span(reply.sha256, "\"9f\"");
	assert_int_equal(decode("{\"id\":1,\"ok\":true,\"bytes\":0,\"state\":\"sealed\"}"), 0);
	assert_true(reply.has_bytes && reply.bytes == 0);
	assert_span(reply.state, "\"sealed\"");
	assert_int_equal(decode("{\"id\":1,\"ok\":true,\"bytes\":9007199254740992}"), -1);
	assert_int_equal(decode("{\"id\":1,\"ok\":true,\"bytes\":-1}"), -1);
	assert_int_equal(decode("{\"id\":1,\"ok\":true,\"bytes\":1.5}"), -1);
	assert_int_equal(decode("{\"id\":1,\"ok\":true,\"stream\":1}"), -1);
}

static void test_members_it_does_not_know_are_passed_over(void **state)
{
	(void)state;
	assert_int_equal(decode(
			     "{\"new\":{\"ok\":[1e400,null]},\"id\":1,\"newer\":7,\"newer\":8,\"\":0,\"ok\":true,"
			     "\"Version\":[]}"),
	    0);
	assert_true(reply.ok);
	assert_int_equal(
	    decode(
		"{\"id\":1,\"ok\":false,\"error\":{\"hint\":{\"code\":1},\"message\":\"m\",\"code\":\"sealed\"}}"),
	    0);
	assert_int_equal(reply.failure.code, CODE_SEALED);
	assert_string_equal(reply.failure.message, "m");
	assert_int_equal(reply.failure.status, 0);
}

static void test_a_code_it_does_not_know_is_internal_and_keeps_its_message(void **state)
{
	(void)state;
	assert_int_equal(
	    decode("{\"id\":1,\"ok\":false,\"error\":{\"code\":\"melted\",\"message\":\"too hot\",\"status\":503,"
		   "\"retryable\":true}}"),
	    0);
	assert_int_equal(reply.failure.code, CODE_INTERNAL);
	assert_int_equal(reply.failure.status, 503);
	assert_string_equal(reply.failure.message, "too hot");
	assert_int_equal(
	    decode("{\"id\":1,\"ok\":false,\"error\":{\"code\":\"a code whose name is longer than any that there "
		   "is\",\"message\":\"m\"}}"),
	    0);
	assert_int_equal(reply.failure.code, CODE_INTERNAL);
}

static void test_a_long_message_is_cut_between_characters(void **state)
{
	char text[1000], *p;
	int shift, i;

	(void)state;
	for (shift = 0; shift < 3; shift++) {
		p = text +
		    sprintf(text, "{\"id\":1,\"ok\":false,\"error\":{\"code\":\"sealed\",\"message\":\"%.*s",
			shift, "xx");
		for (i = 0; i < 100; i++)
			p += sprintf(p, "%s", i % 2 == 0 ? "\xe2\x82\xac" : "\\u20ac");
		strcpy(p, "\"}}");
		assert_int_equal(decode(text), 0);
		assert_in_range(strlen(reply.failure.message), sizeof(reply.failure.message) - 3,
		    sizeof(reply.failure.message) - 1);
		assert_true(utf8_valid(reply.failure.message, strlen(reply.failure.message)));
	}
}

static void test_what_is_no_reply_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"[]",
		"null",
		"{}",
		"{\"id\":1}",
		"{\"ok\":true}",
		"{\"id\":1,\"ok\":true",
		"{\"id\":1,\"ok\":true}x",
		"{\"id\":1,\"ok\":true,}",
		"{\"id\":1,\"ok\":1}",
		"{\"id\":1,\"ok\":null}",
		"{\"id\":1,\"ok\":\"true\"}",
		"{\"id\":[],\"ok\":true}",
		"{\"id\":{},\"ok\":true}",
		"{\"id\":true,\"ok\":true}",
		/* known members of other types */
		"{\"id\":1,\"ok\":true,\"data\":[]}",
		"{\"id\":1,\"ok\":true,\"data\":null}",
		"{\"id\":1,\"ok\":true,\"data\":\"{}\"}",
		"{\"id\":1,\"ok\":true,\"metadata\":[]}",
		"{\"id\":1,\"ok\":true,\"metadata\":\"x\"}",
		"{\"id\":1,\"ok\":true,\"created_time\":1}",
		"{\"id\":1,\"ok\":true,\"version\":null}",
		"{\"id\":1,\"ok\":true,\"version\":-1}",
		"{\"id\":1,\"ok\":true,\"version\":1.5}",
		"{\"id\":1,\"ok\":true,\"version\":[]}",
		"{\"id\":1,\"ok\":true,\"ready\":1}",
		"{\"id\":1,\"ok\":true,\"ready\":\"true\"}",
		"{\"id\":1,\"ok\":true,\"state\":1}",
		"{\"id\":1,\"ok\":true,\"name\":1}",
		"{\"id\":1,\"ok\":true,\"age_ms\":\"1\"}",
		"{\"id\":1,\"ok\":true,\"age_ms\":-1}",
		"{\"id\":1,\"ok\":true,\"stale\":0}",
		/* repeated */
		"{\"id\":1,\"id\":1,\"ok\":true}",
		"{\"id\":1,\"ok\":true,\"ok\":true}",
		"{\"id\":1,\"ok\":true,\"data\":{},\"data\":{}}",
		"{\"id\":1,\"ok\":true,\"data\":{},\"dat\\u0061\":{}}",
		"{\"id\":1,\"ok\":true,\"d\\u0061ta\":{},\"data\":{}}",
		"{\"id\":1,\"ok\":true,\"version\":1,\"version\":\"1\"}",
		/* errors */
		"{\"id\":1,\"ok\":false}",
		"{\"id\":1,\"ok\":true,\"error\":{\"code\":\"sealed\",\"message\":\"m\"}}",
		"{\"id\":1,\"ok\":false,\"error\":null}",
		"{\"id\":1,\"ok\":false,\"error\":\"sealed\"}",
		"{\"id\":1,\"ok\":false,\"error\":{}}",
		"{\"id\":1,\"ok\":false,\"error\":{\"code\":\"sealed\"}}",
		"{\"id\":1,\"ok\":false,\"error\":{\"message\":\"m\"}}",
		"{\"id\":1,\"ok\":false,\"error\":{\"code\":21,\"message\":\"m\"}}",
		"{\"id\":1,\"ok\":false,\"error\":{\"code\":\"sealed\",\"message\":null}}",
		"{\"id\":1,\"ok\":false,\"error\":{\"code\":\"sealed\",\"message\":\"m\",\"status\":1000}}",
		"{\"id\":1,\"ok\":false,\"error\":{\"code\":\"sealed\",\"message\":\"m\",\"status\":\"503\"}}",
		"{\"id\":1,\"ok\":false,\"error\":{\"code\":\"sealed\",\"message\":\"m\",\"retryable\":1}}",
		"{\"id\":1,\"ok\":false,\"error\":{\"code\":\"sealed\",\"message\":\"m\",\"deleted\":null}}",
		"{\"id\":1,\"ok\":false,\"error\":{\"code\":\"sealed\",\"message\":\"m\",\"version\":-1}}",
		"{\"id\":1,\"ok\":false,\"error\":{\"code\":\"sealed\",\"message\":\"m\",\"message\":\"m\"}}",
	};
	struct reply before;
	size_t i;

	(void)state;
	memset(&before, 0xee, sizeof(before));
	for (i = 0; i < COUNT(bad); i++) {
		if (decode(bad[i]) != -1)
			fail_msg("accepted: %s", bad[i]);
		assert_memory_equal(&reply, &before, sizeof(reply));
	}
}

static void test_every_truncation_of_a_reply_is_refused(void **state)
{
	static const char *const texts[] = {
		"{\"id\":7,\"ok\":true,\"version\":3,\"created_time\":\"x\",\"metadata\":null,\"data\":{\"k\":[1,"
		"\"\\u00e9\"]}}",
		"{\"id\":7,\"ok\":false,\"error\":{\"code\":\"sealed\",\"message\":\"m\",\"status\":503,"
		"\"retryable\":true}}",
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		assert_int_equal(decode(texts[i]), 0);
		for (n = 0; n < strlen(texts[i]); n++)
			assert_int_equal(decode_bytes(texts[i], n), -1);
	}
}

static void test_a_payload_may_be_as_deep_in_a_reply_as_in_a_request(void **state)
{
	char *text = malloc(2 * JSCAN_DEPTH_MAX + 100), *p;
	unsigned depth;

	(void)state;
	assert_non_null(text);
	for (depth = JSCAN_DEPTH_MAX; depth <= JSCAN_DEPTH_MAX + 1; depth++) {
		p = text + sprintf(text, "{\"id\":1,\"ok\":true,\"data\":{\"k\":");
		memset(p, '[', depth - 1);
		memset(p + depth - 1, ']', depth - 1);
		strcpy(p + 2 * (depth - 1), "}}");
		assert_int_equal(decode(text), depth == JSCAN_DEPTH_MAX ? 0 : -1);
	}
	free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_reply_begins_with_the_id_as_it_was_written),
		TEST(test_a_failure_is_written_with_all_its_facts),
		TEST(test_a_failure_with_an_unusable_message_is_answered_all_the_same),
		TEST(test_a_reply_that_does_not_fit_leaves_nothing),
		TEST(test_failures_of_all_codes_survive_the_journey),
		TEST(test_a_get_is_read_back),
		TEST(test_members_are_found_in_any_order_and_under_any_escapes),
		TEST(test_absent_members_are_empty),
		TEST(test_a_ping_is_read_back),
		TEST(test_a_probe_is_read_back),
		TEST(test_the_replies_of_a_stream_are_read_back),
		TEST(test_members_it_does_not_know_are_passed_over),
		TEST(test_a_code_it_does_not_know_is_internal_and_keeps_its_message),
		TEST(test_a_long_message_is_cut_between_characters),
		TEST(test_what_is_no_reply_is_refused),
		TEST(test_every_truncation_of_a_reply_is_refused),
		TEST(test_a_payload_may_be_as_deep_in_a_reply_as_in_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
