/*
 * What a request carries, how its end is told, deadlines, queueing and cancelling. Broken connections and addresses
 * are test_http_broken's, TLS is test_http_tls's.
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

static void open_one(struct fixture *f, struct server *server)
{
	fixture_init(f);
	fixture_url(f, "http", "127.0.0.1", server_port(server));
	fixture_open(f);
}

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
	struct seen seen = {.body = NULL};
	struct server *server = server_start(play_remember, &seen, NULL);
	struct result result = {0};
	struct fixture f;
	struct http_request request = {.method = HTTP_GET, .path = "/v1/a/../b%2fc?version=3", .token = "s.abc",
	    .vault_namespace = "team/", .deadline_ms = clock_now_ms() + LONG_MS};

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	open_one(&f, server);
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
	assert_int_equal(seen.body_len, 0);
	result_free(&result);
	free(seen.body);
}

static void test_large_post_arrives_whole_without_asking_for_100_continue(void **state)
{
	size_t len = 3 << 20;
	char *body = malloc(len);
	struct seen seen = {.body = NULL};
	struct server *server = server_start(play_remember, &seen, NULL);
	struct result result = {0};
	struct fixture f;

	(void)state;
	assert_non_null(body);
	for (size_t i = 0; i < len; i++)
		body[i] = (char)('a' + i % 23);
	open_one(&f, server);
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
	struct seen seen = {.body = NULL};
	struct server *server = server_start(play_remember, &seen, NULL);
	struct http_request request = {.method = HTTP_POST, .path = "/v1/x", .deadline_ms = clock_now_ms() + LONG_MS};
	struct result result = {0};
	struct fixture f;

	(void)state;
	open_one(&f, server);
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
	struct http_request request = {.method = HTTP_GET, .path = "/v1/x", .token = "s.a\r\nX-Vault-Namespace: root",
	    .deadline_ms = clock_now_ms() + LONG_MS};
	struct result result = {0};
	struct fixture f;

	(void)state;
	open_one(&f, server);
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
	struct result result = {0}, *arg = &result;
	struct http_request request = {.method = HTTP_GET, .path = "/v1/x", .deadline_ms = clock_now_ms() + LONG_MS,
	    .arg_size = sizeof(arg)};
	struct fixture f;

	(void)state;
	open_one(&f, server);
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

	open_one(&f, server);
	fixture_got(&f, "/v1/x", result);
	fixture_free(&f);
	server_stop(server);
	free(copy);
}

static void test_reply_keeps_its_bytes(void **state)
{
	struct result result = {0};

	(void)state;
	canned("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\xff" "b\r\n1\r\n{\r\n0\r\n\r\n", &result);
	assert_int_equal(result.outcome, HTTP_REPLY);
	assert_int_equal(result.status, 404);
	assert_int_equal(result.body_len, 4);
	assert_memory_equal(result.body, "a\xff" "b{", 4);
	assert_int_equal(result.retry_after_ms, 0);
	result_free(&result);
}

static void test_empty_reply_has_an_empty_body(void **state)
{
	struct result result = {0};

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
	} cases[] = {{"7", 7000}, {"0", 0}, {"3600", 3600000}, {"3601", 3600000}, {"99999999999999999999999999", 3600000},
	    {"-5", 0}, {"1.5", 0}, {"12x", 0}, {"", 0}, {"Wed, 21 Oct 2065 07:28:00 GMT", 0}};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct result result = {0};

		snprintf(text, sizeof(text), "HTTP/1.1 429 X\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", cases[i].value);
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
	struct result result = {0};
	struct fixture f;

	(void)state;
	open_one(&f, server);
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
		snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", large->len);
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
	} cases[] = {{{HTTP_REPLY_MAX, false}, HTTP_REPLY}, {{HTTP_REPLY_MAX, true}, HTTP_REPLY},
	    {{HTTP_REPLY_MAX + 1, false}, HTTP_TOO_BIG}, {{HTTP_REPLY_MAX + 1, true}, HTTP_TOO_BIG}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct large large = cases[i].large;
		struct server *server = server_start(play_large, &large, NULL);
		struct result result = {0};
		struct fixture f;

		open_one(&f, server);
		fixture_got(&f, "/v1/x", &result);
		assert_int_equal(result.outcome, cases[i].outcome);
		assert_int_equal(result.status, 200);
		assert_int_equal(result.body_len, cases[i].outcome == HTTP_REPLY ? large.len : 0);
		fixture_free(&f);
		server_stop(server);
		result_free(&result);
	}
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
	struct result result = {0};
	struct fixture f;

	(void)state;
	open_one(&f, server);
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
	struct result result = {0};
	struct fixture f;

	(void)state;
	open_one(&f, server);
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

/* -- deadlines and the queue -- */

