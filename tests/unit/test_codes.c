/*
 * The table of error codes, and failures filled in from it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/codes.h"
#include "proto/utf8.h"

static const enum code all[] = {
#define X(enumerator, name, number, retryable, meaning) CODE_##enumerator,
	CODE_TABLE(X)
#undef X
};

#define CODES (sizeof(all) / sizeof(all[0]))

static void test_names_and_codes_stand_for_each_other(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < CODES; i++) {
		assert_int_equal(code_by_name(code_name(all[i]), strlen(code_name(all[i]))), all[i]);
		assert_true(strlen(code_meaning(all[i])) > 0);
		for (j = 0; j < i; j++) {
			assert_int_not_equal(all[i], all[j]);
			assert_string_not_equal(code_name(all[i]), code_name(all[j]));
		}
	}
}

/* Scripts depend on these numbers and programs on these names: neither may ever change. */
static void test_numbers_and_names_are_as_promised(void **state)
{
	static const char *const names[] = { "invalid_request", "unknown_op", "too_large", "forbidden",
		"not_found", "cas_mismatch", "cas_required", "permission_denied", "not_ready", "unavailable",
		"timeout", "sealed", "not_initialized", "empty_response", "raft_unsupported", "not_kv_v2",
		"overloaded", "upstream_error", "unknown_outcome", "internal" };
	size_t i;

	(void)state;
	assert_int_equal(CODES, sizeof(names) / sizeof(names[0]));
	for (i = 0; i < CODES; i++)
		assert_string_equal(code_name((enum code)(10 + i)), names[i]);
}

static void test_what_is_no_code_is_internal_and_has_no_name(void **state)
{
	static const int others[] = { 0, 9, 30, -1, 1000 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_string_equal(code_name((enum code)others[i]), "internal");
		assert_string_equal(code_meaning((enum code)others[i]), code_meaning(CODE_INTERNAL));
		assert_false(code_retryable((enum code)others[i]));
	}
	assert_int_equal(code_by_name("", 0), CODE_NONE);
	assert_int_equal(code_by_name("seal", 4), CODE_NONE);
	assert_int_equal(code_by_name("sealed!", 7), CODE_NONE);
	assert_int_equal(code_by_name("Sealed", 6), CODE_NONE);
	assert_int_equal(code_by_name("sealed\0", 7), CODE_NONE);
	assert_int_equal(code_by_name("sealedX", 6), CODE_SEALED);
}

/* Sending a write again must never be suggested if its outcome is unknown, or if it found another version. */
static void test_writes_that_must_not_be_repeated_are_not_retryable(void **state)
{
	(void)state;
	assert_false(code_retryable(CODE_UNKNOWN_OUTCOME));
	assert_false(code_retryable(CODE_CAS_MISMATCH));
	assert_false(code_retryable(CODE_FORBIDDEN));
	assert_true(code_retryable(CODE_UNAVAILABLE));
	assert_true(code_retryable(CODE_NOT_READY));
	assert_true(code_retryable(CODE_OVERLOADED));
}

static void test_a_failure_is_filled_in_whole(void **state)
{
	struct failure f;

	(void)state;
	memset(&f, 0xff, sizeof(f));
	failure_set(&f, CODE_SEALED, "%s is sealed, %d", "OpenBao", 503);
	assert_int_equal(f.code, CODE_SEALED);
	assert_int_equal(f.status, 0);
	assert_false(f.deleted);
	assert_int_equal(f.version, 0);
	assert_string_equal(f.message, "OpenBao is sealed, 503");
}

static void test_a_failure_may_be_set_from_its_own_message(void **state)
{
	struct failure f;

	(void)state;
	failure_set(&f, CODE_SEALED, "inner");
	failure_set(&f, CODE_INTERNAL, "outer: %s", f.message);
	assert_string_equal(f.message, "outer: inner");
}

static void test_a_long_message_is_cut_between_characters(void **state)
{
	char text[400];
	struct failure f;
	size_t shift, i;

	(void)state;
	for (shift = 0; shift < 4; shift++) {
		memset(text, 'x', sizeof(text));
		for (i = shift; i + 4 < sizeof(text); i += 4)
			memcpy(text + i, "\xf0\x9f\x94\x91", 4);
		text[i] = '\0';
		failure_set(&f, CODE_INTERNAL, "%s", text);
		assert_true(utf8_valid(f.message, strlen(f.message)));
		assert_in_range(strlen(f.message), sizeof(f.message) - 4, sizeof(f.message) - 1);
		assert_memory_equal(f.message, text, strlen(f.message));
	}
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	failure_set(&f, CODE_INTERNAL, "%s", text);
	assert_int_equal(strlen(f.message), sizeof(f.message) - 1);
	text[sizeof(f.message) - 1] = '\0';
	failure_set(&f, CODE_INTERNAL, "%s", text);
	assert_string_equal(f.message, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_codes_stand_for_each_other),
		cmocka_unit_test(test_numbers_and_names_are_as_promised),
		cmocka_unit_test(test_what_is_no_code_is_internal_and_has_no_name),
		cmocka_unit_test(test_writes_that_must_not_be_repeated_are_not_retryable),
		cmocka_unit_test(test_a_failure_is_filled_in_whole),
		cmocka_unit_test(test_a_failure_may_be_set_from_its_own_message),
		cmocka_unit_test(test_a_long_message_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
