/*
 * reload: reads the configuration again on SIGHUP, and gives each part the settings that it may take while it
 * runs.
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
	struct config *started; /* the configuration at the start: some settings of it stay until a restart */
	struct config *config;  /* the configuration in force */
	bool failed;            /* the last reload failed */
	struct switchover *switchover;
	struct front *front;
	struct notify *notify;
	struct event *hangup;
	struct event *again; /* pending while the configuration's files are being changed */
	unsigned tries;      /* to load the configuration since the last SIGHUP */
};

/* -- what systemd is told ------------------------------------------------------------------------------------ */

static void tell_status(struct reload *reload)
{
	const struct backend *next = switchover_next(reload->switchover);
	char current[400], coming[200] = "", text[800];
	login_words(backend_login(switchover_current(reload->switchover)), current, sizeof(current));
	if (next != NULL)
		login_words(backend_login(next), coming, sizeof(coming));
	/* The failure comes first, since the line may be cut. */
	snprintf(text, sizeof(text), "%s%s%s%s",
	    reload->failed ? "the configuration could not be reloaded, see the log; " : "", current,
	    next != NULL ? "; the new configuration's login, not in use yet: " : "", coming);
	notify_status(reload->notify, text);
}

static void use_config(struct reload *reload, const struct config *config)
{
	struct backend *backend = switchover_current(reload->switchover);
	backend_set_cache(backend, config);
	front_use(reload->front, config, backend);
}

static void on_switchover_changed(void *arg)
{
	struct reload *reload = arg;
	use_config(reload, reload->config);
	tell_status(reload);
}

/* -- the reload ---------------------------------------------------------------------------------------------- */

/*
 * Loads the configuration and puts it in force. 0; or -1 with error set, and *ret_again_ms as config_load_again()
 * gives it.
 */
static int take_config(struct reload *reload, unsigned *ret_again_ms, struct error *error)
{
	struct config *config = config_load_again(reload->path, reload->config, ret_again_ms, error);

	if (config == NULL)
		return -1;
	if (switchover_change(reload->switchover, config, error) != 0) {
		config_free(config);
		return -1;
	}
	log_set_level(config->log.level);
	config_warn(config, log_warning);
	config_warn_of_restart(reload->started, config, log_warning);
	use_config(reload, config);
	config_free(reload->config);
	reload->config = config;
	return 0;
}

/* Tries to load the configuration, and while its files are being changed tries again a little later. */
static void try_reload(struct reload *reload)
{
	unsigned again_ms;
	struct error error;
	struct timeval tv;

	bool failed = take_config(reload, &again_ms, &error) != 0;

	if (failed && again_ms > 0 && ++reload->tries < CONFIG_TRIES_MAX) {
		tv = clock_timeval(again_ms);
		if (event_add(reload->again, &tv) == 0)
			return;
	}
	reload->failed = failed;
	if (failed)
		log_error("%s; the configuration before stays in force", error.text);
	else
		log_info("reloaded");
	tell_status(reload);
	notify_ready(reload->notify);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	try_reload(arg);
}

static void on_hangup(evutil_socket_t number, short what, void *arg)
{
	struct reload *reload = arg;

	(void)number;
	(void)what;
	log_info("reloading %s, on SIGHUP", reload->path);
	notify_reloading(reload->notify);
	(void)event_del(reload->again);
	reload->tries = 0;
	try_reload(reload);
}

struct reload *reload_new(struct event_base *base, const char *path, struct config *config,
    struct switchover *switchover, struct front *front, struct notify *notify)
{
	struct reload *reload = calloc(1, sizeof(*reload));
	if (reload == NULL)
		return NULL;
	*reload = (struct reload){ .path = path,
		.started = config_hold(config),
		.config = config_hold(config),
		.switchover = switchover,
		.front = front,
		.notify = notify };
	reload->hangup = evsignal_new(base, SIGHUP, on_hangup, reload);
	reload->again = evtimer_new(base, on_again, reload);
	if (reload->hangup == NULL || reload->again == NULL || event_add(reload->hangup, NULL) != 0) {
		reload_free(reload);
		return NULL;
	}
	switchover_watch(switchover, on_switchover_changed, reload);
	tell_status(reload);
	return reload;
}

void reload_stop(struct reload *reload)
{
	(void)event_del(reload->hangup);
	(void)event_del(reload->again);
}

void reload_free(struct reload *reload)
{
	if (reload == NULL)
		return;
	if (reload->hangup != NULL)
		event_free(reload->hangup);
	if (reload->again != NULL)
		event_free(reload->again);
	config_free(reload->config);
	config_free(reload->started);
	free(reload);
}
