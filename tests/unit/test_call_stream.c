/*
 * Calls that move data frames, in either direction, and what becomes of them when a side stops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/call_fixture.h"

#define DEADLINE_MS 5000u
#define SAVE(id) "{\"id\":" id ",\"op\":\"snapshot.save\"}"
#define RESTORE(id) "{\"id\":" id ",\"op\":\"snapshot.restore\"}"
#define PING(id) "{\"id\":" id ",\"op\":\"ping\"}"
#define GET(id) "{\"id\":" id ",\"op\":\"kv.get\",\"mount\":\"secret\",\"path\":\"a\"}"

/* The handler begins each stream at once; the test does the rest. A get is held until the test answers it. */
struct fixture {
	struct bench bench;
	struct call *call; /* the stream's call, or the get's */
	unsigned requests, abandoned, cuts, ends, rooms;
	uint64_t deadline_ms;
	size_t data_len, frames;
	char data[1 << 20];
	bool stops_wanting; /* after each frame */
	bool fails_on_data;
};

static void on_room(void *work)
{
	struct fixture *f = work;
	f->rooms++;
}

static void fail_call(struct fixture *f, const char *message)
{
	struct failure why;
	failure_set(&why, CODE_UNAVAILABLE, "%s", message);
	call_fail(f->call, &why);
	f->call = NULL;
}

static void on_data(void *work, const unsigned char *p, size_t n)
{
	struct fixture *f = work;
	assert_true(f->data_len + n <= sizeof(f->data));
	memcpy(f->data + f->data_len, p, n);
	f->data_len += n;
	f->frames++;
	f->ends += n == 0;
	if (f->stops_wanting)
		call_stream_want(f->call, false);
	if (f->fails_on_data)
		fail_call(f, "no");
}

static void on_cut(void *work)
{
	struct fixture *f = work;
	f->cuts++;
	fail_call(f, "cut");
}

static void on_abandon(void *work)
{
	struct fixture *f = work;
	f->abandoned++;
	f->call = NULL;
}

static void on_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms)
{
	static const struct call_stream out = { .room = on_room }, in = { .data = on_data, .cut = on_cut };
	struct fixture *f = arg;
	struct jwrite w;
	f->requests++;
	f->deadline_ms = deadline_ms;
	if (request->op == OP_PING) {
		call_answer_begin(call, &w);
		call_answer_end(call, &w);
		return;
	}
	f->call = call;
	call_wait(call, on_abandon, f);
	if (request->op == OP_SNAPSHOT_SAVE)
		call_stream_begin(call, "stream", &out, f);
	else if (request->op == OP_SNAPSHOT_RESTORE)
		call_stream_begin(call, "continue", &in, f);
}

static struct fixture *start(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	bench_start(&f->bench, NULL, on_request, f);
	return f;
}

static void stop_fixture(struct fixture *f)
{
	bench_stop(&f->bench);
	free(f);
}

static void answer(struct fixture *f)
{
	struct jwrite w;
	call_answer_begin(f->call, &w);
	call_answer_end(f->call, &w);
	f->call = NULL;
}

static void begin(struct fixture *f, const char *request, const char *reply)
{
	bench_send_frame(&f->bench, FRAME_JSON, request);
	assert_string_equal(bench_next(&f->bench), reply);
}

static void send_data(struct fixture *f, size_t n)
{
	unsigned char header[FRAME_HEADER];
	char *body = malloc(n + 1);
	assert_non_null(body);
	memset(body, 'd', n);
	frame_header(header, FRAME_DATA, n);
	bench_send(&f->bench, header, sizeof(header));
	bench_send(&f->bench, body, n);
	free(body);
}

/* Turns the loop until *counter is at least that much. */
static void until(struct fixture *f, const unsigned *counter, unsigned least)
{
	uint64_t end = clock_now_ms() + DEADLINE_MS;
	while (*counter < least) {
		assert_true(clock_now_ms() < end);
		bench_turn(&f->bench);
	}
}

static void until_data(struct fixture *f, size_t least)
{
	uint64_t end = clock_now_ms() + DEADLINE_MS;
	while (f->data_len < least) {
		assert_true(clock_now_ms() < end);
		bench_turn(&f->bench);
	}
}

