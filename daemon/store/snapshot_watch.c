/*
 * snapshot_watch: health, then leader, then a pause, and again. Neither needs a token, which may not exist any more
 * in the state that was restored.
 *
 * While it applies a snapshot, a leader answers sys/health as ever and sys/leader not at all; then it either becomes
 * active anew, with another active_time, or seals itself (observed with OpenBao 2.7.2).
 */
#include "daemon/store/snapshot_watch.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/upstream/api.h"

#define QUESTION_MS 2000u
#define PAUSE_MS 200u

struct watch {
	struct api *api;
	char *node, *active_time;
	uint64_t until_ms;
	struct http_call *question;
	struct event timer;
	watch_done *done;
	void *arg;
};

const char *restored_name(enum restored restored)
{
	static const char *const names[] = {
		[RESTORED_APPLIED] = "applied", [RESTORED_SEALED] = "sealed", [RESTORED_WAITING] = "waiting" };

	return names[restored];
}

static void finish(struct watch *w, enum restored restored)
{
	watch_done *done = w->done;
	void *arg = w->arg;

	snapshot_watch_cancel(w);
	done(arg, restored);
}

static void pause_watch(struct watch *w)
{
	struct timeval tv = {.tv_usec = PAUSE_MS * 1000};

	(void)evtimer_add(&w->timer, &tv);
}

static bool is_active_anew(const struct watch *w, const struct control *c)
{
	return c->result == CONTROL_OK && c->is_self && c->active_time != NULL && w->active_time != NULL &&
	    strcmp(c->active_time, w->active_time) != 0;
}

static void on_leader(void *arg, const struct control *control)
{
	struct watch *w = arg;

	w->question = NULL;
	if (is_active_anew(w, control))
		finish(w, RESTORED_APPLIED);
	else
		pause_watch(w);
}

static void on_health(void *arg, const struct control *control)
{
	struct watch *w = arg;

	w->question = NULL;
	if (control->health && control->sealed) {
		finish(w, RESTORED_SEALED);
		return;
	}
	w->question = api_ask_control(w->api, API_LEADER,
	    &(struct api_request){.node = w->node, .deadline_ms = clock_now_ms() + QUESTION_MS}, on_leader, w);
	if (w->question == NULL)
		pause_watch(w);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)fd;
	(void)what;
	if (clock_now_ms() >= w->until_ms) {
		finish(w, RESTORED_WAITING);
		return;
	}
	w->question = api_ask_control(w->api, API_HEALTH,
	    &(struct api_request){.node = w->node, .deadline_ms = clock_now_ms() + QUESTION_MS}, on_health, w);
	if (w->question == NULL)
		pause_watch(w);
}

struct watch *snapshot_watch(struct event_base *base, struct api *api, const char *node, const char *active_time,
    uint64_t until_ms, watch_done *done, void *arg)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->api = api;
	w->until_ms = until_ms;
	w->done = done;
	w->arg = arg;
	w->node = strdup(node);
	w->active_time = active_time != NULL ? strdup(active_time) : NULL;
	(void)evtimer_assign(&w->timer, base, on_timer, w);
	if (w->node != NULL && (active_time == NULL || w->active_time != NULL)) {
		pause_watch(w);
		return w;
	}
	snapshot_watch_cancel(w);
	return NULL;
}

void snapshot_watch_cancel(struct watch *w)
{
	if (w->question != NULL)
		http_cancel(w->question);
	event_del(&w->timer);
	free(w->node);
	free(w->active_time);
	free(w);
}
