/*
 * snapshot_pull: two buffers. The thread fills one with what it has checked; when the loop has emptied the other
 * they are swapped. One eventfd tells the loop that there is something to take, another the thread that there is
 * room again.
 */
#include "daemon/store/snapshot_pull.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secmem.h"
#include "base/thread.h"
#include "daemon/store/sha256_openssl.h"
#include "proto/snapshot.h"

/*
 * When this many checked bytes wait in the thread's buffer OpenBao is paused until half of them are gone. With the
 * piece that crosses the limit they are 128 KiB at most. The buffer gets that room at once, since growing would
 * leave holes in the heap.
 */
#define UNSHARED_MAX (128u * 1024 - HTTP_PIECE_MAX)

struct snapshot_pull {
	/* Used by the daemon's loop only. */
	pthread_t thread;
	bool started;
	struct event *readable;
	void (*news)(void *arg);
	void *arg;

	/* Set before the thread begins, and constant from then on. */
	struct api *api; /* the thread's own, on its loop */
	char *token, *node;
	uint64_t number;        /* the caller's request, for the log */
	int to_loop, to_thread; /* eventfds */

	/* Shared by both, under the lock. */
	pthread_mutex_t lock;
	struct buf shared;                /* the bytes to be taken */
	struct snapshot_pull_state state; /* how things stand after those bytes */
	bool signalled;                   /* to_loop was written since the last take */
	bool thread_waits;                /* the thread waits for shared to be taken */
	bool stop;

	/* Used by the thread only. */
	struct event_base *base;
	struct event *woken, *publish;
	struct http_call *http; /* NULL: not asked yet, or all has come */
	struct snapshot_check *check;
	struct buf unshared;                       /* checked, and not shared yet */
	struct snapshot_pull_state unshared_state; /* how things stand after those bytes */
	bool paused;                               /* OpenBao has to wait */
};

const char *snapshot_pull_end_name(enum snapshot_pull_end end)
{
	static const char *const names[] = { [PULL_GOES_ON] = "goes on",
		[PULL_WHOLE] = "whole",
		[PULL_NOT_WHOLE] = "not whole",
		[PULL_REFUSED] = "refused",
		[PULL_FAILED] = "failed" };

	return names[end];
}

