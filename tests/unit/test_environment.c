/*
 * Secrets that were passed in the environment: they are taken out of it once, wiped there, and shared.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/host/environment.h"

#define NAME "TEST_ENVIRONMENT_SECRET"

static void test_a_variable_is_taken_without_white_space_at_its_end(void **state)
{
	static const struct {
		const char *value, *secret;
	} cases[] = { { "a", "a" }, { "a b \r\n", "a b" }, { " a\t", " a" }, { "\xc3\xa9\n\n", "\xc3\xa9" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct environment_secret *secret = NULL;
		struct error error;

		setenv(NAME, cases[i].value, 1);
		assert_int_equal(environment_take(NAME, &secret, &error), 0);
		assert_string_equal(secret->text, cases[i].secret);
		assert_null(getenv(NAME));
		environment_drop(secret);
	}
}

static void test_a_variable_that_is_not_there_or_empty_gives_none(void **state)
{
	static const char *const empty[] = { NULL, "", " ", "\n", " \t\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
		struct environment_secret *secret = (void *)1;
		struct error error;

		unsetenv(NAME);
		if (empty[i] != NULL)
			setenv(NAME, empty[i], 1);
		assert_int_equal(environment_take(NAME, &secret, &error), 0);
		assert_null(secret);
		assert_null(getenv(NAME));
	}
}

static void test_control_bytes_are_refused_and_wiped(void **state)
{
	static const char *const bad[] = { "\x01", "a\x01z", "a\nz", "a\tz", "\x1b[2J", "a\x7f", "\na" };
	char variable[64], *only[] = { variable, NULL }, **before = environ;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct environment_secret *secret = (void *)1;
		struct error error;
		size_t n = strlen(NAME "=");

		strcpy(variable, NAME "=");
		strcat(variable, bad[i]);
		environ = only;
		assert_int_equal(environment_take(NAME, &secret, &error), -1);
		environ = before;
		only[0] = variable;
		assert_string_equal(error.text, NAME ": holds a control byte");
		assert_null(secret);
		for (size_t k = 0; k < strlen(bad[i]); k++)
			assert_int_equal(variable[n + k], 0);
	}
}

static void test_each_copy_of_it_is_wiped_and_no_other_variable(void **state)
{
	char first[] = NAME "=canary1", second[] = NAME "=canary2", longer[] = NAME "2=other",
	     other[] = "X=" NAME "=";
	char *all[] = { longer, first, other, second, NULL }, **before = environ;
	struct environment_secret *secret = NULL;
	struct error error;

	(void)state;
	environ = all;
	assert_int_equal(environment_take(NAME, &secret, &error), 0);
	assert_null(getenv(NAME));
	assert_string_equal(getenv(NAME "2"), "other");
	environ = before;
	assert_string_equal(secret->text, "canary1");
	environment_drop(secret);
	for (size_t i = 0; i < strlen("canary1"); i++) {
		assert_int_equal(first[strlen(NAME "=") + i], 0);
		assert_int_equal(second[strlen(NAME "=") + i], 0);
	}
	assert_string_equal(longer, NAME "2=other");
	assert_string_equal(other, "X=" NAME "=");
}

static void test_a_secret_stays_until_its_last_holder_drops_it(void **state)
{
	struct environment_secret *secret = NULL;
	struct error error;

	(void)state;
	setenv(NAME, "shared", 1);
	assert_int_equal(environment_take(NAME, &secret, &error), 0);
	assert_ptr_equal(environment_hold(secret), secret);
	environment_drop(secret);
	assert_string_equal(secret->text, "shared");
	environment_drop(secret);
	assert_null(environment_hold(NULL));
	environment_drop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_variable_is_taken_without_white_space_at_its_end),
		cmocka_unit_test(test_a_variable_that_is_not_there_or_empty_gives_none),
		cmocka_unit_test(test_control_bytes_are_refused_and_wiped),
		cmocka_unit_test(test_each_copy_of_it_is_wiped_and_no_other_variable),
		cmocka_unit_test(test_a_secret_stays_until_its_last_holder_drops_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
