/*
 * Texts from outside as they may stand in an error.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts_in_errors_are_cut_and_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
