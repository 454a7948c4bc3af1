/*
 * Digests of credentials: equal credentials have equal digests, others have other ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/upstream/digest.h"

static void test_the_same_is_equal_and_anything_else_is_not(void **state)
{
	struct digest one = digest_of("ab", 2, "c", 1), same = digest_of("ab", 2, "c", 1);
	struct digest shifted = digest_of("a", 1, "bc", 2), other = digest_of("ab", 2, "d", 1);

	(void)state;
	assert_true(one.valid);
	assert_true(digest_equal(&one, &same));
	assert_false(digest_equal(&one, &shifted));
	assert_false(digest_equal(&one, &other));
}

static void test_nothing_equals_nothing(void **state)
{
	struct digest none = { .valid = false }, other = none, one = digest_of("", 0, "", 0);

	(void)state;
	assert_false(digest_equal(&none, &other));
	assert_false(digest_equal(&none, &one));
	assert_false(digest_equal(&one, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_is_equal_and_anything_else_is_not),
		cmocka_unit_test(test_nothing_equals_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
