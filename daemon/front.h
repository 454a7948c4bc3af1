/*
 * front: the callers' side, as a configuration wants it and with OpenBao as a backend has it. Both can change
 * while callers are connected.
 */
#ifndef FRONT_H
#define FRONT_H

#include <stdint.h>

#include "base/error.h"

struct activation;
struct audit;
struct backend;
struct config;
struct event_base;
struct front;

/*
 * Listens, on the socket that systemd has passed on or on one of its own. config and backend are borrowed until
 * front_use names others, audit until the end. NULL with error set.
 */
struct front *front_new(struct event_base *base, const struct config *config, const struct backend *backend,
    struct audit *audit, struct activation *activation, struct error *error);

/*
 * From now on rules, limits and the audit's level are those of config, and requests go to backend; requests that
 * are under way end where they are.
 */
void front_use(struct front *front, const struct config *config, const struct backend *backend);

/*
 * No more connections and requests; replies that are owed are still written. done runs, once, perhaps at once,
 * when no credential is being given to systemd any more, or after some seconds.
 */
void front_stop(struct front *front, void (*done)(void *arg), void *arg);

/* When the backends have stopped: ops_drain. */
void front_drain(struct front *front, struct event_base *base, uint64_t budget_ms, void (*drained)(void *arg),
    void *arg);

/* Ends all connections, abandoning what they wait for: before the backends are freed. */
void front_disconnect(struct front *front);

/* Frees the rest, after the backends, which have requests to tell of their end. */
void front_free(struct front *front);

#endif
