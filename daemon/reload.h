/*
 * reload: the configuration in force, and how another one takes its place: on SIGHUP, without a connection being
 * lost. One with an error in it changes nothing.
 */
#ifndef RELOAD_H
#define RELOAD_H

#include "base/error.h"

struct config;
struct event_base;
struct notify;
struct reload;
struct front;
struct switchover;

/*
 * Keeps a hold on config, which is in force and was read from path. From now on it also sees to it that requests
 * go to the backend that serves, and that systemd is told how things are. All others are borrowed. NULL: no
 * memory.
 */
struct reload *reload_new(struct event_base *base, const char *path, struct config *config,
    struct switchover *switchover, struct front *front, struct notify *notify);

/* The daemon stops: SIGHUP has no effect any more. */
void reload_stop(struct reload *reload);

/* Lets go of the configuration, rules included: after front was freed. */
void reload_free(struct reload *reload);

#endif