static void pull_signal(int fd)
{
	static const uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

static void pull_clear_signal(int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
}

static void pull_swap_bufs(struct buf *a, struct buf *b)
{
	struct buf was = *a;

	*a = *b;
	*b = was;
}

/* -- in the thread ------------------------------------------------------------------------------------------- */

/*
 * Shares what the thread has with the loop, if the loop has taken what it got before. Returns false if the thread
 * is to stop: it was told to, or the end is shared.
 */
static bool pull_publish(struct snapshot_pull *pull)
{
	bool signals = false, goes_on;

	pthread_mutex_lock(&pull->lock);
	if (buf_len(&pull->shared) == 0) {
		pull_swap_bufs(&pull->shared, &pull->unshared);
		pull->state = pull->unshared_state;
		signals = !pull->signalled && (buf_len(&pull->shared) > 0 || pull->state.end != PULL_GOES_ON);
		pull->signalled |= signals;
	}
	pull->thread_waits = buf_len(&pull->unshared) > 0 || pull->state.end != pull->unshared_state.end;
	goes_on = !pull->stop && pull->state.end == PULL_GOES_ON;
	pthread_mutex_unlock(&pull->lock);
	if (signals)
		pull_signal(pull->to_loop);
	return goes_on;
}

static void pull_on_publish(evutil_socket_t fd, short what, void *arg)
{
	struct snapshot_pull *pull = arg;

	(void)fd;
	(void)what;
	if (!pull_publish(pull)) {
		event_base_loopbreak(pull->base);
		return;
	}
	if (pull->paused && pull->unshared_state.end == PULL_GOES_ON && pull->http != NULL &&
	    buf_len(&pull->unshared) < UNSHARED_MAX / 2) {
		pull->paused = false;
		http_resume(pull->http);
	}
}

/* Publishes after the events that are due now, of which some may bring more. */
static void pull_publish_later(struct snapshot_pull *pull)
{
	event_active(pull->publish, EV_TIMEOUT, 0);
}

static void pull_on_woken(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	pull_clear_signal(fd);
	pull_publish_later(arg);
}

static void pull_finish(struct snapshot_pull *pull, enum snapshot_pull_end how, const char *error)
{
	if (pull->unshared_state.end != PULL_GOES_ON)
		return;
	pull->unshared_state.end = how;
	pull->unshared_state.error = error;
	pull_publish_later(pull);
}

static void pull_out_of_memory(struct snapshot_pull *pull)
{
	pull_finish(pull, PULL_FAILED, "out of memory");
}

static bool pull_is_stopping(struct snapshot_pull *pull)
{
	bool stop;

	pthread_mutex_lock(&pull->lock);
	stop = pull->stop;
	pthread_mutex_unlock(&pull->lock);
	return stop;
}

/*
 * Checks in steps, between which the thread may be stopped: a few compressed bytes can hold millions to be
 * checked.
 */
static void pull_check(struct snapshot_pull *pull, const unsigned char *p, size_t n)
{
	const unsigned char *at = p;
	size_t left = n;
	enum snapshot_step step;

	do {
		step = snapshot_check_step(pull->check, &at, &left);
	} while (step == SNAPSHOT_BUSY && !pull_is_stopping(pull));
	if (step == SNAPSHOT_BAD)
		pull_finish(pull, PULL_NOT_WHOLE, snapshot_check_error(pull->check));
	else if (buf_reserve(&pull->unshared, UNSHARED_MAX + HTTP_PIECE_MAX - buf_len(&pull->unshared)) != 0 ||
	    buf_put(&pull->unshared, p, n) != 0)
		pull_out_of_memory(pull);
}

static bool pull_is_full(const struct snapshot_pull *pull)
{
	return buf_len(&pull->unshared) >= UNSHARED_MAX;
}

static void pull_sink(void *arg, const void *p, size_t n)
{
	struct snapshot_pull *pull = arg;

	if (pull_is_stopping(pull)) {
		http_pause(pull->http);
		event_base_loopbreak(pull->base);
		return;
	}
	if (pull->unshared_state.end != PULL_GOES_ON)
		return;
	pull->unshared_state.begun = true;
	pull_check(pull, p, n);
	if (pull_is_full(pull) && !pull_publish(pull))
		event_base_loopbreak(pull->base);
	pull_publish_later(pull);
	pull->paused = pull->unshared_state.end != PULL_GOES_ON || pull_is_full(pull);
	if (pull->paused)
		http_pause(pull->http);
}

static void pull_on_answer(void *arg, const struct answer *answer)
{
	struct snapshot_pull *pull = arg;

	pull->http = NULL;
	if (answer->verdict != VERDICT_OK) {
		pull->unshared_state.answer = *answer;
		pull_finish(pull, PULL_REFUSED, "");
	} else if (snapshot_check_end(pull->check) != 0) {
		pull_finish(pull, PULL_NOT_WHOLE, snapshot_check_error(pull->check));
	} else {
		memcpy(pull->unshared_state.sum, snapshot_check_state_sum(pull->check),
		    sizeof(pull->unshared_state.sum));
		pull_finish(pull, PULL_WHOLE, "");
	}
}

static void pull_ask(struct snapshot_pull *pull)
{
	const struct http_stream stream = { .sink = pull_sink, .arg = pull };

	pull->http = api_ask(pull->api, API_SNAPSHOT_SAVE,
	    &(struct api_request){ .token = pull->token,
		.node = pull->node,
		.number = pull->number,
		.stream = &stream,
		.deadline_ms = CLOCK_NEVER },
	    pull_on_answer, pull);
	if (pull->http == NULL)
		pull_out_of_memory(pull);
}

static void *pull_run(void *arg)
{
	struct snapshot_pull *pull = arg;

	pull_ask(pull);
	event_base_dispatch(pull->base);
	http_cancel(pull->http);
	return NULL;
}

/* -- for the loop -------------------------------------------------------------------------------------------- */

static void pull_on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct snapshot_pull *pull = arg;

	(void)what;
	pull_clear_signal(fd);
	pull->news(pull->arg);
}

