/*
 * The JSON scanner: what is JSON and what is not, what a span covers, how objects are walked, that errors stick.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/jscan.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Scans a copy that is no larger than the text, so that ASan and valgrind see any read beyond it. */
static int scan_to(const char *text, size_t len, unsigned depth)
{
	char *copy = malloc(len > 0 ? len : 1);
	struct jspan value;
	struct jscan s;
	int r;

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, text, len);
	jscan_init(&s, len > 0 ? copy : copy + 1, len);
	r = jscan_value(&s, depth, &value);
	if (r == 0)
		r = jscan_end(&s);
	assert_true((r == 0) == (s.error == NULL));
	if (r == 0) {
		assert_true(value.p >= copy && value.len > 0 && value.p + value.len <= copy + len);
	}
	free(copy);
	return r;
}

static int scan(const char *text, size_t len)
{
	return scan_to(text, len, JSCAN_DEPTH_MAX);
}

static const char *const accepted[] = {
	"{}",
	"[]",
	"\"\"",
	"0",
	"-0",
	"1",
	"-1",
	"10",
	"1234567890123456789012345678901234567890",
	"true",
	"false",
	"null",
	"0.0",
	"-0.0",
	"1.5",
	"1e1",
	"1E1",
	"1e+1",
	"1e-1",
	"1.25e10",
	"0e0",
	"0E-0",
	"0.1e+01",
	"1e400",
	"-1.7976931348623157e308",
	" 1 ",
	"\t\n\r [] \t\n\r ",
	"[1,2,3]",
	"[ 1 , 2 , 3 ]",
	"[[],[[]],{}]",
	"[{}]",
	"[\"\"]",
	"[null,true,false]",
	"{\"a\":1}",
	"{ \"a\" : 1 , \"b\" : 2 }",
	"{\"a\":{\"b\":{}}}",
	"{\"\":0}",
	"{\"a\":1,\"a\":2}",
	"{\"a\":[]}",
	"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
	"\"\\u0000\"",
	"\"\\u00e9\\u00E9\"",
	"\"\\uABCD\\uabcd\"",
	"\"\\ud83d\\udd11\"",
	"\"\\uDBFF\\uDFFF\"",
	"\"\\uD800\\uDC00x\"",
	"\"\\ud7ff\\ue000\\uffff\"",
	"\"\x7f\"",
	"\"\xc2\x80\"",
	"\"\xdf\xbf\"",
	"\"\xe0\xa0\x80\"",
	"\"\xed\x9f\xbf\"",
	"\"\xee\x80\x80\"",
	"\"\xef\xbf\xbf\"",
	"\"\xf0\x90\x80\x80\"",
	"\"\xf4\x8f\xbf\xbf\"",
	"\"\xe2\x80\xa8\"",
	"\"\xef\xbb\xbf\"",
	"\"\\\\u12\"",
	"\"\\u005C\\u0022\"",
	"{\"\\u0061\":\"b\"}",
	"{\"\xc3\xa9\":1}",
	"[0,-0,0.0,0e1,-1e-1]",
	"\"'\"",
	"\"/\"",
	"\"12345678\"",
	"\"1234567\xc3\xa9\"",
	"{\"big\":12345678901234567000,\"f\":1e-7,\"u\":\"\\u0000\xc3\xa9\",\"deep\":[[[]]]}",
};

