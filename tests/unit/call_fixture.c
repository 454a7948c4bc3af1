/*
 * call_fixture: a connection over a socket pair.
 */
#include "tests/unit/call_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/access/rules.h"

#define DEADLINE_MS 5000u

bool bench_gone(const struct bench *b)
{
	return calls_connections(b->all) == 0;
}

void bench_start(struct bench *b, const struct call_limits *limits, call_request *request, void *arg)
{
	const struct call_limits usual = { .request_bytes = 4096,
		.requests = 8,
		.requests_per_uid = 64,
		.output_bytes = 65536,
		.bytes_per_uid = 8 << 20,
		.frame_timeout_ms = 10000 };
	memset(b, 0, sizeof(*b));
	b->base = event_base_new();
	b->all = calls_new(b->base, limits != NULL ? limits : &usual, 1000, request, arg);
	assert_non_null(b->all);
	b->fd = bench_another(b, getuid());
}

int bench_another(struct bench *b, uid_t uid)
{
	int fds[2];
	struct peer peer = { .uid = uid, .gid = getgid(), .pid = getpid() };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(calls_connect(b->all, fds[0], &peer, peer.uid), 0);
	return fds[1];
}

void bench_until_gone(struct bench *b)
{
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	while (!bench_gone(b)) {
		assert_true(clock_now_ms() < until);
		bench_turn(b);
	}
}

void bench_stop(struct bench *b)
{
	calls_free(b->all);
	event_base_free(b->base);
	if (b->fd >= 0)
		close(b->fd);
}

void bench_turn(struct bench *b)
{
	struct timeval tick = { .tv_usec = 2000 };
	assert_int_equal(event_base_loopexit(b->base, &tick), 0);
	event_base_dispatch(b->base);
}

void bench_send(struct bench *b, const void *p, size_t n)
{
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	const char *at = p;
	while (n > 0) {
		ssize_t done = send(b->fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done < 0) {
			assert_int_equal(errno, EAGAIN);
			assert_true(clock_now_ms() < until);
			bench_turn(b);
			continue;
		}
		at += done;
		n -= (size_t)done;
	}
}

void bench_send_frame(struct bench *b, enum frame_kind kind, const char *body)
{
	unsigned char header[FRAME_HEADER];
	frame_header(header, kind, strlen(body));
	bench_send(b, header, sizeof(header));
	bench_send(b, body, strlen(body));
}

void bench_read(struct bench *b, char *to, size_t n)
{
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	while (n > 0) {
		ssize_t got = recv(b->fd, to, n, MSG_DONTWAIT);
		assert_int_not_equal(got, 0);
		if (got < 0) {
			assert_int_equal(errno, EAGAIN);
			assert_true(clock_now_ms() < until);
			bench_turn(b);
			continue;
		}
		to += got;
		n -= (size_t)got;
	}
}

/* Returns the next frame's body, in a static buffer. */
const char *bench_next(struct bench *b)
{
	static char body[2 << 20];
	unsigned char header[FRAME_HEADER];
	bench_read(b, (char *)header, sizeof(header));
	struct frame frame;
	assert_int_equal(frame_parse(header, sizeof(header), FRAME_BODY_MAX, &frame), FRAME_MORE);
	assert_true(frame.len < sizeof(body));
	bench_read(b, body, frame.len);
	body[frame.len] = '\0';
	return body;
}

void bench_expect_close(struct bench *b)
{
	uint64_t until = clock_now_ms() + DEADLINE_MS;
	char byte;
	for (;;) {
		ssize_t got = recv(b->fd, &byte, 1, MSG_DONTWAIT);
		if (got == 0)
			return;
		assert_true(got < 0 && errno == EAGAIN);
		assert_true(clock_now_ms() < until);
		bench_turn(b);
	}
}

void bench_expect_nothing(struct bench *b)
{
	char byte;
	for (int i = 0; i < 5; i++)
		bench_turn(b);
	assert_int_equal(recv(b->fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}
