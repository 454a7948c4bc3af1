/*
 * Lists of texts.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/texts.h"

static void test_texts_are_copied_in_their_order(void **state)
{
	struct texts texts = { .item = NULL };
	char text[16];

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "text %zu", i);
		assert_int_equal(texts_add(&texts, text), 0);
	}
	strcpy(text, "another");
	assert_int_equal(texts.count, 1000);
	assert_string_equal(texts.item[0], "text 0");
	assert_string_equal(texts.item[999], "text 999");
	texts_clear(&texts);
}

static void test_a_list_that_was_cleared_is_empty_and_can_be_used(void **state)
{
	struct texts texts = { .item = NULL };

	(void)state;
	texts_clear(&texts);
	assert_int_equal(texts_add(&texts, ""), 0);
	texts_clear(&texts);
	assert_int_equal(texts.count, 0);
	assert_null(texts.item);
	assert_int_equal(texts_add(&texts, "a"), 0);
	assert_string_equal(texts.item[0], "a");
	texts_clear(&texts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts_are_copied_in_their_order),
		cmocka_unit_test(test_a_list_that_was_cleared_is_empty_and_can_be_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
