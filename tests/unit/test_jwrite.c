/*
 * Writing JSON frames: what is written is read back by the scanner, and a frame that fails leaves nothing behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/frame.h"
#include "proto/jwrite.h"

static struct buf out;

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
	return 0;
}

/* Checks that the one frame in out has this body. */
static void assert_body(const char *body)
{
	struct frame f;

	assert_int_equal(frame_parse(buf_data(&out), buf_len(&out), FRAME_BODY_MAX, &f), FRAME_OK);
	assert_int_equal(f.kind, FRAME_JSON);
	assert_int_equal(f.len + FRAME_HEADER, buf_len(&out));
	if (f.len != strlen(body) || memcmp(f.body, body, f.len) != 0)
		fail_msg("%.*s, not %s", (int)f.len, (const char *)f.body, body);
}

static void test_an_empty_object_is_a_frame(void **state)
{
	struct jwrite w;

	(void)state;
	jwrite_begin(&w, &out);
	assert_int_equal(jwrite_end(&w), 0);
	assert_int_equal(buf_len(&out), 6);
	assert_memory_equal(buf_data(&out), "\0\0\0\2{}", 6);
}

static void test_members_of_all_kinds_are_separated(void **state)
{
	struct jwrite w;

	(void)state;
	jwrite_begin(&w, &out);
	jwrite_string(&w, "s", "a\0b", 3);
	jwrite_text(&w, "t", "say \"x\"");
	jwrite_uint(&w, "zero", 0);
	jwrite_uint(&w, "max", UINT64_MAX);
	jwrite_bool(&w, "yes", true);
	jwrite_bool(&w, "no", false);
	jwrite_null(&w, "nothing");
	jwrite_span(&w, "span", (struct jspan){ "{ \"raw\" :1e400}", 15, JSON_OBJECT });
	jwrite_span(&w, "absent", (struct jspan){ NULL, 0, JSON_OBJECT });
	assert_int_equal(jwrite_end(&w), 0);
	assert_body(
	    "{\"s\":\"a\\u0000b\",\"t\":\"say \\\"x\\\"\",\"zero\":0,\"max\":18446744073709551615,\"yes\":true,"
	    "\"no\":false,\"nothing\":null,\"span\":{ \"raw\" :1e400},\"absent\":null}");
}

static void test_objects_and_arrays_nest(void **state)
{
	struct jwrite w;

	(void)state;
	jwrite_begin(&w, &out);
	jwrite_open(&w, "ops", '[');
	jwrite_text(&w, NULL, "ping");
	jwrite_uint(&w, NULL, 7);
	jwrite_open(&w, NULL, '{');
	jwrite_close(&w, '}');
	jwrite_open(&w, NULL, '[');
	jwrite_close(&w, ']');
	jwrite_close(&w, ']');
	jwrite_open(&w, "limits", '{');
	jwrite_uint(&w, "a", 1);
	jwrite_uint(&w, "b", 2);
	jwrite_close(&w, '}');
	jwrite_bool(&w, "last", true);
	assert_int_equal(jwrite_end(&w), 0);
	assert_body("{\"ops\":[\"ping\",7,{},[]],\"limits\":{\"a\":1,\"b\":2},\"last\":true}");
}

static void test_frames_follow_each_other(void **state)
{
	struct jwrite w;
	struct frame f;

	(void)state;
	assert_int_equal(buf_puts(&out, "sent"), 0);
	jwrite_begin(&w, &out);
	jwrite_uint(&w, "id", 1);
	assert_int_equal(jwrite_end(&w), 0);
	jwrite_begin(&w, &out);
	jwrite_uint(&w, "id", 22);
	assert_int_equal(jwrite_end(&w), 0);
	buf_consume(&out, 4);
	assert_int_equal(frame_parse(buf_data(&out), buf_len(&out), 100, &f), FRAME_OK);
	assert_memory_equal(f.body, "{\"id\":1}", f.len);
	buf_consume(&out, FRAME_HEADER + f.len);
	assert_body("{\"id\":22}");
}

