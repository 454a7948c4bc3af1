/*
 * snapshot_pull: two buffers. The thread fills one with what it has checked; when the loop has emptied the other
 * they are exchanged. An eventfd each way tells that there is something to take, or room again.
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
 * Bytes checked and not handed over; then OpenBao waits until half of it is gone. With the piece that reaches it
 * they are 128 KiB at most, for which there is room at once: a buffer that grows leaves holes behind.
 */
#define FULL (128u * 1024 - HTTP_PIECE_MAX)

struct pull {
	/* The daemon's loop's. */
	pthread_t thread;
	bool started;
	struct event *told;
	void (*news)(void *arg);
	void *arg;

	/* Set before the thread begins. */
	struct api *api; /* of base, with settings of its own */
	char *token, *node;
	uint64_t number;        /* of the request that it is for, for the log */
	int to_loop, to_thread; /* eventfds */

	/* Of both, under the lock. */
	pthread_mutex_t lock;
	struct buf ready;        /* to be taken */
	struct pull_state state; /* as it is after that */
	bool has_told;           /* since something was last taken */
	bool thread_waits;       /* for ready to be taken */
	bool stop;

	/* The thread's. */
	struct event_base *base;
	struct event *woken, *hand_over;
	struct http_call *http; /* NULL: not asked yet, or all has come */
	struct snapshot_check *check;
	struct buf fresh;        /* checked, not handed over */
	struct pull_state known; /* as it is after that */
	bool paused;             /* OpenBao waits */
};

const char *pull_end_name(enum pull_end end)
{
	static const char *const names[] = { [PULL_GOES_ON] = "goes on",
		[PULL_WHOLE] = "whole",
		[PULL_NOT_WHOLE] = "not whole",
		[PULL_REFUSED] = "refused",
		[PULL_FAILED] = "failed" };

	return names[end];
}

static void signal_fd(int fd)
{
	static const uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

static void drain_fd(int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
}

static void exchange_bufs(struct buf *a, struct buf *b)
{
	struct buf was = *a;

	*a = *b;
	*b = was;
}

/* -- in the thread ------------------------------------------------------------------------------------------- */

/*
 * Gives the loop what there is for it, if it has taken what it got before. False: it is to stop, or all is told.
 */
static bool pull_give(struct pull *pull)
{
	bool tells = false, goes_on;

	pthread_mutex_lock(&pull->lock);
	if (buf_len(&pull->ready) == 0) {
		exchange_bufs(&pull->ready, &pull->fresh);
		pull->state = pull->known;
		tells = !pull->has_told && (buf_len(&pull->ready) > 0 || pull->state.end != PULL_GOES_ON);
		pull->has_told |= tells;
	}
	pull->thread_waits = buf_len(&pull->fresh) > 0 || pull->state.end != pull->known.end;
	goes_on = !pull->stop && pull->state.end == PULL_GOES_ON;
	pthread_mutex_unlock(&pull->lock);
	if (tells)
		signal_fd(pull->to_loop);
	return goes_on;
}

static void pull_on_hand_over(evutil_socket_t fd, short what, void *arg)
{
	struct pull *pull = arg;

	(void)fd;
	(void)what;
	if (!pull_give(pull)) {
		event_base_loopbreak(pull->base);
		return;
	}
	if (pull->paused && pull->known.end == PULL_GOES_ON && pull->http != NULL &&
	    buf_len(&pull->fresh) < FULL / 2) {
		pull->paused = false;
		http_resume(pull->http);
	}
}

/* After what curl may still bring in this turn. */
static void pull_hand_over(struct pull *pull)
{
	event_active(pull->hand_over, EV_TIMEOUT, 0);
}

static void pull_on_woken(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	drain_fd(fd);
	pull_hand_over(arg);
}

static void pull_finish(struct pull *pull, enum pull_end how, const char *error)
{
	if (pull->known.end != PULL_GOES_ON)
		return;
	pull->known.end = how;
	pull->known.error = error;
	pull_hand_over(pull);
}

static void pull_out_of_memory(struct pull *pull)
{
	pull_finish(pull, PULL_FAILED, "out of memory");
}

static bool is_to_stop(struct pull *pull)
{
	bool stop;

	pthread_mutex_lock(&pull->lock);
	stop = pull->stop;
	pthread_mutex_unlock(&pull->lock);
	return stop;
}

/* A few bytes can hold millions to be checked. */
static void pull_check(struct pull *pull, const unsigned char *p, size_t n)
{
	const unsigned char *at = p;
	size_t left = n;
	enum snapshot_step step;

	do {
		step = snapshot_check_step(pull->check, &at, &left);
	} while (step == SNAPSHOT_BUSY && !is_to_stop(pull));
	if (step == SNAPSHOT_BAD)
		pull_finish(pull, PULL_NOT_WHOLE, snapshot_check_error(pull->check));
	else if (buf_reserve(&pull->fresh, FULL + HTTP_PIECE_MAX - buf_len(&pull->fresh)) != 0 ||
	    buf_put(&pull->fresh, p, n) != 0)
		pull_out_of_memory(pull);
}

static bool is_full(const struct pull *pull)
{
	return buf_len(&pull->fresh) >= FULL;
}

static void pull_sink(void *arg, const void *p, size_t n)
{
	struct pull *pull = arg;

	if (is_to_stop(pull)) {
		http_pause(pull->http);
		event_base_loopbreak(pull->base);
		return;
	}
	if (pull->known.end != PULL_GOES_ON)
		return;
	pull->known.begun = true;
	pull_check(pull, p, n);
	if (is_full(pull) && !pull_give(pull))
		event_base_loopbreak(pull->base);
	pull_hand_over(pull);
	pull->paused = pull->known.end != PULL_GOES_ON || is_full(pull);
	if (pull->paused)
		http_pause(pull->http);
}

static void pull_on_answer(void *arg, const struct answer *answer)
{
	struct pull *pull = arg;

	pull->http = NULL;
	if (answer->verdict != VERDICT_OK) {
		pull->known.answer = *answer;
		pull_finish(pull, PULL_REFUSED, "");
	} else if (snapshot_check_end(pull->check) != 0) {
		pull_finish(pull, PULL_NOT_WHOLE, snapshot_check_error(pull->check));
	} else {
		memcpy(pull->known.sum, snapshot_check_state_sum(pull->check), sizeof(pull->known.sum));
		pull_finish(pull, PULL_WHOLE, "");
	}
}

static void pull_ask(struct pull *pull)
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
	struct pull *pull = arg;

	pull_ask(pull);
	event_base_dispatch(pull->base);
	http_cancel(pull->http);
	return NULL;
}

