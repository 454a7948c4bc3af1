/*
 * Bodies that come and go in pieces, with pauses on either side.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/http_server.h"

#define LARGE (40u << 20) /* more than a collected reply may have, and than any socket buffers */

/* The byte at that place of every large body here. */
static unsigned char byte_at(size_t at)
{
	return (unsigned char)(at * 31 + at / 997);
}

/* The body that a sink got, and the body that a source gives. */
struct ends {
	struct http_call *call;
	struct result result;
	size_t got, pieces, largest, pause_after;
	bool intact, paused, got_while_paused;
	size_t give, given, wait_at; /* wait_at: the source has no more for now */
	unsigned waits;
};

static void sink(void *arg, const void *p, size_t n)
{
	struct ends *e = arg;

	for (size_t i = 0; i < n; i++)
		e->intact = e->intact && ((const unsigned char *)p)[i] == byte_at(e->got + i);
	e->got_while_paused |= e->paused;
	e->got += n;
	e->pieces++;
	e->largest = n > e->largest ? n : e->largest;
	if (e->pause_after > 0 && e->got >= e->pause_after) {
		e->pause_after = 0;
		e->paused = true;
		http_pause(e->call);
	}
}

static size_t source(void *arg, void *p, size_t size)
{
	struct ends *e = arg;
	size_t until = e->wait_at > 0 ? e->wait_at : e->give,
	       n = until - e->given < size ? until - e->given : size;

	if (n == 0 && e->wait_at > 0) {
		e->waits++;
		return HTTP_SOURCE_WAIT;
	}
	for (size_t i = 0; i < n; i++)
		((unsigned char *)p)[i] = byte_at(e->given + i);
	e->given += n;
	return n;
}

static void start(struct fixture *f, struct ends *e, enum http_method method)
{
	const struct http_stream stream = { .sink = method == HTTP_GET ? sink : NULL,
		.source = method == HTTP_POST ? source : NULL,
		.arg = e };
	struct http_request request = { .method = method,
		.path = "/v1/x",
		.token = "s.token",
		.stream = &stream,
		.deadline_ms = CLOCK_NEVER };

	e->intact = true;
	e->call = http_start(f->http, &request, fixture_done, &e->result);
	assert_non_null(e->call);
}

static bool is_paused(const void *arg)
{
	return ((const struct ends *)arg)->paused;
}

static bool is_waiting(const void *arg)
{
	return ((const struct ends *)arg)->waits > 0;
}

/* -- replies -- */

static void send_bytes(struct server_connection *c, size_t from, size_t to)
{
	char block[65536];

	while (from < to) {
		size_t n = to - from < sizeof(block) ? to - from : sizeof(block);

		for (size_t i = 0; i < n; i++)
			block[i] = (char)byte_at(from + i);
		server_write(c, block, n);
		from += n;
	}
}

static void say(struct server_connection *c, const char *text)
{
	server_write(c, text, strlen(text));
}

