/*
 * backends: the one that serves, and how another takes its place when the configuration of OpenBao has changed: it
 * logs in first, beside the one that serves, and only then gets the requests. The one before ends what it has
 * begun.
 */
#ifndef BACKENDS_H
#define BACKENDS_H

#include <stdbool.h>

#include "base/error.h"

struct backend;
struct backends;
struct config;
struct event_base;

/* The first of them, not started yet. NULL with error set. */
struct backends *backends_new(struct event_base *base, struct config *config, struct error *error);
void backends_start(struct backends *backends);
void backends_free(struct backends *backends);

/*
 * changed runs, from the loop, when another backend serves, and when what keeper_status tells of the one that
 * serves, or of the next, may have become another.
 */
void backends_watch(struct backends *backends, void (*changed)(void *arg), void *arg);

/*
 * The one that serves; and the one that is to, as soon as it has logged in or the first has no login any more,
 * else NULL.
 */
struct backend *backends_current(const struct backends *backends);
struct backend *backends_next(const struct backends *backends);

/*
 * From here on OpenBao is as config describes it, if that is another way than now. One that was to take the place
 * of the current one and has not done so yet is forgotten. 0; or -1 with error set and nothing changed.
 */
int backends_change(struct backends *backends, struct config *config, struct error *error);

/* The daemon stops. done runs once, from the loop, when all have ended. */
void backends_stop(struct backends *backends, void (*done)(void *arg), void *arg);

#endif
