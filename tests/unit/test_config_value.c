/*
 * What texts of settings mean: times, sizes, counts, modes, users, groups, addresses, patterns.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/secmem.h"
#include "daemon/config/config_address.h"
#include "daemon/config/config_value.h"

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
	accepts(config_value_time, "500ms", 500);
	accepts(config_value_time, "10s", 10000);
	accepts(config_value_time, "5m", 300000);
	accepts(config_value_time, "2h", 7200000);
	accepts(config_value_time, "0s", 0);
	accepts(config_value_time, "007s", 7000);
	accepts(config_value_time, "18446744073709551615ms", UINT64_MAX);
}

static void test_times_that_are_none_are_refused(void **state)
{
	(void)state;
	REFUSES(config_value_time, "", "s", "10", "0", "10 s", " 10s", "10s ", "-1s", "+1s", "1.5s", "1e3s",
	    "0x1s", "10S", "10sec", "10d", "1m30s", "18446744073709551616ms", "18446744073709552s",
	    "99999999999999999999h");
}

static void test_sizes_are_bytes_or_count_in_1024(void **state)
{
	(void)state;
	accepts(config_value_size, "65536", 65536);
	accepts(config_value_size, "64K", 65536);
	accepts(config_value_size, "8M", 8388608);
	accepts(config_value_size, "0", 0);
	accepts(config_value_size, "18446744073709551615", UINT64_MAX);
	REFUSES(config_value_size, "", "K", "8 M", "8m", "8k", "8MB", "8MiB", "1G", "-1", "1.5M", "0x10",
	    "18446744073709551616", "18014398509481984K");
}

static void test_counts_are_plain_numbers(void **state)
{
	(void)state;
	accepts(config_value_count, "1024", 1024);
	accepts(config_value_count, "0", 0);
	REFUSES(config_value_count, "", "-5", "1K", "1 ", "0x1", "one", "18446744073709551616");
}

static void test_modes_are_octal(void **state)
{
	static const char *const bad[] = { "", "0", "66", "1660", "00660", "0888", "rw-", "0o660", "-660", "+660",
		"660 ", "7777", "0666\n" };
	mode_t mode = 01;

	(void)state;
	assert_int_equal(config_value_mode("0660", &mode), 0);
	assert_int_equal(mode, 0660);
	assert_int_equal(config_value_mode("600", &mode), 0);
	assert_int_equal(mode, 0600);
	assert_int_equal(config_value_mode("0777", &mode), 0);
	assert_int_equal(mode, 0777);
	assert_int_equal(config_value_mode("0000", &mode), 0);
	assert_int_equal(mode, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		mode = 01;
		if (config_value_mode(bad[i], &mode) != -1 || mode != 01)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void test_users_and_groups_are_names_or_numbers(void **state)
{
	struct error why;
	uid_t uid = 1;
	gid_t gid = 1;

	(void)state;
	assert_int_equal(config_value_user("root", &uid, &why), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(config_value_user("4294967294", &uid, &why), 0);
	assert_int_equal(uid, 4294967294u);
	assert_int_equal(config_value_group("root", &gid, &why), 0);
	assert_int_equal(gid, 0);
	assert_int_equal(config_value_group("1234567", &gid, &why), 0);
	assert_int_equal(gid, 1234567);
}

/* (uid_t)-1 means "leave it" to chown(2) and the like; 2^32 must not wrap around to root. */
static void test_ids_out_of_range_are_refused(void **state)
{
	static const char *const bad[] = { "4294967295", "4294967296", "18446744073709551616", "-1", "" };
	struct error why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uid_t uid = UNTOUCHED;
		gid_t gid = UNTOUCHED;

		assert_int_equal(config_value_user(bad[i], &uid, &why), -1);
		assert_int_equal(config_value_group(bad[i], &gid, &why), -1);
		assert_int_equal(uid, UNTOUCHED);
		assert_int_equal(gid, UNTOUCHED);
	}
}

