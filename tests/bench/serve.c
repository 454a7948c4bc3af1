/*
 * serve: see the header.
 */
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/bench/core.h"
#include "tests/bench/serve.h"

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		die("the socket's path is too long");
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1024) != 0)
		die("cannot listen at %s: %s", path, strerror(errno));
	return fd;
}

static void connections_wait(evutil_socket_t fd, short what, void *arg)
{
	void (*const *accepted)(int) = arg;
	int client;

	(void)what;
	while ((client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		(*accepted)(client);
}

void serve(struct event_base *base, const char *path, void (*accepted)(int fd))
{
	struct event *listener = base != NULL
	    ? event_new(base, listen_at(path), EV_READ | EV_PERSIST, connections_wait, &accepted)
	    : NULL;

	if (listener == NULL || event_add(listener, NULL) != 0)
		die("out of memory");
	event_base_dispatch(base);
}
