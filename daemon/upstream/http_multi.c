/*
 * http_multi: watches what curl wants watched, wakes it when its time has come, and tells of transfers that ended.
 */
#include "daemon/upstream/http_multi.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

struct http_multi {
	struct event_base *base;
	CURLM *multi;
	struct event *timer; /* curl's */
	http_multi_finished *finished;
	http_multi_idle *idle;
	void *arg;
};

/* What curl wants watched: one for each of its sockets. */
struct watch {
	struct http_multi *m;
	struct event event;
};

/* Curl may have ended any number of transfers; callbacks may start and cancel others meanwhile. */
static void drain(struct http_multi *m)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(m->multi, &left)) != NULL) {
		if (message->msg == CURLMSG_DONE)
			m->finished(m->arg, message->easy_handle, message->data.result);
	}
	m->idle(m->arg);
}

static void socket_ready(evutil_socket_t fd, short what, void *arg)
{
	const struct watch *watch = arg;
	struct http_multi *m = watch->m;
	int mask = ((what & EV_READ) ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0), running;

	/* Of an error in the multi handle nothing can be learned here; the calls' own deadlines end them. */
	curl_multi_socket_action(m->multi, fd, mask, &running);
	drain(m);
}

static void timer_expired(evutil_socket_t fd, short what, void *arg)
{
	struct http_multi *m = arg;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(m->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	drain(m);
}

/* From curl: may not call it back. */
static int timer_wanted(CURLM *multi, long timeout_ms, void *arg)
{
	struct http_multi *m = arg;
	struct timeval tv = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};

	(void)multi;
	if (timeout_ms < 0)
		evtimer_del(m->timer);
	else
		evtimer_add(m->timer, &tv);
	return 0;
}

static void unwatch(struct http_multi *m, curl_socket_t fd, struct watch *watch)
{
	if (watch != NULL)
		event_del(&watch->event);
	free(watch);
	curl_multi_assign(m->multi, fd, NULL);
}

/*
 * From curl: what to watch a socket for. A failure is not told to curl, which would then give up every transfer
 * there is; the one on this socket ends at its deadline.
 */
static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	struct http_multi *m = arg;
	struct watch *watch = assigned;
	short events = EV_PERSIST;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		unwatch(m, fd, watch);
		return 0;
	}
	if (watch == NULL) {
		watch = calloc(1, sizeof(*watch));
		if (watch == NULL)
			return 0;
		watch->m = m;
		curl_multi_assign(m->multi, fd, watch);
	} else {
		event_del(&watch->event);
	}
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	event_assign(&watch->event, m->base, fd, events, socket_ready, watch);
	event_add(&watch->event, NULL);
	return 0;
}

static int set_options(struct http_multi *m, long connections)
{
	CURLM *multi = m->multi;

	if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_wanted) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, m) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_wanted) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, m) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections) != CURLM_OK)
		return -1;
	return 0;
}

struct http_multi *http_multi_new(struct event_base *base, long connections, http_multi_finished *finished,
    http_multi_idle *idle, void *arg)
{
	struct http_multi *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->base = base;
	m->finished = finished;
	m->idle = idle;
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
		curl_multi_cleanup(m->multi); /* still calls socket_wanted and timer_wanted */
	if (m->timer != NULL)
		event_free(m->timer);
	free(m);
}

int http_multi_add(struct http_multi *m, CURL *easy)
{
	return curl_multi_add_handle(m->multi, easy) == CURLM_OK ? 0 : -1;
}

void http_multi_remove(struct http_multi *m, CURL *easy)
{
	curl_multi_remove_handle(m->multi, easy);
}