static void test_unknown_users_and_groups_are_named(void **state)
{
	struct error why;
	uid_t uid;
	gid_t gid;

	(void)state;
	assert_int_equal(config_value_user("no-such-user", &uid, &why), -1);
	assert_string_equal(why.text, "there is no user \"no-such-user\" on this machine");
	assert_int_equal(config_value_group("no\nsuch", &gid, &why), -1);
	assert_string_equal(why.text, "there is no group \"no?such\" on this machine");
}

static void test_addresses_are_taken_without_the_slash_at_their_end(void **state)
{
	static const char *const good[] = { "http://127.0.0.1:8200", "https://bao.internal",
		"https://bao-1.internal:8200", "http://localhost:1", "https://[::1]:8200", "https://[2001:db8::1]",
		"https://bao_1:65535", "https://a.b.c.d1", "https://10.0.0.1", "http://xn--bcher-kva.example" };
	char with_slash[80], *address = NULL;
	struct error why;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if (config_address_parse(good[i], &address, &why) != 0)
			fail_msg("%s: %s", good[i], why.text);
		assert_string_equal(address, good[i]);
		secmem_free(address);
		snprintf(with_slash, sizeof(with_slash), "%s/", good[i]);
		assert_int_equal(config_address_parse(with_slash, &address, &why), 0);
		assert_string_equal(address, good[i]);
		secmem_free(address);
	}
}

static void test_addresses_with_anything_else_are_refused_and_not_quoted(void **state)
{
	static const char *const bad[] = { "", "canary", "canary:8200", "ftp://canary", "HTTP://canary",
		"https:/canary", "https://", "https:///", "https://:8200", "https://canary:", "https://canary:0",
		"https://canary:65536", "https://canary:123456", "https://canary:080", "https://canary:82o0",
		"https://canary:+80", "https://canary: 80", "https://user@canary", "https://user:pw@canary",
		"https://canary/v1", "https://canary//", "https://canary:1/x", "https://canary?x",
		"https://canary/?x", "https://canary#x", "https://canary:1#x", "https://can ary",
		"https://canary ", " https://canary", "https://canary\r\nX: y", "https://canary\n",
		"https://canary\x7f", "https://canary\\x", "https://can%41ry", "https://\303\274ber",
		"https://canary..x", "https://.canary", "https://canary.", "https://[::1", "https://::1",
		"https://[::g]", "https://[]", "https://[canary]", "https://[127.0.0.1]",
		"https://[fe80::1%25eth0]", "https://[::1]x", "https://[::1]:", "https://1.2.3",
		"https://1.2.3.4.5", "https://256.0.0.1", "https://1", "https://010.0.0.1", "https://0x7f.0.0.0x1",
		"https://canary:80:80", "https://[::1]:80]" };
	struct error why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char *address = NULL;

		if (config_address_parse(bad[i], &address, &why) != -1 || address != NULL)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_null(strstr(why.text, "canary"));
	}
}

static void test_hosts_longer_than_a_name_can_be_are_refused(void **state)
{
	char text[400] = "https://", *address = NULL;
	struct error why;

	(void)state;
	for (int i = 0; i < 60; i++)
		strcat(text, "abc.");
	strcat(text, "abcdefghijklm");
	assert_int_equal(strlen(text + 8), 253);
	assert_int_equal(config_address_parse(text, &address, &why), 0);
	secmem_free(address);
	strcat(text, "n");
	assert_int_equal(config_address_parse(text, &address, &why), -1);
	memset(text + 8, 'a', 64);
	strcpy(text + 8 + 64, ".b");
	assert_int_equal(config_address_parse(text, &address, &why), -1);
}

static void test_loopback_addresses_are_known(void **state)
{
	(void)state;
	assert_true(config_address_is_loopback("http://127.0.0.1:8200"));
	assert_true(config_address_is_loopback("http://127.3.2.1"));
	assert_true(config_address_is_loopback("http://localhost:8200"));
	assert_true(config_address_is_loopback("http://LOCALHOST"));
	assert_true(config_address_is_loopback("http://[::1]:8200"));
	assert_false(config_address_is_loopback("http://128.0.0.1:8200"));
	assert_false(config_address_is_loopback("http://10.127.0.1"));
	assert_false(config_address_is_loopback("http://localhost.example"));
	assert_false(config_address_is_loopback("http://[::2]:8200"));
	assert_false(config_address_is_loopback("http://127.example:8200"));
}

