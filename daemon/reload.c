/*
 * reload: reads the configuration again on SIGHUP, and gives each part the settings that it may take while it
 * runs.
 */
#include "daemon/reload.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

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
};

/* -- what systemd is told ------------------------------------------------------------------------------------ */

static void tell_status(struct reload *reload)
{
	const struct backend *next = switchover_next(reload->switchover);
	char current[400], coming[200] = "", text[800];
	login_words(backend_login(switchover_current(reload->switchover)), current, sizeof(current));
	if (next != NULL)
		login_words(backend_login(next), coming, sizeof(coming));
	snprintf(text, sizeof(text), "%s%s%s%s", current,
	    next != NULL ? "; the new configuration's login, not in use yet: " : "", coming,
	    reload->failed ? "; the configuration could not be reloaded, see the log" : "");
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

static int take_config(struct reload *reload, struct error *error)
{
	struct config *config = config_load_again(reload->path, reload->config, error);
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

static void on_hangup(evutil_socket_t number, short what, void *arg)
{
	struct reload *reload = arg;
	struct error error;
	(void)number;
	(void)what;
	log_info("reloading %s, on SIGHUP", reload->path);
	notify_reloading(reload->notify);
	reload->failed = take_config(reload, &error) != 0;
	if (reload->failed)
		log_error("%s; the configuration before stays in force", error.text);
	else
		log_info("reloaded");
	tell_status(reload);
	notify_ready(reload->notify);
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
	if (reload->hangup == NULL || event_add(reload->hangup, NULL) != 0) {
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
}

void reload_free(struct reload *reload)
{
	if (reload == NULL)
		return;
	if (reload->hangup != NULL)
		event_free(reload->hangup);
	config_free(reload->config);
	config_free(reload->started);
	free(reload);
}
