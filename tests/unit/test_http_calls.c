/*
 * The life of calls: deadlines, the queue, cancelling, calls from callbacks.
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
	struct http_request long_ago = { .method = HTTP_GET,
		.path = "/v1/x",
		.deadline_ms = clock_now_ms() - 1000 };
	struct result get = { 0 }, post = { 0 }, past = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	fixture_get(&f, "/v1/x", 0, &get);
	fixture_post(&f, "/v1/x", "{}", 2, 0, &post);
	assert_non_null(http_start(f.http, &long_ago, fixture_done, &past));
	assert_int_equal(get.ended + post.ended + past.ended, 0);
	fixture_until_ended(&f, &past);
	assert_int_equal(past.outcome, HTTP_DEADLINE);
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
	struct result get = { 0 }, post = { 0 };
	uint64_t begun = clock_now_ms();
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
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
	/* The call's later end reaches nobody. */
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
	struct result busy[BUSY] = { { 0 } }, queued = { 0 }, post = { 0 }, late = { 0 }, urgent = { 0 };
	struct http_request request = { .method = HTTP_GET, .path = "/v1/quick", .urgent = true };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
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

static bool is_one(const void *arg)
{
	return *(const atomic_uint *)arg == 1;
}

static void test_a_call_with_a_connection_of_its_own_waits_for_nobody(void **state)
{
	struct server *server = server_start(play_hold, NULL, NULL);
	struct http_request request = { .method = HTTP_GET, .path = "/v1/quick", .own_connection = true };
	struct result quick = { 0 }, own = { 0 }, busy[BUSY + 8] = { { 0 } };
	struct server_counts *counts = server_counts(server);
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	fixture_got(&f, "/v1/quick", &quick);
	request.deadline_ms = clock_now_ms() + LONG_MS;
	assert_non_null(http_start(f.http, &request, fixture_done, &own));
	fixture_until_ended(&f, &own);
	assert_int_equal(own.outcome, HTTP_REPLY);
	assert_int_equal(counts->connections, 2);
	/* Nor does it leave one to others. */
	fixture_until(&f, is_one, &counts->open);
	fixture_got(&f, "/v1/quick", &quick);
	assert_int_equal(counts->connections, 2);
	for (size_t i = 0; i < BUSY + 8; i++) {
		struct http_request other = { .method = HTTP_GET,
			.path = "/v1/x",
			.deadline_ms = clock_now_ms() + LONG_MS,
			.urgent = i >= BUSY };

		assert_non_null(http_start(f.http, &other, fixture_done, &busy[i]));
	}
	fixture_until_count(&f, &counts->working, BUSY + 8);
	own.ended = 0;
	assert_non_null(http_start(f.http, &request, fixture_done, &own));
	fixture_until_ended(&f, &own);
	assert_int_equal(own.outcome, HTTP_REPLY);
	fixture_free(&f);
	server_stop(server);
	result_free(&quick);
	result_free(&own);
}

/* Fills all places with calls that end within timeout_ms. */
static void fill(struct fixture *f, struct server *server, uint64_t timeout_ms, struct http_call **calls,
    struct result *results)
{
	for (size_t i = 0; i < BUSY; i++)
		calls[i] = fixture_get(f, "/v1/x", timeout_ms, &results[i]);
	fixture_until_count(f, &server_counts(server)->working, BUSY);
}

static void test_queued_call_takes_the_place_of_one_that_was_cancelled(void **state)
{
	struct server *server = server_start(play_hold, NULL, NULL);
	struct result busy[BUSY] = { { 0 } }, queued = { 0 };
	struct http_call *calls[BUSY];
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	fill(&f, server, LONG_MS, calls, busy);
	fixture_get(&f, "/v1/quick", LONG_MS, &queued);
	fixture_run(&f, 20);
	assert_int_equal(queued.ended, 0);
	http_cancel(calls[7]);
	fixture_until_ended(&f, &queued);
	assert_int_equal(queued.outcome, HTTP_REPLY);
	fixture_free(&f);
	server_stop(server);
	result_free(&queued);
}