static const char *const refused[] = {
	"",
	" ",
	"\n",
	"x",
	"tru",
	"truE",
	"True",
	"TRUE",
	"nul",
	"nil",
	"fals",
	"falsee",
	"truee",
	"nulll",
	"NaN",
	"Infinity",
	"-Infinity",
	"undefined",
	"'a'",
	"a",
	"+1",
	"-",
	"--1",
	"-a",
	"01",
	"-01",
	"00",
	"0x10",
	"1.",
	".5",
	"-.5",
	"1.e1",
	"1e",
	"1E",
	"1e+",
	"1e-",
	"1e1.5",
	"1e1e1",
	"1.2.3",
	"0.",
	"1 2",
	"1,",
	",1",
	"1a",
	"1_000",
	"0b1",
	"1e 1",
	"- 1",
	"1. 0",
	"\xef\xbb\xbf{}",
	"{}\xef\xbb\xbf",
	"\xfe\xff{}",
	"[",
	"]",
	"{",
	"}",
	"[}",
	"{]",
	"[1",
	"[1,",
	"[1,]",
	"[,1]",
	"[,]",
	"[1,,2]",
	"[1 2]",
	"[1}",
	"[1]]",
	"[[1]",
	"[\"a\"",
	"[\"a\",",
	"[1:2]",
	"[\"a\":1]",
	"{\"a\"}",
	"{\"a\":}",
	"{\"a\":1",
	"{\"a\":1,",
	"{\"a\":1,}",
	"{,}",
	"{,\"a\":1}",
	"{\"a\":1,,\"b\":2}",
	"{\"a\" 1}",
	"{\"a\":1 \"b\":2}",
	"{\"a\":1]",
	"{a:1}",
	"{'a':1}",
	"{1:1}",
	"{null:1}",
	"{[]:1}",
	"{{}:1}",
	"{\"a\"::1}",
	"{\"a\":1:2}",
	"{\"a\",\"b\"}",
	"{\"a\":1}}",
	"{}{}",
	"{} x",
	"[]x",
	"\"",
	"\"a",
	"\"\\\"",
	"\"\\",
	"\"\\x\"",
	"\"\\a\"",
	"\"\\v\"",
	"\"\\0\"",
	"\"\\'\"",
	"\"\\ \"",
	"\"\\\n\"",
	"\"\\U0041\"",
	"\"\\u\"",
	"\"\\u1\"",
	"\"\\u12\"",
	"\"\\u123\"",
	"\"\\u123g\"",
	"\"\\u 123\"",
	"\"\\u-123\"",
	"\"\\u+123\"",
	"\"\\u00\xc3\xa9\"",
	"\"\\ud800\"",
	"\"\\udbff\"",
	"\"\\udc00\"",
	"\"\\udfff\"",
	"\"\\ud800\\ud800\"",
	"\"\\ud800\\u0041\"",
	"\"\\ud800x\"",
	"\"\\ud800\\n\"",
	"\"\\ud800\\\\udc00\"",
	"\"\\ud800\\udbff\"",
	"\"\\ud800\\ue000\"",
	"\"\\ud800\\udc0\"",
	"\"\\ud800\\udc0g\"",
	"\"\\udc00\\ud800\"",
	"\"\\udc00\\udc00\"",
	"\"\\udfff\\udc00\"",
	"\"\\ud800 \\udc00\"",
	"\"\\ud800\\u\"",
	"\"a\"b",
	"\"a\" \"b\"",
	"\"\n\"",
	"\"\t\"",
	"\"\r\"",
	"\"\x01\"",
	"\"\x1f\"",
	"\"\x80\"",
	"\"\xbf\"",
	"\"\xc0\x80\"",
	"\"\xc1\xbf\"",
	"\"\xc2\"",
	"\"\xc2\x22",
	"\"\xe0\x80\x80\"",
	"\"\xe0\x9f\xbf\"",
	"\"\xed\xa0\x80\"",
	"\"\xed\xbf\xbf\"",
	"\"\xe2\x82\"",
	"\"\xf0\x80\x80\x80\"",
	"\"\xf0\x8f\xbf\xbf\"",
	"\"\xf4\x90\x80\x80\"",
	"\"\xf5\x80\x80\x80\"",
	"\"\xf8\x88\x80\x80\x80\"",
	"\"\xfe\"",
	"\"\xff\"",
	"\xc3\xa9",
	"\xa0"
	"1",
	"\v1",
	"\f1",
	"\xc2\xa0"
	"1",
	"1\v",
	"/**/1",
	"1//",
	"#1",
	"[1]#",
	"<>",
	"\\u0031",
	"\"\\uD8",
	"\"\\uD800\\",
	"\"\\uD800\\uDC",
	"{\"a\":tru}",
	"{\"a\":01}",
	"{\"a\":1.}",
	"[-]",
	"[1e]",
	"{\"a\":\"\x02\"}",
	"{\"\xff\":1}",
	"{\"\\ud800\":1}",
	"[\"\\ud800\",\"\\udc00\"]",
};

