/*
 * listener: accepts, counts connections in all and per uid, and pauses when there are no descriptors left
 * instead of spinning on a backlog it cannot take.
 */
#include "daemon/callers/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "daemon/callers/peer.h"
#include "daemon/callers/socket.h"
#include "daemon/host/log.h"
#include "proto/reply.h"

#define ACCEPT_AT_ONCE 16 /* then others get their turn */
#define KEPT_PART 8       /* one in so many connections is kept */
#define FEW 4             /* for users with fewer */
#define PAUSE_SECONDS 1

struct listener {
	struct event_base *base;
	struct calls *calls;
	struct event *accept, *resume;
	int fd, lock_fd;
	char *path;
	uint64_t connections, connections_per_uid;
};

/* The kernel's buffer of a new connection is empty, so that this short reply fits or the caller is gone. */
static void turn_away(int fd, const char *message)
{
	struct failure why;
	struct buf out;
	failure_set(&why, CODE_OVERLOADED, "%s", message);
	buf_init(&out, 4096);
	if (reply_failure(&out, (struct jspan){ .p = "", .len = 0 }, &why) == 0)
		(void)send(fd, buf_data(&out), buf_len(&out), MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_free(&out);
	close(fd);
}

/*
 * Why the uid may not have another connection; NULL: it may. The last ones are for users that have hardly any, so that a
 * few greedy ones do not shut out all others.
 */
static const char *refusal(const struct listener *l, uid_t uid)
{
	uint64_t all = calls_connections(l->calls), own = calls_connections_of(l->calls, uid);
	if (own >= l->connections_per_uid)
		return "this uid has as many connections as it may";
	if (all >= l->connections || (own >= FEW && all >= l->connections - l->connections / KEPT_PART))
		return "the daemon has as many connections as it may";
	return NULL;
}

/* A connection that is refused must cost little: more than the uid is read only of one that is not. */
static void admit(struct listener *l, int fd)
{
	struct peer peer;
	uid_t uid;
	if (peer_read_uid(fd, &uid) != 0) {
		close(fd);
		return;
	}
	const char *why = refusal(l, uid);
	if (why != NULL) {
		turn_away(fd, why);
		return;
	}
	if (peer_read(fd, &peer) != 0) {
		close(fd);
		return;
	}
	if (calls_connect(l->calls, fd, &peer) != 0)
		turn_away(fd, "out of memory");
	peer_clear(&peer);
}

static void pause_accepting(struct listener *l, int why)
{
	struct timeval pause = { .tv_sec = PAUSE_SECONDS };
	log_warning("cannot accept connections for now: %s", strerror(why));
	if (event_add(l->resume, &pause) == 0)
		(void)event_del(l->accept);
}

static void on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	struct listener *l = arg;
	(void)what;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		int fd, rc = socket_accept(listen_fd, &fd);
		if (rc < 0)
			pause_accepting(l, errno);
		if (rc <= 0)
			return;
		admit(l, fd);
	}
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	(void)fd;
	(void)what;
	(void)event_add(l->accept, NULL);
}

struct listener *listener_new(struct event_base *base, const struct listener_options *options, call_request *request,
    void *arg, struct error *error)
{
	struct listener *l = calloc(1, sizeof(*l));
	if (l == NULL) {
		(void)error_set(error, "out of memory");
		return NULL;
	}
	l->fd = options->fd;
	l->lock_fd = -1;
	l->base = base;
	l->connections = options->connections;
	l->connections_per_uid = options->connections_per_uid;
	if (l->fd < 0) {
		if (socket_listen(options->socket, options->mode, options->group, &l->fd, &l->lock_fd, error) != 0)
			goto fail;
		l->path = strdup(options->socket);
	}
	(void)error_set(error, "out of memory");
	l->calls = calls_new(base, &options->calls, options->default_timeout_ms, request, arg);
	l->accept = event_new(base, l->fd, EV_READ | EV_PERSIST, on_accept, l);
	l->resume = event_new(base, -1, 0, on_resume, l);
	if ((l->lock_fd >= 0 && l->path == NULL) || l->calls == NULL || l->accept == NULL || l->resume == NULL ||
	    event_add(l->accept, NULL) != 0)
		goto fail;
	return l;
fail:
	listener_free(l);
	return NULL;
}

void listener_set_limits(struct listener *l, const struct listener_options *options)
{
	l->connections = options->connections;
	l->connections_per_uid = options->connections_per_uid;
	calls_set_limits(l->calls, &options->calls, options->default_timeout_ms);
}

static void close_socket(struct listener *l)
{
	if (l->fd >= 0 && l->path != NULL)
		(void)unlink(l->path);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

void listener_stop(struct listener *l)
{
	(void)event_del(l->accept);
	(void)event_del(l->resume);
	close_socket(l);
	calls_finish(l->calls);
}

void listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	if (l->calls != NULL)
		calls_free(l->calls);
	if (l->accept != NULL)
		event_free(l->accept);
	if (l->resume != NULL)
		event_free(l->resume);
	close_socket(l);
	if (l->lock_fd >= 0)
		close(l->lock_fd);
	free(l->path);
	free(l);
}

struct calls *listener_calls(struct listener *l)
{
	return l->calls;
}
