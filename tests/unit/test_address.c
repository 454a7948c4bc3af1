/*
 * The addresses of OpenBao: what is one, and what could be taken for something else.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/secmem.h"
#include "daemon/upstream/address.h"

static void test_addresses_are_taken_without_the_slash_at_their_end(void **state)
{
	static const char *const good[] = { "http://127.0.0.1:8200", "https://bao.internal",
		"https://bao-1.internal:8200", "http://localhost:1", "https://[::1]:8200", "https://[2001:db8::1]",
		"https://bao_1:65535", "https://a.b.c.d1", "https://10.0.0.1", "http://xn--bcher-kva.example" };
	char with_slash[80], *address = NULL;
	struct error why;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if (address_parse(good[i], &address, &why) != 0)
			fail_msg("%s: %s", good[i], why.text);
		assert_string_equal(address, good[i]);
		secmem_free(address);
		snprintf(with_slash, sizeof(with_slash), "%s/", good[i]);
		assert_int_equal(address_parse(with_slash, &address, &why), 0);
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

		if (address_parse(bad[i], &address, &why) != -1 || address != NULL)
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
	assert_int_equal(address_parse(text, &address, &why), 0);
	secmem_free(address);
	strcat(text, "n");
	assert_int_equal(address_parse(text, &address, &why), -1);
	memset(text + 8, 'a', 64);
	strcpy(text + 8 + 64, ".b");
	assert_int_equal(address_parse(text, &address, &why), -1);
}

static void test_loopback_addresses_are_known(void **state)
{
	(void)state;
	assert_true(address_is_loopback("http://127.0.0.1:8200"));
	assert_true(address_is_loopback("http://127.3.2.1"));
	assert_true(address_is_loopback("http://localhost:8200"));
	assert_true(address_is_loopback("http://LOCALHOST"));
	assert_true(address_is_loopback("http://[::1]:8200"));
	assert_false(address_is_loopback("http://128.0.0.1:8200"));
	assert_false(address_is_loopback("http://10.127.0.1"));
	assert_false(address_is_loopback("http://localhost.example"));
	assert_false(address_is_loopback("http://[::2]:8200"));
	assert_false(address_is_loopback("http://127.example:8200"));
}

static void test_server_names_are_hosts(void **state)
{
	(void)state;
	assert_true(address_is_host("bao.internal"));
	assert_true(address_is_host("10.0.0.1"));
	assert_true(address_is_host("::1"));
	assert_false(address_is_host("[::1]"));
	assert_false(address_is_host("bao.internal:8200"));
	assert_false(address_is_host("*.internal"));
	assert_false(address_is_host("bao internal"));
	assert_false(address_is_host(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_are_taken_without_the_slash_at_their_end),
		cmocka_unit_test(test_addresses_with_anything_else_are_refused_and_not_quoted),
		cmocka_unit_test(test_hosts_longer_than_a_name_can_be_are_refused),
		cmocka_unit_test(test_loopback_addresses_are_known),
		cmocka_unit_test(test_server_names_are_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