static void test_queued_call_takes_the_place_of_one_whose_deadline_passed(void **state)
{
	struct server *server = server_start(play_hold, NULL, NULL);
	struct result busy[BUSY] = { { 0 } }, queued = { 0 };
	struct http_call *calls[BUSY];
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	fill(&f, server, 1000, calls, busy);
	fixture_get(&f, "/v1/quick", LONG_MS, &queued);
	fixture_until_ended(&f, &queued);
	assert_int_equal(queued.outcome, HTTP_REPLY);
	assert_int_equal(busy[0].outcome, HTTP_DEADLINE);
	fixture_free(&f);
	server_stop(server);
	result_free(&queued);
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
	fixture_server(&f, server);
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
	struct result results[BUSY + 4] = { { 0 } };
	struct http_call *calls[BUSY + 4];
	struct fixture f, connecting;
	size_t n = 0;

	(void)state;
	fixture_server(&f, server);
	calls[n] = fixture_get(&f, "/v1/x", LONG_MS, &results[n]); /* curl has not seen this one yet */
	http_cancel(calls[n++]);
	for (; n < BUSY + 1; n++)
		calls[n] = fixture_get(&f, "/v1/x", LONG_MS, &results[n]);
	calls[n] = fixture_post(&f, "/v1/x", "{}", 2, LONG_MS, &results[n]); /* this one waits in the queue */
	n++;
	calls[n] = fixture_get(&f, "/v1/x", 0, &results[n]); /* the end of this one is due */
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
	/* Every place is free again. */
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
	struct result result = { 0 };
	struct http_call *call;
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
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
	struct result results[BUSY + 12] = { { 0 } };
	size_t n = sizeof(results) / sizeof(results[0]);
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
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
	struct http_request request = { .method = HTTP_GET,
		.path = "/v1/x",
		.deadline_ms = clock_now_ms() + LONG_MS };

	if (reply->outcome != HTTP_REPLY || chain->left-- == 0)
		fixture_done(&chain->result, reply);
	else
		assert_non_null(http_start(chain->f->http, &request, on_link, chain));
}

static void test_callback_may_start_the_next_call(void **state)
{
	struct server *server = server_start(server_play_ok, NULL, NULL);
	struct fixture f;
	struct chain chain = { .f = &f, .left = 100 };
	struct http_reply begin = { .outcome = HTTP_REPLY };

	(void)state;
	fixture_server(&f, server);
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
	struct http_request request = { .method = HTTP_GET,
		.path = "/v1/x",
		.deadline_ms = clock_now_ms() + LONG_MS };
	struct blackhole hole;
	unsigned ended = 0;
	struct pair pairs[2] = { { .ended = &ended }, { .ended = &ended } };
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
		cmocka_unit_test(test_deadline_that_has_passed_is_told_later_and_sends_nothing),
		cmocka_unit_test(test_deadline_while_the_server_is_silent),
		cmocka_unit_test(test_full_house_queues_ordinary_calls_and_lets_urgent_ones_through),
		cmocka_unit_test(test_a_call_with_a_connection_of_its_own_waits_for_nobody),
		cmocka_unit_test(test_queued_call_takes_the_place_of_one_that_was_cancelled),
		cmocka_unit_test(test_queued_call_takes_the_place_of_one_whose_deadline_passed),
		cmocka_unit_test(test_200_parallel_calls_get_their_own_answers_over_few_connections),
		cmocka_unit_test(test_cancelled_calls_tell_nothing_whatever_they_were_at),
		cmocka_unit_test(test_call_cancelled_in_the_middle_of_its_reply_ends_the_connection),
		cmocka_unit_test(test_free_ends_calls_in_every_state_without_a_word),
		cmocka_unit_test(test_callback_may_start_the_next_call),
		cmocka_unit_test(test_callback_may_cancel_a_call_that_ends_with_it),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