static int pull_prepare(struct snapshot_pull *pull, struct event_base *base, const struct api *api)
{
	struct error ignored;

	pull->to_loop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pull->to_thread = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pull->base = event_base_new();
	if (pull->to_loop < 0 || pull->to_thread < 0 || pull->base == NULL)
		return -1;
	pull->api = api_for_node(api, pull->base, pull->node, &ignored);
	pull->readable = event_new(base, pull->to_loop, EV_READ | EV_PERSIST, pull_on_readable, pull);
	pull->woken = event_new(pull->base, pull->to_thread, EV_READ | EV_PERSIST, pull_on_woken, pull);
	pull->publish = event_new(pull->base, -1, 0, pull_on_publish, pull);
	pull->check = snapshot_check_new(&sha256_openssl, false);
	if (pull->api == NULL || pull->readable == NULL || pull->woken == NULL || pull->publish == NULL ||
	    pull->check == NULL)
		return -1;
	return event_add(pull->readable, NULL) == 0 && event_add(pull->woken, NULL) == 0 ? 0 : -1;
}

struct snapshot_pull *snapshot_pull_start(struct event_base *base, const struct api *api,
    const struct api_request *what, void (*news)(void *arg), void *arg)
{
	struct snapshot_pull *pull = calloc(1, sizeof(*pull));

	if (pull == NULL)
		return NULL;
	pthread_mutex_init(&pull->lock, NULL);
	buf_init(&pull->shared, SIZE_MAX / 2);
	buf_init(&pull->unshared, SIZE_MAX / 2);
	pull->to_loop = pull->to_thread = -1;
	pull->news = news;
	pull->arg = arg;
	pull->token = secmem_strdup(what->token);
	pull->node = strdup(what->node);
	pull->number = what->number;
	if (pull->token != NULL && pull->node != NULL && pull_prepare(pull, base, api) == 0)
		pull->started = thread_start(&pull->thread, pull_run, pull) == 0;
	if (pull->started)
		return pull;
	snapshot_pull_free(pull);
	return NULL;
}

void snapshot_pull_take(struct snapshot_pull *pull, struct buf *to, struct snapshot_pull_state *state)
{
	bool waits;

	pthread_mutex_lock(&pull->lock);
	pull_swap_bufs(to, &pull->shared);
	*state = pull->state;
	pull->signalled = false;
	waits = pull->thread_waits;
	pull->thread_waits = false;
	pthread_mutex_unlock(&pull->lock);
	if (waits)
		pull_signal(pull->to_thread);
}

static void pull_stop(struct snapshot_pull *pull)
{
	pthread_mutex_lock(&pull->lock);
	pull->stop = true;
	pthread_mutex_unlock(&pull->lock);
	pull_signal(pull->to_thread);
	pthread_join(pull->thread, NULL);
}

static void pull_free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

static void pull_close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void snapshot_pull_free(struct snapshot_pull *pull)
{
	if (pull == NULL)
		return;
	if (pull->started)
		pull_stop(pull);
	api_free(pull->api);
	pull_free_event(pull->readable);
	pull_free_event(pull->woken);
	pull_free_event(pull->publish);
	if (pull->base != NULL)
		event_base_free(pull->base);
	snapshot_check_free(pull->check);
	buf_free(&pull->shared);
	buf_free(&pull->unshared);
	secmem_free(pull->token);
	free(pull->node);
	pull_close_fd(pull->to_loop);
	pull_close_fd(pull->to_thread);
	pthread_mutex_destroy(&pull->lock);
	free(pull);
}
