/*
 * http_multi: watches the sockets that curl wants to have watched, calls curl when its timer has expired, and
 * tells the owner which transfers have ended.
 *
 * Between two requests curl wants nothing of a connection. Such an idle connection stays watched for reading,
 * which is what the next request will wait for, so that epoll_ctl(2) is called only for a connection's first
 * request. Curl tells before it closes a connection that was in use (close_connection), but not one whose
 * connecting or handshake failed (7.88.1): these must not stay watched.
 */
#include "daemon/upstream/http_multi.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/table.h"

struct http_multi {
	struct event_base *base;
	CURLM *multi;
	struct event *timer; /* curl's */
	struct watch *watches;
	bool adding; /* http_multi_add() is calling curl */
	struct http_multi_ops ops;
	void *arg;
};

/* A socket of curl's. */
struct watch {
	struct http_multi *m;
	int fd;
	bool idle;        /* its connection is between two requests */
	uint64_t idle_ms; /* since when: its latest sign of life */
	short watched;    /* what event waits for */
	struct event event;
	UT_hash_handle hh;
};

/* Tells the owner of all transfers that have ended. Its callbacks may start and cancel others meanwhile. */
static void tell_finished(struct http_multi *m)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(m->multi, &left)) != NULL) {
		if (message->msg == CURLMSG_DONE)
			m->ops.finished(m->arg, message->easy_handle, message->data.result);
	}
	m->ops.drained(m->arg);
}

static void socket_ready(evutil_socket_t fd, short what, void *arg);

static void watch_set(struct watch *watch, short what)
{
	if (watch->watched == what)
		return;
	event_del(&watch->event);
	watch->watched = what;
	if (what == 0)
		return;
	event_assign(&watch->event, watch->m->base, watch->fd, EV_PERSIST | what, socket_ready, watch);
	event_add(&watch->event, NULL);
}

/*
 * Tells whether there still is something to read. Curl may have read it when it was called for another socket: it
 * then also continues the transfers whose timers have expired, and the timer of connecting runs on after the
 * connection is there (7.88.1).
 */
static bool has_input(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EINTR);
}

/* Has curl not use an idle connection any more: it does not take one that is shut down. */
static void end_idle(struct watch *watch)
{
	shutdown(watch->fd, SHUT_RDWR);
	watch_set(watch, 0);
}

void http_multi_distrust(struct http_multi *m, uint64_t at_ms)
{
	struct watch *watch, *next;

	HASH_ITER(hh, m->watches, watch, next) {
		if (watch->idle && watch->idle_ms <= at_ms)
			end_idle(watch);
	}
}

static void socket_ready(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;
	struct http_multi *m = watch->m;
	int mask = ((what & EV_READ) ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0), running;

	if (watch->idle) {
		/*
		 * The server has closed the connection, or sent what nobody asked for. Curl 7.88.1 would take that
		 * for the answer to the next request, and the true answer for that of the one after it.
		 */
		if (has_input(fd))
			end_idle(watch);
		return;
	}
	/*
	 * An error of the multi handle is ignored: it says nothing about a call, and calls end at their deadlines.
	 */
	curl_multi_socket_action(m->multi, fd, mask, &running);
	tell_finished(m);
}

static void timer_expired(evutil_socket_t fd, short what, void *arg)
{
	struct http_multi *m = arg;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(m->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	tell_finished(m);
}

/* Curl calls this to have its timer set. It must not call curl. */
static int curl_wants_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http_multi *m = arg;
	struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };

	(void)multi;
	if (timeout_ms < 0)
		evtimer_del(m->timer);
	else if (timeout_ms == 0 && m->adding)
		/* the loop runs it after the events that are ready, and does not poll the sockets before it */
		event_active(m->timer, EV_TIMEOUT, 0);
	else
		evtimer_add(m->timer, &tv);
	return 0;
}

static struct watch *watch_of(struct http_multi *m, int fd)
{
	struct watch *watch;

	HASH_FIND_INT(m->watches, &fd, watch);
	return watch;
}

/* Makes a watch for a socket, with nothing watched yet. NULL: no memory. */
static struct watch *watch_new(struct http_multi *m, int fd)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return NULL;
	watch->m = m;
	watch->fd = fd;
	event_assign(&watch->event, m->base, fd, 0, socket_ready, watch);
	HASH_ADD_INT(m->watches, fd, watch);
	if (TABLE_HAS(watch))
		return watch;
	free(watch);
	return NULL;
}

static void watch_free(struct watch *watch)
{
	HASH_DEL(watch->m->watches, watch);
	event_del(&watch->event);
	free(watch);
}

/*
 * Curl calls this to have a socket watched. A failure is not told to curl, which would then give up all transfers;
 * the one on this socket ends at its deadline.
 */
static int curl_wants_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	struct http_multi *m = arg;
	struct watch *watch = watch_of(m, fd);

	(void)assigned;
	if (watch == NULL && what != CURL_POLL_REMOVE)
		watch = watch_new(m, fd);
	if (watch == NULL)
		return 0;
	watch->idle = what == CURL_POLL_REMOVE && watch->watched == EV_READ && m->ops.is_whole(m->arg, easy);
	if (watch->idle)
		watch->idle_ms = clock_now_ms();
	if (what != CURL_POLL_REMOVE)
		watch_set(watch,
		    (short)(((what & CURL_POLL_IN) ? EV_READ : 0) | ((what & CURL_POLL_OUT) ? EV_WRITE : 0)));
	else if (!watch->idle)
		watch_free(watch);
	return 0;
}

/*
 * Curl would make its sockets without CLOEXEC, and the credential guard, which the daemon executes, could get
 * them.
 */
static curl_socket_t open_connection(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)arg;
	(void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int close_connection(void *arg, curl_socket_t fd)
{
	struct watch *watch = watch_of(arg, fd);

	if (watch != NULL)
		watch_free(watch);
	return close(fd);
}

static int set_options(struct http_multi *m, long connections)
{
	CURLM *multi = m->multi;

	if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, curl_wants_socket) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, m) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, curl_wants_timer) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, m) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections) != CURLM_OK)
		return -1;
	return 0;
}

struct http_multi *http_multi_new(struct event_base *base, long connections, const struct http_multi_ops *ops,
    void *arg)
{
	struct http_multi *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->base = base;
	m->ops = *ops;
	m->arg = arg;
	m->timer = evtimer_new(base, timer_expired, m);
	m->multi = curl_multi_init();
	if (m->multi != NULL && m->timer != NULL && set_options(m, connections) == 0)
		return m;
	http_multi_free(m);
	return NULL;
}

void http_multi_free(struct http_multi *m)
{
	if (m == NULL)
		return;
	if (m->multi != NULL)
		curl_multi_cleanup(
		    m->multi); /* still calls curl_wants_socket, close_connection, curl_wants_timer */
	if (m->timer != NULL)
		event_free(m->timer);
	free(m);
}

int http_multi_add(struct http_multi *m, CURL *easy)
{
	CURLMcode code;

	if (curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_connection) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_connection) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, m) != CURLE_OK)
		return -1;
	m->adding = true;
	code = curl_multi_add_handle(m->multi, easy);
	m->adding = false;
	return code == CURLM_OK ? 0 : -1;
}

void http_multi_remove(struct http_multi *m, CURL *easy)
{
	curl_multi_remove_handle(m->multi, easy);
}