static void play_hold(struct server_connection *c, void *arg)
{
	(void)arg;
	while (server_read(c)) {
		if (strstr(c->head, "/v1/quick ") == NULL)
			server_hold(c);
		server_reply(c, 200, "", "late");
	}
}

static void test_deadline_that_has_passed_is_told_later_and_sends_nothing(void **state)
{
	struct server *server = server_start(server_play_ok, NULL, NULL);
	struct result get = {0}, post = {0};
	struct fixture f;

	(void)state;
	open_one(&f, server);
	fixture_get(&f, "/v1/x", 0, &get);
	fixture_post(&f, "/v1/x", "{}", 2, 0, &post);
	assert_int_equal(get.ended + post.ended, 0);
	fixture_until_ended(&f, &get);
	fixture_until_ended(&f, &post);
	assert_int_equal(get.outcome, HTTP_DEADLINE);
	assert_int_equal(post.outcome, HTTP_DEADLINE);
	assert_false(get.sent);
	assert_false(post.sent);
	assert_int_equal(server_counts(server)->connections, 0);
	fixture_free(&f);
	server_stop(server);
}

static void test_deadline_while_the_server_is_silent(void **state)
{
	struct server *server = server_start(play_hold, NULL, NULL);
	struct result get = {0}, post = {0};
	uint64_t begun = clock_now_ms();
	struct fixture f;

	(void)state;
	open_one(&f, server);
	fixture_get(&f, "/v1/x", 150, &get);
	fixture_post(&f, "/v1/x", "{}", 2, 150, &post);
	fixture_until_ended(&f, &get);
	fixture_until_ended(&f, &post);
	assert_int_equal(get.outcome, HTTP_DEADLINE);
	assert_int_equal(post.outcome, HTTP_DEADLINE);
	assert_true(get.sent);
	assert_true(post.sent);
	assert_true(get.ended_ms >= begun + 150);
	assert_true(get.ended_ms < begun + 5000);
	/* What comes of it later reaches nobody. */
	server_release(server);
	fixture_run(&f, 50);
	assert_int_equal(get.ended, 1);
	assert_int_equal(post.ended, 1);
	fixture_free(&f);
	server_stop(server);
}

#define BUSY 32

static void test_full_house_queues_ordinary_calls_and_lets_urgent_ones_through(void **state)
{
	struct server *server = server_start(play_hold, NULL, NULL);
	struct result busy[BUSY] = {{0}}, queued = {0}, post = {0}, late = {0}, urgent = {0};
	struct http_request request = {.method = HTTP_GET, .path = "/v1/quick", .urgent = true};
	struct fixture f;

	(void)state;
	open_one(&f, server);
	for (size_t i = 0; i < BUSY; i++)
		fixture_get(&f, "/v1/x", LONG_MS, &busy[i]);
	fixture_until_count(&f, &server_counts(server)->working, BUSY);
	fixture_get(&f, "/v1/quick", 100, &queued);
	fixture_post(&f, "/v1/quick", "{}", 2, 100, &post);
	fixture_get(&f, "/v1/quick", LONG_MS, &late);
	request.deadline_ms = clock_now_ms() + LONG_MS;
	assert_non_null(http_start(f.http, &request, fixture_done, &urgent));
	fixture_until_ended(&f, &urgent);
	assert_int_equal(urgent.outcome, HTTP_REPLY);
	fixture_until_ended(&f, &queued);
	fixture_until_ended(&f, &post);
	assert_int_equal(queued.outcome, HTTP_DEADLINE);
	assert_false(queued.sent);
	assert_int_equal(post.outcome, HTTP_DEADLINE);
	assert_false(post.sent);
	assert_int_equal(late.ended, 0);
	server_release(server);
	fixture_until_ended(&f, &late);
	assert_int_equal(late.outcome, HTTP_REPLY);
	for (size_t i = 0; i < BUSY; i++) {
		fixture_until_ended(&f, &busy[i]);
		assert_int_equal(busy[i].outcome, HTTP_REPLY);
		result_free(&busy[i]);
	}
	assert_int_equal(server_counts(server)->most_working, BUSY);
	fixture_free(&f);
	server_stop(server);
	result_free(&late);
	result_free(&urgent);
}

