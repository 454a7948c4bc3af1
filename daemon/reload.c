/*
 * reload: reads the configuration again, and gives each part what is new for it.
 */
#include "daemon/reload.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/backend.h"
#include "daemon/switchover.h"
#include "daemon/ops/login_words.h"
#include "daemon/config/config.h"
#include "daemon/host/log.h"
#include "daemon/host/notify.h"
#include "daemon/front.h"

struct reload {
	const char *path;
	struct config *started; /* what cannot change while the daemon runs is as it says */
	struct config *config;  /* in force */
	bool failed;            /* the last configuration that was read was not taken */
	struct switchover *switchover;
	struct front *front;
	struct notify *notify;
	struct event *hangup;
	struct event *again; /* pending while the configuration's files are being changed */
	unsigned tries;      /* since the last SIGHUP */
};

/* -- what systemd is told ------------------------------------------------------------------------------------ */

static void tell_status(struct reload *r)
{
	const struct backend *next = switchover_next(r->switchover);
	char current[400], coming[200] = "", text[800];
	login_words(backend_login(switchover_current(r->switchover)), current, sizeof(current));
	if (next != NULL)
		login_words(backend_login(next), coming, sizeof(coming));
	snprintf(text, sizeof(text), "%s%s%s%s", current,
	    next != NULL ? "; the new configuration's login, not in use yet: " : "", coming,
	    r->failed ? "; the configuration could not be reloaded, see the log" : "");
	notify_status(r->notify, text);
}

static void use_config(struct reload *r, const struct config *config)
{
	struct backend *backend = switchover_current(r->switchover);
	backend_set_cache(backend, config);
	front_use(r->front, config, backend);
}

static void on_switchover_changed(void *arg)
{
	struct reload *r = arg;
	use_config(r, r->config);
	tell_status(r);
}

/* -- the reload ---------------------------------------------------------------------------------------------- */

/* 0 with the configuration in force; or -1 with error set, and *ret_again_ms as config_load_again() gives it. */
static int take_config(struct reload *r, unsigned *ret_again_ms, struct error *error)
{
	struct config *config = config_load_again(r->path, r->config, ret_again_ms, error);

	if (config == NULL)
		return -1;
	if (switchover_change(r->switchover, config, error) != 0) {
		config_free(config);
		return -1;
	}
	log_set_level(config->log.level);
	config_warn(config, log_warning);
	config_warn_of_restart(r->started, config, log_warning);
	use_config(r, config);
	config_free(r->config);
	r->config = config;
	return 0;
}

/* Tries it, and again a little later while the files are being changed. */
static void try_reload(struct reload *r)
{
	unsigned again_ms;
	struct error error;
	struct timeval tv;

	bool failed = take_config(r, &again_ms, &error) != 0;

	if (failed && again_ms > 0 && ++r->tries < CONFIG_TRIES_MAX) {
		tv = clock_timeval(again_ms);
		if (event_add(r->again, &tv) == 0)
			return;
	}
	r->failed = failed;
	if (failed)
		log_error("%s; the configuration before stays in force", error.text);
	else
		log_info("reloaded");
	tell_status(r);
	notify_ready(r->notify);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	try_reload(arg);
}

static void on_hangup(evutil_socket_t number, short what, void *arg)
{
	struct reload *r = arg;

	(void)number;
	(void)what;
	log_info("reloading %s, on SIGHUP", r->path);
	notify_reloading(r->notify);
	(void)event_del(r->again);
	r->tries = 0;
	try_reload(r);
}

struct reload *reload_new(struct event_base *base, const char *path, struct config *config,
    struct switchover *switchover, struct front *front, struct notify *notify)
{
	struct reload *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	*r = (struct reload){ .path = path,
		.started = config_hold(config),
		.config = config_hold(config),
		.switchover = switchover,
		.front = front,
		.notify = notify };
	r->hangup = evsignal_new(base, SIGHUP, on_hangup, r);
	r->again = evtimer_new(base, on_again, r);
	if (r->hangup == NULL || r->again == NULL || event_add(r->hangup, NULL) != 0) {
		reload_free(r);
		return NULL;
	}
	switchover_watch(switchover, on_switchover_changed, r);
	tell_status(r);
	return r;
}

void reload_stop(struct reload *r)
{
	(void)event_del(r->hangup);
	(void)event_del(r->again);
}

void reload_free(struct reload *r)
{
	if (r == NULL)
		return;
	if (r->hangup != NULL)
		event_free(r->hangup);
	if (r->again != NULL)
		event_free(r->again);
	config_free(r->config);
	config_free(r->started);
	free(r);
}
