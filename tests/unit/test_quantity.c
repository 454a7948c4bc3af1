/*
 * Times as people say them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/quantity.h"

static void test_a_time_is_said_in_the_unit_that_people_would_take(void **state)
{
	static const struct {
		uint64_t ms;
		const char *said;
	} rows[] = {
		{ 0, "0.0 s" },
		{ 440, "0.4 s" },
		{ 9940, "9.9 s" },
		{ 10400, "10 s" },
		{ 119400, "119 s" },
		{ 120000, "2 min" },
		{ 960000, "16 min" },
		{ 1261000, "21 min" },
		{ 3600000, "60 min" },
		{ 7199999, "120 min" },
		{ 7200000, "2 h" },
		{ UINT64_C(32) * 86400000, "32 days" },
		{ UINT64_MAX, "213503982335 days" },
	};
	char out[QUANTITY_SAID_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(quantity_say_time(out, rows[i].ms), rows[i].said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_time_is_said_in_the_unit_that_people_would_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
