/*
 * accept: an event for the listening socket, and a timer that ends a pause.
 */
#include "daemon/callers/accept.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/callers/socket.h"
#include "daemon/host/log.h"

#define ACCEPT_AT_ONCE 16 /* connections in one event, so that other events are not kept waiting */
#define PAUSE_SECONDS 1

struct accept {
	struct event readable, resume;
	int fd;      /* the listening socket; -1: stopped */
	int lock_fd; /* -1: the socket was not made here */
	char *path;  /* of the socket; NULL: it was not made here */
	const char *whom;
	bool (*admit)(void *arg, int fd);
	void *arg;
};

static void accept_on_readable(evutil_socket_t listen_fd, short what, void *arg)
{
	const struct timeval pause = { .tv_sec = PAUSE_SECONDS };
	struct accept *a = arg;
	(void)what;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			if (a->admit(a->arg, fd))
				continue;
			(void)event_del(&a->readable);
			return;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_warning("cannot accept %s for now: %s", a->whom, strerror(errno));
			if (event_add(&a->resume, &pause) == 0)
				(void)event_del(&a->readable);
		}
		return;
	}
}

static void accept_on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct accept *a = arg;
	(void)fd;
	(void)what;
	(void)event_add(&a->readable, NULL);
}

struct accept *accept_new(struct event_base *base, const struct accept_options *options,
    bool (*admit)(void *arg, int fd), void *arg, struct error *error)
{
	struct accept *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		(void)error_set(error, "out of memory");
		return NULL;
	}
	*a =
	    (struct accept){ .fd = options->fd, .lock_fd = -1, .whom = options->whom, .admit = admit, .arg = arg };
	if (a->fd < 0 &&
	    socket_listen(options->socket, options->mode, options->group, &a->fd, &a->lock_fd, error) != 0) {
		free(a);
		return NULL;
	}
	(void)event_assign(&a->readable, base, a->fd, EV_READ | EV_PERSIST, accept_on_readable, a);
	(void)evtimer_assign(&a->resume, base, accept_on_resume, a);
	if ((options->fd < 0 && (a->path = strdup(options->socket)) == NULL) ||
	    event_add(&a->readable, NULL) != 0) {
		(void)error_set(error, "out of memory");
		accept_free(a);
		return NULL;
	}
	return a;
}

void accept_go_on(struct accept *a)
{
	if (a->fd >= 0 && !event_pending(&a->resume, EV_TIMEOUT, NULL))
		(void)event_add(&a->readable, NULL);
}

void accept_stop(struct accept *a)
{
	if (a->fd < 0)
		return;
	(void)event_del(&a->readable);
	(void)event_del(&a->resume);
	if (a->path != NULL)
		(void)unlink(a->path);
	close(a->fd);
	a->fd = -1;
}

void accept_free(struct accept *a)
{
	if (a == NULL)
		return;
	accept_stop(a);
	if (a->lock_fd >= 0)
		close(a->lock_fd);
	free(a->path);
	free(a);
}
