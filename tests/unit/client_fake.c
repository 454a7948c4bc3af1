/*
 * client_fake: see the header.
 */
#include "tests/unit/client_fake.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "proto/frame.h"

#define CHECK(condition) ((condition) ? (void)0 : give_up(__func__, __LINE__, #condition))

/* cmocka's assertions work in the test's own thread only, so this ends the program. */
static void give_up(const char *function, int line, const char *condition)
{
	fprintf(stderr, "fake daemon: %s, line %d: %s does not hold (%s)\n", function, line, condition,
	    strerror(errno));
	abort();
}

static void wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	CHECK(poll(&p, 1, CLIENT_FAKE_PATIENCE_MS) == 1);
}

void client_fake_listen(struct client_fake *fake)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fake->listener >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fake->path);
	CHECK(bind(fake->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(listen(fake->listener, 16) == 0);
}

void client_fake_unlisten(struct client_fake *fake)
{
	close(fake->listener);
	unlink(fake->path);
}

static void *run(void *arg)
{
	struct client_fake *fake = arg;

	fake->script(fake);
	return NULL;
}

void client_fake_start(struct client_fake *fake, void (*script)(struct client_fake *fake))
{
	const char *reply = fake->reply;

	memset(fake, 0, sizeof(*fake));
	fake->reply = reply;
	fake->script = script;
	fake->body = malloc(FRAME_BODY_MAX);
	fake->data = malloc(FRAME_DATA_MAX);
	CHECK(fake->body != NULL && fake->data != NULL);
	snprintf(fake->directory, sizeof(fake->directory), "/tmp/secretstore-client-XXXXXX");
	CHECK(mkdtemp(fake->directory) != NULL);
	snprintf(fake->path, sizeof(fake->path), "%s/socket", fake->directory);
	client_fake_listen(fake);
	CHECK(pthread_create(&fake->thread, NULL, run, fake) == 0);
}

void client_fake_stop(struct client_fake *fake)
{
	CHECK(pthread_join(fake->thread, NULL) == 0);
	client_fake_unlisten(fake);
	CHECK(rmdir(fake->directory) == 0);
	free(fake->body);
	free(fake->data);
}

int client_fake_accept(struct client_fake *fake)
{
	int fd;

	wait_readable(fake->listener);
	fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fd >= 0);
	fake->connections++;
	return fd;
}

/* Reads n bytes. Returns false if the client closed, which some tests make it do in the middle. */
static bool read_all(int fd, void *p, size_t n)
{
	char *at = p;

	while (n > 0) {
		ssize_t got;

		wait_readable(fd);
		got = read(fd, at, n);
		if (got <= 0)
			return false;
		at += got;
		n -= (size_t)got;
	}
	return true;
}

bool client_fake_read(struct client_fake *fake, int fd)
{
	unsigned char header[FRAME_HEADER];
	struct frame frame;
	struct failure why = { .code = CODE_NONE };

	if (!read_all(fd, header, sizeof(header)))
		return false;
	CHECK(frame_parse(header, sizeof(header), FRAME_BODY_MAX, &frame) == FRAME_MORE);
	CHECK(frame.kind == FRAME_JSON);
	if (!read_all(fd, fake->body, frame.len))
		return false;
	if (request_decode(fake->body, frame.len, &fake->request, &why) != 0) {
		fprintf(stderr, "fake daemon: %s: %.*s\n", why.message, (int)frame.len, fake->body);
		abort();
	}
	fake->frames++;
	return true;
}

void client_fake_expect_end(struct client_fake *fake, int fd)
{
	CHECK(!client_fake_read(fake, fd));
}

void client_fake_send(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t put = send(fd, at, n, MSG_NOSIGNAL);

		if (put < 0)
			return; /* the client has gone, as the test will see */
		at += put;
		n -= (size_t)put;
	}
}