static void test_what_is_escaped_decodes_to_the_same(void **state)
{
	char text[1 + 127 + 9 + 1], decoded[200];
	struct jspan span;
	struct jscan s;
	size_t n = 0;
	int c;

	(void)state;
	for (c = 0; c < 128; c++)
		text[n++] = (char)c;
	memcpy(text + n, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91", 9);
	n += 9;
	assert_int_equal(jwrite_escaped(&out, text, n), 0);
	jscan_init(&s, (const char *)buf_data(&out), buf_len(&out));
	assert_int_equal(jscan_value(&s, 0, &span), 0);
	assert_int_equal(jscan_end(&s), 0);
	assert_int_equal(jspan_decode(span, decoded, sizeof(decoded)), (long)n);
	assert_memory_equal(decoded, text, n);
}

static void test_short_escapes_are_used_where_there_are_some(void **state)
{
	static const char want[] = "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\x7f\"";

	(void)state;
	assert_int_equal(jwrite_escaped(&out, "\"\\\b\f\n\r\t\0\x1f/\x7f", 11), 0);
	assert_int_equal(buf_len(&out), strlen(want));
	assert_memory_equal(buf_data(&out), want, strlen(want));
}

static void test_a_string_that_is_no_utf8_is_refused_whole(void **state)
{
	static const char *const bad[] = { "\xff", "ok\x80", "\xc3", "\n\xed\xa0\x80", "a\xc0\x80z" };
	struct jwrite w;
	size_t i;

	(void)state;
	assert_int_equal(buf_puts(&out, "before"), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(jwrite_escaped(&out, bad[i], strlen(bad[i])), -1);
		assert_int_equal(buf_len(&out), 6);
		jwrite_begin(&w, &out);
		jwrite_text(&w, "good", "x");
		jwrite_text(&w, "bad", bad[i]);
		jwrite_text(&w, "good again", "x");
		assert_int_equal(jwrite_end(&w), -1);
		assert_int_equal(buf_len(&out), 6);
	}
	assert_memory_equal(buf_data(&out), "before", 6);
}

static void write_all(struct jwrite *w)
{
	jwrite_begin(w, &out);
	jwrite_text(w, "text", "a\n\xc3\xa9\"");
	jwrite_uint(w, "n", 1234567890);
	jwrite_open(w, "o", '{');
	jwrite_span(w, "data", (struct jspan){ "{\"k\":\"SSSS\"}", 12, JSON_OBJECT });
	jwrite_close(w, '}');
	jwrite_bool(w, "b", true);
	jwrite_null(w, "null");
}

/* Wherever the limit falls, the frame is either whole or gone, and what was there before stays. */
static void test_a_frame_over_the_buffers_limit_is_taken_back(void **state)
{
	size_t whole, limit, i;
	struct jwrite w;

	(void)state;
	write_all(&w);
	assert_int_equal(jwrite_end(&w), 0);
	whole = buf_len(&out);
	for (limit = 3; limit <= whole + 3; limit++) {
		buf_free(&out);
		buf_init(&out, limit);
		assert_int_equal(buf_reserve(&out, limit), 0);
		memset(buf_tail(&out), 0, limit);
		assert_int_equal(buf_puts(&out, "old"), 0);
		write_all(&w);
		assert_int_equal(jwrite_end(&w), limit == whole + 3 ? 0 : -1);
		assert_int_equal(buf_len(&out), limit == whole + 3 ? limit : 3);
		assert_memory_equal(buf_data(&out), "old", 3);
		for (i = 3; i < limit && limit < whole + 3; i++)
			assert_int_equal(out.data[i], 0);
	}
}

static void test_a_body_may_be_as_long_as_a_frame_and_no_longer(void **state)
{
	size_t n = FRAME_BODY_MAX - 8, over; /* {"s":""} */
	char *text = malloc(n + 1);
	struct jwrite w;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', n + 1);
	for (over = 0; over < 2; over++) {
		buf_free(&out);
		buf_init(&out, 1 << 25);
		jwrite_begin(&w, &out);
		jwrite_string(&w, "s", text, n + over);
		assert_int_equal(jwrite_end(&w), over == 0 ? 0 : -1);
		assert_int_equal(buf_len(&out), over == 0 ? FRAME_HEADER + FRAME_BODY_MAX : 0);
	}
	free(text);
}

static void test_a_payload_survives_writing_and_scanning(void **state)
{
	static const char payload[] =
	    "{\"big\":12345678901234567000,\"f\":1e-7,\"u\":\"\\u0000\xc3\xa9\",\"deep\":[[[]]]}";
	struct jspan key, value = { payload, sizeof(payload) - 1, JSON_OBJECT };
	struct jwrite w;
	struct jscan s;

	(void)state;
	jwrite_begin(&w, &out);
	jwrite_uint(&w, "version", 3);
	jwrite_span(&w, "data", value);
	assert_int_equal(jwrite_end(&w), 0);
	jscan_init(&s, (const char *)buf_data(&out) + FRAME_HEADER, buf_len(&out) - FRAME_HEADER);
	assert_int_equal(jscan_object(&s), 0);
	assert_int_equal(jscan_member(&s, &key), 1);
	assert_int_equal(jscan_value(&s, 0, &value), 0);
	assert_int_equal(jscan_member(&s, &key), 1);
	assert_true(jspan_equals(key, "data"));
	assert_int_equal(jscan_value(&s, JSCAN_DEPTH_MAX, &value), 0);
	assert_int_equal(value.len, sizeof(payload) - 1);
	assert_memory_equal(value.p, payload, value.len);
	assert_int_equal(jscan_member(&s, &key), 0);
	assert_int_equal(jscan_end(&s), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_empty_object_is_a_frame),
		TEST(test_members_of_all_kinds_are_separated),
		TEST(test_objects_and_arrays_nest),
		TEST(test_frames_follow_each_other),
		TEST(test_what_is_escaped_decodes_to_the_same),
		TEST(test_short_escapes_are_used_where_there_are_some),
		TEST(test_a_string_that_is_no_utf8_is_refused_whole),
		TEST(test_a_frame_over_the_buffers_limit_is_taken_back),
		TEST(test_a_body_may_be_as_long_as_a_frame_and_no_longer),
		TEST(test_a_payload_survives_writing_and_scanning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
