/*
 * switchover: which backend gets the requests, and how another one takes its place when the configuration of
 * OpenBao has changed. The next backend logs in beside the current one, and gets the requests only then. The one
 * before is retired: it ends what it has under way.
 */
#ifndef SWITCHOVER_H
#define SWITCHOVER_H

#include <stdbool.h>

#include "base/error.h"

struct backend;
struct switchover;
struct config;
struct event_base;

/*
 * Makes the switchover with its first backend, which logs in from switchover_start on. base is borrowed, config is
 * held by the backend. NULL with error set, as backend_new gives it.
 */
struct switchover *switchover_new(struct event_base *base, struct config *config, struct error *error);
void switchover_start(struct switchover *switchover);

/* Frees all backends; no callback runs. NULL: does nothing. */
void switchover_free(struct switchover *switchover);

/*
 * changed runs, from the loop, when another backend has become the current one, and when login_status may give
 * something else for the current backend or the next one.
 */
void switchover_watch(struct switchover *switchover, void (*changed)(void *arg), void *arg);

/*
 * The current backend gets the requests. The next one takes its place as soon as it has logged in, or the current
 * one has no live token any more; NULL: there is no next one. Both are valid until changed runs or
 * switchover_change is called.
 */
struct backend *switchover_current(const struct switchover *switchover);
struct backend *switchover_next(const struct switchover *switchover);

/*
 * Makes a next backend and starts it, if config describes OpenBao in another way than the current backend does. A
 * next one that waited until now is retired, unless config describes it: then it waits on. 0; or -1 with error set
 * and nothing changed.
 */
int switchover_change(struct switchover *switchover, struct config *config, struct error *error);

/*
 * Stops the current backend and the retired ones (backend_stop), and drops the next one, since the daemon stops.
 * done runs once, from the loop, when all have ended.
 */
void switchover_stop(struct switchover *switchover, void (*done)(void *arg), void *arg);

#endif