/* -- for the loop -------------------------------------------------------------------------------------------- */

static void pull_on_told(evutil_socket_t fd, short what, void *arg)
{
	struct pull *pull = arg;

	(void)what;
	drain_fd(fd);
	pull->news(pull->arg);
}

static int pull_prepare(struct pull *pull, struct event_base *base, const struct api *api)
{
	struct error ignored;

	pull->to_loop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pull->to_thread = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pull->base = event_base_new();
	if (pull->to_loop < 0 || pull->to_thread < 0 || pull->base == NULL)
		return -1;
	pull->api = api_for_node(api, pull->base, pull->node, &ignored);
	pull->told = event_new(base, pull->to_loop, EV_READ | EV_PERSIST, pull_on_told, pull);
	pull->woken = event_new(pull->base, pull->to_thread, EV_READ | EV_PERSIST, pull_on_woken, pull);
	pull->hand_over = event_new(pull->base, -1, 0, pull_on_hand_over, pull);
	pull->check = snapshot_check_new(&sha256_openssl, false);
	if (pull->api == NULL || pull->told == NULL || pull->woken == NULL || pull->hand_over == NULL ||
	    pull->check == NULL)
		return -1;
	return event_add(pull->told, NULL) == 0 && event_add(pull->woken, NULL) == 0 ? 0 : -1;
}

struct pull *pull_start(struct event_base *base, const struct api *api, const struct api_request *what,
    void (*news)(void *arg), void *arg)
{
	struct pull *pull = calloc(1, sizeof(*pull));

	if (pull == NULL)
		return NULL;
	pthread_mutex_init(&pull->lock, NULL);
	buf_init(&pull->ready, SIZE_MAX / 2);
	buf_init(&pull->fresh, SIZE_MAX / 2);
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
	pull_free(pull);
	return NULL;
}

void pull_take(struct pull *pull, struct buf *to, struct pull_state *state)
{
	bool waits;

	pthread_mutex_lock(&pull->lock);
	exchange_bufs(to, &pull->ready);
	*state = pull->state;
	pull->has_told = false;
	waits = pull->thread_waits;
	pull->thread_waits = false;
	pthread_mutex_unlock(&pull->lock);
	if (waits)
		signal_fd(pull->to_thread);
}

static void pull_stop(struct pull *pull)
{
	pthread_mutex_lock(&pull->lock);
	pull->stop = true;
	pthread_mutex_unlock(&pull->lock);
	signal_fd(pull->to_thread);
	pthread_join(pull->thread, NULL);
}

static void free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void pull_free(struct pull *pull)
{
	if (pull == NULL)
		return;
	if (pull->started)
		pull_stop(pull);
	api_free(pull->api);
	free_event(pull->told);
	free_event(pull->woken);
	free_event(pull->hand_over);
	if (pull->base != NULL)
		event_base_free(pull->base);
	snapshot_check_free(pull->check);
	buf_free(&pull->ready);
	buf_free(&pull->fresh);
	secmem_free(pull->token);
	free(pull->node);
	close_fd(pull->to_loop);
	close_fd(pull->to_thread);
	pthread_mutex_destroy(&pull->lock);
	free(pull);
}
