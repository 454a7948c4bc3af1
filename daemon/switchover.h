/*
 * switchover: the one that serves, and how another takes its place when the configuration of OpenBao has changed:
 * it logs in first, beside the one that serves, and only then gets the requests. The one before ends what it has
 * begun.
 */
#ifndef SWITCHOVER_H
#define SWITCHOVER_H

#include <stdbool.h>

#include "base/error.h"

struct backend;
struct switchover;
struct config;
struct event_base;

/* The first of them, not started yet. NULL with error set. */
struct switchover *switchover_new(struct event_base *base, struct config *config, struct error *error);
void switchover_start(struct switchover *switchover);
void switchover_free(struct switchover *switchover);

/*
 * changed runs, from the loop, when another backend serves, and when what login_status tells of the one that
 * serves, or of the next, may have become another.
 */
void switchover_watch(struct switchover *switchover, void (*changed)(void *arg), void *arg);

/*
 * The one that serves; and the one that is to, as soon as it has logged in or the first has no login any more,
 * else NULL.
 */
struct backend *switchover_current(const struct switchover *switchover);
struct backend *switchover_next(const struct switchover *switchover);

/*
 * From here on OpenBao is as config describes it, if that is another way than now. One that was to take the place
 * of the current one and has not done so yet is forgotten. 0; or -1 with error set and nothing changed.
 */
int switchover_change(struct switchover *switchover, struct config *config, struct error *error);

/* The daemon stops. done runs once, from the loop, when all have ended. */
void switchover_stop(struct switchover *switchover, void (*done)(void *arg), void *arg);

#endif
