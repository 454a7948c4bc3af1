/*
 * How the patterns of rules are written.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "daemon/access/patterns.h"

static void test_patterns_are_canonical_but_for_their_stars(void **state)
{
	static const char *const good[] = { "secret/web/*", "*", "secret/*/db", "secret/web*", "secret/.*",
		"secret/a b", "secret/...", "secret/\xc3\xa9" };
	static const char *const bad[] = { "", "/", "/secret/a", "secret/a/", "secret//a", "secret/./a",
		"secret/../a", "..", ".", "secret/.." };
	char longest[256 + 1 + 1024 + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (patterns_path_error(good[i]) != NULL)
			fail_msg("%s: %s", good[i], patterns_path_error(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (patterns_path_error(bad[i]) == NULL)
			fail_msg("\"%s\" was taken", bad[i]);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_non_null(patterns_path_error(longest));
	longest[sizeof(longest) - 2] = '\0';
	assert_null(patterns_path_error(longest));
}

static void test_units_end_with_their_kind(void **state)
{
	static const char *const good[] = { "web.service", "web@1.service", "web@*.service", "*", "web*",
		"a.scope", "user.slice", "a.socket", "a.mount", "a.swap", "a\\x2db.service", "*.service",
		"A:_-1.service" };
	static const char *const bad[] = { "", "web", "web.timer", ".service", "web.service ", "a/b.service",
		"a b.service", "a?.service", "web.Service", "a\n.service", "\xc3\xa9.service" };
	char longest[257];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (patterns_unit_error(good[i]) != NULL)
			fail_msg("%s: %s", good[i], patterns_unit_error(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (patterns_unit_error(bad[i]) == NULL)
			fail_msg("\"%s\" was taken", bad[i]);
	memset(longest, 'a', sizeof(longest));
	strcpy(longest + 256 - strlen(".service"), ".service");
	assert_non_null(patterns_unit_error(longest));
	assert_null(patterns_unit_error(longest + 1));
}

static void test_names_of_credentials_are_files_names(void **state)
{
	static const char *const good[] = { "db", "tls-*", "*", "a b", "a.b", "..." };
	static const char *const bad[] = { "", ".", "..", "a/b", "a:b" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (patterns_id_error(good[i]) != NULL)
			fail_msg("%s: %s", good[i], patterns_id_error(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (patterns_id_error(bad[i]) == NULL)
			fail_msg("\"%s\" was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns_are_canonical_but_for_their_stars),
		cmocka_unit_test(test_units_end_with_their_kind),
		cmocka_unit_test(test_names_of_credentials_are_files_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
