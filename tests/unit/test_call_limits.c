/*
 * What the connections of one user may have together, and that another user does not notice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/callers/call.h"
#include "proto/frame.h"
#include "daemon/callers/quota.h"
#include "tests/unit/call_fixture.h"

#define OTHER (getuid() + 1)
#define GET(id) "{\"id\":" id ",\"op\":\"kv.get\",\"mount\":\"secret\",\"path\":\"a\"}"
#define PUT(id) "{\"id\":" id ",\"op\":\"kv.put\",\"mount\":\"secret\",\"path\":\"a\",\"data\":{}}"
#define PING(id) "{\"id\":" id ",\"op\":\"ping\"}"
#define BYTES 1000000

struct fixture {
	struct bench bench;
	struct call *held[64];
	size_t nheld;
	unsigned requests;
	uint64_t busy_us; /* what a ping costs */
	char much[BYTES / 2];
};

/* kv.get and kv.put are held until the test ends them, everything else is answered at once. */
static void on_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms)
{
	struct fixture *f = arg;
	struct jwrite w;
	(void)deadline_ms;
	f->requests++;
	if (request->op != OP_PING) {
		assert_true(f->nheld < 64);
		f->held[f->nheld++] = call;
		return;
	}
	for (uint64_t began = clock_now_us(); clock_now_us() < began + f->busy_us;)
		;
	call_answer_begin(call, &w);
	call_answer_end(call, &w);
}

static struct fixture *start(void)
{
	const struct call_limits limits = { .request_bytes = BYTES,
		.requests = 64,
		.requests_per_uid = 3,
		.output_bytes = 1 << 20,
		.bytes_per_uid = BYTES,
		.frame_timeout_ms = 10000 };
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	memset(f->much, 'x', sizeof(f->much));
	bench_start(&f->bench, &limits, on_request, f);
	return f;
}

static void stop_fixture(struct fixture *f)
{
	bench_stop(&f->bench);
	free(f);
}

/* Makes this the connection that the bench's functions are about. Returns the one before. */
static int turn_to(struct fixture *f, int fd)
{
	int before = f->bench.fd;
	f->bench.fd = fd;
	return before;
}

static void answer(struct fixture *f, size_t i, size_t len)
{
	struct jwrite w;
	call_answer_begin(f->held[i], &w);
	jwrite_string(&w, "much", f->much, len);
	call_answer_end(f->held[i], &w);
}

static void until_requests(struct fixture *f, unsigned n)
{
	uint64_t until = clock_now_ms() + 5000;
	while (f->requests < n) {
		assert_true(clock_now_ms() < until);
		bench_turn(&f->bench);
	}
}

static void test_requests_in_flight_are_limited_over_all_connections_of_a_user(void **state)
{
	struct fixture *f = start();
	int second = bench_another(&f->bench, getuid()), other = bench_another(&f->bench, OTHER);
	(void)state;
	bench_send_frame(&f->bench, FRAME_JSON, GET("1"));
	bench_send_frame(&f->bench, FRAME_JSON, GET("2"));
	until_requests(f, 2);
	int first = turn_to(f, second);
	bench_send_frame(&f->bench, FRAME_JSON, GET("3"));
	bench_send_frame(&f->bench, FRAME_JSON, GET("4"));
	const char *reply = bench_next(&f->bench);
	assert_non_null(strstr(reply, "{\"id\":4,\"ok\":false,\"error\":{\"code\":\"overloaded\""));
	assert_non_null(strstr(reply, "\"retryable\":true"));
	bench_send_frame(&f->bench, FRAME_JSON, PING("5")); /* a ping is answered all the same */
	assert_string_equal(bench_next(&f->bench), "{\"id\":5,\"ok\":true}");
	turn_to(f, other);
	bench_send_frame(&f->bench, FRAME_JSON, GET("6"));
	until_requests(f, 5);
	answer(f, 3, 0);
	assert_string_equal(bench_next(&f->bench), "{\"id\":6,\"ok\":true,\"much\":\"\"}");
	/* When a request ends, there is room for another. */
	answer(f, 0, 0);
	turn_to(f, second);
	bench_send_frame(&f->bench, FRAME_JSON, GET("7"));
	until_requests(f, 6);
	answer(f, 4, 0);
	assert_string_equal(bench_next(&f->bench), "{\"id\":7,\"ok\":true,\"much\":\"\"}");
	close(second);
	close(other);
	turn_to(f, first);
	stop_fixture(f);
}