static void test_json_is_accepted(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(accepted); i++)
		if (scan(accepted[i], strlen(accepted[i])) != 0)
			fail_msg("refused: %s", accepted[i]);
}

static void test_what_is_not_json_is_refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(refused); i++)
		if (scan(refused[i], strlen(refused[i])) == 0)
			fail_msg("accepted: %s", refused[i]);
}

/*
 * The same texts are judged as an element and as a member, since a value's end must be found in any surroundings.
 */
static void test_what_is_not_json_is_refused_within_other_values(void **state)
{
	char text[200];
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(accepted) + COUNT(refused); i++) {
		const char *inner = i < COUNT(accepted) ? accepted[i] : refused[i - COUNT(accepted)];
		int want = i < COUNT(accepted) ? 0 : -1;

		/* A text that closes and opens again, or needs a comma, may well fit into an array. */
		if (want < 0 && (strpbrk(inner, "[]{},") != NULL || strspn(inner, " \n") == strlen(inner)))
			continue;
		n = (size_t)snprintf(text, sizeof(text), "[%s]", inner);
		assert_int_equal(scan(text, n), want);
		n = (size_t)snprintf(text, sizeof(text), "{\"x\":[1,%s,2]}", inner);
		assert_int_equal(scan(text, n), want);
		n = (size_t)snprintf(text, sizeof(text), "[{\"x\":%s},0]", inner);
		assert_int_equal(scan(text, n), want);
	}
}

static void test_nul_bytes_are_not_json(void **state)
{
	(void)state;
	assert_int_equal(scan("\0", 1), -1);
	assert_int_equal(scan("1\0", 2), -1);
	assert_int_equal(scan("\"a\0b\"", 5), -1);
	assert_int_equal(scan("[1\0]", 4), -1);
	assert_int_equal(scan("\"\\\0\"", 4), -1);
	assert_int_equal(scan("\"\\u\0\0\0\0\"", 8), -1);
}

/* A number that is cut may still be a number; every other value has a definite end. */
static void test_every_truncation_is_refused(void **state)
{
	size_t i, n, len;

	(void)state;
	for (i = 0; i < COUNT(accepted); i++) {
		const char *text = accepted[i] + strspn(accepted[i], " \t\r\n");

		len = strlen(text);
		while (strchr(" \t\r\n", text[len - 1]) != NULL)
			len--;
		if (strchr("-0123456789", text[0]) != NULL)
			continue;
		for (n = 0; n < len; n++)
			if (scan(text, n) == 0)
				fail_msg("accepted the first %zu bytes of %s", n, text);
	}
}

/* Each byte is tried at each place of the words that strings are scanned in. */
static void test_each_byte_in_a_string_is_judged_wherever_it_stands(void **state)
{
	char text[26];
	size_t at;
	int c;

	(void)state;
	for (at = 1; at < sizeof(text) - 1; at++)
		for (c = 0; c < 256; c++) {
			memset(text, 'x', sizeof(text));
			text[0] = text[sizeof(text) - 1] = '"';
			text[at] = (char)c;
			if ((scan(text, sizeof(text)) == 0) != (c >= 0x20 && c < 0x80 && c != '"' && c != '\\'))
				fail_msg("byte %d at %zu", c, at);
		}
}

/*
 * A quote right after a byte that borrows in the word's arithmetic must not be lost, and none must be seen where
 * there is none.
 */
static void test_each_pair_of_bytes_in_a_string_is_judged(void **state)
{
	char text[] = "\"abc??ghijklm\"";
	int a, b, want;

	(void)state;
	for (a = 1; a < 128; a++)
		for (b = 1; b < 128; b++) {
			text[4] = (char)a;
			text[5] = (char)b;
			want = a >= 0x20 && a != '"' && b >= 0x20 && b != '"' && b != '\\';
			if (a == '\\')
				want = strchr("\"\\/bfnrt", b) != NULL;
			if ((scan(text, sizeof(text) - 1) == 0) != want)
				fail_msg("bytes %d, %d", a, b);
		}
}

