/*
 * case_filter: has a program run those of its cases only whose names match SECRETSTORE_TEST_CASE in the
 * environment, in which * and ? are wildcards. It is linked into every unit test program, and
 * `make check T=cache:PATTERN` sets the variable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Runs before main(), so that no program has to call it. */
__attribute__((constructor)) static void case_filter_set(void)
{
	const char *pattern = getenv("SECRETSTORE_TEST_CASE");

	if (pattern != NULL && pattern[0] != '\0')
		cmocka_set_test_filter(pattern);
}
