/*
 * Sessions over a socket pair, with a handler that answers at once, later, or never.
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
#include "daemon/callers/session.h"
#include "proto/frame.h"

#define DEADLINE_MS 5000u

struct fixture {
	struct event_base *base;
	struct sessions *all;
	int fd; /* the caller's end */
	struct call *held[64];
	size_t nheld;
	unsigned requests, abandoned, gone;
	uint64_t deadline_ms;
	char answer[1 << 20]; /* what a put is answered with, to fill the pipe */
};

/* kv.get is held until the test ends it, kv.put answered with a megabyte, everything else at once. */
static void on_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms);

static void on_abandon(void *work)
{
	struct fixture *f = work;
	f->abandoned++;
}

static void on_gone(void *arg, uid_t uid)
{
	struct fixture *f = arg;
	assert_int_equal(uid, getuid());
	f->gone++;
}

static void on_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms)
{
	struct fixture *f = arg;
	struct jwrite w;
	f->requests++;
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
}

static void answer_held(struct fixture *f, size_t i)
{
	struct jwrite w;
	call_answer_begin(f->held[i], &w);
	call_answer_end(f->held[i], &w);
}

static void start(struct fixture *f, const struct session_limits *limits)
{
	const struct session_limits usual = { .request_bytes = 4096, .requests = 8, .output_bytes = 65536,
		.frame_timeout_ms = 10000 };
	memset(f, 0, sizeof(*f));
	memset(f->answer, 'x', sizeof(f->answer));
	f->base = event_base_new();
	f->all = sessions_new(f->base, limits != NULL ? limits : &usual, 1000, on_request, f, on_gone, f);
	assert_non_null(f->all);
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	struct peer peer = { .uid = getuid(), .gid = getgid(), .pid = getpid() };
	assert_int_equal(session_start(f->all, fds[0], &peer), 0);
	f->fd = fds[1];
}

static void stop(struct fixture *f)
{
	sessions_free(f->all);
	event_base_free(f->base);
	if (f->fd >= 0)
		close(f->fd);
}

static void turn(struct fixture *f)
{
	struct timeval tick = { .tv_usec = 2000 };
	assert_int_equal(event_base_loopexit(f->base, &tick), 0);
	event_base_dispatch(f->base);
}

static void send_bytes(struct fixture *f, const void *p, size_t n)
{
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	const char *at = p;
	while (n > 0) {
		ssize_t done = send(f->fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done < 0) {
			assert_int_equal(errno, EAGAIN);
			assert_true(clock_now_ms() < until);
			turn(f);
			continue;
		}
		at += done;
		n -= (size_t)done;
	}
}

static void send_frame(struct fixture *f, enum frame_kind kind, const char *body)
{
	unsigned char header[FRAME_HEADER];
	frame_header(header, kind, strlen(body));
	send_bytes(f, header, sizeof(header));
	send_bytes(f, body, strlen(body));
}

static void read_exactly(struct fixture *f, char *to, size_t n)
{
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	while (n > 0) {
		ssize_t got = recv(f->fd, to, n, MSG_DONTWAIT);
		assert_int_not_equal(got, 0);
		if (got < 0) {
			assert_int_equal(errno, EAGAIN);
			assert_true(clock_now_ms() < until);
			turn(f);
			continue;
		}
		to += got;
		n -= (size_t)got;
	}
}

/* The next frame's body, in a static buffer. */
static const char *next_reply(struct fixture *f)
{
	static char body[2 << 20];
	unsigned char header[FRAME_HEADER];
	read_exactly(f, (char *)header, sizeof(header));
	struct frame frame;
	assert_int_equal(frame_parse(header, sizeof(header), FRAME_BODY_MAX, &frame), FRAME_MORE);
	assert_true(frame.len < sizeof(body));
	read_exactly(f, body, frame.len);
	body[frame.len] = '\0';
	return body;
}

static void expect_close(struct fixture *f)
{
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	char byte;
	for (;;) {
		ssize_t got = recv(f->fd, &byte, 1, MSG_DONTWAIT);
		if (got == 0)
			return;
		assert_true(got < 0 && errno == EAGAIN);
		assert_true(clock_now_ms() < until);
		turn(f);
	}
}