static char *nested(const char *open, const char *inner, const char *close, size_t depth, size_t *len)
{
	size_t n_open = strlen(open), n_inner = strlen(inner), n_close = strlen(close), i;
	char *text = malloc(depth * (n_open + n_close) + n_inner + 1), *p = text;

	assert_non_null(text);
	for (i = 0; i < depth; i++, p += n_open)
		memcpy(p, open, n_open);
	memcpy(p, inner, n_inner);
	p += n_inner;
	for (i = 0; i < depth; i++, p += n_close)
		memcpy(p, close, n_close);
	*len = (size_t)(p - text);
	return text;
}

static void test_nesting_is_accepted_to_its_limit_and_not_deeper(void **state)
{
	static const struct {
		const char *open, *inner, *close;
		size_t per; /* levels that each opening adds */
	} cases[] = {
		{ "[", "", "]", 1 },
		{ "[", "1", "]", 1 },
		{ "[0,", "\"x\"", ",0]", 1 },
		{ "{\"a\":", "1", "}", 1 },
		{ " { \"a\" : ", "{}", " } ", 1 },
		{ "[{\"a\":", "null", "}]", 2 },
		{ "{\"a\":[1,", "2", "],\"b\":{}}", 2 },
	};
	size_t i, len, deep;
	unsigned limit;
	char *text;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		for (limit = 8; limit <= JSCAN_DEPTH_MAX; limit += JSCAN_DEPTH_MAX - 8) {
			deep = strcmp(cases[i].inner, "{}") == 0 ? 1 : 0;
			text = nested(cases[i].open, cases[i].inner, cases[i].close, limit / cases[i].per - deep,
			    &len);
			assert_int_equal(scan_to(text, len, limit), 0);
			assert_int_equal(scan_to(text, len, limit - 1), -1);
			free(text);
			text = nested(cases[i].open, cases[i].inner, cases[i].close,
			    limit / cases[i].per - deep + 1, &len);
			assert_int_equal(scan_to(text, len, limit), -1);
			free(text);
		}
	text = nested("[", "", "]", JSCAN_DEPTH_MAX + 1, &len);
	assert_int_equal(scan_to(text, len, UINT32_MAX), -1);
	free(text);
	text = nested("[", "", "]", 5000000, &len);
	assert_int_equal(scan(text, len), -1);
	free(text);
}

static void test_a_scalar_has_no_depth_and_an_empty_object_has_one(void **state)
{
	(void)state;
	assert_int_equal(scan_to("1", 1, 0), 0);
	assert_int_equal(scan_to("\"[[\"", 4, 0), 0);
	assert_int_equal(scan_to("{}", 2, 0), -1);
	assert_int_equal(scan_to("[]", 2, 0), -1);
	assert_int_equal(scan_to("{}", 2, 1), 0);
	assert_int_equal(scan_to("[[]]", 4, 1), -1);
	assert_int_equal(scan_to("[{},[],{},[]]", 13, 2), 0);
}

static void assert_span(struct jspan span, const char *text, enum jtype type)
{
	assert_int_equal(span.len, strlen(text));
	assert_memory_equal(span.p, text, span.len);
	assert_int_equal(span.type, type);
}

