/*
 * hop: the least that can stand between callers and OpenBao: it passes bytes from each caller to a connection of
 * its own to OpenBao, and back, unread. It shows what any hop costs, whatever it does.
 *
 * hop SOCKET PORT (of 127.0.0.1)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/core.h"
#include "tests/bench/serve.h"

/* One of two connections that pass their bytes to each other. */
struct side {
	struct event event;
	struct side *other;
};

static struct event_base *base;
static struct sockaddr_in upstream = { .sin_family = AF_INET };
static char bytes[65536];

static void end(struct side *pair)
{
	for (int i = 0; i < 2; i++) {
		event_del(&pair[i].event);
		close(event_get_fd(&pair[i].event));
	}
	free(pair);
}

/* Requests and replies are small, so it is an error if a socket does not take one at once. */
static void ready(evutil_socket_t fd, short what, void *arg)
{
	struct side *side = arg;
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	(void)what;
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || send(event_get_fd(&side->other->event), bytes, (size_t)n, MSG_NOSIGNAL) != n)
		end(side < side->other ? side : side->other);
}

static int connect_upstream(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&upstream, sizeof(upstream)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
	    evutil_make_socket_nonblocking(fd) != 0)
		die("cannot connect: %s", strerror(errno));
	return fd;
}

static void accepted(int fd)
{
	struct side *pair = calloc(2, sizeof(*pair));
	int fds[2] = { fd, connect_upstream() };

	if (pair == NULL)
		die("out of memory");
	for (int i = 0; i < 2; i++) {
		pair[i].other = &pair[1 - i];
		if (event_assign(&pair[i].event, base, fds[i], EV_READ | EV_PERSIST, ready, &pair[i]) != 0 ||
		    event_add(&pair[i].event, NULL) != 0)
			die("out of memory");
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		die("usage: %s SOCKET PORT", argv[0]);
	upstream.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	upstream.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	base = event_base_new();
	serve(base, argv[1], accepted);
	return 0;
}