static void play_echo(struct server_connection *c, void *arg)
{
	char path[64];

	(void)arg;
	while (server_read(c)) {
		if (sscanf(c->head, "%*s %63s", path) != 1)
			abort();
		server_reply(c, 200, "", path);
	}
}

static void test_200_parallel_calls_get_their_own_answers_over_few_connections(void **state)
{
	enum { CALLS = 200 };
	struct server *server = server_start(play_echo, NULL, NULL);
	struct result *results = calloc(CALLS, sizeof(*results));
	char path[64];
	struct fixture f;

	(void)state;
	assert_non_null(results);
	open_one(&f, server);
	for (unsigned i = 0; i < CALLS; i++) {
		snprintf(path, sizeof(path), "/v1/%u", i);
		if (i % 3 == 0)
			fixture_post(&f, path, "{}", 2, LONG_MS, &results[i]);
		else
			fixture_get(&f, path, LONG_MS, &results[i]);
	}
	for (unsigned i = 0; i < CALLS; i++) {
		snprintf(path, sizeof(path), "/v1/%u", i);
		fixture_until_ended(&f, &results[i]);
		assert_int_equal(results[i].outcome, HTTP_REPLY);
		assert_string_equal(results[i].body, path);
	}
	fixture_run(&f, 20);
	for (unsigned i = 0; i < CALLS; i++) {
		assert_int_equal(results[i].ended, 1);
		result_free(&results[i]);
	}
	assert_int_equal(server_counts(server)->requests, CALLS);
	assert_true(server_counts(server)->connections <= BUSY);
	fixture_free(&f);
	server_stop(server);
	free(results);
}

/* -- cancelling, and calls from callbacks -- */

static void test_cancelled_calls_tell_nothing_whatever_they_were_at(void **state)
{
	struct server *server = server_start(play_hold, NULL, NULL);
	struct blackhole hole;
	struct result results[BUSY + 4] = {{0}};
	struct http_call *calls[BUSY + 4];
	struct fixture f, connecting;
	size_t n = 0;

	(void)state;
	open_one(&f, server);
	calls[n] = fixture_get(&f, "/v1/x", LONG_MS, &results[n]); /* curl has not seen it yet */
	http_cancel(calls[n++]);
	for (; n < BUSY + 1; n++)
		calls[n] = fixture_get(&f, "/v1/x", LONG_MS, &results[n]);
	calls[n] = fixture_post(&f, "/v1/x", "{}", 2, LONG_MS, &results[n]); /* queued */
	n++;
	calls[n] = fixture_get(&f, "/v1/x", 0, &results[n]); /* its end is due */
	n++;
	fixture_init(&connecting);
	fixture_url(&connecting, "http", "127.0.0.1", fixture_blackhole(&hole));
	fixture_open(&connecting);
	calls[n] = fixture_get(&connecting, "/v1/x", LONG_MS, &results[n]);
	n++;
	http_cancel(calls[BUSY + 2]);
	fixture_run(&connecting, 20);
	http_cancel(calls[BUSY + 3]);
	fixture_until_count(&f, &server_counts(server)->working, BUSY);
	http_cancel(calls[BUSY + 1]);
	for (size_t i = 1; i < BUSY + 1; i++)
		http_cancel(calls[i]);
	server_release(server);
	fixture_run(&f, 50);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(results[i].ended, 0);
	/* All places are free again. */
	fixture_got(&f, "/v1/quick", &results[0]);
	assert_int_equal(results[0].outcome, HTTP_REPLY);
	fixture_free(&connecting);
	fixture_blackhole_close(&hole);
	fixture_free(&f);
	server_stop(server);
	result_free(&results[0]);
}

static void play_half(struct server_connection *c, void *arg)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";

	(void)arg;
	if (!server_read(c))
		return;
	server_write(c, text, sizeof(text) - 1);
	server_hold(c);
}

static void test_call_cancelled_in_the_middle_of_its_reply_ends_the_connection(void **state)
{
	struct server *server = server_start(play_half, NULL, NULL);
	struct result result = {0};
	struct http_call *call;
	struct fixture f;

	(void)state;
	open_one(&f, server);
	call = fixture_get(&f, "/v1/x", LONG_MS, &result);
	fixture_until_count(&f, &server_counts(server)->working, 1);
	fixture_run(&f, 20);
	http_cancel(call);
	fixture_get(&f, "/v1/x", LONG_MS, &result);
	fixture_until_count(&f, &server_counts(server)->connections, 2);
	assert_int_equal(result.ended, 0);
	fixture_free(&f);
	server_stop(server);
}

