/*
 * What requests have in common, curl's handles and connections, carries nothing from one to the next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/http_server.h"

#define LONG_MS 20000

/* Answers with the head of the request and its body. */
static void play_mirror(struct server_connection *c, void *arg)
{
	char whole[sizeof(c->head) + 16];

	(void)arg;
	while (server_read(c)) {
		snprintf(whole, sizeof(whole), "%s%.15s", c->head, c->body);
		server_reply(c, strstr(c->head, "/limited ") != NULL ? 429 : 200,
		    strstr(c->head, "/limited ") != NULL ? "Retry-After: 7\r\n" : "", whole);
	}
}

static void mirror(struct fixture *f, enum http_method method, const char *path, const char *token,
    const char *namespace, const char *text, struct result *result)
{
	struct buf body;
	struct http_request request = { .method = method,
		.path = path,
		.token = token,
		.vault_namespace = namespace,
		.body = text != NULL ? &body : NULL,
		.deadline_ms = clock_now_ms() + LONG_MS };

	buf_init(&body, 100);
	if (text != NULL)
		assert_int_equal(buf_put(&body, text, strlen(text)), 0);
	result->ended = 0;
	assert_non_null(http_start(f->http, &request, fixture_done, result));
	fixture_until_ended(f, result);
	assert_int_equal(result->outcome, HTTP_REPLY);
}