static void test_spans_are_the_texts_own_bytes(void **state)
{
	static const char payload[] =
	    "{\"big\":12345678901234567000,\"f\":1e-7,\"u\":\"\\u0000\xc3\xa9\",\"deep\":[[[]]]}";
	char text[200];
	struct jspan key, value;
	struct jscan s;

	(void)state;
	snprintf(text, sizeof(text), " { \"request\\u005fid\" : null ,\"data\": %s\t, \"x\":-1.50E+3\n}\r\n",
	    payload);
	jscan_init(&s, text, strlen(text));
	assert_int_equal(jscan_object(&s), 0);
	assert_int_equal(jscan_member(&s, &key), 1);
	assert_span(key, "\"request\\u005fid\"", JSON_STRING);
	assert_int_equal(jscan_value(&s, 0, &value), 0);
	assert_span(value, "null", JSON_NULL);
	assert_int_equal(jscan_member(&s, &key), 1);
	assert_span(key, "\"data\"", JSON_STRING);
	assert_int_equal(jscan_value(&s, 4, &value), 0);
	assert_span(value, payload, JSON_OBJECT);
	assert_ptr_equal(value.p, strstr(text, payload));
	assert_int_equal(jscan_member(&s, &key), 1);
	assert_int_equal(jscan_value(&s, 0, &value), 0);
	assert_span(value, "-1.50E+3", JSON_NUMBER);
	assert_int_equal(jscan_member(&s, &key), 0);
	assert_int_equal(jscan_end(&s), 0);
	assert_null(s.error);
}

static void test_each_type_is_told_before_and_after_it_is_taken(void **state)
{
	static const struct {
		const char *text;
		int type;
	} cases[] = {
		{ "{}", JSON_OBJECT },
		{ " []", JSON_ARRAY },
		{ "\"\"", JSON_STRING },
		{ "\n-1", JSON_NUMBER },
		{ "0", JSON_NUMBER },
		{ "9", JSON_NUMBER },
		{ "true", JSON_TRUE },
		{ "false", JSON_FALSE },
		{ "null", JSON_NULL },
		{ "", -1 },
		{ " ", -1 },
		{ "}", -1 },
		{ "x", -1 },
		{ "+1", -1 },
		{ "\xff", -1 },
	};
	struct jspan value;
	struct jscan s;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		jscan_init(&s, cases[i].text, strlen(cases[i].text));
		assert_int_equal(jscan_peek(&s), cases[i].type);
		assert_int_equal(jscan_peek(&s), cases[i].type);
		assert_int_equal(jscan_value(&s, 1, &value), cases[i].type < 0 ? -1 : 0);
		if (cases[i].type >= 0)
			assert_int_equal(value.type, cases[i].type);
	}
}

/* Walks a document that consists of objects only, and enters each. Returns the number of members, or -1. */
static int walk(const char *text)
{
	struct jspan key, value;
	struct jscan s;
	int depth = 1, members = 0, r;

	jscan_init(&s, text, strlen(text));
	if (jscan_object(&s) < 0)
		return -1;
	while (depth > 0) {
		r = jscan_member(&s, &key);
		if (r < 0)
			return -1;
		if (r == 0) {
			depth--;
			continue;
		}
		members++;
		if (jscan_peek(&s) == JSON_OBJECT)
			r = jscan_object(&s), depth++;
		else
			r = jscan_value(&s, JSCAN_DEPTH_MAX, &value);
		if (r < 0)
			return -1;
	}
	return jscan_end(&s) < 0 ? -1 : members;
}

static void test_objects_are_walked_as_strictly_as_they_are_taken(void **state)
{
	size_t i;

	(void)state;
	assert_int_equal(walk("{}"), 0);
	assert_int_equal(walk("{\"a\":{},\"b\":{\"c\":{}},\"d\":[{\"e\":1}]}"), 4);
	assert_int_equal(walk(" { \"a\" : { } , \"b\" : 1 } "), 2);
	for (i = 0; i < COUNT(accepted) + COUNT(refused); i++) {
		const char *text = i < COUNT(accepted) ? accepted[i] : refused[i - COUNT(accepted)];
		int ok = i < COUNT(accepted) && text[strspn(text, " \t\r\n")] == '{';

		if ((walk(text) >= 0) != ok)
			fail_msg("walked differently: %s", text);
	}
}

#define BROKEN (-2)

static const struct jname expectable[] = { JNAME("id"), JNAME("version"), JNAME(""), JNAME("i") };

/*
 * Reads an object with one member, a scalar. Returns the member's index among the expected names, or BROKEN if the
 * text is something else.
 */
