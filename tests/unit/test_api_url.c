/*
 * The URL paths of secrets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/upstream/api.h"

static void expect(const char *mount, const char *path, uint64_t version, const char *url)
{
	const struct api_request request = { .mount = mount, .path = path, .version = version };
	struct buf out;

	buf_init(&out, 65536);
	assert_int_equal(api_url(&out, API_KV_GET, &request), 0);
	assert_int_equal(buf_len(&out), strlen(url));
	assert_memory_equal(buf_data(&out), url, strlen(url));
	buf_free(&out);
}

static void test_plain_path(void **state)
{
	(void)state;
	expect("secret", "app/db", 0, "/v1/secret/data/app/db");
	expect("team/kv", "a", 0, "/v1/team/kv/data/a");
}

static void test_version_is_asked_for_only_when_given(void **state)
{
	(void)state;
	expect("secret", "a", 3, "/v1/secret/data/a?version=3");
	expect("secret", "a", 9999999999, "/v1/secret/data/a?version=9999999999");
}

static void test_everything_but_unreserved_characters_is_encoded(void **state)
{
	(void)state;
	expect("s p", "a b+c#d?e&f=g%2Fh", 0, "/v1/s%20p/data/a%20b%2Bc%23d%3Fe%26f%3Dg%252Fh");
	expect("secret", "caf\xc3\xa9/\xe2\x82\xac", 0, "/v1/secret/data/caf%C3%A9/%E2%82%AC");
	expect("secret", "-._~/AZaz09", 0, "/v1/secret/data/-._~/AZaz09");
	expect("secret", "\x01\x7f\"\\:;,@!$'()*[]{}|^`<>", 0,
	    "/v1/secret/data/%01%7F%22%5C%3A%3B%2C%40%21%24%27%28%29%2A%5B%5D%7B%7D%7C%5E%60%3C%3E");
}

static void test_every_byte_is_plain_or_encoded(void **state)
{
	(void)state;
	for (unsigned byte = 1; byte < 256; byte++) {
		static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
		char path[2] = { (char)byte, '\0' }, url[64];

		if (strchr(plain, (int)byte) != NULL)
			snprintf(url, sizeof(url), "/v1/m/data/%c", (int)byte);
		else
			snprintf(url, sizeof(url), "/v1/m/data/%%%02X", byte);
		expect("m", path, 0, url);
	}
}

static void test_url_that_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
	const struct api_request request = { .mount = "secret", .path = "0123456789" };
	struct buf out;

	(void)state;
	buf_init(&out, 20);
	assert_int_equal(buf_puts(&out, "before"), 0);
	assert_int_equal(api_url(&out, API_KV_GET, &request), -1);
	assert_int_equal(buf_len(&out), 6);
	assert_memory_equal(buf_data(&out), "before", 6);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_path),
		cmocka_unit_test(test_version_is_asked_for_only_when_given),
		cmocka_unit_test(test_everything_but_unreserved_characters_is_encoded),
		cmocka_unit_test(test_every_byte_is_plain_or_encoded),
		cmocka_unit_test(test_url_that_does_not_fit_leaves_the_buffer_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
