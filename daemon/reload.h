/*
 * reload: the configuration in force, and how another one takes its place on SIGHUP, without losing a connection.
 * A configuration with an error in it changes nothing. Also gives systemd the status line.
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
 * Catches SIGHUP, and follows the switchover: whenever another backend becomes the current one the front is told
 * to use it. config is the one in force, was read from path, and is held (config_hold); all others are borrowed.
 * NULL: no memory, or the signal cannot be caught.
 */
struct reload *reload_new(struct event_base *base, const char *path, struct config *config,
    struct switchover *switchover, struct front *front, struct notify *notify);

/* Ignores SIGHUP from now on, since the daemon stops. */
void reload_stop(struct reload *reload);

/*
 * Frees, and lets go of the configuration. To be called after front_disconnect, since the rules go too. NULL:
 * does nothing.
 */
void reload_free(struct reload *reload);

#endif