static int only_member(const char *text, size_t len, int expected)
{
	char *copy = malloc(len);
	struct jspan key, value;
	int index = BROKEN, none;
	struct jscan s;

	assert_non_null(copy);
	jscan_init(&s, memcpy(copy, text, len), len);
	if (jscan_object(&s) < 0 ||
	    jscan_member_among(&s, expectable, COUNT(expectable), expected, &key, &index) <= 0 ||
	    jscan_value(&s, 0, &value) < 0 ||
	    jscan_member_among(&s, expectable, COUNT(expectable), expected, &key, &none) != 0 || jscan_end(&s) < 0)
		index = BROKEN;
	free(copy);
	return index;
}

/* A member is found however its name is written, whichever name is expected, and wherever the text ends. */
static void test_an_expected_member_is_taken_as_any_other(void **state)
{
	static const struct {
		const char *text;
		int index;
	} members[] = {
		{ "{\"id\":7}", 0 },
		{ "{ \"id\" : 7 }", 0 },
		{ "{\"id\": 7}", 0 },
		{ "{\"id\" :7}", 0 },
		{ "{\"\\u0069d\":7}", 0 },
		{ "{\"version\":7}", 1 },
		{ "{\"versio\":7}", -1 },
		{ "{\"versions\":7}", -1 },
		{ "{\"\":7}", 2 },
		{ "{\"i\":7}", 3 },
		{ "{\"i:\":7}", -1 },
		{ "{\"id\"7}", BROKEN },
		{ "{id:7}", BROKEN },
		{ "{\"id\\\":7}", BROKEN },
		{ "{xid\":7}", BROKEN },
		{ "{\"idx:7}", BROKEN },
		{ "{,\"id\":7}", BROKEN },
		{ "{\"id\":7,}", BROKEN },
		{ "{}", BROKEN },
	};

	(void)state;
	for (size_t k = 0; k < COUNT(members); k++) {
		size_t whole = strlen(members[k].text);

		for (size_t len = 1; len <= whole; len++)
			for (int expected = 0; expected < (int)COUNT(expectable); expected++)
				assert_int_equal(only_member(members[k].text, len, expected),
				    len == whole ? members[k].index : BROKEN);
	}
}

static void test_a_member_is_found_by_its_name(void **state)
{
	static const struct {
		const char *text;
		int found;
		const char *value;
	} objects[] = {
		{ "{\"a\":1}", 1, "1" },
		{ " { \"a\" : {\"b\":[]} } ", 1, "{\"b\":[]}" },
		{ "{\"\\u0061\":1}", 1, "1" },
		{ "{\"a\":1,\"b\":2,\"a\":3}", 1, "3" },
		{ " { \"b\":{\"a\":0}, \"a\": 1, \"\\u0061\":[2] }\n", 1, "[2]" },
		{ "{}", 0, "" },
		{ "{\"b\":{\"a\":1}}", 0, "" },
		{ "\"a\"", -1, "" },
		{ "[]", -1, "" },
		{ "[\"a\",1]", -1, "" },
		{ "{\"a\":1", -1, "" },
		{ "{\"a\":1}x", -1, "" },
		{ "{\"a\":1,\"b\":}", -1, "" },
		{ "{\"a\":1,}", -1, "" },
		{ "", -1, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(objects); i++) {
		struct jspan value = { "", 0, JSON_NULL };

		assert_int_equal(jscan_find(objects[i].text, strlen(objects[i].text), "a", &value),
		    objects[i].found);
		assert_int_equal(value.len, strlen(objects[i].value));
		assert_memory_equal(value.p, objects[i].value, value.len);
	}
}

static void test_an_entered_empty_object_leaves_its_parent_in_step(void **state)
{
	(void)state;
	assert_int_equal(walk("{\"a\":{}\"b\":1}"), -1);
	assert_int_equal(walk("{\"a\":{},}"), -1);
	assert_int_equal(walk("{\"a\":{,}}"), -1);
	assert_int_equal(walk("{\"a\":{}{}}"), -1);
	assert_int_equal(walk("{\"a\":{}"), -1);
	assert_int_equal(walk("{,\"a\":{}}"), -1);
}

static void test_an_error_sticks_and_says_why(void **state)
{
	struct jspan span = { "untouched", 9, JSON_NULL };
	struct jscan s;
	const char *error;

	(void)state;
	jscan_init(&s, "{\"a\":1 x}", 9);
	assert_int_equal(jscan_object(&s), 0);
	assert_int_equal(jscan_member(&s, &span), 1);
	assert_int_equal(jscan_value(&s, 0, &span), 0);
	assert_int_equal(jscan_member(&s, &span), -1);
	error = s.error;
	assert_non_null(error);
	assert_span(span, "1", JSON_NUMBER);
	assert_int_equal(jscan_member(&s, &span), -1);
	assert_int_equal(jscan_value(&s, 5, &span), -1);
	assert_int_equal(jscan_object(&s), -1);
	assert_int_equal(jscan_peek(&s), -1);
	assert_int_equal(jscan_end(&s), -1);
	assert_ptr_equal(s.error, error);
	jscan_init(&s, "[1]", 3);
	assert_int_equal(jscan_object(&s), -1);
	assert_int_equal(jscan_value(&s, 5, &span), -1);
}

static void test_an_error_has_its_line_and_column(void **state)
{
	static const struct {
		const char *text;
		size_t line, column;
	} cases[] = { { "", 1, 1 }, { "x", 1, 1 }, { "{\"a\":1 x}", 1, 8 }, { "{\n  \"a\": tru }", 2, 11 },
		{ "{\r\n\r\n\t\"a\" 1}", 3, 6 }, { "{\"\u00e4\U0001f600\":x}", 1, 7 }, { "{\"a\":\"b\n\"}", 1, 8 },
		{ "{\"a\":\"b", 1, 8 }, { "{}\n\n}", 3, 1 } };
	struct jspan value;
	struct jscan s;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		jscan_init(&s, cases[i].text, strlen(cases[i].text));
		assert_true(jscan_value(&s, 5, &value) < 0 || jscan_end(&s) < 0);
		assert_int_equal(jscan_place(&s, cases[i].text).line, cases[i].line);
		assert_int_equal(jscan_place(&s, cases[i].text).column, cases[i].column);
	}
}

