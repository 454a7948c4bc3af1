/*
 * http_fixture: waits for states by turning the loop, with a limit that only a broken program reaches.
 */
#include "tests/unit/http_fixture.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/http_server.h"

#define WAIT_MS 20000

void fixture_init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->base = event_base_new();
	assert_non_null(f->base);
	f->options.connect_timeout_ms = 3000;
}

void fixture_url(struct fixture *f, const char *scheme, const char *host, unsigned port)
{
	assert_true(f->nurls < FIXTURE_URLS_MAX);
	assert_true(asprintf(&f->urls[f->nurls++], "%s://%s:%u", scheme, host, port) > 0);
}

void fixture_open(struct fixture *f)
{
	struct error error = { .text = "" };

	f->options.addresses = f->urls;
	f->options.naddresses = f->nurls;
	f->http = http_new(f->base, &f->options, &error);
	if (f->http == NULL)
		fail_msg("http_new: %s", error.text);
}

void fixture_server(struct fixture *f, const struct server *server)
{
	fixture_init(f);
	fixture_url(f, "http", "127.0.0.1", server_port(server));
	fixture_open(f);
}

void fixture_free(struct fixture *f)
{
	http_free(f->http);
	event_base_free(f->base);
	for (size_t i = 0; i < f->nurls; i++)
		free(f->urls[i]);
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

void fixture_until(struct fixture *f, bool (*holds)(const void *arg), const void *arg)
{
	uint64_t end = clock_now_ms() + WAIT_MS;
	struct timeval often = { .tv_usec = 2000 };
	struct event *timer = event_new(f->base, -1, EV_PERSIST, tick, NULL);

	assert_non_null(timer);
	event_add(timer, &often);
	while (!holds(arg) && clock_now_ms() < end)
		event_base_loop(f->base, EVLOOP_ONCE);
	event_free(timer);
	assert_true(holds(arg));
}

static bool has_ended(const void *arg)
{
	const struct result *result = arg;

	return result->ended > 0;
}

void fixture_until_ended(struct fixture *f, const struct result *result)
{
	fixture_until(f, has_ended, result);
}

struct least {
	const atomic_uint *counter;
	unsigned least;
};

static bool is_least(const void *arg)
{
	const struct least *least = arg;

	return atomic_load(least->counter) >= least->least;
}

void fixture_until_count(struct fixture *f, const void *counter, unsigned least)
{
	struct least wanted = { counter, least };

	fixture_until(f, is_least, &wanted);
}

static bool is_over(const void *arg)
{
	const uint64_t *end = arg;

	return clock_now_ms() >= *end;
}

void fixture_run(struct fixture *f, uint64_t ms)
{
	uint64_t end = clock_now_ms() + ms;

	fixture_until(f, is_over, &end);
}

void fixture_done(void *arg, const struct http_reply *reply)
{
	struct result *result = arg;

	result_free(result);
	result->ended++;
	result->outcome = reply->outcome;
	result->sent = reply->sent;
	result->status = reply->status;
	result->retry_after_ms = reply->retry_after_ms;
	result->ended_ms = clock_now_ms();
	snprintf(result->why, sizeof(result->why), "%s", reply->why != NULL ? reply->why : "");
	if (reply->body == NULL)
		return;
	result->body = calloc(1, reply->body_len + 1);
	assert_non_null(result->body);
	memcpy(result->body, reply->body, reply->body_len);
	result->body_len = reply->body_len;
}

void result_free(struct result *result)
{
	free(result->body);
	result->body = NULL;
	result->body_len = 0;
}

struct http_call *fixture_get(struct fixture *f, const char *path, uint64_t timeout_ms, struct result *result)
{
	struct http_request request = { .method = HTTP_GET,
		.path = path,
		.token = "s.token",
		.deadline_ms = clock_now_ms() + timeout_ms };
	struct http_call *call = http_start(f->http, &request, fixture_done, result);

	assert_non_null(call);
	return call;
}

struct http_call *fixture_post(struct fixture *f, const char *path, const char *body, size_t len,
    uint64_t timeout_ms, struct result *result)
{
	struct buf buf;
	struct http_request request = { .method = HTTP_POST,
		.path = path,
		.token = "s.token",
		.body = &buf,
		.deadline_ms = clock_now_ms() + timeout_ms };
	struct http_call *call;

	buf_init(&buf, len);
	assert_int_equal(buf_put(&buf, body, len), 0);
	call = http_start(f->http, &request, fixture_done, result);
	assert_non_null(call);
	assert_int_equal(buf_len(&buf), 0);
	return call;
}

void fixture_got(struct fixture *f, const char *path, struct result *result)
{
	result->ended = 0;
	fixture_get(f, path, WAIT_MS, result);
	fixture_until_ended(f, result);
}

void fixture_posted(struct fixture *f, const char *path, const char *body, size_t len, struct result *result)
{
	result->ended = 0;
	fixture_post(f, path, body, len, WAIT_MS, result);
	fixture_until_ended(f, result);
}

/* Makes a non-blocking socket, so that a test can look whether anybody came. */
static int bound(unsigned *ret_port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	*ret_port = ntohs(sin.sin_port);
	return fd;
}

int fixture_refusing(unsigned *ret_port)
{
	return bound(ret_port);
}

/* A listener whose queue is full drops what asks for a connection, and does not say so. */
unsigned fixture_blackhole(struct blackhole *hole)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	unsigned port;

	hole->listener = bound(&port);
	assert_int_equal(listen(hole->listener, 0), 0);
	sin.sin_port = htons((uint16_t)port);
	for (size_t i = 0; i < sizeof(hole->fill) / sizeof(hole->fill[0]); i++) {
		hole->fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(hole->fill[i], (struct sockaddr *)&sin, sizeof(sin));
	}
	return port;
}

void fixture_blackhole_close(struct blackhole *hole)
{
	for (size_t i = 0; i < sizeof(hole->fill) / sizeof(hole->fill[0]); i++)
		close(hole->fill[i]);
	close(hole->listener);
}
