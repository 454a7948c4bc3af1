/*
 * Errors: texts from outside as they may stand in one, and whether it may pass.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void test_texts_in_errors_are_cut_and_printable(void **state)
{
	char shown[ERROR_SHOWN], text[200];

	(void)state;
	assert_string_equal(error_show("a\nb\x1b[0m\xc3\xa9~ ", shown), "a?b?[0m??~ ");
	memset(text, 'x', sizeof(text));
	text[60] = '\0';
	assert_int_equal(strlen(error_show(text, shown)), 60);
	assert_null(strchr(shown, '.'));
	text[60] = 'x';
	text[61] = '\0';
	assert_int_equal(strlen(error_show(text, shown)), 63);
	assert_string_equal(shown + 60, "...");
}

static void test_what_may_pass_is_told_from_what_lasts(void **state)
{
	static const int passing[] = { ENOENT, EIO, EROFS, ENOSPC, EMFILE, ENOMEM, ESTALE, ETIMEDOUT },
			 lasting[] = { EACCES, EPERM, EISDIR, ENOTDIR, ELOOP, ENAMETOOLONG };
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++) {
		assert_int_equal(error_set(&error, "x"), -1);
		assert_int_equal(error_set_kind_of(&error, passing[i]), -1);
		assert_int_equal(error.kind, ERROR_PASSING);
	}
	for (size_t i = 0; i < sizeof(lasting) / sizeof(*lasting); i++) {
		(void)error_set_kind_of(&error, lasting[i]);
		assert_int_equal(error.kind, ERROR_LASTING);
	}
	(void)error_set(&error, "y"); /* another error, of which nothing is known */
	assert_int_equal(error.kind, ERROR_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_may_pass_is_told_from_what_lasts),
		cmocka_unit_test(test_texts_in_errors_are_cut_and_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