void client_fake_send_data(int fd, const void *p, size_t n)
{
	unsigned char header[FRAME_HEADER];

	frame_header(header, FRAME_DATA, n);
	client_fake_send(fd, header, sizeof(header));
	client_fake_send(fd, p, n);
}

long client_fake_read_data(struct client_fake *fake, int fd)
{
	unsigned char header[FRAME_HEADER];
	struct frame frame;

	if (!read_all(fd, header, sizeof(header)))
		return -1;
	CHECK(frame_parse(header, sizeof(header), FRAME_DATA_MAX, &frame) != FRAME_BAD_KIND);
	CHECK(frame.kind == FRAME_DATA);
	return read_all(fd, fake->data, frame.len) ? (long)frame.len : -1;
}

void client_fake_say_for(int fd, const char *body, const char *id, size_t id_len)
{
	const char *mark = strchr(body, '%');
	size_t before = mark != NULL ? (size_t)(mark - body) : strlen(body);
	size_t after = mark != NULL ? strlen(mark + 1) : 0;
	size_t len = before + (mark != NULL ? id_len : 0) + after;
	unsigned char *frame = malloc(FRAME_HEADER + len);

	CHECK(frame != NULL);
	frame_header(frame, FRAME_JSON, len);
	memcpy(frame + FRAME_HEADER, body, before);
	if (mark != NULL) {
		memcpy(frame + FRAME_HEADER + before, id, id_len);
		memcpy(frame + FRAME_HEADER + before + id_len, mark + 1, after);
	}
	client_fake_send(fd, frame, FRAME_HEADER + len);
	free(frame);
}

void client_fake_say(struct client_fake *fake, int fd, const char *body)
{
	client_fake_say_for(fd, body, fake->request.id.p, fake->request.id.len);
}

void client_fake_answer(struct client_fake *fake, int fd)
{
	char body[SECRET_PATH_MAX + 256];

	switch (fake->request.op) {
	case OP_KV_GET:
		snprintf(body, sizeof(body),
		    "{\"id\":%%,\"ok\":true,\"version\":7,\"created_time\":\"2026-11-23T22:30:00Z\","
		    "\"metadata\":null,\"data\":{\"path\":\"%s\"}}",
		    secret_path(&fake->request.name));
		break;
	case OP_KV_PUT:
		snprintf(body, sizeof(body),
		    "{\"id\":%%,\"ok\":true,\"version\":8,\"created_time\":\"2026-11-23T22:30:00Z\","
		    "\"metadata\":null}");
		break;
	case OP_PING:
		snprintf(body, sizeof(body),
		    "{\"id\":%%,\"ok\":true,\"ready\":true,\"state\":\"serving\",\"version\":\"0.1.0\","
		    "\"protocol\":1,\"ops\":[\"ping\"],\"limits\":{}}");
		break;
	case OP_PROBE:
		snprintf(body, sizeof(body), "{\"id\":%%,\"ok\":true,\"name\":\"secretstore\"}");
		break;
	default:
		snprintf(body, sizeof(body),
		    "{\"id\":%%,\"ok\":true,\"version\":\"0.1.0\",\"ready\":true,\"uptime_ms\":5}");
	}
	client_fake_say(fake, fd, body);
}

void client_fake_serve_one(struct client_fake *fake)
{
	int fd = client_fake_accept(fake);

	while (client_fake_read(fake, fd))
		client_fake_answer(fake, fd);
	close(fd);
}

void client_fake_close_after_one(struct client_fake *fake)
{
	int fd = client_fake_accept(fake);

	(void)client_fake_read(fake, fd);
	client_fake_answer(fake, fd);
	close(fd);
	fake->stage = 1;
	client_fake_serve_one(fake);
}

void client_fake_reach(struct client_fake *fake, unsigned stage)
{
	uint64_t deadline_ms = clock_now_ms() + CLIENT_FAKE_PATIENCE_MS;

	while (fake->stage < stage) {
		CHECK(clock_now_ms() < deadline_ms);
		usleep(1000);
	}
}
