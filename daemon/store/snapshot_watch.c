/*
 * snapshot_watch: asks for the health, then for the leader, pauses, and begins again. Neither question needs a
 * token, which may not exist any more in the state that was restored.
 *
 * While it applies a snapshot a leader answers sys/health as always and sys/leader not at all. Then it either
 * becomes active anew, with another active_time, or seals itself (observed with OpenBao 2.7.2).
 */
#include "daemon/store/snapshot_watch.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/host/log.h"
#include "daemon/upstream/api.h"

#define QUESTION_MS 2000u
#define PAUSE_MS 200u

enum watch_state {
	WATCH_PAUSE,
	WATCH_HEALTH, /* the node is asked for its health */
	WATCH_LEADER  /* the node is asked whether it leads */
};

struct snapshot_watch {
	struct api *api;
	enum watch_state state;
	char *node, *active_time;
	uint64_t until_ms, number;
	struct http_call *question;
	struct event timer;
	snapshot_watch_done *done;
	void *arg;
};

const char *snapshot_watch_end_name(enum snapshot_watch_end end)
{
	static const char *const names
	    [] = { [RESTORED_APPLIED] = "applied", [RESTORED_SEALED] = "sealed", [RESTORED_WAITING] = "waiting" };

	return names[end];
}

/* Sets the state; nothing else does. */
static void watch_set_state(struct snapshot_watch *w, enum watch_state state)
{
	static const char
	    *const names[] = { [WATCH_PAUSE] = "pause", [WATCH_HEALTH] = "health", [WATCH_LEADER] = "leader" };

	log_request(w->number, "watch: %s -> %s", names[w->state], names[state]);
	w->state = state;
}

static void watch_finish(struct snapshot_watch *w, enum snapshot_watch_end end)
{
	snapshot_watch_done *done = w->done;
	void *arg = w->arg;

	snapshot_watch_cancel(w);
	done(arg, end);
}

static void watch_pause(struct snapshot_watch *w)
{
	struct timeval tv = { .tv_usec = PAUSE_MS * 1000 };

	if (w->state != WATCH_PAUSE)
		watch_set_state(w, WATCH_PAUSE);
	(void)evtimer_add(&w->timer, &tv);
}

static void watch_ask(struct snapshot_watch *w, enum watch_state state, enum api_row row, api_control *done)
{
	const struct api_request request = { .node = w->node,
		.deadline_ms = clock_now_ms() + QUESTION_MS,
		.number = w->number };

	w->question = api_ask_control(w->api, row, &request, done, w);
	if (w->question != NULL)
		watch_set_state(w, state);
	else
		watch_pause(w);
}

static void watch_on_leader(void *arg, const struct control *c)
{
	struct snapshot_watch *w = arg;

	w->question = NULL;
	if (c->result == CONTROL_OK && c->is_self && c->active_time != NULL && w->active_time != NULL &&
	    strcmp(c->active_time, w->active_time) != 0)
		watch_finish(w, RESTORED_APPLIED);
	else
		watch_pause(w);
}

static void watch_on_health(void *arg, const struct control *control)
{
	struct snapshot_watch *w = arg;

	w->question = NULL;
	if (control->health && control->sealed)
		watch_finish(w, RESTORED_SEALED);
	else
		watch_ask(w, WATCH_LEADER, API_LEADER, watch_on_leader);
}

static void watch_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct snapshot_watch *w = arg;

	(void)fd;
	(void)what;
	if (clock_now_ms() >= w->until_ms)
		watch_finish(w, RESTORED_WAITING);
	else
		watch_ask(w, WATCH_HEALTH, API_HEALTH, watch_on_health);
}

struct snapshot_watch *snapshot_watch_start(struct event_base *base, struct api *api,
    const struct snapshot_watch_options *options, snapshot_watch_done *done, void *arg)
{
	struct snapshot_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->api = api;
	w->until_ms = options->until_ms;
	w->number = options->number;
	w->done = done;
	w->arg = arg;
	w->node = strdup(options->node);
	w->active_time = options->active_time != NULL ? strdup(options->active_time) : NULL;
	(void)evtimer_assign(&w->timer, base, watch_on_timer, w);
	if (w->node != NULL && (options->active_time == NULL || w->active_time != NULL)) {
		watch_pause(w);
		return w;
	}
	snapshot_watch_cancel(w);
	return NULL;
}

void snapshot_watch_cancel(struct snapshot_watch *w)
{
	http_cancel(w->question);
	event_del(&w->timer);
	free(w->node);
	free(w->active_time);
	free(w);
}
