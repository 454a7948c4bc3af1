/*
 * A connection by itself: what it tells the part above it, which here keeps what it is told, and when it writes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/callers/conn.h"

#define DEADLINE_MS 5000u

struct fixture {
	struct event_base *base;
	struct call_limits limits;
	struct quotas quotas;
	struct conns *all;
	struct upper *upper;
	int fd;         /* the other end */
	char told[256]; /* each frame's body and each other event that was told, each with a comma behind it */
	bool stops_at_frame, answers;
};

struct upper {
	struct conn conn;
	struct fixture *f;
};

static void tell(struct conn *c, const char *what, size_t n)
{
	struct fixture *f = ((struct upper *)c)->f;
	assert_true(strlen(f->told) + n + 2 < sizeof(f->told));
	strncat(f->told, what, n);
	strcat(f->told, ",");
}

static void on_frame(struct conn *c, const struct frame *frame)
{
	struct fixture *f = ((struct upper *)c)->f;
	tell(c, (const char *)frame->body, frame->len);
	c->in_flight++;
	if (f->stops_at_frame)
		conn_stop(c, false);
	if (!f->answers)
		return;
	c->in_flight--;
	assert_int_equal(buf_put(conn_output(c), frame->body, frame->len), 0);
	conn_write(c, CONN_REPLY);
}

static void on_room(struct conn *c)
{
	c->wants_room = false;
	tell(c, "room", 4);
}

static void on_ended(struct conn *c, enum conn_end why)
{
	static const char *const words[] = { "eof", "too large", "bad kind", "over quota" };
	tell(c, words[why], strlen(words[why]));
	if (why != CONN_EOF)
		assert_int_equal(buf_puts(conn_output(c), "why"), 0);
}

static void on_gone(struct conn *c)
{
	tell(c, "gone", 4);
	((struct upper *)c)->f->upper = NULL;
}

static const struct conn_ops ops = { .frame = on_frame, .room = on_room, .ended = on_ended, .gone = on_gone };

static void start(struct fixture *f)
{
	int fds[2];
	memset(f, 0, sizeof(*f));
	f->limits = (struct call_limits){ .request_bytes = 100,
		.requests = 2,
		.requests_per_uid = 64,
		.output_bytes = 1 << 20,
		.bytes_per_uid = 8 << 20,
		.frame_timeout_ms = 10000 };
	f->quotas.limits = &f->limits;
	f->base = event_base_new();
	f->all = conns_new(f->base, &f->quotas, &ops, sizeof(struct upper));
	assert_non_null(f->all);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	f->upper = (struct upper *)conn_start(f->all, fds[0], getuid());
	assert_non_null(f->upper);
	f->upper->f = f;
	f->fd = fds[1];
}

static void stop_fixture(struct fixture *f)
{
	conns_free(f->all);
	event_base_free(f->base);
	assert_int_equal(f->quotas.bytes, 0);
	quotas_clear(&f->quotas);
	assert_null(f->quotas.table);
	if (f->fd >= 0)
		close(f->fd);
}

static void turn(struct fixture *f)
{
	const struct timeval tick = { .tv_usec = 2000 };
	assert_int_equal(event_base_loopexit(f->base, &tick), 0);
	event_base_dispatch(f->base);
}

/* Turns the loop until exactly that was told. */
static void until_told(struct fixture *f, const char *told)
{
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	while (strcmp(f->told, told) != 0) {
		if (clock_now_ms() >= until)
			assert_string_equal(f->told, told);
		turn(f);
	}
}

static void send_frame(struct fixture *f, enum frame_kind kind, const char *body)
{
	char bytes[256];
	frame_header((unsigned char *)bytes, kind, strlen(body));
	memcpy(bytes + FRAME_HEADER, body, strlen(body));
	assert_int_equal(send(f->fd, bytes, FRAME_HEADER + strlen(body), MSG_NOSIGNAL),
	    FRAME_HEADER + strlen(body));
}

