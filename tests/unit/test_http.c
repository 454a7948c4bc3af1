/*
 * What a request carries and how its reply is told. Deadlines and cancelling are test_http_calls', broken
 * connections and addresses test_http_broken's, TLS is test_http_tls's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/http_server.h"

#define LONG_MS 20000

/* -- what is sent -- */

struct seen {
	char head[8192];
	char *body;
	size_t body_len;
};

static void play_remember(struct server_connection *c, void *arg)
{
	struct seen *seen = arg;

	while (server_read(c)) {
		memcpy(seen->head, c->head, sizeof(seen->head));
		free(seen->body);
		seen->body = c->body;
		seen->body_len = c->body_len;
		c->body = NULL;
		server_reply(c, 200, "", "{}");
	}
}

static void test_get_carries_the_headers_and_nothing_from_the_environment(void **state)
{
	struct seen seen = { .body = NULL };
	struct server *server = server_start(play_remember, &seen, NULL);
	struct result result = { 0 };
	struct fixture f;
	struct http_request request = { .method = HTTP_GET,
		.path = "/v1/a/../b%2fc?version=3",
		.token = "s.abc",
		.vault_namespace = "team/",
		.deadline_ms = clock_now_ms() + LONG_MS };

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	fixture_server(&f, server);
	assert_non_null(http_start(f.http, &request, fixture_done, &result));
	fixture_until_ended(&f, &result);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	assert_int_equal(result.outcome, HTTP_REPLY);
	assert_int_equal(result.status, 200);
	assert_string_equal(result.body, "{}");
	assert_true(result.sent);
	fixture_free(&f);
	server_stop(server);

	assert_ptr_equal(strstr(seen.head, "GET /v1/a/../b%2fc?version=3 HTTP/1.1\r\n"), seen.head);
	assert_non_null(strstr(seen.head, "\r\nX-Vault-Token: s.abc\r\n"));
	assert_non_null(strstr(seen.head, "\r\nX-Vault-Namespace: team/\r\n"));
	assert_non_null(strstr(seen.head, "\r\nX-Vault-Request: true\r\n"));
	assert_non_null(strstr(seen.head, "\r\nUser-Agent: secretstored/"));
	assert_null(strcasestr(seen.head, "Content-Type"));
	assert_int_equal(seen.body_len, 0);
	result_free(&result);
	free(seen.body);
}

static void test_large_post_arrives_whole_without_asking_for_100_continue(void **state)
{
	size_t len = 3 << 20;
	char *body = malloc(len);
	struct seen seen = { .body = NULL };
	struct server *server = server_start(play_remember, &seen, NULL);
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	assert_non_null(body);
	for (size_t i = 0; i < len; i++)
		body[i] = (char)('a' + i % 23);
	fixture_server(&f, server);
	fixture_posted(&f, "/v1/x", body, len, &result);
	assert_int_equal(result.outcome, HTTP_REPLY);
	assert_true(result.sent);
	fixture_free(&f);
	server_stop(server);

	assert_ptr_equal(strstr(seen.head, "POST /v1/x HTTP/1.1\r\n"), seen.head);
	assert_non_null(strstr(seen.head, "\r\nContent-Type: application/json\r\n"));
	assert_null(strcasestr(seen.head, "Expect"));
	assert_null(strcasestr(seen.head, "X-Vault-Namespace"));
	assert_int_equal(seen.body_len, len);
	assert_memory_equal(seen.body, body, len);
	result_free(&result);
	free(seen.body);
	free(body);
}

static void test_post_without_body_is_sent(void **state)
{
	struct seen seen = { .body = NULL };
	struct server *server = server_start(play_remember, &seen, NULL);
	struct http_request request = { .method = HTTP_POST,
		.path = "/v1/x",
		.deadline_ms = clock_now_ms() + LONG_MS };
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	assert_non_null(http_start(f.http, &request, fixture_done, &result));
	fixture_until_ended(&f, &result);
	assert_int_equal(result.outcome, HTTP_REPLY);
	assert_true(result.sent);
	fixture_free(&f);
	server_stop(server);
	assert_non_null(strstr(seen.head, "\r\nContent-Length: 0\r\n"));
	assert_null(strstr(seen.head, "X-Vault-Token"));
	result_free(&result);
	free(seen.body);
}

static void test_token_that_would_add_a_header_is_not_sent(void **state)
{
	struct server *server = server_start(server_play_ok, NULL, NULL);
	struct http_request request = { .method = HTTP_GET,
		.path = "/v1/x",
		.token = "s.a\r\nX-Vault-Namespace: root",
		.deadline_ms = clock_now_ms() + LONG_MS };
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	assert_non_null(http_start(f.http, &request, fixture_done, &result));
	assert_int_equal(result.ended, 0);
	fixture_until_ended(&f, &result);
	assert_int_equal(result.outcome, HTTP_INTERNAL);
	assert_false(result.sent);
	assert_int_equal(server_counts(server)->connections, 0);
	fixture_free(&f);
	server_stop(server);
}