static void test_the_reason_holds_nothing_of_the_text(void **state)
{
	static const char *const secrets[] = { "{\"a\":hunter2}", "{\"a\":\"hunter2\\x\"}", "hunter2",
		"{\"a\":1}hunter2", "{hunter2}" };
	struct jspan value;
	struct jscan s;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(secrets); i++) {
		jscan_init(&s, secrets[i], strlen(secrets[i]));
		assert_int_equal(jscan_value(&s, 5, &value) < 0 || jscan_end(&s) < 0, 1);
		assert_null(strstr(s.error, "unter2"));
	}
	jscan_init(&s, "{\"a\":\"hunter2", 13);
	assert_int_equal(jscan_value(&s, 5, &value), -1);
	assert_string_equal(s.error, "it ends too early");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_is_accepted),
		cmocka_unit_test(test_what_is_not_json_is_refused),
		cmocka_unit_test(test_what_is_not_json_is_refused_within_other_values),
		cmocka_unit_test(test_nul_bytes_are_not_json),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_each_byte_in_a_string_is_judged_wherever_it_stands),
		cmocka_unit_test(test_each_pair_of_bytes_in_a_string_is_judged),
		cmocka_unit_test(test_nesting_is_accepted_to_its_limit_and_not_deeper),
		cmocka_unit_test(test_a_scalar_has_no_depth_and_an_empty_object_has_one),
		cmocka_unit_test(test_spans_are_the_texts_own_bytes),
		cmocka_unit_test(test_each_type_is_told_before_and_after_it_is_taken),
		cmocka_unit_test(test_objects_are_walked_as_strictly_as_they_are_taken),
		cmocka_unit_test(test_an_expected_member_is_taken_as_any_other),
		cmocka_unit_test(test_a_member_is_found_by_its_name),
		cmocka_unit_test(test_an_entered_empty_object_leaves_its_parent_in_step),
		cmocka_unit_test(test_an_error_sticks_and_says_why),
		cmocka_unit_test(test_an_error_has_its_line_and_column),
		cmocka_unit_test(test_the_reason_holds_nothing_of_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
