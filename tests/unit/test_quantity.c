/*
 * Numbers as people write them: times, sizes, counts and modes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/quantity.h"

#define UNTOUCHED 4711

typedef int parser(const char *text, uint64_t *ret);

static void accepts(parser *parse, const char *text, uint64_t value)
{
	uint64_t got = UNTOUCHED;

	if (parse(text, &got) != 0 || got != value)
		fail_msg("\"%s\" gave %ju, not %ju", text, (uintmax_t)got, (uintmax_t)value);
}

static void refuses(parser *parse, const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t got = UNTOUCHED;

		if (parse(texts[i], &got) != -1 || got != UNTOUCHED)
			fail_msg("\"%s\" was taken", texts[i]);
	}
}

#define REFUSES(parse, ...) \
	do { \
		static const char *const texts_[] = { __VA_ARGS__ }; \
		refuses(parse, texts_, sizeof(texts_) / sizeof(*texts_)); \
	} while (0)

static void test_times_are_a_number_and_a_unit(void **state)
{
	(void)state;
	accepts(quantity_time, "500ms", 500);
	accepts(quantity_time, "10s", 10000);
	accepts(quantity_time, "5m", 300000);
	accepts(quantity_time, "2h", 7200000);
	accepts(quantity_time, "0s", 0);
	accepts(quantity_time, "007s", 7000);
	accepts(quantity_time, "18446744073709551615ms", UINT64_MAX);
}

static void test_times_that_are_none_are_refused(void **state)
{
	(void)state;
	REFUSES(quantity_time, "", "s", "10", "0", "10 s", " 10s", "10s ", "-1s", "+1s", "1.5s", "1e3s", "0x1s",
	    "10S", "10sec", "10d", "1m30s", "18446744073709551616ms", "18446744073709552s",
	    "99999999999999999999h");
}

static void test_sizes_are_bytes_or_count_in_1024(void **state)
{
	(void)state;
	accepts(quantity_size, "65536", 65536);
	accepts(quantity_size, "64K", 65536);
	accepts(quantity_size, "8M", 8388608);
	accepts(quantity_size, "0", 0);
	accepts(quantity_size, "18446744073709551615", UINT64_MAX);
	REFUSES(quantity_size, "", "K", "8 M", "8m", "8k", "8MB", "8MiB", "1G", "-1", "1.5M", "0x10",
	    "18446744073709551616", "18014398509481984K");
}

static void test_counts_are_plain_numbers(void **state)
{
	(void)state;
	accepts(quantity_count, "1024", 1024);
	accepts(quantity_count, "0", 0);
	REFUSES(quantity_count, "", "-5", "1K", "1 ", "0x1", "one", "18446744073709551616");
}

static void test_modes_are_octal(void **state)
{
	static const char *const bad[] = { "", "0", "66", "1660", "00660", "0888", "rw-", "0o660", "-660", "+660",
		"660 ", "7777", "0666\n" };
	mode_t mode = 01;

	(void)state;
	assert_int_equal(quantity_mode("0660", &mode), 0);
	assert_int_equal(mode, 0660);
	assert_int_equal(quantity_mode("600", &mode), 0);
	assert_int_equal(mode, 0600);
	assert_int_equal(quantity_mode("0777", &mode), 0);
	assert_int_equal(mode, 0777);
	assert_int_equal(quantity_mode("0000", &mode), 0);
	assert_int_equal(mode, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		mode = 01;
		if (quantity_mode(bad[i], &mode) != -1 || mode != 01)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

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
		cmocka_unit_test(test_times_are_a_number_and_a_unit),
		cmocka_unit_test(test_times_that_are_none_are_refused),
		cmocka_unit_test(test_sizes_are_bytes_or_count_in_1024),
		cmocka_unit_test(test_counts_are_plain_numbers),
		cmocka_unit_test(test_modes_are_octal),
		cmocka_unit_test(test_a_time_is_said_in_the_unit_that_people_would_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
