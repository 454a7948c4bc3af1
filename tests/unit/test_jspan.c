/*
 * What spans mean: strings decoded, names compared, numbers read; also for spans that no scanner has checked.
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
#include "proto/utf8.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct jspan string(const char *text)
{
	return (struct jspan){ text, strlen(text), JSON_STRING };
}

static struct jspan number(const char *text)
{
	return (struct jspan){ text, strlen(text), JSON_NUMBER };
}

static const struct {
	const char *span, *text;
	long len;
} strings[] = {
	{ "\"\"", "", 0 },
	{ "\"plain\"", "plain", 5 },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8 },
	{ "\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac", 6 },
	{ "\"\\ud83d\\uDD11\"", "\xf0\x9f\x94\x91", 4 },
	{ "\"\\ud800\\udc00\\udbff\\udfff\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8 },
	{ "\"a\\u0000b\"", "a\0b", 3 },
	{ "\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11 },
	{ "\"gr\xc3\xbc\xc3\x9f\\n\"", "gr\xc3\xbc\xc3\x9f\n", 7 },
	{ "\"\\\\n\"", "\\n", 2 },
	{ "\"\\\\u0041\"", "\\u0041", 6 },
};

static void test_strings_are_decoded_into_just_enough_room(void **state)
{
	char *out;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(strings); i++) {
		size_t need = (size_t)strings[i].len + 1;

		out = malloc(need);
		assert_non_null(out);
		assert_int_equal(jspan_decode(string(strings[i].span), out, need), strings[i].len);
		assert_memory_equal(out, strings[i].text, need);
		assert_int_equal(jspan_decode_cut(string(strings[i].span), out, need), strings[i].len);
		assert_memory_equal(out, strings[i].text, need);
		free(out);
	}
}

static void test_a_string_that_does_not_fit_leaves_nothing(void **state)
{
	size_t i, cap;
	char *out;

	(void)state;
	for (i = 0; i < COUNT(strings); i++)
		for (cap = 1; cap <= (size_t)strings[i].len; cap++) {
			out = malloc(cap);
			assert_non_null(out);
			memset(out, 'x', cap);
			assert_int_equal(jspan_decode(string(strings[i].span), out, cap), -1);
			assert_int_equal(out[0], '\0');
			if (cap > 1)
				assert_true(out[1] == '\0' || out[1] == 'x');
			free(out);
		}
	assert_int_equal(jspan_decode(string("\"\""), NULL, 0), -1);
	assert_int_equal(jspan_decode_cut(string("\"\""), NULL, 0), -1);
}

static void test_a_cut_string_ends_with_a_whole_character(void **state)
{
	size_t i, cap;
	char *out;
	long n;

	(void)state;
	for (i = 0; i < COUNT(strings); i++)
		for (cap = 1; cap <= (size_t)strings[i].len; cap++) {
			out = malloc(cap);
			assert_non_null(out);
			n = jspan_decode_cut(string(strings[i].span), out, cap);
			assert_in_range(n, cap > 4 ? cap - 4 : 0, cap - 1);
			assert_memory_equal(out, strings[i].text, (size_t)n);
			assert_int_equal(out[n], '\0');
			assert_true(utf8_valid(out, (size_t)n));
			free(out);
		}
}

static void test_what_is_no_string_is_not_decoded(void **state)
{
	static const char *const bad[] = { "", "\"", "x", "\"a", "a\"", "\"\\\"", "\"\\x\"", "\"\\u12\"",
		"\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800\\n\"", "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"",
		"\"\\udc00\"", "\"\\udc00\\udc00\"", "\"\\udfff\\udfff\"", "\"\\ud800\\udc0\"", "\"abc\\\"",
		"\"\\ud800\\\"" };
	char out[20], *copy;
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		len = strlen(bad[i]);
		copy = malloc(len + 1);
		assert_non_null(copy);
		memcpy(copy, bad[i], len);
		copy = realloc(copy, len > 0 ? len : 1);
		assert_non_null(copy);
		memset(out, 'x', sizeof(out));
		assert_int_equal(jspan_decode((struct jspan){ copy, len, JSON_STRING }, out, sizeof(out)), -1);
		assert_string_equal(out, "");
		assert_int_equal(jspan_decode_cut((struct jspan){ copy, len, JSON_STRING }, out, sizeof(out)), -1);
		assert_int_equal(jspan_equals((struct jspan){ copy, len, JSON_STRING }, "abc"), 0);
		free(copy);
	}
	assert_int_equal(jspan_decode(number("12"), out, sizeof(out)), -1);
	assert_int_equal(jspan_decode((struct jspan){ "\"a\"", 3, JSON_NULL }, out, sizeof(out)), -1);
	assert_int_equal(jspan_decode((struct jspan){ NULL, 0, JSON_STRING }, out, sizeof(out)), -1);
}

static void test_names_compare_after_unescaping(void **state)
{
	static const struct {
		const char *span, *name;
		int equal;
	} cases[] = {
		{ "\"cas\"", "cas", 1 },
		{ "\"c\\u0061s\"", "cas", 1 },
		{ "\"\\u0063\\u0061\\u0073\"", "cas", 1 },
		{ "\"Cas\"", "cas", 0 },
		{ "\"cas \"", "cas", 0 },
		{ "\"ca\"", "cas", 0 },
		{ "\"cass\"", "cas", 0 },
		{ "\"\"", "cas", 0 },
		{ "\"\"", "", 1 },
		{ "\"x\"", "", 0 },
		{ "\"cas\\u0000\"", "cas", 0 },
		{ "\"\\u0000\"", "", 0 },
		{ "\"\\u0000as\"", "", 0 },
		{ "\"ca\\u0073\"", "ca", 0 },
		{ "\"\\u00e9\"", "\xc3\xa9", 1 },
		{ "\"\xc3\xa9\"", "\xc3\xa9", 1 },
		{ "\"e\\u0301\"", "\xc3\xa9", 0 },
		{ "\"a\\/b\"", "a/b", 1 },
		{ "\"\\ud83d\\udd11\"", "\xf0\x9f\x94\x91", 1 },
		{ "\"cas", "cas", 0 },
		{ "cas", "cas", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		if (jspan_equals(string(cases[i].span), cases[i].name) != cases[i].equal)
			fail_msg("%s and %s", cases[i].span, cases[i].name);
	assert_int_equal(jspan_equals((struct jspan){ "\"cas\"", 5, JSON_NULL }, "cas"), 0);
}

static void test_a_name_is_found_among_others(void **state)
{
	static const struct jname names[] = { JNAME("id"), JNAME("op"), JNAME("path"), JNAME("") };
	int first;

	(void)state;
	for (first = 0; first < 4; first++) {
		assert_int_equal(jspan_among(string("\"id\""), names, 4, first), 0);
		assert_int_equal(jspan_among(string("\"o\\u0070\""), names, 4, first), 1);
		assert_int_equal(jspan_among(string("\"path\""), names, 4, first), 2);
		assert_int_equal(jspan_among(string("\"\""), names, 4, first), 3);
		assert_int_equal(jspan_among(string("\"pat\""), names, 4, first), -1);
		assert_int_equal(jspan_among(string("\"paths\""), names, 4, first), -1);
		assert_int_equal(jspan_among(string("\"o\\u0071\""), names, 4, first), -1);
	}
	assert_int_equal(jspan_among(string("\"path\""), names, 2, 0), -1);
	assert_int_equal(jspan_among(string("\"id\""), names, 0, 0), -1);
	assert_int_equal(jspan_among((struct jspan){ "\"i", 2, JSON_STRING }, names, 4, 0), -1);
	assert_int_equal(jspan_among(number("17"), names, 4, 0), -1);
}

static void test_numbers_are_plain_and_at_most_ten_digits(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = { { "0", 0 }, { "1", 1 }, { "10", 10 }, { "4294967296", UINT64_C(4294967296) },
		{ "9999999999", UINT64_C(9999999999) } };
	static const char *const bad[] = { "", "-0", "-1", "+1", "00", "01", "1.0", "1e3", "1E3", "12345678901",
		"00000000001", " 1", "1 ", "0x1", "a", "1a" };
	uint64_t value;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		assert_int_equal(jspan_number(number(good[i].text), &value), 0);
		assert_true(value == good[i].value);
	}
	for (i = 0; i < COUNT(bad); i++) {
		value = 77;
		if (jspan_number(number(bad[i]), &value) != -1)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(value, 77);
	}
	assert_int_equal(jspan_number(string("1"), &value), -1);
	assert_int_equal(jspan_number(string("\"1\""), &value), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings_are_decoded_into_just_enough_room),
		cmocka_unit_test(test_a_string_that_does_not_fit_leaves_nothing),
		cmocka_unit_test(test_a_cut_string_ends_with_a_whole_character),
		cmocka_unit_test(test_what_is_no_string_is_not_decoded),
		cmocka_unit_test(test_names_compare_after_unescaping),
		cmocka_unit_test(test_a_name_is_found_among_others),
		cmocka_unit_test(test_numbers_are_plain_and_at_most_ten_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