static void on_copied(void *arg, const struct http_reply *reply)
{
	struct result **copy = arg;

	fixture_done(*copy, reply);
}

static void test_argument_of_a_given_size_is_copied(void **state)
{
	struct server *server = server_start(server_play_ok, NULL, NULL);
	struct result result = { 0 }, *arg = &result;
	struct http_request request = { .method = HTTP_GET,
		.path = "/v1/x",
		.deadline_ms = clock_now_ms() + LONG_MS,
		.arg_size = sizeof(arg) };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	assert_non_null(http_start(f.http, &request, on_copied, &arg));
	arg = NULL;
	fixture_until_ended(&f, &result);
	assert_int_equal(result.outcome, HTTP_REPLY);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

/* -- what comes back -- */

static void play_canned(struct server_connection *c, void *arg)
{
	const char *text = arg;

	while (server_read(c))
		server_write(c, text, strlen(text));
}

static void canned(const char *text, struct result *result)
{
	char *copy = strdup(text);
	struct server *server = server_start(play_canned, copy, NULL);
	struct fixture f;

	fixture_server(&f, server);
	fixture_got(&f, "/v1/x", result);
	fixture_free(&f);
	server_stop(server);
	free(copy);
}

static void test_reply_keeps_its_bytes(void **state)
{
	struct result result = { 0 };

	(void)state;
	canned("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\xff"
	       "b\r\n1\r\n{\r\n0\r\n\r\n",
	    &result);
	assert_int_equal(result.outcome, HTTP_REPLY);
	assert_int_equal(result.status, 404);
	assert_int_equal(result.body_len, 4);
	assert_memory_equal(result.body,
	    "a\xff"
	    "b{",
	    4);
	assert_int_equal(result.retry_after_ms, 0);
	result_free(&result);
}

static void test_empty_reply_has_an_empty_body(void **state)
{
	struct result result = { 0 };

	(void)state;
	canned("HTTP/1.1 204 No Content\r\n\r\n", &result);
	assert_int_equal(result.outcome, HTTP_REPLY);
	assert_int_equal(result.status, 204);
	assert_non_null(result.body);
	assert_int_equal(result.body_len, 0);
	result_free(&result);
}

static void test_retry_after_is_seconds_up_to_an_hour(void **state)
{
	static const struct {
		const char *value;
		uint64_t ms;
	} cases[] = { { "7", 7000 }, { "0", 0 }, { "3600", 3600000 }, { "3601", 3600000 },
		{ "99999999999999999999999999", 3600000 }, { "-5", 0 }, { "1.5", 0 }, { "12x", 0 }, { "", 0 },
		{ "Wed, 21 Oct 2065 07:28:00 GMT", 0 } };
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct result result = { 0 };

		snprintf(text, sizeof(text), "HTTP/1.1 429 X\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n",
		    cases[i].value);
		canned(text, &result);
		assert_int_equal(result.status, 429);
		assert_int_equal(result.retry_after_ms, cases[i].ms);
		result_free(&result);
	}
}

static void play_redirect(struct server_connection *c, void *arg)
{
	(void)arg;
	while (server_read(c))
		server_reply(c, 307, "Location: /v1/elsewhere\r\n", "");
}

static void test_redirect_is_not_followed(void **state)
{
	struct server *server = server_start(play_redirect, NULL, NULL);
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	fixture_got(&f, "/v1/x", &result);
	assert_int_equal(result.outcome, HTTP_REPLY);
	assert_int_equal(result.status, 307);
	assert_int_equal(server_counts(server)->requests, 1);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

struct large {
	size_t len;
	bool chunked;
};

static void play_large(struct server_connection *c, void *arg)
{
	const struct large *large = arg;
	char head[128];
	char *body = malloc(large->len);

	if (body == NULL || !server_read(c))
		abort();
	memset(body, 'x', large->len);
	if (large->chunked)
		snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
		    large->len);
	else
		snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", large->len);
	server_write(c, head, strlen(head));
	server_write(c, body, large->len);
	if (large->chunked)
		server_write(c, "\r\n0\r\n\r\n", 7);
	free(body);
}