/* Sends the body in chunks of odd sizes. */
static void play_large(struct server_connection *c, void *arg)
{
	char line[32];

	(void)arg;
	while (server_read(c)) {
		if (strstr(c->head, "/v1/small ") != NULL) {
			server_reply(c, 200, "", "small");
			continue;
		}
		say(c, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n");
		for (size_t at = 0, n; at < LARGE; at += n) {
			n = 1 + at % 99991;
			n = n < LARGE - at ? n : LARGE - at;
			snprintf(line, sizeof(line), "%zx\r\n", n);
			say(c, line);
			send_bytes(c, at, at + n);
			say(c, "\r\n");
		}
		say(c, "0\r\n\r\n");
	}
}

static void test_a_sink_gets_all_of_a_large_reply_in_pieces(void **state)
{
	struct server *server = server_start(play_large, NULL, NULL);
	struct ends e = { .got = 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	start(&f, &e, HTTP_GET);
	fixture_until_ended(&f, &e.result);
	assert_int_equal(e.result.outcome, HTTP_REPLY);
	assert_int_equal(e.result.status, 200);
	assert_int_equal(e.result.body_len, 0);
	assert_int_equal(e.got, LARGE);
	assert_true(e.intact);
	assert_true(e.largest <= HTTP_PIECE_MAX);
	result_free(&e.result);
	fixture_free(&f);
	server_stop(server);
}

static void test_a_paused_sink_gets_nothing_until_it_goes_on(void **state)
{
	struct server *server = server_start(play_large, NULL, NULL);
	struct ends e = { .pause_after = 3000000 };
	struct fixture f;
	size_t got;

	(void)state;
	fixture_server(&f, server);
	start(&f, &e, HTTP_GET);
	for (int i = 0; i < 3; i++) {
		fixture_until(&f, is_paused, &e);
		got = e.got;
		fixture_run(&f, 60);
		assert_int_equal(e.got, got);
		assert_int_equal(e.result.ended, 0);
		e.pause_after = e.got + 2000000;
		e.paused = false;
		http_resume(e.call);
	}
	e.pause_after = 0;
	e.paused = false;
	http_resume(e.call);
	fixture_until_ended(&f, &e.result);
	assert_int_equal(e.result.outcome, HTTP_REPLY);
	assert_int_equal(e.got, LARGE);
	assert_true(e.intact);
	assert_false(e.got_while_paused);
	result_free(&e.result);
	fixture_free(&f);
	server_stop(server);
}

static void play_refused(struct server_connection *c, void *arg)
{
	(void)arg;
	while (server_read(c))
		server_reply(c, 403, "", "{\"errors\":[\"no\"]}");
}

static void test_an_error_is_collected_and_no_business_of_the_sink(void **state)
{
	struct server *server = server_start(play_refused, NULL, NULL);
	struct ends e = { .got = 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	start(&f, &e, HTTP_GET);
	fixture_until_ended(&f, &e.result);
	assert_int_equal(e.result.outcome, HTTP_REPLY);
	assert_int_equal(e.result.status, 403);
	assert_string_equal(e.result.body, "{\"errors\":[\"no\"]}");
	assert_int_equal(e.pieces, 0);
	result_free(&e.result);
	fixture_free(&f);
	server_stop(server);
}

static void play_cut(struct server_connection *c, void *arg)
{
	(void)arg;
	if (!server_read(c))
		return;
	say(c, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n");
	send_bytes(c, 0, 100000);
}

static void test_a_reply_that_is_cut_off_is_broken_and_not_asked_for_again(void **state)
{
	struct server *server = server_start(play_cut, NULL, NULL);
	struct ends e = { .got = 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	start(&f, &e, HTTP_GET);
	fixture_until_ended(&f, &e.result);
	assert_int_equal(e.result.outcome, HTTP_BROKEN);
	assert_true(e.result.sent);
	assert_int_equal(e.got, 100000);
	assert_true(e.intact);
	assert_int_equal(server_counts(server)->connections, 1);
	fixture_free(&f);
	server_stop(server);
}

static void test_paused_streams_take_no_room_from_others(void **state)
{
	enum { STREAMS = 40 };
	struct server *server = server_start(play_large, NULL, NULL);
	static struct ends ends[STREAMS];
	struct result small = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	for (size_t i = 0; i < STREAMS; i++) {
		ends[i].pause_after = 1;
		start(&f, &ends[i], HTTP_GET);
	}
	for (size_t i = 0; i < STREAMS; i++)
		fixture_until(&f, is_paused, &ends[i]);
	fixture_got(&f, "/v1/small", &small);
	assert_string_equal(small.body, "small");
	for (size_t i = 0; i < STREAMS; i++)
		http_cancel(ends[i].call);
	result_free(&small);
	fixture_free(&f);
	server_stop(server);
	for (size_t i = 0; i < STREAMS; i++)
		assert_int_equal(ends[i].result.ended, 0);
}

/* -- requests -- */

/* Reads the whole of a chunked body and says whether it is right. */
static void play_upload(struct server_connection *c, void *arg)
{
	const size_t *expected = arg;
	bool intact = true;

	if (!server_read_head(c))
		return;
	while (server_read_chunk(c))
		;
	for (size_t i = 0; i < c->body_len; i++)
		intact = intact && (unsigned char)c->body[i] == byte_at(i);
	intact = intact && c->body_len == *expected && strstr(c->head, "Transfer-Encoding: chunked\r\n") != NULL &&
	    strstr(c->head, "Content-Type: application/gzip\r\n") != NULL && strstr(c->head, "Expect") == NULL;
	server_reply(c, intact ? 204 : 400, "", "");
}

static void test_a_source_is_sent_in_chunks(void **state)
{
	size_t sizes[] = { 0, 1, 65536, 5000000 };
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct server *server = server_start(play_upload, &sizes[i], NULL);
		struct ends e = { .give = sizes[i] };

		fixture_server(&f, server);
		start(&f, &e, HTTP_POST);
		fixture_until_ended(&f, &e.result);
		assert_int_equal(e.result.outcome, HTTP_REPLY);
		assert_int_equal(e.result.status, 204);
		assert_true(e.result.sent);
		result_free(&e.result);
		fixture_free(&f);
		server_stop(server);
	}
}

static void test_a_source_that_has_none_is_asked_again_when_it_goes_on(void **state)
{
	size_t size = 3000000;
	struct server *server = server_start(play_upload, &size, NULL);
	struct ends e = { .give = size, .wait_at = 1000000 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	start(&f, &e, HTTP_POST);
	for (size_t at = 1000000; at < size; at += 500000) {
		fixture_until(&f, is_waiting, &e);
		fixture_run(&f, 30);
		assert_int_equal(e.given, at);
		assert_int_equal(e.result.ended, 0);
		e.waits = 0;
		e.wait_at = at + 500000;
		http_resume(e.call);
	}
	e.wait_at = 0;
	http_resume(e.call);
	fixture_until_ended(&f, &e.result);
	assert_int_equal(e.result.status, 204);
	result_free(&e.result);
	fixture_free(&f);
	server_stop(server);
}

/* Refuses once the test says that the source has no more for now. */
static void play_refuse_early(struct server_connection *c, void *arg)
{
	if (server_read_head(c) && server_read_chunk(c) && sem_wait(arg) == 0)
		server_reply(c, 500, "", "{\"errors\":[\"not a snapshot\"]}");
	while (server_read_chunk(c))
		;
}

static void test_a_refusal_ends_a_source_that_waits(void **state)
{
	sem_t waits;
	struct server *server;
	struct ends e = { .give = 100, .wait_at = 50 };
	struct fixture f;

	(void)state;
	assert_int_equal(sem_init(&waits, 0, 0), 0);
	server = server_start(play_refuse_early, &waits, NULL);
	fixture_server(&f, server);
	start(&f, &e, HTTP_POST);
	fixture_until(&f, is_waiting, &e);
	sem_post(&waits);
	fixture_until_ended(&f, &e.result);
	assert_int_equal(e.result.outcome, HTTP_REPLY);
	assert_int_equal(e.result.status, 500);
	assert_string_equal(e.result.body, "{\"errors\":[\"not a snapshot\"]}");
	assert_int_equal(e.given, 50);
	result_free(&e.result);
	fixture_free(&f);
	server_stop(server);
	sem_destroy(&waits);
}

static void play_accept_early(struct server_connection *c, void *arg)
{
	(void)arg;
	if (server_read_head(c) && server_read_chunk(c))
		server_reply(c, 204, "", "");
	while (server_read_chunk(c))
		;
}

static void test_an_early_acceptance_does_not_cut_a_source_off(void **state)
{
	struct server *server = server_start(play_accept_early, NULL, NULL);
	struct ends e = { .give = 300000, .wait_at = 50 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	start(&f, &e, HTTP_POST);
	fixture_until(&f, is_waiting, &e);
	fixture_run(&f, 50);
	assert_int_equal(e.result.ended, 0);
	e.wait_at = 0;
	http_resume(e.call);
	fixture_until_ended(&f, &e.result);
	assert_int_equal(e.result.status, 204);
	assert_int_equal(e.given, 300000);
	result_free(&e.result);
	fixture_free(&f);
	server_stop(server);
}

static void play_die(struct server_connection *c, void *arg)
{
	unsigned *chunks = arg;

	if (!server_read_head(c))
		return;
	while (server_read_chunk(c) && --*chunks > 0)
		;
}

static void test_a_source_is_never_begun_again(void **state)
{
	unsigned chunks = 3;
	struct server *server = server_start(play_die, &chunks, NULL);
	struct ends e = { .give = 5000000 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	start(&f, &e, HTTP_POST);
	fixture_until_ended(&f, &e.result);
	assert_int_equal(e.result.outcome, HTTP_BROKEN);
	assert_true(e.result.sent);
	assert_int_equal(server_counts(server)->connections, 1);
	fixture_free(&f);
	server_stop(server);
}

static void test_a_stream_that_is_cancelled_is_not_told(void **state)
{
	sem_t waits;
	struct server *server;
	struct ends e = { .give = 1 << 20, .wait_at = 10 };
	struct fixture f;

	(void)state;
	assert_int_equal(sem_init(&waits, 0, 0), 0);
	server = server_start(play_refuse_early, &waits, NULL);
	fixture_server(&f, server);
	start(&f, &e, HTTP_POST);
	fixture_until(&f, is_waiting, &e);
	http_cancel(e.call);
	sem_post(&waits);
	fixture_run(&f, 50);
	assert_int_equal(e.result.ended, 0);
	assert_int_equal(e.given, 10);
	fixture_free(&f);
	server_stop(server);
	sem_destroy(&waits);
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
		cmocka_unit_test(test_a_sink_gets_all_of_a_large_reply_in_pieces),
		cmocka_unit_test(test_a_paused_sink_gets_nothing_until_it_goes_on),
		cmocka_unit_test(test_an_error_is_collected_and_no_business_of_the_sink),
		cmocka_unit_test(test_a_reply_that_is_cut_off_is_broken_and_not_asked_for_again),
		cmocka_unit_test(test_paused_streams_take_no_room_from_others),
		cmocka_unit_test(test_a_source_is_sent_in_chunks),
		cmocka_unit_test(test_a_source_that_has_none_is_asked_again_when_it_goes_on),
		cmocka_unit_test(test_a_refusal_ends_a_source_that_waits),
		cmocka_unit_test(test_an_early_acceptance_does_not_cut_a_source_off),
		cmocka_unit_test(test_a_source_is_never_begun_again),
		cmocka_unit_test(test_a_stream_that_is_cancelled_is_not_told),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
