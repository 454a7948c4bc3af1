/*
 * echo: the least that a server with libevent can do: for each frame that comes it sends one of the size of the
 * daemon's reply. It costs what the socket and the loop cost, so the daemon is compared with it.
 *
 * echo SOCKET REPLY_BYTES (with the frame's header)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/core.h"
#include "tests/bench/serve.h"

#define IN_ROOM 65536
#define OUT_ROOM (4u << 20)

struct session {
	struct event event;
	size_t len;
	char in[IN_ROOM];
};

static struct event_base *base;
static char out[OUT_ROOM]; /* replies, one after the other */
static size_t reply_size;

static void end(struct session *s)
{
	event_del(&s->event);
	close(event_get_fd(&s->event));
	free(s);
}

/* Takes all whole frames off the input, and returns how many. */
static size_t take_frames(struct session *s)
{
	size_t at = 0, n = 0;
	uint32_t word;

	while (s->len - at >= 4) {
		memcpy(&word, s->in + at, 4);
		if (s->len - at - 4 < ntohl(word))
			break;
		at += 4 + ntohl(word);
		n++;
	}
	memmove(s->in, s->in + at, s->len - at);
	s->len -= at;
	return n;
}

/* The socket's buffer holds many small replies; while a large one is written, all other connections wait. */
static int answer(int fd, size_t len)
{
	struct pollfd writable = { .fd = fd, .events = POLLOUT };

	if (len > OUT_ROOM)
		die("too many requests at a time");
	for (size_t at = 0; at < len;) {
		ssize_t n = send(fd, out + at, len - at, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			poll(&writable, 1, -1);
		else if (n < 0)
			return -1;
		else
			at += (size_t)n;
	}
	return 0;
}

static void ready(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	ssize_t got = recv(fd, s->in + s->len, IN_ROOM - s->len, 0);

	(void)what;
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		end(s);
		return;
	}
	s->len += (size_t)got;
	if (answer(fd, take_frames(s) * reply_size) != 0)
		end(s);
}

static void accepted(int fd)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL || event_assign(&s->event, base, fd, EV_READ | EV_PERSIST, ready, s) != 0 ||
	    event_add(&s->event, NULL) != 0)
		die("out of memory");
}

int main(int argc, char **argv)
{
	static const char ok[] = "{\"id\":65536,\"ok\":true";
	uint32_t word;

	reply_size = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	if (reply_size < 5 || reply_size > OUT_ROOM)
		die("usage: %s SOCKET REPLY_BYTES", argv[0]);
	memset(out, ' ', sizeof(out));
	word = htonl((uint32_t)reply_size - 4);
	for (size_t at = 0; at + reply_size <= OUT_ROOM; at += reply_size) {
		memcpy(out + at, &word, 4);
		memcpy(out + at + 4, ok, reply_size - 4 < sizeof(ok) - 1 ? reply_size - 4 : sizeof(ok) - 1);
	}
	base = event_base_new();
	serve(base, argv[1], accepted);
	return 0;
}
