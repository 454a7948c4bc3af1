/*
 * Calls over a socket pair, with a handler that answers at once, later, or never.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "daemon/callers/call.h"
#include "proto/frame.h"
#include "tests/unit/call_fixture.h"

#define DEADLINE_MS 5000u

struct fixture {
	struct bench bench;
	struct call *held[64];
	size_t nheld;
	unsigned requests, abandoned;
	unsigned early;  /* requests that were handled while the caller had a reply to read */
	unsigned prompt; /* requests whose reply could be read as soon as they were handled */
	uint64_t deadline_ms;
	char answer[1 << 20]; /* what a put is answered with, to fill the pipe */
};

/*
 * kv.get is held until the test ends it, kv.put is answered with a megabyte, everything else is answered at once.
 */
static void on_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms);

static void on_abandon(void *work)
{
	struct fixture *f = work;
	f->abandoned++;
}

static bool has_reply(const struct fixture *f)
{
	char byte;
	return recv(f->bench.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static void on_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms)
{
	struct fixture *f = arg;
	struct jwrite w;
	f->requests++;
	f->early += has_reply(f);
	f->deadline_ms = deadline_ms;
	if (request->op == OP_KV_GET) {
		assert_true(f->nheld < 64);
		f->held[f->nheld++] = call;
		call_wait(call, on_abandon, f);
		return;
	}
	call_answer_begin(call, &w);
	if (request->op == OP_KV_PUT)
		jwrite_string(&w, "much", f->answer, sizeof(f->answer));
	call_answer_end(call, &w);
	f->prompt += has_reply(f);
}

static void answer_held(struct fixture *f, size_t i)
{
	struct jwrite w;
	call_answer_begin(f->held[i], &w);
	call_answer_end(f->held[i], &w);
}

static void start(struct fixture *f, const struct call_limits *limits)
{
	memset(f, 0, sizeof(*f));
	memset(f->answer, 'x', sizeof(f->answer));
	bench_start(&f->bench, limits, on_request, f);
}

#define GET(id) "{\"id\":" id ",\"op\":\"kv.get\",\"mount\":\"secret\",\"path\":\"a\"}"
#define PUT(id) "{\"id\":" id ",\"op\":\"kv.put\",\"mount\":\"secret\",\"path\":\"a\",\"data\":{}}"
#define PING(id) "{\"id\":" id ",\"op\":\"ping\"}"

static void test_request_is_answered_with_its_id(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	bench_send_frame(&f.bench, FRAME_JSON, PING("\"a\\u0041\""));
	assert_string_equal(bench_next(&f.bench), "{\"id\":\"a\\u0041\",\"ok\":true}");
	bench_stop(&f.bench);
}

static void test_frames_may_come_byte_by_byte(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	unsigned char header[FRAME_HEADER];
	const char *body = PING("5");
	frame_header(header, FRAME_JSON, strlen(body));
	for (size_t i = 0; i < sizeof(header); i++) {
		bench_send(&f.bench, &header[i], 1);
		bench_turn(&f.bench);
	}
	for (size_t i = 0; body[i] != '\0'; i++) {
		assert_int_equal(f.requests, 0);
		bench_send(&f.bench, &body[i], 1);
		bench_turn(&f.bench);
	}
	assert_string_equal(bench_next(&f.bench), "{\"id\":5,\"ok\":true}");
	bench_stop(&f.bench);
}

static void test_replies_come_as_they_are_ready(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	bench_send_frame(&f.bench, FRAME_JSON, GET("1"));
	bench_send_frame(&f.bench, FRAME_JSON, GET("2"));
	bench_send_frame(&f.bench, FRAME_JSON, PING("3"));
	assert_string_equal(bench_next(&f.bench), "{\"id\":3,\"ok\":true}");
	answer_held(&f, 1);
	assert_string_equal(bench_next(&f.bench), "{\"id\":2,\"ok\":true}");
	answer_held(&f, 0);
	assert_string_equal(bench_next(&f.bench), "{\"id\":1,\"ok\":true}");
	assert_int_equal(f.abandoned, 0);
	bench_stop(&f.bench);
}

static void test_same_id_twice_in_flight_is_refused(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	bench_send_frame(&f.bench, FRAME_JSON, GET("1"));
	bench_send_frame(&f.bench, FRAME_JSON, GET("1"));
	assert_non_null(strstr(bench_next(&f.bench), "\"code\":\"invalid_request\""));
	answer_held(&f, 0);
	assert_string_equal(bench_next(&f.bench), "{\"id\":1,\"ok\":true}");
	/* The id is free again as soon as its request was answered. */
	bench_send_frame(&f.bench, FRAME_JSON, PING("1"));
	assert_string_equal(bench_next(&f.bench), "{\"id\":1,\"ok\":true}");
	bench_stop(&f.bench);
}

static void test_bad_json_is_answered_and_the_session_goes_on(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	bench_send_frame(&f.bench, FRAME_JSON, "");
	assert_non_null(
	    strstr(bench_next(&f.bench), "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"invalid_request\""));
	bench_send_frame(&f.bench, FRAME_JSON, "[1]");
	assert_non_null(
	    strstr(bench_next(&f.bench), "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"invalid_request\""));
	bench_send_frame(&f.bench, FRAME_JSON, PING("1"));
	assert_string_equal(bench_next(&f.bench), "{\"id\":1,\"ok\":true}");
	bench_stop(&f.bench);
}

static void test_half_closed_caller_gets_what_it_is_owed(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	bench_send_frame(&f.bench, FRAME_JSON, GET("1"));
	bench_send_frame(&f.bench, FRAME_JSON, PING("2"));
	assert_int_equal(shutdown(f.bench.fd, SHUT_WR), 0);
	assert_string_equal(bench_next(&f.bench), "{\"id\":2,\"ok\":true}");
	bench_expect_nothing(&f.bench);
	answer_held(&f, 0);
	assert_string_equal(bench_next(&f.bench), "{\"id\":1,\"ok\":true}");
	bench_expect_close(&f.bench);
	assert_int_equal(bench_gone(&f.bench), 1);
	bench_stop(&f.bench);
}

static void test_calls_of_a_caller_that_closed_are_abandoned_once(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	bench_send_frame(&f.bench, FRAME_JSON, GET("1"));
	bench_send_frame(&f.bench, FRAME_JSON, GET("2"));
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	while (f.nheld < 2 && clock_now_ms() < until)
		bench_turn(&f.bench);
	close(f.bench.fd);
	f.bench.fd = -1;
	while (bench_gone(&f.bench) == 0 && clock_now_ms() < until)
		bench_turn(&f.bench);
	assert_int_equal(bench_gone(&f.bench), 1);
	assert_int_equal(f.abandoned, 2);
	assert_int_equal(calls_connections(f.bench.all), 0);
	assert_int_equal(calls_in_flight(f.bench.all), 0);
	bench_stop(&f.bench);
}

static void test_too_large_comes_after_the_others_and_then_the_close(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	bench_send_frame(&f.bench, FRAME_JSON, GET("1"));
	bench_send(&f.bench, "\0\1\0\0", 4);
	bench_expect_nothing(&f.bench);
	answer_held(&f, 0);
	assert_string_equal(bench_next(&f.bench), "{\"id\":1,\"ok\":true}");
	assert_non_null(
	    strstr(bench_next(&f.bench), "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"too_large\""));
	/* A caller that is still writing may finish, so that it gets to read the answer. */
	char rest[65536] = { 0 };
	bench_send(&f.bench, rest, sizeof(rest));
	bench_expect_close(&f.bench);
	close(f.bench.fd);
	f.bench.fd = -1;
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	while (bench_gone(&f.bench) == 0 && clock_now_ms() < until)
		bench_turn(&f.bench);
	assert_int_equal(bench_gone(&f.bench), 1);
	assert_int_equal(f.requests, 1);
	bench_stop(&f.bench);
}

static void test_largest_request_is_taken(void **state)
{
	const struct call_limits limits = { .request_bytes = 300000,
		.requests = 8,
		.requests_per_uid = 64,
		.output_bytes = 65536,
		.bytes_per_uid = 8 << 20,
		.frame_timeout_ms = 10000 };
	struct fixture f;
	(void)state;
	start(&f, &limits);
	char *body = malloc(300001);
	assert_non_null(body);
	memset(body, ' ', 300000);
	body[300000] = '\0';
	memcpy(body, PING("1"), strlen(PING("1")));
	bench_send_frame(&f.bench, FRAME_JSON, body);
	bench_send_frame(&f.bench, FRAME_JSON, PING("2"));
	assert_string_equal(bench_next(&f.bench), "{\"id\":1,\"ok\":true}");
	assert_string_equal(bench_next(&f.bench), "{\"id\":2,\"ok\":true}");
	free(body);
	bench_stop(&f.bench);
}

static void test_data_frame_outside_a_stream_closes(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	bench_send_frame(&f.bench, FRAME_DATA, "bytes");
	assert_non_null(strstr(bench_next(&f.bench), "\"code\":\"invalid_request\""));
	bench_expect_close(&f.bench);
	bench_stop(&f.bench);
}

static void test_unknown_frame_kind_closes(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	bench_send(&f.bench, "\7\0\0\1x", 5);
	assert_non_null(strstr(bench_next(&f.bench), "\"code\":\"invalid_request\""));
	bench_expect_close(&f.bench);
	bench_stop(&f.bench);
}

static void test_at_the_request_limit_the_caller_waits(void **state)
{
	const struct call_limits limits = { .request_bytes = 4096,
		.requests = 2,
		.requests_per_uid = 64,
		.output_bytes = 65536,
		.bytes_per_uid = 8 << 20,
		.frame_timeout_ms = 10000 };
	struct fixture f;
	(void)state;
	start(&f, &limits);
	bench_send_frame(&f.bench, FRAME_JSON, GET("1"));
	bench_send_frame(&f.bench, FRAME_JSON, GET("2"));
	bench_send_frame(&f.bench, FRAME_JSON, PING("3"));
	bench_expect_nothing(&f.bench);
	assert_int_equal(f.requests, 2);
	answer_held(&f, 0);
	assert_string_equal(bench_next(&f.bench), "{\"id\":1,\"ok\":true}");
	assert_string_equal(bench_next(&f.bench), "{\"id\":3,\"ok\":true}");
	answer_held(&f, 1);
	assert_string_equal(bench_next(&f.bench), "{\"id\":2,\"ok\":true}");
	bench_stop(&f.bench);
}

static void test_caller_that_does_not_read_is_not_read_from(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	for (int i = 0; i < 6; i++)
		bench_send_frame(&f.bench, FRAME_JSON, PUT("1"));
	for (int i = 0; i < 20; i++)
		bench_turn(&f.bench);
	assert_int_equal(f.requests, 1); /* its reply alone is over output_bytes */
	for (int i = 0; i < 6; i++)
		assert_int_equal(strlen(bench_next(&f.bench)),
		    sizeof(f.answer) + strlen("{\"id\":1,\"ok\":true,\"much\":\"\"}"));
	assert_int_equal(f.requests, 6);
	bench_stop(&f.bench);
}

static void test_unfinished_frame_is_ended_after_its_time(void **state)
{
	const struct call_limits limits = { .request_bytes = 4096,
		.requests = 2,
		.requests_per_uid = 64,
		.output_bytes = 65536,
		.bytes_per_uid = 8 << 20,
		.frame_timeout_ms = 10 };
	struct fixture f;
	(void)state;
	start(&f, &limits);
	bench_send(&f.bench, "\0\0\0\20{", 5);
	bench_expect_close(&f.bench);
	assert_int_equal(bench_gone(&f.bench), 1);
	bench_stop(&f.bench);
}

static void test_idle_time_does_not_run_while_a_request_is_in_flight(void **state)
{
	const struct call_limits limits = { .request_bytes = 4096,
		.requests = 2,
		.requests_per_uid = 64,
		.output_bytes = 65536,
		.bytes_per_uid = 8 << 20,
		.frame_timeout_ms = 10000,
		.idle_timeout_ms = 10 };
	struct fixture f;
	(void)state;
	start(&f, &limits);
	bench_send_frame(&f.bench, FRAME_JSON, GET("1"));
	uint64_t until = clock_now_ms() + 1500; /* longer than a sweep */
	while (clock_now_ms() < until)
		bench_turn(&f.bench);
	assert_int_equal(bench_gone(&f.bench), 0);
	answer_held(&f, 0);
	assert_string_equal(bench_next(&f.bench), "{\"id\":1,\"ok\":true}");
	bench_expect_close(&f.bench);
	bench_stop(&f.bench);
}

static void test_deadline_counts_from_the_frames_arrival(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	uint64_t before = clock_now_ms();
	bench_send_frame(&f.bench, FRAME_JSON, "{\"id\":1,\"op\":\"ping\",\"timeout_ms\":7000}");
	(void)bench_next(&f.bench);
	assert_in_range(f.deadline_ms, before + 7000, clock_now_ms() + 7000);
	bench_send_frame(&f.bench, FRAME_JSON, PING("1"));
	(void)bench_next(&f.bench);
	assert_in_range(f.deadline_ms, before + 1000, clock_now_ms() + 1000);
	bench_stop(&f.bench);
}

static void test_finishing_answers_what_is_in_flight(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	bench_send_frame(&f.bench, FRAME_JSON, GET("1"));
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	while (f.nheld < 1 && clock_now_ms() < until)
		bench_turn(&f.bench);
	calls_finish(f.bench.all);
	bench_expect_nothing(&f.bench);
	answer_held(&f, 0);
	assert_string_equal(bench_next(&f.bench), "{\"id\":1,\"ok\":true}");
	bench_expect_close(&f.bench);
	bench_stop(&f.bench);
}

static void test_finishing_takes_what_has_come_and_nothing_after_that(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	bench_turn(&f.bench);
	bench_send_frame(&f.bench, FRAME_JSON, GET("1"));
	bench_send_frame(&f.bench, FRAME_JSON, GET("2"));
	calls_finish(f.bench.all);
	assert_int_equal(f.nheld, 2);
	assert_int_equal(send(f.bench.fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT), -1);
	assert_int_equal(errno, EPIPE);
	answer_held(&f, 0);
	answer_held(&f, 1);
	assert_string_equal(bench_next(&f.bench), "{\"id\":1,\"ok\":true}");
	assert_string_equal(bench_next(&f.bench), "{\"id\":2,\"ok\":true}");
	bench_expect_close(&f.bench);
	bench_stop(&f.bench);
}

static void test_finishing_takes_a_large_request_that_has_come(void **state)
{
	static char body[150000];
	struct fixture f;
	(void)state;
	start(&f,
	    &(struct call_limits){ .request_bytes = 1 << 20,
		.requests = 64,
		.requests_per_uid = 64,
		.output_bytes = 1 << 20,
		.bytes_per_uid = 16 << 20,
		.frame_timeout_ms = 10000 });
	int n = snprintf(body, sizeof(body),
	    "{\"id\":1,\"op\":\"kv.put\",\"mount\":\"secret\",\"path\":\"a\","
	    "\"data\":{\"x\":\"");
	memset(body + n, 'x', sizeof(body) - (size_t)n - 4);
	strcpy(body + sizeof(body) - 4, "\"}}");
	bench_turn(&f.bench);
	unsigned char frame[FRAME_HEADER + sizeof(body)];
	frame_header(frame, FRAME_JSON, strlen(body));
	memcpy(frame + FRAME_HEADER, body, strlen(body));
	assert_int_equal(send(f.bench.fd, frame, FRAME_HEADER + strlen(body), MSG_DONTWAIT),
	    FRAME_HEADER + strlen(body));
	calls_finish(f.bench.all);
	assert_int_equal(f.requests, 1);
	assert_non_null(strstr(bench_next(&f.bench), "\"ok\":true"));
	bench_expect_close(&f.bench);
	bench_stop(&f.bench);
}

static void exchange(struct fixture *f)
{
	bench_send_frame(&f->bench, FRAME_JSON, PING("0"));
	assert_non_null(bench_next(&f->bench));
}

/* The pings are sent with one write, so that the daemon reads them at once. */
static void send_pings_together(struct fixture *f)
{
	static const char *const pings[] = { PING("1"), PING("2"), PING("3"), PING("4") };
	char frames[512];
	size_t n = 0;
	for (unsigned i = 0; i < 4; i++) {
		frame_header((unsigned char *)frames + n, FRAME_JSON, strlen(pings[i]));
		n = (size_t)(stpcpy(frames + n + FRAME_HEADER, pings[i]) - frames);
	}
	f->early = 0;
	bench_send(&f->bench, frames, n);
	for (unsigned i = 1; i <= 4; i++) {
		char expected[32];
		snprintf(expected, sizeof(expected), "{\"id\":%u,\"ok\":true}", i);
		assert_string_equal(bench_next(&f->bench), expected);
	}
}

static void test_a_caller_who_is_alone_has_its_first_replies_before_the_others_are_made(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	for (unsigned i = 0; i < 8; i++)
		exchange(&f);
	send_pings_together(&f);
	assert_int_equal(f.early, 2);
	bench_stop(&f.bench);
}

static void test_a_caller_who_is_alone_has_its_reply_before_the_daemon_tidies_up(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	exchange(&f);
	assert_int_equal(f.prompt, 0); /* another connection might have been open before */
	for (unsigned i = 0; i < 8; i++)
		exchange(&f);
	f.early = f.prompt = 0;
	for (unsigned i = 0; i < 8; i++)
		exchange(&f);
	assert_int_equal(f.prompt, 8);
	assert_int_equal(f.early, 0);
	bench_stop(&f.bench);
}

static void test_with_several_callers_replies_are_written_together(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	int first = f.bench.fd, second = bench_another(&f.bench, getuid());
	for (unsigned i = 0; i < 16; i++) {
		f.bench.fd = i % 2 ? first : second;
		exchange(&f);
	}
	send_pings_together(&f);
	assert_int_equal(f.early + f.prompt, 0);
	close(second);
	bench_stop(&f.bench);
}

static void hold(struct fixture *f, const char *request)
{
	size_t n = f->nheld;
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	bench_send_frame(&f->bench, FRAME_JSON, request);
	while (f->nheld == n) {
		assert_true(clock_now_ms() < until);
		bench_turn(&f->bench);
	}
}

static void test_the_last_reply_that_is_waited_for_is_written_without_a_turn(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	hold(&f, GET("1"));
	hold(&f, GET("2"));
	answer_held(&f, 0);
	assert_false(has_reply(&f));
	assert_string_equal(bench_next(&f.bench), "{\"id\":1,\"ok\":true}");
	answer_held(&f, 1);
	assert_true(has_reply(&f));
	assert_string_equal(bench_next(&f.bench), "{\"id\":2,\"ok\":true}");
	exchange(&f);
	bench_stop(&f.bench);
}

static void test_what_the_socket_does_not_take_of_such_a_reply_follows(void **state)
{
	struct fixture f;
	struct jwrite w;
	(void)state;
	start(&f, NULL);
	hold(&f, GET("1"));
	call_answer_begin(f.held[0], &w);
	jwrite_string(&w, "much", f.answer, sizeof(f.answer));
	call_answer_end(f.held[0], &w);
	assert_true(has_reply(&f));
	assert_int_equal(strlen(bench_next(&f.bench)),
	    sizeof(f.answer) + strlen("{\"id\":1,\"ok\":true,\"much\":\"\"}"));
	exchange(&f);
	bench_stop(&f.bench);
}

static void test_a_caller_that_such_a_reply_finds_gone_ends_its_session(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	hold(&f, GET("1"));
	close(f.bench.fd);
	f.bench.fd = -1;
	answer_held(&f, 0);
	assert_false(bench_gone(&f.bench)); /* the call is not answered yet */
	bench_until_gone(&f.bench);
	assert_int_equal(f.abandoned, 0);
	bench_stop(&f.bench);
}

static void test_a_failure_that_stays_unsaid_ends_the_connection_after_the_others(void **state)
{
	struct failure why;
	struct fixture f;
	(void)state;
	start(&f, NULL);
	hold(&f, GET("1"));
	hold(&f, GET("2"));
	calls_finish(f.bench.all);
	failure_set(&why, CODE_UNAVAILABLE, "the daemon is stopping");
	why.unsaid = true;
	call_fail(f.held[0], &why);
	bench_expect_nothing(&f.bench);
	answer_held(&f, 1);
	assert_string_equal(bench_next(&f.bench), "{\"id\":2,\"ok\":true}");
	bench_expect_close(&f.bench);
	assert_int_equal(f.abandoned, 0);
	bench_stop(&f.bench);
}

/* The limit of requests holds the second back until the first has ended. */
static void test_what_waits_behind_an_unsaid_failure_is_still_taken(void **state)
{
	struct failure why;
	struct fixture f;
	(void)state;
	start(&f,
	    &(struct call_limits){ .request_bytes = 4096,
		.requests = 1,
		.requests_per_uid = 64,
		.output_bytes = 1 << 20,
		.bytes_per_uid = 1 << 20,
		.frame_timeout_ms = 10000 });
	bench_send(&f.bench, "\0\0\0", 3); /* so that both come with one read */
	bench_turn(&f.bench);
	static const char get[] = GET("1"), ping[] = PING("2");
	unsigned char rest[256], header[FRAME_HEADER];
	size_t n = 0;
	frame_header(header, FRAME_JSON, strlen(get));
	rest[n++] = header[3];
	memcpy(rest + n, get, strlen(get));
	n += strlen(get);
	frame_header(rest + n, FRAME_JSON, strlen(ping));
	n += FRAME_HEADER;
	memcpy(rest + n, ping, strlen(ping));
	bench_send(&f.bench, rest, n + strlen(ping));
	while (f.nheld < 1)
		bench_turn(&f.bench);
	calls_finish(f.bench.all);
	failure_set(&why, CODE_UNAVAILABLE, "the daemon is stopping");
	why.unsaid = true;
	call_fail(f.held[0], &why);
	assert_string_equal(bench_next(&f.bench), "{\"id\":2,\"ok\":true}");
	bench_expect_close(&f.bench);
	bench_stop(&f.bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_is_answered_with_its_id),
		cmocka_unit_test(test_frames_may_come_byte_by_byte),
		cmocka_unit_test(test_replies_come_as_they_are_ready),
		cmocka_unit_test(test_same_id_twice_in_flight_is_refused),
		cmocka_unit_test(test_bad_json_is_answered_and_the_session_goes_on),
		cmocka_unit_test(test_half_closed_caller_gets_what_it_is_owed),
		cmocka_unit_test(test_calls_of_a_caller_that_closed_are_abandoned_once),
		cmocka_unit_test(test_too_large_comes_after_the_others_and_then_the_close),
		cmocka_unit_test(test_largest_request_is_taken),
		cmocka_unit_test(test_data_frame_outside_a_stream_closes),
		cmocka_unit_test(test_unknown_frame_kind_closes),
		cmocka_unit_test(test_at_the_request_limit_the_caller_waits),
		cmocka_unit_test(test_caller_that_does_not_read_is_not_read_from),
		cmocka_unit_test(test_unfinished_frame_is_ended_after_its_time),
		cmocka_unit_test(test_idle_time_does_not_run_while_a_request_is_in_flight),
		cmocka_unit_test(test_deadline_counts_from_the_frames_arrival),
		cmocka_unit_test(test_finishing_answers_what_is_in_flight),
		cmocka_unit_test(test_finishing_takes_what_has_come_and_nothing_after_that),
		cmocka_unit_test(test_finishing_takes_a_large_request_that_has_come),
		cmocka_unit_test(test_what_waits_behind_an_unsaid_failure_is_still_taken),
		cmocka_unit_test(test_a_failure_that_stays_unsaid_ends_the_connection_after_the_others),
		cmocka_unit_test(test_a_caller_who_is_alone_has_its_first_replies_before_the_others_are_made),
		cmocka_unit_test(test_a_caller_who_is_alone_has_its_reply_before_the_daemon_tidies_up),
		cmocka_unit_test(test_with_several_callers_replies_are_written_together),
		cmocka_unit_test(test_the_last_reply_that_is_waited_for_is_written_without_a_turn),
		cmocka_unit_test(test_what_the_socket_does_not_take_of_such_a_reply_follows),
		cmocka_unit_test(test_a_caller_that_such_a_reply_finds_gone_ends_its_session),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