static void test_nothing_of_a_request_goes_with_the_next(void **state)
{
	struct server *server = server_start(play_mirror, NULL, NULL);
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	for (unsigned i = 0; i < 3; i++) {
		mirror(&f, HTTP_GET, "/v1/limited", "s.one", "team/", NULL, &result);
		assert_int_equal(result.status, 429);
		assert_int_equal(result.retry_after_ms, 7000);
		assert_non_null(strstr(result.body, "X-Vault-Token: s.one\r\n"));
		assert_non_null(strstr(result.body, "X-Vault-Namespace: team/\r\n"));

		mirror(&f, HTTP_GET, "/v1/two", NULL, NULL, NULL, &result);
		assert_int_equal(result.status, 200);
		assert_int_equal(result.retry_after_ms, 0);
		assert_ptr_equal(strstr(result.body, "GET /v1/two HTTP/1.1\r\n"), result.body);
		assert_null(strstr(result.body, "X-Vault-Token"));
		assert_null(strstr(result.body, "X-Vault-Namespace"));

		mirror(&f, HTTP_POST, "/v1/three", "s.three", NULL, "{\"a\":3}", &result);
		assert_ptr_equal(strstr(result.body, "POST /v1/three HTTP/1.1\r\n"), result.body);
		assert_non_null(strstr(result.body, "X-Vault-Token: s.three\r\n"));
		assert_non_null(strstr(result.body, "\r\n\r\n{\"a\":3}"));

		mirror(&f, HTTP_GET, "/v1/four", "s.four", NULL, NULL, &result);
		assert_ptr_equal(strstr(result.body, "GET /v1/four HTTP/1.1\r\n"), result.body);
		assert_non_null(strstr(result.body, "X-Vault-Token: s.four\r\n"));
		assert_null(strcasestr(result.body, "Content-Length"));
	}
	assert_int_equal(server_counts(server)->connections, 1);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

static void test_a_get_that_finds_nobody_says_nothing_of_the_one_before(void **state)
{
	struct server *server = server_start(play_mirror, NULL, NULL);
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	mirror(&f, HTTP_GET, "/v1/limited", NULL, NULL, NULL, &result);
	assert_true(result.sent);
	server_stop(server);
	fixture_got(&f, "/v1/x", &result);
	assert_int_equal(result.outcome, HTTP_CONNECT);
	assert_false(result.sent);
	assert_int_equal(result.status, 0);
	assert_int_equal(result.retry_after_ms, 0);
	fixture_free(&f);
	result_free(&result);
}

/* Answers the first request of a connection; the second only ends it. */
static void play_once(struct server_connection *c, void *arg)
{
	(void)arg;
	if (server_read(c)) {
		server_reply(c, 200, "", "once");
		server_read(c);
	}
}

/* Curl counts how often it had to send again, for the life of a handle, and gives up at five. */
static void test_gets_are_made_again_however_many_connections_have_died(void **state)
{
	struct server *server = server_start(play_once, NULL, NULL);
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	for (unsigned i = 1; i <= 20; i++) {
		fixture_got(&f, "/v1/x", &result);
		assert_int_equal(result.outcome, HTTP_REPLY);
		assert_int_equal(server_counts(server)->connections, i);
	}
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

/* Answers, waits to be released, and then does to the connection what no request asked for. */
static void play_answer_and(struct server_connection *c, void *arg)
{
	const char *what = arg;

	if (!server_read(c))
		return;
	server_reply(c, 200, "", "once");
	if (c->number > 1)
		return;
	server_hold(c);
	if (strcmp(what, "reset") == 0)
		server_reset(c);
	if (strcmp(what, "speak") == 0) {
		server_write(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother", 43);
		server_read(c);
	}
}

static bool none_is_open(const void *arg)
{
	return *(const atomic_uint *)arg == 0;
}

static void test_what_happens_to_a_connection_between_requests_harms_none(void **state)
{
	static char what[][8] = { "close", "reset", "speak" };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(what) / sizeof(what[0]); i++) {
		struct server *server = server_start(play_answer_and, what[i / 2], NULL);
		struct result result = { 0 };
		struct fixture f;

		fixture_server(&f, server);
		fixture_got(&f, "/v1/x", &result);
		assert_int_equal(result.outcome, HTTP_REPLY);
		server_release(server);
		/* The connection that gets unasked data stays open until the client shuts it down. */
		fixture_until(&f, none_is_open, &server_counts(server)->open);
		if (i % 2 == 0)
			fixture_got(&f, "/v1/x", &result);
		else
			fixture_posted(&f, "/v1/x", "{}", 2, &result);
		assert_int_equal(result.outcome, HTTP_REPLY);
		assert_string_equal(result.body, "once");
		assert_int_equal(server_counts(server)->connections, 2);
		fixture_free(&f);
		server_stop(server);
		result_free(&result);
	}
}

#define TOGETHER 8
#define CONNECT_MS 1000

/* Answers when released, and counts the answers that it has sent. */
static void play_answer_together(struct server_connection *c, void *arg)
{
	atomic_uint *answered = arg;

	while (server_read(c)) {
		server_hold(c);
		server_reply(c, 200, "", "x");
		++*answered;
	}
}

static void get_together(struct fixture *f, struct result *results)
{
	for (size_t i = 0; i < TOGETHER; i++)
		fixture_get(f, "/v1/x", LONG_MS, &results[i]);
}

static void until_together(struct fixture *f, struct result *results)
{
	for (size_t i = 0; i < TOGETHER; i++) {
		fixture_until_ended(f, &results[i]);
		assert_int_equal(results[i].outcome, HTTP_REPLY);
		results[i].ended = 0;
	}
}

/*
 * Curl does not clear the connect timer when a transfer has begun. When such a timer expires, curl looks at every
 * transfer whose timer has expired, whichever socket it was called for. So it may have read other answers before
 * the loop reports their sockets.
 */
static void test_an_answer_that_was_read_already_costs_no_connection(void **state)
{
	atomic_uint answered = 0;
	struct server *server = server_start(play_answer_together, &answered, NULL);
	struct result results[TOGETHER] = { 0 };
	uint64_t over_ms;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.options.connect_timeout_ms = CONNECT_MS;
	fixture_url(&f, "http", "127.0.0.1", server_port(server));
	fixture_open(&f);
	get_together(&f, results);
	fixture_until_count(&f, &server_counts(server)->requests, TOGETHER);
	over_ms = clock_now_ms() + CONNECT_MS;
	server_release(server);
	while (answered < TOGETHER || clock_now_ms() < over_ms)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	until_together(&f, results);
	get_together(&f, results);
	until_together(&f, results);
	assert_int_equal(server_counts(server)->connections, TOGETHER);
	fixture_free(&f);
	server_stop(server);
	for (size_t i = 0; i < TOGETHER; i++)
		result_free(&results[i]);
}

/*
 * One of a name's two addresses, ::1 and 127.0.0.1, refuses; curl says little about the socket that it tried that
 * address with.
 */
static void test_nothing_is_left_of_connections_that_never_were(void **state)
{
	static char what[] = "close";
	struct server *server = server_start(play_answer_and, what, NULL);
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	server_release(server);
	fixture_init(&f);
	fixture_url(&f, "http", "name.localhost", server_port(server));
	fixture_open(&f);
	for (unsigned i = 1; i <= 20; i++) {
		fixture_got(&f, "/v1/x", &result);
		assert_int_equal(result.outcome, HTTP_REPLY);
		assert_int_equal(server_counts(server)->connections, i);
		fixture_until(&f, none_is_open, &server_counts(server)->open);
	}
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

#define LONGEST 300000

/* Answers with as many bytes as the path says. */
static void play_so_many(struct server_connection *c, void *arg)
{
	static char body[LONGEST + 1];

	(void)arg;
	memset(body, 'b', LONGEST);
	while (server_read(c))
		server_reply(c, 200, "", body + LONGEST - strtoul(strstr(c->head, "/v1/") + 4, NULL, 10));
}

/* The size of the buffer that replies are read into depends on the replies before. */
static void test_replies_arrive_whole_whatever_came_before(void **state)
{
	static const unsigned lengths[] = { 0, 100, 1024, 1025, 3000, LONGEST, 1, 16384, 65536, 64511, 64513, 10,
		10, 10, LONGEST };
	struct server *server = server_start(play_so_many, NULL, NULL);
	struct result result = { 0 };
	struct fixture f;
	char path[32];

	(void)state;
	fixture_server(&f, server);
	for (size_t i = 0; i < 20 * sizeof(lengths) / sizeof(lengths[0]); i++) {
		unsigned n = lengths[i % (sizeof(lengths) / sizeof(lengths[0]))];

		snprintf(path, sizeof(path), "/v1/%u", n);
		fixture_got(&f, path, &result);
		assert_int_equal(result.outcome, HTTP_REPLY);
		assert_int_equal(result.body_len, n);
		assert_int_equal(strspn(result.body, "b"), n);
	}
	assert_int_equal(server_counts(server)->connections, 1);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

/* There are more requests at once than handles are kept. */
static void test_a_crowd_comes_and_goes_and_comes_again(void **state)
{
	struct server *server = server_start(server_play_ok, NULL, NULL);
	struct result results[100] = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	for (unsigned turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < 100; i++)
			fixture_get(&f, "/v1/x", LONG_MS, &results[i]);
		for (size_t i = 0; i < 100; i++) {
			fixture_until_ended(&f, &results[i]);
			assert_int_equal(results[i].outcome, HTTP_REPLY);
			results[i].ended = 0;
		}
	}
	fixture_free(&f);
	server_stop(server);
	for (size_t i = 0; i < 100; i++)
		result_free(&results[i]);
}

/* -- connections that died without a word -- */

#define KEPT 4

/*
 * The first KEPT connections carry one request each, and then are as dead as those that a firewall has forgotten;
 * on all others each request is answered.
 */
static void play_forgotten(struct server_connection *c, void *arg)
{
	(void)arg;
	while (server_read(c)) {
		if (c->number <= KEPT)
			server_hold(c);
		server_reply(c, 200, "", "x");
		while (c->number <= KEPT && server_read(c))
			;
	}
}

static void keep_forgotten(struct fixture *f, struct server *server)
{
	struct result results[KEPT] = { 0 };

	fixture_server(f, server);
	for (size_t i = 0; i < KEPT; i++)
		fixture_get(f, "/v1/x", LONG_MS, &results[i]);
	fixture_until_count(f, &server_counts(server)->working, KEPT);
	server_release(server);
	for (size_t i = 0; i < KEPT; i++) {
		fixture_until_ended(f, &results[i]);
		assert_int_equal(results[i].outcome, HTTP_REPLY);
		result_free(&results[i]);
	}
	assert_int_equal(server_counts(server)->connections, KEPT);
}

static void test_a_connection_that_died_silently_takes_trust_from_those_of_its_age(void **state)
{
	struct server *server = server_start(play_forgotten, NULL, NULL);
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	keep_forgotten(&f, server);
	fixture_get(&f, "/v1/x", 700, &result);
	fixture_until_ended(&f, &result);
	assert_int_equal(result.outcome, HTTP_DEADLINE);
	for (unsigned i = 0; i < 3; i++) {
		result.ended = 0;
		fixture_get(&f, "/v1/x", 1000, &result);
		fixture_until_ended(&f, &result);
		assert_int_equal(result.outcome, HTTP_REPLY);
	}
	/* Curl 8.23 may still take one that is shut down. The request is then made on a new one. */
	assert_in_range(server_counts(server)->connections, KEPT + 1, KEPT + 3);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

static void test_a_caller_who_gives_up_on_a_silent_connection_teaches_the_same(void **state)
{
	struct server *server = server_start(play_forgotten, NULL, NULL);
	struct result result = { 0 };
	struct http_call *call;
	struct fixture f;

	(void)state;
	keep_forgotten(&f, server);
	call = fixture_get(&f, "/v1/x", LONG_MS, &result);
	fixture_run(&f, 700);
	http_cancel(call);
	assert_int_equal(result.ended, 0);
	fixture_get(&f, "/v1/x", 1000, &result);
	fixture_until_ended(&f, &result);
	assert_int_equal(result.outcome, HTTP_REPLY);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

static bool one_has_ended(const void *arg)
{
	return *(const atomic_uint *)arg < KEPT;
}

static void test_a_caller_who_gives_up_soon_says_nothing_of_connections(void **state)
{
	struct server *server = server_start(play_forgotten, NULL, NULL);
	struct result result = { 0 };
	struct http_call *call;
	struct fixture f;

	(void)state;
	keep_forgotten(&f, server);
	call = fixture_get(&f, "/v1/x", LONG_MS, &result);
	fixture_run(&f, 50);
	http_cancel(call);
	fixture_until(&f, one_has_ended, &server_counts(server)->open);
	fixture_run(&f, 50);
	assert_int_equal(server_counts(server)->open, KEPT - 1);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

/* Answers all requests but those for /v1/silent. */
static void play_silent_path(struct server_connection *c, void *arg)
{
	(void)arg;
	while (server_read(c)) {
		if (strstr(c->head, "/v1/silent") == NULL)
			server_reply(c, 200, "", "x");
	}
}

static void test_a_connection_that_has_answered_since_is_trusted(void **state)
{
	struct server *server = server_start(play_silent_path, NULL, NULL);
	struct result silent = { 0 }, result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	fixture_got(&f, "/v1/x", &result);
	fixture_get(&f, "/v1/silent", 700, &silent);
	fixture_run(&f, 20);
	fixture_got(&f, "/v1/x", &result);
	fixture_until_ended(&f, &silent);
	assert_int_equal(silent.outcome, HTTP_DEADLINE);
	fixture_got(&f, "/v1/x", &result);
	assert_int_equal(result.outcome, HTTP_REPLY);
	assert_int_equal(server_counts(server)->connections, 2);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

/* A slow answer on a new connection says nothing of the others. */
static void test_a_new_connection_without_an_answer_takes_no_trust_from_others(void **state)
{
	struct server *server = server_start(play_silent_path, NULL, NULL);
	/* without a body it is never sent on a used connection */
	struct http_request request = { .method = HTTP_POST, .path = "/v1/silent" };
	struct result silent = { 0 }, result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	fixture_got(&f, "/v1/x", &result);
	request.deadline_ms = clock_now_ms() + 700;
	assert_non_null(http_start(f.http, &request, fixture_done, &silent));
	fixture_until_ended(&f, &silent);
	assert_int_equal(silent.outcome, HTTP_DEADLINE);
	fixture_got(&f, "/v1/x", &result);
	assert_int_equal(server_counts(server)->connections, 2);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_of_a_request_goes_with_the_next),
		cmocka_unit_test(test_a_get_that_finds_nobody_says_nothing_of_the_one_before),
		cmocka_unit_test(test_gets_are_made_again_however_many_connections_have_died),
		cmocka_unit_test(test_what_happens_to_a_connection_between_requests_harms_none),
		cmocka_unit_test(test_an_answer_that_was_read_already_costs_no_connection),
		cmocka_unit_test(test_nothing_is_left_of_connections_that_never_were),
		cmocka_unit_test(test_replies_arrive_whole_whatever_came_before),
		cmocka_unit_test(test_a_connection_that_died_silently_takes_trust_from_those_of_its_age),
		cmocka_unit_test(test_a_caller_who_gives_up_on_a_silent_connection_teaches_the_same),
		cmocka_unit_test(test_a_caller_who_gives_up_soon_says_nothing_of_connections),
		cmocka_unit_test(test_a_connection_that_has_answered_since_is_trusted),
		cmocka_unit_test(test_a_new_connection_without_an_answer_takes_no_trust_from_others),
		cmocka_unit_test(test_a_crowd_comes_and_goes_and_comes_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
