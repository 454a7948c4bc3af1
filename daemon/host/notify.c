/*
 * notify: calls sd_notify(3), and has a timer for the watchdog.
 */
#include "daemon/host/notify.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "daemon/host/log.h"

#define STATUS_MAX 400

struct notify {
	struct event watchdog;
	char status[STATUS_MAX];
};

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	(void)sd_notify(0, "WATCHDOG=1");
}

struct notify *notify_new(struct event_base *base)
{
	struct notify *n = calloc(1, sizeof(*n));
	uint64_t interval_us = 0;
	if (n == NULL || event_assign(&n->watchdog, base, -1, EV_PERSIST, on_watchdog, n) != 0)
		goto fail;
	if (sd_watchdog_enabled(1, &interval_us) > 0 && interval_us > 0) {
		struct timeval half = { .tv_sec = (time_t)(interval_us / 2 / 1000000),
			.tv_usec = (suseconds_t)(interval_us / 2 % 1000000) };
		if (event_add(&n->watchdog, &half) != 0)
			goto fail;
	}
	return n;
fail:
	free(n);
	return NULL;
}

void notify_free(struct notify *n)
{
	if (n == NULL)
		return;
	event_del(&n->watchdog);
	free(n);
}

/* A failure is only logged: if the state matters to systemd, systemd reports that it is missing. */
static void send_state(const char *state)
{
	int rc = sd_notify(0, state);

	if (rc < 0)
		log_warning("systemd cannot be told of the daemon's state: %s", strerror(-rc));
}

void notify_ready(struct notify *n)
{
	(void)n;
	send_state("READY=1");
}

void notify_reloading(struct notify *n)
{
	struct timespec now;
	char state[80];

	(void)n;
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
	send_state(state);
}

void notify_stopping(struct notify *n)
{
	(void)n;
	send_state("STOPPING=1");
}

void notify_status(struct notify *n, const char *text)
{
	char state[sizeof("STATUS=") + STATUS_MAX], line[STATUS_MAX];

	snprintf(line, sizeof(line), "%s", text);
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, n->status) == 0)
		return;
	memcpy(n->status, line, sizeof(n->status));
	snprintf(state, sizeof(state), "STATUS=%s", line);
	send_state(state);
}
