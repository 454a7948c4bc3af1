/*
 * Which addresses are accepted, and in which order they are tried.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/upstream/http_addresses.h"

static int read_one(struct http_addresses *addresses, const char *url, const char *server_name,
    struct error *error)
{
	char *copy = strdup(url);
	int result = http_addresses_init(addresses, &copy, 1, server_name, error);

	free(copy);
	return result;
}

static void assert_url(const struct http_address *address, const char *expected)
{
	char *url = NULL;

	assert_int_equal(curl_url_get(address->url, CURLUPART_URL, &url, 0), CURLUE_OK);
	assert_string_equal(url, expected);
	curl_free(url);
}

static void test_urls_are_scheme_host_and_port(void **state)
{
	static const struct {
		const char *address, *url;
	} cases[] = {
		{ "https://bao-1.internal:8200", "https://bao-1.internal:8200/" },
		{ "http://127.0.0.1:8200/", "http://127.0.0.1:8200/" },
		{ "https://bao", "https://bao:443/" },
		{ "http://bao", "http://bao:80/" },
		{ "HTTPS://bao:8200", "https://bao:8200/" },
		{ "https://[::1]:8200", "https://[::1]:8200/" },
	};
	struct http_addresses addresses;
	struct error error = { .text = "" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_one(&addresses, cases[i].address, NULL, &error), 0);
		assert_url(&addresses.entries[0], cases[i].url);
		assert_null(addresses.entries[0].connect_to);
		http_addresses_free(&addresses);
	}
}

static void test_server_name_stands_in_the_url(void **state)
{
	struct http_addresses addresses;
	struct error error = { .text = "" };

	(void)state;
	assert_int_equal(read_one(&addresses, "https://[::1]:8200", "bao.internal", &error), 0);
	assert_url(&addresses.entries[0], "https://bao.internal:8200/");
	assert_string_equal(addresses.entries[0].connect_to, "::[::1]:8200");
	http_addresses_free(&addresses);
}

static void test_what_is_no_address_is_refused_without_quoting_it(void **state)
{
	static const char *const urls[] = { "", "canary", "canary:8200", "ftp://canary", "file:///canary",
		"unix:///canary", "https://", "https://canary:99999", "https://canary:8200/v1",
		"https://canary:8200?x=1", "https://canary:8200#x", "https://user@canary:8200",
		"https://user:canary@bao:8200", "https://can ary:8200", "https://canary\n:8200" };
	struct http_addresses addresses;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		error.text[0] = '\0';
		if (read_one(&addresses, urls[i], NULL, &error) == 0)
			fail_msg("accepted: %s", urls[i]);
		assert_non_null(strstr(error.text, "address 1"));
		assert_null(strstr(error.text, "canary"));
	}
}

static void test_no_address_is_an_error_with_its_tag(void **state)
{
	struct http_addresses addresses;
	struct error error = { .text = "" };

	(void)state;
	assert_int_equal(http_addresses_init(&addresses, NULL, 0, NULL, &error), -1);
	assert_non_null(strstr(error.text, "(REQ-007, PX-0003)"));
}

static void test_more_addresses_than_bits_are_refused(void **state)
{
	char *urls[HTTP_ADDRESSES_MAX + 1];
	char url[] = "http://bao:8200";
	struct http_addresses addresses;
	struct error error = { .text = "" };

	(void)state;
	for (size_t i = 0; i < HTTP_ADDRESSES_MAX + 1; i++)
		urls[i] = url;
	assert_int_equal(http_addresses_init(&addresses, urls, HTTP_ADDRESSES_MAX + 1, NULL, &error), -1);
	assert_int_equal(http_addresses_init(&addresses, urls, HTTP_ADDRESSES_MAX, NULL, &error), 0);
	assert_int_equal(http_addresses_next(&addresses, UINT64_MAX >> 1, 1), HTTP_ADDRESSES_MAX - 1);
	assert_int_equal(http_addresses_next(&addresses, UINT64_MAX, 1), HTTP_ADDRESSES_MAX);
	http_addresses_free(&addresses);
}

static void test_addresses_are_tried_in_order_and_failed_ones_last(void **state)
{
	struct http_address entries[3] = { { .failed_ms = 0 } };
	struct http_addresses addresses = { .entries = entries, .count = 3 };
	uint64_t now = 1000000;

	(void)state;
	assert_int_equal(http_addresses_next(&addresses, 0, now), 0);
	assert_int_equal(http_addresses_next(&addresses, 1, now), 1);
	assert_int_equal(http_addresses_next(&addresses, 3, now), 2);
	assert_int_equal(http_addresses_next(&addresses, 7, now), 3);
	entries[0].failed_ms = now;
	assert_int_equal(http_addresses_next(&addresses, 0, now), 1);
	entries[1].failed_ms = now + 1;
	assert_int_equal(http_addresses_next(&addresses, 0, now + 1), 2);
	assert_int_equal(http_addresses_next(&addresses, 4, now + 1), 0);
	assert_int_equal(http_addresses_next(&addresses, 5, now + 1), 1);
	assert_int_equal(http_addresses_next(&addresses, 0, now + HTTP_ADDRESSES_MEMORY_MS - 1), 2);
	/* When all have failed, the one that failed first is tried. */
	entries[0].failed_ms = now + 5;
	entries[2].failed_ms = now + 3;
	assert_int_equal(http_addresses_next(&addresses, 0, now + 6), 1);
}

/*
 * Otherwise a node that takes requests and does not answer would hold up all requests each time that its last
 * failure is forgotten.
 */
static void test_one_request_at_a_time_tries_an_address_that_failed_once_more(void **state)
{
	struct http_address entries[2] = { { .failed_ms = 0 } };
	struct http_addresses addresses = { .entries = entries, .count = 2 };
	uint64_t now = 1000000;

	(void)state;
	entries[0].failed_ms = now;
	now += HTTP_ADDRESSES_MEMORY_MS;
	assert_int_equal(http_addresses_next(&addresses, 0, now), 0);
	assert_int_equal(http_addresses_next(&addresses, 0, now), 1);
	assert_int_equal(http_addresses_next(&addresses, 0, now + HTTP_ADDRESSES_MEMORY_MS - 1), 1);
	now += HTTP_ADDRESSES_MEMORY_MS;
	assert_int_equal(http_addresses_next(&addresses, 0, now), 0);
	entries[0].failed_ms = 0; /* the request to it succeeded */
	assert_int_equal(http_addresses_next(&addresses, 0, now), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls_are_scheme_host_and_port),
		cmocka_unit_test(test_server_name_stands_in_the_url),
		cmocka_unit_test(test_what_is_no_address_is_refused_without_quoting_it),
		cmocka_unit_test(test_no_address_is_an_error_with_its_tag),
		cmocka_unit_test(test_more_addresses_than_bits_are_refused),
		cmocka_unit_test(test_addresses_are_tried_in_order_and_failed_ones_last),
		cmocka_unit_test(test_one_request_at_a_time_tries_an_address_that_failed_once_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