static void flood(int fd, unsigned n)
{
	unsigned char header[FRAME_HEADER];
	const char *body = PING("1");
	frame_header(header, FRAME_JSON, strlen(body));
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(send(fd, header, sizeof(header), 0), sizeof(header));
		assert_int_equal(send(fd, body, strlen(body), 0), strlen(body));
	}
}

#define FLOODERS 8
#define FLOOD 40u

static void test_a_flood_does_not_keep_another_user_from_its_turn(void **state)
{
	struct fixture *f = start();
	int flooders[FLOODERS], other = bench_another(&f->bench, OTHER);
	(void)state;
	f->busy_us = 100;
	for (int i = 0; i < FLOODERS; i++)
		flood(flooders[i] = bench_another(&f->bench, getuid()), FLOOD);
	int first = turn_to(f, other);
	flood(other, 1);
	char byte;
	while (recv(other, &byte, 1, MSG_PEEK) < 0)
		assert_true(event_base_loop(f->bench.base, EVLOOP_ONCE) >= 0);
	assert_in_range(f->requests, 1, 20); /* a few turns' worth of the flood, of its 320 requests */
	/* No request of the flood is lost. */
	for (int i = 0; i < FLOODERS; i++) {
		turn_to(f, flooders[i]);
		for (unsigned n = 0; n < FLOOD; n++)
			assert_string_equal(bench_next(&f->bench), "{\"id\":1,\"ok\":true}");
	}
	assert_int_equal(f->requests, FLOODERS * FLOOD + 1);
	for (int i = 0; i < FLOODERS; i++)
		close(flooders[i]);
	close(other);
	turn_to(f, first);
	stop_fixture(f);
}

static void test_what_comes_after_the_last_word_is_thrown_away_though_its_user_has_had_its_time(void **state)
{
	struct fixture *f = start();
	int flooder = bench_another(&f->bench, getuid()), other = bench_another(&f->bench, OTHER);
	(void)state;
	bench_send(&f->bench, "\0\377\377\377", 4); /* longer than a request may be */
	assert_non_null(strstr(bench_next(&f->bench), "\"too_large\""));
	f->busy_us = 2000;
	int first = turn_to(f, other);
	bench_send_frame(&f->bench, FRAME_JSON, PING("1"));
	assert_string_equal(bench_next(&f->bench), "{\"id\":1,\"ok\":true}");
	flood(flooder, 10);
	while (f->requests < 2)
		assert_true(event_base_loop(f->bench.base, EVLOOP_ONCE) >= 0);
	flood(first, 1);
	turn_to(f, flooder);
	for (unsigned n = 0; n < 10; n++)
		assert_string_equal(bench_next(&f->bench), "{\"id\":1,\"ok\":true}");
	turn_to(f, first);
	for (int unread = 1; unread > 0; bench_turn(&f->bench))
		assert_int_equal(ioctl(first, SIOCOUTQ, &unread), 0);
	bench_expect_close(&f->bench);
	assert_int_equal(f->requests, 10 + 1);
	close(flooder);
	close(other);
	stop_fixture(f);
}

/* Sends the first n bytes of a request of BYTES / 2. */
static void send_half(struct fixture *f, size_t n)
{
	unsigned char header[FRAME_HEADER];
	frame_header(header, FRAME_JSON, BYTES / 2);
	bench_send(&f->bench, header, sizeof(header));
	bench_send(&f->bench, f->much, n);
}