/* -- to the caller -- */

static void expect_data(struct fixture *f, size_t n)
{
	unsigned char header[FRAME_HEADER];
	struct frame frame;
	static char body[FRAME_DATA_MAX];
	bench_read(&f->bench, (char *)header, sizeof(header));
	(void)frame_parse(header, sizeof(header), FRAME_BODY_MAX, &frame);
	assert_int_equal(header[0], FRAME_DATA);
	assert_int_equal((size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3], n);
	bench_read(&f->bench, body, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(body[i], 'x');
}

static void test_data_goes_out_between_two_replies(void **state)
{
	struct fixture *f = start();
	static char block[FRAME_DATA_MAX];
	(void)state;
	memset(block, 'x', sizeof(block));
	begin(f, SAVE("7"), "{\"id\":7,\"ok\":true,\"stream\":true}");
	assert_int_equal(f->deadline_ms, CLOCK_NEVER);
	assert_int_equal(call_stream_write(f->call, block, 1), 1);
	assert_int_equal(call_stream_write(f->call, block, sizeof(block)), 0);
	assert_int_equal(call_stream_write(f->call, block, 0), 0); /* the end does not wait for room */
	answer(f);
	expect_data(f, 1);
	expect_data(f, sizeof(block));
	expect_data(f, 0);
	assert_string_equal(bench_next(&f->bench), "{\"id\":7,\"ok\":true}");
	/* The connection takes requests again. */
	bench_send_frame(&f->bench, FRAME_JSON, PING("8"));
	assert_string_equal(bench_next(&f->bench), "{\"id\":8,\"ok\":true}");
	stop_fixture(f);
}

static void test_small_pieces_share_a_frame_until_it_is_sent(void **state)
{
	struct fixture *f = start();
	static char block[FRAME_DATA_MAX];
	(void)state;
	memset(block, 'x', sizeof(block));
	begin(f, SAVE("7"), "{\"id\":7,\"ok\":true,\"stream\":true}");
	for (int i = 0; i < 4; i++)
		assert_int_equal(call_stream_write(f->call, block, 16000), 1);
	assert_int_equal(call_stream_write(f->call, block, 1537), 0); /* it needs another frame */
	assert_int_equal(call_stream_write(f->call, block, 10), 0);
	expect_data(f, 64000);
	expect_data(f, 1547);
	until(f, &f->rooms, 1);
	/* A frame that is being sent does not grow any more. */
	assert_int_equal(call_stream_write(f->call, block, 5), 1);
	expect_data(f, 5);
	assert_int_equal(call_stream_write(f->call, block, 5), 1);
	assert_int_equal(call_stream_write(f->call, block, 0), 1);
	assert_int_equal(call_stream_write(f->call, block, 0), 1); /* the empty frame neither grows nor is grown */
	expect_data(f, 5);
	expect_data(f, 0);
	expect_data(f, 0);
	stop_fixture(f);
}

static void test_a_timeout_of_the_request_counts(void **state)
{
	struct fixture *f = start();
	uint64_t now = clock_now_ms();
	(void)state;
	begin(f, "{\"id\":7,\"op\":\"snapshot.save\",\"timeout_ms\":5000}",
	    "{\"id\":7,\"ok\":true,\"stream\":true}");
	assert_true(f->deadline_ms >= now + 5000 && f->deadline_ms <= clock_now_ms() + 5000);
	stop_fixture(f);
}

static void test_who_does_not_read_is_waited_for(void **state)
{
	struct fixture *f = start();
	static char block[FRAME_DATA_MAX];
	size_t written = 0;
	(void)state;
	memset(block, 'x', sizeof(block));
	begin(f, SAVE("7"), "{\"id\":7,\"ok\":true,\"stream\":true}");
	for (int i = 0; i < 20; i++) {
		while (call_stream_write(f->call, block, sizeof(block)) == 1)
			written++;
		written++;
		assert_int_equal(f->rooms, i);
		for (; written > 0; written--)
			expect_data(f, sizeof(block));
		until(f, &f->rooms, (unsigned)i + 1);
	}
	stop_fixture(f);
}

static void test_what_waits_to_be_written_is_bounded(void **state)
{
	struct fixture *f = start();
	static char block[1024];
	size_t written = 0;
	unsigned rooms;
	int size = 4096;
	(void)state;
	setsockopt(f->bench.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	begin(f, SAVE("7"), "{\"id\":7,\"ok\":true,\"stream\":true}");
	do {
		rooms = f->rooms;
		while (call_stream_write(f->call, block, sizeof(block)) == 1)
			written += sizeof(block);
		assert_true(written < 1 << 20);
		for (int i = 0; i < 5; i++)
			bench_turn(&f->bench);
	} while (f->rooms > rooms);
	stop_fixture(f);
}

static void test_a_failure_takes_the_place_of_the_end(void **state)
{
	struct fixture *f = start();
	(void)state;
	begin(f, SAVE("7"), "{\"id\":7,\"ok\":true,\"stream\":true}");
	assert_int_equal(call_stream_write(f->call, "x", 1), 1);
	fail_call(f, "it broke");
	expect_data(f, 1);
	assert_non_null(strstr(bench_next(&f->bench), "it broke"));
	bench_send_frame(&f->bench, FRAME_JSON, PING("8"));
	assert_string_equal(bench_next(&f->bench), "{\"id\":8,\"ok\":true}");
	stop_fixture(f);
}

static void test_no_other_request_is_read_meanwhile(void **state)
{
	struct fixture *f = start();
	(void)state;
	begin(f, SAVE("7"), "{\"id\":7,\"ok\":true,\"stream\":true}");
	bench_send_frame(&f->bench, FRAME_JSON, PING("8"));
	bench_expect_nothing(&f->bench);
	assert_int_equal(f->requests, 1);
	answer(f);
	assert_string_equal(bench_next(&f->bench), "{\"id\":7,\"ok\":true}");
	assert_string_equal(bench_next(&f->bench), "{\"id\":8,\"ok\":true}");
	stop_fixture(f);
}

static void test_a_request_that_came_with_it_waits_too(void **state)
{
	static const char two[] = "\0\0\0\x1d" SAVE("7") "\0\0\0\x14" PING("8");
	struct fixture *f = start();
	(void)state;
	bench_send(&f->bench, two, sizeof(two) - 1);
	assert_string_equal(bench_next(&f->bench), "{\"id\":7,\"ok\":true,\"stream\":true}");
	bench_expect_nothing(&f->bench);
	answer(f);
	assert_string_equal(bench_next(&f->bench), "{\"id\":7,\"ok\":true}");
	assert_string_equal(bench_next(&f->bench), "{\"id\":8,\"ok\":true}");
	stop_fixture(f);
}

static void test_a_stream_beside_another_request_is_refused(void **state)
{
	struct fixture *f = start();
	(void)state;
	bench_send_frame(&f->bench, FRAME_JSON, GET("1"));
	until(f, &f->requests, 1);
	bench_send_frame(&f->bench, FRAME_JSON, SAVE("2"));
	assert_non_null(strstr(bench_next(&f->bench), "\"invalid_request\""));
	bench_send_frame(&f->bench, FRAME_JSON, RESTORE("3"));
	assert_non_null(strstr(bench_next(&f->bench), "needs its connection to itself"));
	assert_int_equal(f->requests, 1);
	answer(f);
	assert_string_equal(bench_next(&f->bench), "{\"id\":1,\"ok\":true}");
	begin(f, SAVE("4"), "{\"id\":4,\"ok\":true,\"stream\":true}");
	stop_fixture(f);
}

static void test_a_caller_that_leaves_a_save_is_noticed(void **state)
{
	struct fixture *f = start();
	(void)state;
	begin(f, SAVE("7"), "{\"id\":7,\"ok\":true,\"stream\":true}");
	close(f->bench.fd);
	f->bench.fd = -1;
	assert_int_equal(call_stream_write(f->call, "x", 1), 1);
	until(f, &f->abandoned, 1);
	bench_until_gone(&f->bench);
	stop_fixture(f);
}

/* -- from the caller -- */

static void test_data_comes_in_to_its_empty_frame(void **state)
{
	struct fixture *f = start();
	(void)state;
	begin(f, RESTORE("7"), "{\"id\":7,\"ok\":true,\"continue\":true}");
	send_data(f, 1);
	send_data(f, FRAME_DATA_MAX);
	send_data(f, 0);
	until(f, &f->ends, 1);
	assert_int_equal(f->data_len, FRAME_DATA_MAX + 1);
	assert_int_equal(f->frames, 3);
	bench_send_frame(&f->bench, FRAME_JSON, PING("8")); /* for later */
	bench_expect_nothing(&f->bench);
	answer(f);
	assert_string_equal(bench_next(&f->bench), "{\"id\":7,\"ok\":true}");
	assert_string_equal(bench_next(&f->bench), "{\"id\":8,\"ok\":true}");
	stop_fixture(f);
}

static void test_data_may_come_byte_by_byte(void **state)
{
	static const char bytes[] = "\x01\0\0\x02"
				    "dd"
				    "\x01\0\0\0";
	struct fixture *f = start();
	(void)state;
	begin(f, RESTORE("7"), "{\"id\":7,\"ok\":true,\"continue\":true}");
	for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
		bench_send(&f->bench, bytes + i, 1);
		bench_turn(&f->bench);
	}
	until(f, &f->ends, 1);
	assert_int_equal(f->data_len, 2);
	stop_fixture(f);
}

static void test_data_that_is_not_wanted_is_not_read(void **state)
{
	struct fixture *f = start();
	(void)state;
	f->stops_wanting = true;
	begin(f, RESTORE("7"), "{\"id\":7,\"ok\":true,\"continue\":true}");
	for (int i = 0; i < 5; i++)
		send_data(f, 10);
	for (size_t i = 1; i <= 5; i++) {
		until_data(f, 10 * i);
		for (int j = 0; j < 3; j++)
			bench_turn(&f->bench);
		assert_int_equal(f->data_len, 10 * i);
		call_stream_want(f->call, true);
	}
	stop_fixture(f);
}

static void test_a_failure_is_told_at_once_and_the_rest_thrown_away(void **state)
{
	struct fixture *f = start();
	(void)state;
	begin(f, RESTORE("7"), "{\"id\":7,\"ok\":true,\"continue\":true}");
	send_data(f, 10);
	until_data(f, 10);
	fail_call(f, "no room");
	assert_non_null(strstr(bench_next(&f->bench), "no room"));
	for (int i = 0; i < 20; i++)
		send_data(f, FRAME_DATA_MAX);
	assert_int_equal(f->data_len, 10);
	shutdown(f->bench.fd, SHUT_WR);
	bench_expect_close(&f->bench);
	bench_until_gone(&f->bench);
	assert_int_equal(f->requests, 1);
	stop_fixture(f);
}

static void test_a_failure_within_the_data_is_too(void **state)
{
	struct fixture *f = start();
	(void)state;
	f->fails_on_data = true;
	begin(f, RESTORE("7"), "{\"id\":7,\"ok\":true,\"continue\":true}");
	for (int i = 0; i < 3; i++)
		send_data(f, 1000);
	assert_non_null(strstr(bench_next(&f->bench), "unavailable"));
	assert_int_equal(f->frames, 1);
	shutdown(f->bench.fd, SHUT_WR);
	bench_expect_close(&f->bench);
	stop_fixture(f);
}

static void test_a_failure_after_the_data_leaves_the_session(void **state)
{
	struct fixture *f = start();
	(void)state;
	begin(f, RESTORE("7"), "{\"id\":7,\"ok\":true,\"continue\":true}");
	send_data(f, 0);
	until(f, &f->ends, 1);
	fail_call(f, "not whole");
	assert_non_null(strstr(bench_next(&f->bench), "not whole"));
	bench_send_frame(&f->bench, FRAME_JSON, PING("8"));
	assert_string_equal(bench_next(&f->bench), "{\"id\":8,\"ok\":true}");
	stop_fixture(f);
}

static void test_a_caller_that_leaves_before_the_end_abandons(void **state)
{
	struct fixture *f = start();
	(void)state;
	begin(f, RESTORE("7"), "{\"id\":7,\"ok\":true,\"continue\":true}");
	send_data(f, 10);
	close(f->bench.fd);
	f->bench.fd = -1;
	until(f, &f->abandoned, 1);
	assert_int_equal(f->ends + f->cuts, 0);
	stop_fixture(f);
}

static void test_a_caller_that_says_no_more_is_told(void **state)
{
	struct fixture *f = start();
	(void)state;
	begin(f, RESTORE("7"), "{\"id\":7,\"ok\":true,\"continue\":true}");
	send_data(f, 10);
	shutdown(f->bench.fd, SHUT_WR);
	until(f, &f->cuts, 1);
	assert_int_equal(f->data_len, 10);
	assert_int_equal(f->ends, 0);
	assert_non_null(strstr(bench_next(&f->bench), "cut"));
	bench_expect_close(&f->bench);
	stop_fixture(f);
}

static void test_what_is_no_data_ends_it(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *code;
	} cases[] = {
		{ "\0\0\0\x14" PING("8"), 24, "\"invalid_request\"" },
		{ "\x01\x01\0\x01"
		  "d",
		    5, "\"too_large\"" },
		{ "\x02\0\0\x01"
		  "d",
		    5, "\"invalid_request\"" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = start();
		const char *reply;
		begin(f, RESTORE("7"), "{\"id\":7,\"ok\":true,\"continue\":true}");
		send_data(f, 10);
		bench_send(&f->bench, cases[i].bytes, cases[i].len);
		reply = bench_next(&f->bench);
		assert_non_null(strstr(reply, "{\"id\":null,\"ok\":false"));
		assert_non_null(strstr(reply, cases[i].code));
		assert_int_equal(f->abandoned, 1);
		assert_int_equal(f->ends + f->cuts, 0);
		shutdown(f->bench.fd, SHUT_WR);
		bench_expect_close(&f->bench);
		stop_fixture(f);
	}
}

static void test_data_outside_a_stream_ends_the_session(void **state)
{
	struct fixture *f = start();
	(void)state;
	send_data(f, 10);
	assert_non_null(strstr(bench_next(&f->bench), "{\"id\":null,\"ok\":false"));
	shutdown(f->bench.fd, SHUT_WR);
	bench_expect_close(&f->bench);
	stop_fixture(f);
}

static void test_a_stream_ends_with_all_sessions(void **state)
{
	struct fixture *f = start();
	(void)state;
	begin(f, RESTORE("7"), "{\"id\":7,\"ok\":true,\"continue\":true}");
	calls_finish(f->bench.all);
	fail_call(f, "the daemon is stopping");
	assert_non_null(strstr(bench_next(&f->bench), "stopping"));
	shutdown(f->bench.fd, SHUT_WR);
	bench_expect_close(&f->bench);
	stop_fixture(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_goes_out_between_two_replies),
		cmocka_unit_test(test_small_pieces_share_a_frame_until_it_is_sent),
		cmocka_unit_test(test_a_timeout_of_the_request_counts),
		cmocka_unit_test(test_who_does_not_read_is_waited_for),
		cmocka_unit_test(test_what_waits_to_be_written_is_bounded),
		cmocka_unit_test(test_a_failure_takes_the_place_of_the_end),
		cmocka_unit_test(test_no_other_request_is_read_meanwhile),
		cmocka_unit_test(test_a_request_that_came_with_it_waits_too),
		cmocka_unit_test(test_a_stream_beside_another_request_is_refused),
		cmocka_unit_test(test_a_caller_that_leaves_a_save_is_noticed),
		cmocka_unit_test(test_data_comes_in_to_its_empty_frame),
		cmocka_unit_test(test_data_may_come_byte_by_byte),
		cmocka_unit_test(test_data_that_is_not_wanted_is_not_read),
		cmocka_unit_test(test_a_failure_is_told_at_once_and_the_rest_thrown_away),
		cmocka_unit_test(test_a_failure_within_the_data_is_too),
		cmocka_unit_test(test_a_failure_after_the_data_leaves_the_session),
		cmocka_unit_test(test_a_caller_that_leaves_before_the_end_abandons),
		cmocka_unit_test(test_a_caller_that_says_no_more_is_told),
		cmocka_unit_test(test_what_is_no_data_ends_it),
		cmocka_unit_test(test_data_outside_a_stream_ends_the_session),
		cmocka_unit_test(test_a_stream_ends_with_all_sessions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