static void test_replies_up_to_the_limit_are_taken_and_larger_ones_not(void **state)
{
	static const struct {
		struct large large;
		enum http_outcome outcome;
	} cases[] = { { { HTTP_REPLY_MAX, false }, HTTP_REPLY }, { { HTTP_REPLY_MAX, true }, HTTP_REPLY },
		{ { HTTP_REPLY_MAX + 1, false }, HTTP_TOO_BIG }, { { HTTP_REPLY_MAX + 1, true }, HTTP_TOO_BIG } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct large large = cases[i].large;
		struct server *server = server_start(play_large, &large, NULL);
		struct result result = { 0 };
		struct fixture f;

		fixture_server(&f, server);
		fixture_got(&f, "/v1/x", &result);
		assert_int_equal(result.outcome, cases[i].outcome);
		assert_int_equal(result.status, 200);
		assert_int_equal(result.body_len, cases[i].outcome == HTTP_REPLY ? large.len : 0);
		fixture_free(&f);
		server_stop(server);
		result_free(&result);
	}
}

#define MANY 32
#define PART_LEN (15u << 20)

/* Holds the last byte of a large reply back. */
static void play_all_but_one(struct server_connection *c, void *arg)
{
	char *body = arg, head[100];

	if (!server_read(c))
		return;
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", PART_LEN);
	server_write(c, head, strlen(head));
	server_write(c, body, PART_LEN - 1);
	server_hold(c);
	server_write(c, "x\r\n0\r\n\r\n", 8);
}

static bool all_ended(const void *arg)
{
	const struct result *result = arg;

	for (size_t i = 0; i < MANY; i++)
		if (result[i].ended == 0)
			return false;
	return true;
}

/* Else 32 readers of such secrets would take half a gigabyte. */
static void test_of_many_large_replies_a_bounded_part_arrives_at_a_time(void **state)
{
	char *body = malloc(PART_LEN);
	struct server *server;
	static struct result result[MANY];
	struct fixture f;

	(void)state;
	assert_non_null(body);
	memset(body, 'x', PART_LEN);
	server = server_start(play_all_but_one, body, NULL);
	fixture_server(&f, server);
	for (size_t i = 0; i < MANY; i++)
		assert_non_null(fixture_get(&f, "/v1/x", LONG_MS, &result[i]));
	fixture_until_count(&f, &server_counts(server)->heads, MANY);
	fixture_until_count(&f, &server_counts(server)->working, 1);
	fixture_run(&f, 500);
	/* One that may come on, and what the sockets and two others hold. */
	assert_in_range(server_counts(server)->most_working, 1, 3);
	server_release(server);
	fixture_until(&f, all_ended, result);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(result[i].outcome, HTTP_REPLY);
		assert_int_equal(result[i].body_len, PART_LEN);
		result_free(&result[i]);
	}
	fixture_free(&f);
	server_stop(server);
	free(body);
}

static void play_drip(struct server_connection *c, void *arg)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

	(void)arg;
	if (!server_read(c))
		return;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		server_write(c, text + i, 1);
}

static void test_reply_in_single_bytes_is_put_together(void **state)
{
	struct server *server = server_start(play_drip, NULL, NULL);
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	fixture_got(&f, "/v1/x", &result);
	assert_int_equal(result.outcome, HTTP_REPLY);
	assert_string_equal(result.body, "hello");
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

static void test_connection_is_used_again(void **state)
{
	struct server *server = server_start(server_play_ok, NULL, NULL);
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	for (unsigned i = 0; i < 20; i++) {
		if (i % 2 == 0)
			fixture_got(&f, "/v1/x", &result);
		else
			fixture_posted(&f, "/v1/x", "{}", 2, &result);
		assert_int_equal(result.outcome, HTTP_REPLY);
	}
	assert_string_equal(result.body, "ok 20");
	assert_int_equal(server_counts(server)->connections, 1);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

static int set_up(void **state)
{
	(void)state;
	return http_global_init();
}

static int tear_down(void **state)
{
	(void)state;
	http_global_cleanup();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get_carries_the_headers_and_nothing_from_the_environment),
		cmocka_unit_test(test_large_post_arrives_whole_without_asking_for_100_continue),
		cmocka_unit_test(test_post_without_body_is_sent),
		cmocka_unit_test(test_token_that_would_add_a_header_is_not_sent),
		cmocka_unit_test(test_argument_of_a_given_size_is_copied),
		cmocka_unit_test(test_reply_keeps_its_bytes),
		cmocka_unit_test(test_empty_reply_has_an_empty_body),
		cmocka_unit_test(test_retry_after_is_seconds_up_to_an_hour),
		cmocka_unit_test(test_redirect_is_not_followed),
		cmocka_unit_test(test_replies_up_to_the_limit_are_taken_and_larger_ones_not),
		cmocka_unit_test(test_of_many_large_replies_a_bounded_part_arrives_at_a_time),
		cmocka_unit_test(test_reply_in_single_bytes_is_put_together),
		cmocka_unit_test(test_connection_is_used_again),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
