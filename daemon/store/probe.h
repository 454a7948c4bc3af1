/*
 * probe: is OpenBao there, and fit to serve secrets? For readiness checks. It is asked anew each time, but probes
 * at the same time share one request.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/codes.h"

#define PROBE_NAME "secretstore"

struct api;
struct event_base;
struct login;
struct probe;
struct probe_wait;

/* api and login are borrowed. NULL: no memory. Freeing ends all waits; no done runs. */
struct probe *probe_new(struct event_base *base, struct api *api, struct login *login);
void probe_free(struct probe *probe);

/*
 * Runs exactly once, never from within probe_ask. why is NULL if OpenBao is initialized and unsealed, active or
 * standby, and the daemon has logged in to it since its start, whether or not it holds a live token just now.
 * Every message ends with the reference's tag.
 */
typedef void probe_done(void *arg, const struct failure *why);

/*
 * A request that is under way already is waited for rather than another one sent: what it tells is at most as old
 * as it, and it is given up and sent again after some seconds. NULL: no memory, done does not run.
 */
struct probe_wait *probe_ask(struct probe *probe, uint64_t deadline_ms, probe_done *done, void *arg);

/* The caller has gone: its done will not run. The others wait on; without any the request is cancelled. */
void probe_abandon(struct probe_wait *wait);

/* idle runs once, from the loop, when nobody waits. */
void probe_when_idle(struct probe *probe, void (*idle)(void *arg), void *arg);

/* For stopping: whoever waits is told so now, and whoever asks from here on is too. */
void probe_stop(struct probe *probe);

#endif