static void test_server_names_are_hosts(void **state)
{
	(void)state;
	assert_true(config_address_host_ok("bao.internal"));
	assert_true(config_address_host_ok("10.0.0.1"));
	assert_true(config_address_host_ok("::1"));
	assert_false(config_address_host_ok("[::1]"));
	assert_false(config_address_host_ok("bao.internal:8200"));
	assert_false(config_address_host_ok("*.internal"));
	assert_false(config_address_host_ok("bao internal"));
	assert_false(config_address_host_ok(""));
}

static void test_patterns_are_canonical_but_for_their_stars(void **state)
{
	static const char *const good[] = { "secret/web/*", "*", "secret/*/db", "secret/web*", "secret/.*",
		"secret/a b", "secret/...", "secret/\xc3\xa9" };
	static const char *const bad[] = { "", "/", "/secret/a", "secret/a/", "secret//a", "secret/./a",
		"secret/../a", "..", ".", "secret/..", "secret/a\n", "secret/\x7f" };
	char longest[256 + 1 + 1024 + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (config_value_pattern_error(good[i]) != NULL)
			fail_msg("%s: %s", good[i], config_value_pattern_error(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (config_value_pattern_error(bad[i]) == NULL)
			fail_msg("\"%s\" was taken", bad[i]);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_non_null(config_value_pattern_error(longest));
	longest[sizeof(longest) - 2] = '\0';
	assert_null(config_value_pattern_error(longest));
}

static void test_texts_in_errors_are_cut_and_printable(void **state)
{
	char shown[CONFIG_VALUE_SHOWN], text[200];

	(void)state;
	assert_string_equal(config_value_shown("a\nb\x1b[0m\xc3\xa9~ ", shown), "a?b?[0m??~ ");
	memset(text, 'x', sizeof(text));
	text[60] = '\0';
	assert_int_equal(strlen(config_value_shown(text, shown)), 60);
	assert_null(strchr(shown, '.'));
	text[60] = 'x';
	text[61] = '\0';
	assert_int_equal(strlen(config_value_shown(text, shown)), 63);
	assert_string_equal(shown + 60, "...");
}

static void test_distance_counts_letters_that_differ(void **state)
{
	(void)state;
	assert_int_equal(config_value_distance("adress", "address"), 1);
	assert_int_equal(config_value_distance("address", "address"), 0);
	assert_int_equal(config_value_distance("kitten", "sitting"), 3);
	assert_int_equal(config_value_distance("", "abc"), 3);
	assert_int_equal(config_value_distance("abc", ""), 3);
	assert_int_equal(config_value_distance("a", "0123456789012345678901234567890"), 31);
	assert_int_equal(config_value_distance("a", "01234567890123456789012345678901"), 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_are_a_number_and_a_unit),
		cmocka_unit_test(test_times_that_are_none_are_refused),
		cmocka_unit_test(test_sizes_are_bytes_or_count_in_1024),
		cmocka_unit_test(test_counts_are_plain_numbers),
		cmocka_unit_test(test_modes_are_octal),
		cmocka_unit_test(test_users_and_groups_are_names_or_numbers),
		cmocka_unit_test(test_ids_out_of_range_are_refused),
		cmocka_unit_test(test_unknown_users_and_groups_are_named),
		cmocka_unit_test(test_addresses_are_taken_without_the_slash_at_their_end),
		cmocka_unit_test(test_addresses_with_anything_else_are_refused_and_not_quoted),
		cmocka_unit_test(test_hosts_longer_than_a_name_can_be_are_refused),
		cmocka_unit_test(test_loopback_addresses_are_known),
		cmocka_unit_test(test_server_names_are_hosts),
		cmocka_unit_test(test_patterns_are_canonical_but_for_their_stars),
		cmocka_unit_test(test_texts_in_errors_are_cut_and_printable),
		cmocka_unit_test(test_distance_counts_letters_that_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
