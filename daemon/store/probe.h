/*
 * probe: asks whether OpenBao is there and fit to serve secrets, for readiness checks. OpenBao is asked anew each
 * time, but probes at the same time share one request.
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

/*
 * All arguments are borrowed. probe_new() returns NULL if there is no memory. probe_free() ends all waits, and no
 * done runs.
 */
struct probe *probe_new(struct event_base *base, struct api *api, struct login *login);
void probe_free(struct probe *probe);

/*
 * Runs exactly once, from the loop or from probe_stop(), never from within probe_ask(). why is NULL if OpenBao is
 * initialized and unsealed, active or standby, and the daemon has logged in since its start, whether or not it
 * holds a live token now. Every message ends with the reference's tag.
 */
typedef void probe_done(void *arg, const struct failure *why);

/*
 * Begins a probe. If a request to OpenBao is under way already its answer is waited for, so that the answer may be
 * as old as that request; a request that gets no answer within some seconds is given up and sent again. Returns
 * NULL if there is no memory; then done does not run.
 */
struct probe_wait *probe_ask(struct probe *probe, uint64_t deadline_ms, probe_done *done, void *arg);

/* The caller has gone: its done will not run. The request is cancelled if nobody else waits for it. */
void probe_abandon(struct probe_wait *wait);

/* idle runs once, from the loop, as soon as nobody waits. */
void probe_when_idle(struct probe *probe, void (*idle)(void *arg), void *arg);

/* Stops: all waits fail now with CODE_NOT_READY, and so do later probes. */
void probe_stop(struct probe *probe);

#endif
