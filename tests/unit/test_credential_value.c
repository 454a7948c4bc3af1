/*
 * What a unit gets of a secret, and what it does not get.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/callers/credential_value.h"

static struct jspan object(const char *text)
{
	return (struct jspan){ .p = text, .len = strlen(text), .type = JSON_OBJECT };
}

static void gives(const char *data, const char *field, const char *value, size_t len)
{
	char *copy = malloc(strlen(data));
	struct jspan span = { .p = copy, .len = strlen(data), .type = JSON_OBJECT };
	struct failure why;
	struct buf b;

	assert_non_null(copy);
	memcpy(copy, data, span.len); /* an exact copy, so that a sanitizer sees a read beyond its end */
	buf_init(&b, SIZE_MAX);
	assert_int_equal(credential_value(span, field, &b, &why), 0);
	assert_int_equal(buf_len(&b), len);
	if (len > 0)
		assert_memory_equal(buf_data(&b), value, len);
	buf_free(&b);
	free(copy);
}

static void fails_with(struct jspan data, const char *field, enum code code, const char *message)
{
	struct failure why = { .code = CODE_NONE };
	struct buf b;

	buf_init(&b, SIZE_MAX);
	if (credential_value(data, field, &b, &why) == 0 || why.code != code ||
	    strstr(why.message, message) == NULL)
		fail_msg("%.100s, %s: %s (%s)", data.p, field, why.message,
		    why.code == CODE_NONE ? "given" : code_name(why.code));
	assert_int_equal(buf_len(&b), 0);
	buf_free(&b);
}

static void fails(struct jspan data, const char *field, const char *message)
{
	fails_with(data, field, CODE_NOT_FOUND, message);
}

#define GIVES(data, field, value) gives(data, field, value, sizeof(value) - 1)

static void test_a_text_is_decoded_and_nothing_is_added(void **state)
{
	(void)state;
	GIVES("{\"a\":\"x\",\"b\":\"pass word\",\"c\":1}", "b", "pass word");
	GIVES("{\"b\":\"\"}", "b", "");
	GIVES(" { \"b\" : \"x\\n\\t\\\"\\\\\\/\\u00e9\\ud83d\\ude00\xc3\xa9\\u003c\\u0026\" } ", "b",
	    "x\n\t\"\\/\xc3\xa9\xf0\x9f\x98\x80\xc3\xa9<&");
	GIVES("{\"b\":\"\\u0001\\u007f\\n\"}", "b", "\x01\x7f\n");
}

static void test_names_are_compared_unescaped(void **state)
{
	(void)state;
	GIVES("{\"p\\u0061ss\":\"x\"}", "pass", "x");
	GIVES("{\"\\u003ca\":\"x\"}", "<a", "x");
	fails(object("{\"pass\":\"x\"}"), "p\\u0061ss", "no such field");
	fails(object("{\"pass\":\"x\"}"), "Pass", "no such field");
	fails(object("{\"pass\":\"x\"}"), "pas", "no such field");
	fails(object("{\"pass\\u0000\":\"x\"}"), "pass", "no such field");
}

static void test_other_values_are_their_text(void **state)
{
	(void)state;
	GIVES("{\"a\":12345678901234567000,\"b\":1.10}", "a", "12345678901234567000");
	GIVES("{\"a\":1.10}", "a", "1.10");
	GIVES("{\"a\":true}", "a", "true");
	GIVES("{\"a\":null}", "a", "null");
	GIVES("{\"a\":{ \"x\" : [\"\\u0041\", 1e400] }}", "a", "{ \"x\" : [\"\\u0041\", 1e400] }");
	GIVES("{\"a\":[\"\\u0000\"]}", "a", "[\"\\u0000\"]");
}

static void test_without_a_field_it_is_the_object_as_it_stands(void **state)
{
	(void)state;
	GIVES("{\"a\": 1.10, \"a\":\"\\u003c\"}", NULL, "{\"a\": 1.10, \"a\":\"\\u003c\"}");
	GIVES("{}", NULL, "{}");
	fails_with((struct jspan){ "null", 4, JSON_NULL }, NULL, CODE_UPSTREAM_ERROR, "no valid JSON object");
}