static void test_free_ends_calls_in_every_state_without_a_word(void **state)
{
	struct server *server = server_start(play_hold, NULL, NULL);
	struct result results[BUSY + 12] = {{0}};
	size_t n = sizeof(results) / sizeof(results[0]);
	struct fixture f;

	(void)state;
	open_one(&f, server);
	for (size_t i = 0; i < n - 1; i++) {
		if (i % 2 == 0)
			fixture_get(&f, "/v1/x", LONG_MS, &results[i]);
		else
			fixture_post(&f, "/v1/x", "{}", 2, LONG_MS, &results[i]);
	}
	fixture_until_count(&f, &server_counts(server)->working, BUSY);
	fixture_get(&f, "/v1/x", 0, &results[n - 1]);
	fixture_free(&f);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(results[i].ended, 0);
	server_stop(server);
}

struct chain {
	struct fixture *f;
	struct result result;
	unsigned left;
};

static void on_link(void *arg, const struct http_reply *reply)
{
	struct chain *chain = arg;
	struct http_request request = {.method = HTTP_GET, .path = "/v1/x", .deadline_ms = clock_now_ms() + LONG_MS};

	if (reply->outcome != HTTP_REPLY || chain->left-- == 0)
		fixture_done(&chain->result, reply);
	else
		assert_non_null(http_start(chain->f->http, &request, on_link, chain));
}

static void test_callback_may_start_the_next_call(void **state)
{
	struct server *server = server_start(server_play_ok, NULL, NULL);
	struct fixture f;
	struct chain chain = {.f = &f, .left = 100};
	struct http_reply begin = {.outcome = HTTP_REPLY};

	(void)state;
	open_one(&f, server);
	on_link(&chain, &begin);
	fixture_until_ended(&f, &chain.result);
	assert_int_equal(chain.result.outcome, HTTP_REPLY);
	assert_string_equal(chain.result.body, "ok 100");
	fixture_free(&f);
	server_stop(server);
	result_free(&chain.result);
}

struct pair {
	struct http_call *other;
	unsigned *ended;
};

static void on_first_of_pair(void *arg, const struct http_reply *reply)
{
	struct pair *pair = arg;

	assert_int_equal(reply->outcome, HTTP_CONNECT);
	http_cancel(pair->other);
	(*pair->ended)++;
}

/* One timer ends both: the first callback must still keep the second from running. */
static void test_callback_may_cancel_a_call_that_ends_with_it(void **state)
{
	struct http_request request = {.method = HTTP_GET, .path = "/v1/x", .deadline_ms = clock_now_ms() + LONG_MS};
	struct blackhole hole;
	unsigned ended = 0;
	struct pair pairs[2] = {{.ended = &ended}, {.ended = &ended}};
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_url(&f, "http", "127.0.0.1", fixture_blackhole(&hole));
	f.options.connect_timeout_ms = 100;
	fixture_open(&f);
	pairs[1].other = http_start(f.http, &request, on_first_of_pair, &pairs[0]);
	pairs[0].other = http_start(f.http, &request, on_first_of_pair, &pairs[1]);
	fixture_run(&f, 200);
	assert_int_equal(ended, 1);
	fixture_free(&f);
	fixture_blackhole_close(&hole);
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
		cmocka_unit_test(test_reply_in_single_bytes_is_put_together),
		cmocka_unit_test(test_connection_is_used_again),
		cmocka_unit_test(test_deadline_that_has_passed_is_told_later_and_sends_nothing),
		cmocka_unit_test(test_deadline_while_the_server_is_silent),
		cmocka_unit_test(test_full_house_queues_ordinary_calls_and_lets_urgent_ones_through),
		cmocka_unit_test(test_200_parallel_calls_get_their_own_answers_over_few_connections),
		cmocka_unit_test(test_cancelled_calls_tell_nothing_whatever_they_were_at),
		cmocka_unit_test(test_call_cancelled_in_the_middle_of_its_reply_ends_the_connection),
		cmocka_unit_test(test_free_ends_calls_in_every_state_without_a_word),
		cmocka_unit_test(test_callback_may_start_the_next_call),
		cmocka_unit_test(test_callback_may_cancel_a_call_that_ends_with_it),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