/* Reads what the daemon has sent so far, without a turn of the loop. */
static const char *readable(struct fixture *f)
{
	static char text[256];
	ssize_t n = recv(f->fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	if (n < 0)
		assert_int_equal(errno, EAGAIN);
	text[n > 0 ? n : 0] = '\0';
	return n == 0 ? "end" : text;
}

static void until_readable(struct fixture *f, const char *text)
{
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	char byte;
	while (recv(f->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0) {
		assert_true(clock_now_ms() < until);
		turn(f);
	}
	assert_string_equal(readable(f), text);
}

static void test_frames_of_any_kind_are_handed_up_in_their_order(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	f.answers = true;
	send_frame(&f, FRAME_JSON, "one");
	send_frame(&f, FRAME_DATA, "two");
	assert_int_equal(send(f.fd, "\0\0\0\5th", 6, 0), 6);
	until_told(&f, "one,two,");
	assert_int_equal(send(f.fd, "ree", 3, 0), 3);
	until_told(&f, "one,two,three,");
	stop_fixture(&f);
}

static void test_no_more_are_in_flight_than_may_be(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	send_frame(&f, FRAME_JSON, "one");
	send_frame(&f, FRAME_JSON, "two");
	send_frame(&f, FRAME_JSON, "three");
	until_told(&f, "one,two,");
	for (int i = 0; i < 3; i++)
		turn(&f);
	assert_string_equal(f.told, "one,two,");
	f.upper->conn.in_flight--;
	conn_write(&f.upper->conn, CONN_PART);
	until_told(&f, "one,two,three,");
	stop_fixture(&f);
}

static void test_a_stream_takes_its_frames_when_it_says_so(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	f.limits.requests = 0;
	f.limits.request_bytes = 2;
	f.upper->conn.mode = CONN_STREAM_WAIT;
	send_frame(&f, FRAME_DATA, "one");
	for (int i = 0; i < 3; i++)
		turn(&f);
	assert_string_equal(f.told, "");
	f.upper->conn.mode = CONN_STREAM;
	conn_write(&f.upper->conn, CONN_PART);
	until_told(&f, "one,");
	stop_fixture(&f);
}

static void test_after_the_end_of_input_what_is_in_flight_is_answered(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	send_frame(&f, FRAME_JSON, "one");
	shutdown(f.fd, SHUT_WR);
	until_told(&f, "one,eof,");
	for (int i = 0; i < 3; i++)
		turn(&f);
	assert_string_equal(readable(&f), "");
	f.upper->conn.in_flight = 0;
	assert_int_equal(buf_puts(conn_output(&f.upper->conn), "answer"), 0);
	conn_write(&f.upper->conn, CONN_LAST_REPLY);
	until_told(&f, "one,eof,gone,");
	assert_string_equal(readable(&f), "answer");
	assert_string_equal(readable(&f), "end");
	stop_fixture(&f);
}

static void test_what_is_no_frame_ends_the_input_gently(void **state)
{
	static const struct {
		const char *bytes, *told, *gone;
	} cases[] = {
		{ "\1\377\0\0", "too large,", "too large,gone," },
		{ "\7\7\7\7", "bad kind,", "bad kind,gone," },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		start(&f);
		assert_int_equal(send(f.fd, cases[i].bytes, 4, 0), 4);
		until_readable(&f, "why");
		assert_string_equal(f.told, cases[i].told);
		assert_string_equal(readable(&f), "end");
		/* The connection is still there, so that a caller that is writing is not reset. */
		send_frame(&f, FRAME_JSON, "one");
		turn(&f);
		assert_string_equal(f.told, cases[i].told);
		shutdown(f.fd, SHUT_WR);
		until_told(&f, cases[i].gone);
		stop_fixture(&f);
	}
}

static void test_nothing_is_taken_after_it_was_stopped(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	f.stops_at_frame = f.answers = true;
	send_frame(&f, FRAME_JSON, "one");
	send_frame(&f, FRAME_JSON, "two");
	until_told(&f, "one,gone,");
	assert_string_equal(readable(&f), "one");
	stop_fixture(&f);
}

static void test_one_that_hangs_up_has_gone_though_something_is_in_flight(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	send_frame(&f, FRAME_JSON, "one");
	until_told(&f, "one,");
	close(f.fd);
	f.fd = -1;
	until_told(&f, "one,gone,");
	assert_int_equal(conns_count(f.all), 0);
	stop_fixture(&f);
}

static void test_each_is_told_that_it_has_gone_with_all(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	stop_fixture(&f);
	assert_string_equal(f.told, "gone,");
}

static void test_a_last_reply_is_written_now_and_anything_else_in_its_turn(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	struct buf *out = conn_output(&f.upper->conn);
	assert_int_equal(buf_puts(out, "part "), 0);
	conn_write(&f.upper->conn, CONN_PART);
	assert_int_equal(buf_puts(out, "reply "), 0);
	conn_write(&f.upper->conn, CONN_REPLY);
	assert_string_equal(readable(&f), "");
	until_readable(&f, "part reply ");
	assert_int_equal(buf_puts(conn_output(&f.upper->conn), "last"), 0);
	conn_write(&f.upper->conn, CONN_LAST_REPLY);
	assert_string_equal(readable(&f), "last");
	stop_fixture(&f);
}

/* A request may have been written that was not read yet: its connection is not idle. */
static void test_the_one_that_is_idle_longest_gives_way(void **state)
{
	struct fixture f;
	struct upper *other;
	int fds[2];
	char byte;

	(void)state;
	start(&f);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	other = (struct upper *)conn_start(f.all, fds[0], getuid());
	assert_non_null(other);
	other->f = &f;
	other->conn.active_ms = f.upper->conn.active_ms + 1000;
	assert_int_equal(write(f.fd, "x", 1), 1);
	assert_true(conns_end_idlest(f.all));
	assert_int_equal(recv(fds[1], &byte, 1, MSG_DONTWAIT), 0);
	assert_int_equal(conns_count(f.all), 1);
	assert_false(conns_end_idlest(f.all));
	close(fds[1]);
	stop_fixture(&f);
}

static void test_room_is_told_when_it_was_waited_for(void **state)
{
	struct fixture f;
	(void)state;
	start(&f);
	for (int i = 0; i < 2; i++) {
		f.upper->conn.wants_room = i == 1;
		assert_int_equal(buf_puts(conn_output(&f.upper->conn), "part"), 0);
		conn_write(&f.upper->conn, CONN_PART);
		until_readable(&f, "part");
		turn(&f);
		assert_string_equal(f.told, i == 1 ? "room," : "");
	}
	assert_int_equal(f.upper->conn.sent, 8);
	stop_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_of_any_kind_are_handed_up_in_their_order),
		cmocka_unit_test(test_no_more_are_in_flight_than_may_be),
		cmocka_unit_test(test_a_stream_takes_its_frames_when_it_says_so),
		cmocka_unit_test(test_after_the_end_of_input_what_is_in_flight_is_answered),
		cmocka_unit_test(test_what_is_no_frame_ends_the_input_gently),
		cmocka_unit_test(test_nothing_is_taken_after_it_was_stopped),
		cmocka_unit_test(test_one_that_hangs_up_has_gone_though_something_is_in_flight),
		cmocka_unit_test(test_each_is_told_that_it_has_gone_with_all),
		cmocka_unit_test(test_a_last_reply_is_written_now_and_anything_else_in_its_turn),
		cmocka_unit_test(test_the_one_that_is_idle_longest_gives_way),
		cmocka_unit_test(test_room_is_told_when_it_was_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
