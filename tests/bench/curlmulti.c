/*
 * curlmulti: the least that a program with libcurl's multi interface and libevent can do to get secrets from an
 * OpenBao over HTTP: `callers` transfers at a time, each of which uses its handle and connection again for the
 * next path. It costs what curl costs, so the daemon is compared with it. The options are those of core.h, with
 * --to HOST:PORT; own_cpu_us in the report is the result.
 */
#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/core.h"

#define REPLY_MAX (2u << 20)

struct transfer {
	CURL *easy;
	uint64_t asked_ns;
	size_t len;
	char *body; /* the reply is kept, as a program that passes it on would have to */
};

static struct core core;
static CURLM *multi;
static struct event timer;

static size_t take(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	if (t->len + size * n > REPLY_MAX)
		return 0;
	memcpy(t->body + t->len, p, size * n);
	t->len += size * n;
	return size * n;
}

static void ask(struct transfer *t)
{
	const char *path = core_ask(&core);
	char url[512];

	if (path == NULL)
		return;
	snprintf(url, sizeof(url), "http://%s/v1/%s/data/%s", core.to, core.mount, path);
	t->len = 0;
	t->asked_ns = core_now_ns();
	curl_easy_setopt(t->easy, CURLOPT_URL, url);
	if (curl_multi_add_handle(multi, t->easy) != CURLM_OK)
		die("curl_multi_add_handle");
}

static void drain(void)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL) {
		struct transfer *t;
		long status = 0;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		core_answered(&core, t->asked_ns, message->data.result == CURLE_OK && status == 200, t->len);
		curl_multi_remove_handle(multi, t->easy);
		ask(t);
	}
}

static void ready(evutil_socket_t fd, short what, void *arg)
{
	int running;

	(void)arg;
	curl_multi_socket_action(multi, fd,
	    ((what & EV_READ) ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0), &running);
	drain();
}

static void timer_expired(evutil_socket_t fd, short what, void *arg)
{
	int running;

	(void)fd;
	(void)what;
	(void)arg;
	curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	drain();
}

static int timer_wanted(CURLM *m, long timeout_ms, void *arg)
{
	struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };

	(void)m;
	(void)arg;
	if (timeout_ms < 0)
		evtimer_del(&timer);
	else
		evtimer_add(&timer, &tv);
	return 0;
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	struct event *event = assigned;

	(void)easy;
	(void)arg;
	if (event != NULL)
		event_del(event);
	if (what == CURL_POLL_REMOVE) {
		free(event);
		curl_multi_assign(multi, fd, NULL);
		return 0;
	}
	if (event == NULL && (event = calloc(1, sizeof(*event))) == NULL)
		die("out of memory");
	curl_multi_assign(multi, fd, event);
	event_assign(event, core.base, fd,
	    (short)(((what & CURL_POLL_IN) ? EV_READ : 0) | ((what & CURL_POLL_OUT) ? EV_WRITE : 0) | EV_PERSIST),
	    ready, NULL);
	event_add(event, NULL);
	return 0;
}

/* Makes the headers that the daemon sends, too. */
static struct curl_slist *headers(void)
{
	static const char *const fixed[] = { "User-Agent: curlmulti", "X-Vault-Request: true",
		"Expect:", "Content-Type: application/json" };
	const char *token = getenv("BENCH_TOKEN");
	struct curl_slist *list = NULL;
	char line[512];

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		list = curl_slist_append(list, fixed[i]);
	snprintf(line, sizeof(line), "X-Vault-Token: %s", token != NULL ? token : "none");
	return curl_slist_append(list, line);
}

static void start(struct transfer *t, struct curl_slist *list)
{
	t->easy = curl_easy_init();
	t->body = malloc(REPLY_MAX);
	if (t->easy == NULL || t->body == NULL)
		die("out of memory");
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
	ask(t);
}

int main(int argc, char **argv)
{
	struct transfer *transfers;
	struct curl_slist *list;

	core_init(&core, argc, argv);
	core.as = "curlmulti";
	transfers = calloc(core.callers, sizeof(*transfers));
	if (transfers == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (multi = curl_multi_init()) == NULL)
		die("out of memory");
	evtimer_assign(&timer, core.base, timer_expired, NULL);
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)core.callers + 1);
	list = headers();
	for (unsigned i = 0; i < core.callers; i++)
		start(&transfers[i], list);
	core_run(&core);
	return 0;
}