static void expect_nothing(struct fixture *f)
{
	char byte;
	for (int i = 0; i < 5; i++)
		turn(f);
	assert_int_equal(recv(f->fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

#define GET(id) "{\"id\":" id ",\"op\":\"kv.get\",\"mount\":\"secret\",\"path\":\"a\"}"
#define PUT(id) "{\"id\":" id ",\"op\":\"kv.put\",\"mount\":\"secret\",\"path\":\"a\",\"data\":{}}"
#define PING(id) "{\"id\":" id ",\"op\":\"ping\"}"

static void test_request_is_answered_with_its_id(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	send_frame(&f, FRAME_JSON, PING("\"a\\u0041\""));
	assert_string_equal(next_reply(&f), "{\"id\":\"a\\u0041\",\"ok\":true}");
	stop(&f);
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
		send_bytes(&f, &header[i], 1);
		turn(&f);
	}
	for (size_t i = 0; body[i] != '\0'; i++) {
		assert_int_equal(f.requests, 0);
		send_bytes(&f, &body[i], 1);
		turn(&f);
	}
	assert_string_equal(next_reply(&f), "{\"id\":5,\"ok\":true}");
	stop(&f);
}

static void test_replies_come_as_they_are_ready(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	send_frame(&f, FRAME_JSON, GET("1"));
	send_frame(&f, FRAME_JSON, GET("2"));
	send_frame(&f, FRAME_JSON, PING("3"));
	assert_string_equal(next_reply(&f), "{\"id\":3,\"ok\":true}");
	answer_held(&f, 1);
	assert_string_equal(next_reply(&f), "{\"id\":2,\"ok\":true}");
	answer_held(&f, 0);
	assert_string_equal(next_reply(&f), "{\"id\":1,\"ok\":true}");
	assert_int_equal(f.abandoned, 0);
	stop(&f);
}

static void test_same_id_twice_in_flight_is_refused(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	send_frame(&f, FRAME_JSON, GET("1"));
	send_frame(&f, FRAME_JSON, GET("1"));
	assert_non_null(strstr(next_reply(&f), "\"code\":\"invalid_request\""));
	answer_held(&f, 0);
	assert_string_equal(next_reply(&f), "{\"id\":1,\"ok\":true}");
	/* Once it has been answered, the id is free again. */
	send_frame(&f, FRAME_JSON, PING("1"));
	assert_string_equal(next_reply(&f), "{\"id\":1,\"ok\":true}");
	stop(&f);
}

static void test_bad_json_is_answered_and_the_session_goes_on(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	send_frame(&f, FRAME_JSON, "");
	assert_non_null(strstr(next_reply(&f), "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"invalid_request\""));
	send_frame(&f, FRAME_JSON, "[1]");
	assert_non_null(strstr(next_reply(&f), "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"invalid_request\""));
	send_frame(&f, FRAME_JSON, PING("1"));
	assert_string_equal(next_reply(&f), "{\"id\":1,\"ok\":true}");
	stop(&f);
}

static void test_half_closed_caller_gets_what_it_is_owed(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	send_frame(&f, FRAME_JSON, GET("1"));
	send_frame(&f, FRAME_JSON, PING("2"));
	assert_int_equal(shutdown(f.fd, SHUT_WR), 0);
	assert_string_equal(next_reply(&f), "{\"id\":2,\"ok\":true}");
	expect_nothing(&f);
	answer_held(&f, 0);
	assert_string_equal(next_reply(&f), "{\"id\":1,\"ok\":true}");
	expect_close(&f);
	assert_int_equal(f.gone, 1);
	stop(&f);
}

static void test_calls_of_a_caller_that_closed_are_abandoned_once(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	send_frame(&f, FRAME_JSON, GET("1"));
	send_frame(&f, FRAME_JSON, GET("2"));
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	while (f.nheld < 2 && clock_now_ms() < until)
		turn(&f);
	close(f.fd);
	f.fd = -1;
	while (f.gone == 0 && clock_now_ms() < until)
		turn(&f);
	assert_int_equal(f.gone, 1);
	assert_int_equal(f.abandoned, 2);
	assert_int_equal(sessions_count(f.all), 0);
	assert_int_equal(sessions_calls(f.all), 0);
	stop(&f);
}

static void test_too_large_comes_after_the_others_and_then_the_close(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	send_frame(&f, FRAME_JSON, GET("1"));
	send_bytes(&f, "\0\1\0\0", 4);
	expect_nothing(&f);
	answer_held(&f, 0);
	assert_string_equal(next_reply(&f), "{\"id\":1,\"ok\":true}");
	assert_non_null(strstr(next_reply(&f), "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"too_large\""));
	/* A caller still busy writing is let write, so that it gets to read the answer. */
	char rest[65536] = { 0 };
	send_bytes(&f, rest, sizeof(rest));
	expect_close(&f);
	close(f.fd);
	f.fd = -1;
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	while (f.gone == 0 && clock_now_ms() < until)
		turn(&f);
	assert_int_equal(f.gone, 1);
	assert_int_equal(f.requests, 1);
	stop(&f);
}

static void test_largest_request_is_taken(void **state)
{
	const struct session_limits limits = { .request_bytes = 300000, .requests = 8, .output_bytes = 65536,
		.frame_timeout_ms = 10000 };
	struct fixture f;
	(void)state;
	start(&f, &limits);
	char *body = malloc(300001);
	assert_non_null(body);
	memset(body, ' ', 300000);
	body[300000] = '\0';
	memcpy(body, PING("1"), strlen(PING("1")));
	send_frame(&f, FRAME_JSON, body);
	send_frame(&f, FRAME_JSON, PING("2"));
	assert_string_equal(next_reply(&f), "{\"id\":1,\"ok\":true}");
	assert_string_equal(next_reply(&f), "{\"id\":2,\"ok\":true}");
	free(body);
	stop(&f);
}

static void test_data_frame_outside_a_stream_closes(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	send_frame(&f, FRAME_DATA, "bytes");
	assert_non_null(strstr(next_reply(&f), "\"code\":\"invalid_request\""));
	expect_close(&f);
	stop(&f);
}

static void test_unknown_frame_kind_closes(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	send_bytes(&f, "\7\0\0\1x", 5);
	assert_non_null(strstr(next_reply(&f), "\"code\":\"invalid_request\""));
	expect_close(&f);
	stop(&f);
}

static void test_at_the_request_limit_the_caller_waits(void **state)
{
	const struct session_limits limits = { .request_bytes = 4096, .requests = 2, .output_bytes = 65536,
		.frame_timeout_ms = 10000 };
	struct fixture f;
	(void)state;
	start(&f, &limits);
	send_frame(&f, FRAME_JSON, GET("1"));
	send_frame(&f, FRAME_JSON, GET("2"));
	send_frame(&f, FRAME_JSON, PING("3"));
	expect_nothing(&f);
	assert_int_equal(f.requests, 2);
	answer_held(&f, 0);
	assert_string_equal(next_reply(&f), "{\"id\":1,\"ok\":true}");
	assert_string_equal(next_reply(&f), "{\"id\":3,\"ok\":true}");
	answer_held(&f, 1);
	assert_string_equal(next_reply(&f), "{\"id\":2,\"ok\":true}");
	stop(&f);
}

static void test_caller_that_does_not_read_is_not_read_from(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	for (int i = 0; i < 6; i++)
		send_frame(&f, FRAME_JSON, PUT("1"));
	for (int i = 0; i < 20; i++)
		turn(&f);
	assert_int_equal(f.requests, 1); /* its reply alone is over output_bytes */
	for (int i = 0; i < 6; i++)
		assert_int_equal(strlen(next_reply(&f)), sizeof(f.answer) + strlen("{\"id\":1,\"ok\":true,\"much\":\"\"}"));
	assert_int_equal(f.requests, 6);
	stop(&f);
}

static void test_unfinished_frame_is_ended_after_its_time(void **state)
{
	const struct session_limits limits = { .request_bytes = 4096, .requests = 2, .output_bytes = 65536,
		.frame_timeout_ms = 10 };
	struct fixture f;
	(void)state;
	start(&f, &limits);
	send_bytes(&f, "\0\0\0\20{", 5);
	expect_close(&f);
	assert_int_equal(f.gone, 1);
	stop(&f);
}

static void test_idle_time_does_not_run_while_a_request_is_in_flight(void **state)
{
	const struct session_limits limits = { .request_bytes = 4096, .requests = 2, .output_bytes = 65536,
		.frame_timeout_ms = 10000, .idle_timeout_ms = 10 };
	struct fixture f;
	(void)state;
	start(&f, &limits);
	send_frame(&f, FRAME_JSON, GET("1"));
	uint64_t until = clock_now_ms() + 1500; /* longer than a sweep */
	while (clock_now_ms() < until)
		turn(&f);
	assert_int_equal(f.gone, 0);
	answer_held(&f, 0);
	assert_string_equal(next_reply(&f), "{\"id\":1,\"ok\":true}");
	expect_close(&f);
	stop(&f);
}

static void test_deadline_counts_from_the_frames_arrival(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	uint64_t before = clock_now_ms();
	send_frame(&f, FRAME_JSON, "{\"id\":1,\"op\":\"ping\",\"timeout_ms\":7000}");
	(void)next_reply(&f);
	assert_in_range(f.deadline_ms, before + 7000, clock_now_ms() + 7000);
	send_frame(&f, FRAME_JSON, PING("1"));
	(void)next_reply(&f);
	assert_in_range(f.deadline_ms, before + 1000, clock_now_ms() + 1000);
	stop(&f);
}

static void test_finishing_answers_what_is_in_flight(void **state)
{
	struct fixture f;
	(void)state;
	start(&f, NULL);
	send_frame(&f, FRAME_JSON, GET("1"));
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	while (f.nheld < 1 && clock_now_ms() < until)
		turn(&f);
	sessions_finish(f.all);
	expect_nothing(&f);
	answer_held(&f, 0);
	assert_string_equal(next_reply(&f), "{\"id\":1,\"ok\":true}");
	expect_close(&f);
	stop(&f);
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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