static void test_the_last_of_a_repeated_member_counts(void **state)
{
	(void)state;
	GIVES("{\"a\":\"1\",\"a\":\"2\",\"b\":\"3\"}", "a", "2");
}

static void test_members_deeper_down_are_no_fields(void **state)
{
	(void)state;
	fails(object("{\"x\":{\"a\":\"1\"},\"y\":\"\\\"a\\\":1\"}"), "a", "no such field");
	fails(object("{}"), "a", "no such field");
}

static void test_texts_that_no_program_would_read_whole_are_refused(void **state)
{
	(void)state;
	fails(object("{\"a\":\"\\u0000\"}"), "a", "NUL");
	fails(object("{\"a\":\"x\\u0000y\"}"), "a", "NUL");
	fails(object("{\"a\":\"xy\\u0000\"}"), "a", "NUL");
}

static void test_hostile_json(void **state)
{
	static const char *const texts[] = {
		"",
		"[",
		"[]",
		"null",
		"\"a\"",
		"{",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":\"x",
		"{\"a\":\"x\"",
		"{\"a\":\"x\",",
		"{\"a\":\"x\",}",
		"{\"a\":\"x\"}x",
		"{\"a\":\"x\"}{}",
		"{\"a\" \"x\"}",
		"{a:\"x\"}",
		"{'a':\"x\"}",
		"{\"a\":\"\\ud800\"}",
		"{\"a\":\"\\udc00\"}",
		"{\"a\":\"\\ud800\\u0041\"}",
		"{\"a\":\"\\x\"}",
		"{\"a\":\"\xff\"}",
		"{\"a\":\"\xed\xa0\x80\"}",
		"{\"a\":\"\x01\"}",
		"{\"a\":01}",
		"{\"a\":tru}",
		"{\"a\":\"x\",\"b\":}",
		"{\"a\":\"x\" \"b\":1}",
		"{\"b\":\"\\ud800\",\"a\":\"x\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		fails_with(object(texts[i]), "a", CODE_UPSTREAM_ERROR, "the secret is no valid JSON object");
}

/* Makes {"a":"<piece>...<piece>"} with n pieces. */
static char *many(const char *piece, size_t n)
{
	size_t len = strlen(piece);
	char *text = malloc(n * len + 9);

	assert_non_null(text);
	strcpy(text, "{\"a\":\"");
	for (size_t i = 0; i < n; i++)
		memcpy(text + 6 + i * len, piece, len);
	strcpy(text + 6 + n * len, "\"}");
	return text;
}

static void test_systemds_limit_counts_decoded(void **state)
{
	char *text = many("x", CREDENTIAL_VALUE_MAX), *larger = many("x", CREDENTIAL_VALUE_MAX + 1);
	char *escaped = many("\\u003c", CREDENTIAL_VALUE_MAX);
	struct failure why;
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	assert_int_equal(credential_value(object(text), "a", &b, &why), 0);
	assert_int_equal(buf_len(&b), CREDENTIAL_VALUE_MAX);
	buf_free(&b);
	assert_int_equal(credential_value(object(escaped), "a", &b, &why), 0);
	assert_int_equal(buf_len(&b), CREDENTIAL_VALUE_MAX);
	assert_int_equal(buf_data(&b)[CREDENTIAL_VALUE_MAX - 1], '<');
	buf_free(&b);
	fails_with(object(larger), "a", CODE_TOO_LARGE, "larger than systemd takes");
	fails_with(object(larger), NULL, CODE_TOO_LARGE, "larger than systemd takes");
	free(text);
	free(larger);
	free(escaped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_text_is_decoded_and_nothing_is_added),
		cmocka_unit_test(test_names_are_compared_unescaped),
		cmocka_unit_test(test_other_values_are_their_text),
		cmocka_unit_test(test_without_a_field_it_is_the_object_as_it_stands),
		cmocka_unit_test(test_the_last_of_a_repeated_member_counts),
		cmocka_unit_test(test_members_deeper_down_are_no_fields),
		cmocka_unit_test(test_texts_that_no_program_would_read_whole_are_refused),
		cmocka_unit_test(test_hostile_json),
		cmocka_unit_test(test_systemds_limit_counts_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