static void test_half_requests_of_a_user_are_refused_when_they_are_too_many_bytes(void **state)
{
	struct fixture *f = start();
	int more[3], other = bench_another(&f->bench, OTHER);
	(void)state;
	int first = turn_to(f, other);
	for (int i = 0; i < 3; i++) {
		turn_to(f, more[i] = bench_another(&f->bench, getuid()));
		send_half(f, 400000); /* the third of them is over the limit */
	}
	assert_non_null(
	    strstr(bench_next(&f->bench), "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"overloaded\""));
	bench_expect_close(&f->bench);
	/* The refused connection stays for a while. */
	assert_int_equal(quota_of(calls_quotas(f->bench.all), getuid())->connections, 4);
	/* Small requests of the same user go on, and so does another user with large ones. */
	turn_to(f, first);
	bench_send_frame(&f->bench, FRAME_JSON, GET("1"));
	until_requests(f, 1);
	answer(f, 0, 0);
	assert_string_equal(bench_next(&f->bench), "{\"id\":1,\"ok\":true,\"much\":\"\"}");
	turn_to(f, other);
	send_half(f, 400000);
	bench_expect_nothing(&f->bench);
	for (int i = 0; i < 3; i++)
		close(more[i]);
	close(other);
	turn_to(f, first);
	stop_fixture(f);
}

static void test_replies_not_read_count_and_no_writes_answer_is_refused(void **state)
{
	struct fixture *f = start();
	int second = bench_another(&f->bench, getuid());
	(void)state;
	bench_send_frame(&f->bench, FRAME_JSON, GET("1"));
	bench_send_frame(&f->bench, FRAME_JSON, GET("2"));
	until_requests(f, 2);
	int first = turn_to(f, second);
	bench_send_frame(&f->bench, FRAME_JSON, PUT("3"));
	until_requests(f, 3);
	answer(f, 0, BYTES / 2);
	answer(f, 1, BYTES / 2); /* with this one the user has more than it may have */
	answer(f, 2, BYTES / 2); /* the write was done, and the caller must be told */
	assert_non_null(strstr(bench_next(&f->bench), "{\"id\":3,\"ok\":true,"));
	turn_to(f, first);
	assert_non_null(strstr(bench_next(&f->bench), "{\"id\":1,\"ok\":true,"));
	assert_non_null(
	    strstr(bench_next(&f->bench), "{\"id\":2,\"ok\":false,\"error\":{\"code\":\"overloaded\""));
	/* When they have been read, there is room again. */
	bench_send_frame(&f->bench, FRAME_JSON, GET("4"));
	until_requests(f, 4);
	answer(f, 3, BYTES / 2);
	assert_non_null(strstr(bench_next(&f->bench), "{\"id\":4,\"ok\":true,"));
	close(second);
	stop_fixture(f);
}

static void test_of_a_user_with_too_many_bytes_a_connection_that_does_not_read_is_not_read(void **state)
{
	struct fixture *f = start();
	(void)state;
	bench_send_frame(&f->bench, FRAME_JSON, PUT("1"));
	bench_send_frame(&f->bench, FRAME_JSON, PUT("2"));
	bench_send_frame(&f->bench, FRAME_JSON, PUT("3"));
	until_requests(f, 3);
	for (size_t i = 0; i < 3; i++)
		answer(f, i, BYTES / 2);
	bench_turn(&f->bench);
	unsigned before = f->requests;
	flood(f->bench.fd, 50);
	for (int i = 0; i < 5; i++)
		bench_turn(&f->bench);
	assert_int_equal(f->requests, before);
	for (int i = 0; i < 3; i++)
		(void)bench_next(&f->bench);
	until_requests(f, before + 50);
	stop_fixture(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_in_flight_are_limited_over_all_connections_of_a_user),
		cmocka_unit_test(test_a_flood_does_not_keep_another_user_from_its_turn),
		cmocka_unit_test(
		    test_what_comes_after_the_last_word_is_thrown_away_though_its_user_has_had_its_time),
		cmocka_unit_test(test_half_requests_of_a_user_are_refused_when_they_are_too_many_bytes),
		cmocka_unit_test(test_replies_not_read_count_and_no_writes_answer_is_refused),
		cmocka_unit_test(test_of_a_user_with_too_many_bytes_a_connection_that_does_not_read_is_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
