/*
 * serving: the callers' side, as a configuration wants it and with OpenBao as a backend has it. Both can change
 * while callers are connected.
 */
#ifndef SERVING_H
#define SERVING_H

#include <stdint.h>

#include "base/error.h"

struct activation;
struct audit;
struct backend;
struct config;
struct event_base;
struct serving;

/*
 * Listens, on the socket that systemd has passed on or on one of its own. config and backend are borrowed until
 * serving_use names others, audit until the end. NULL with error set.
 */
struct serving *serving_new(struct event_base *base, const struct config *config, const struct backend *backend,
    struct audit *audit, struct activation *activation, struct error *error);

/*
 * From now on rules, limits and the audit's level are those of config, and requests go to backend; requests that
 * are under way end where they are.
 */
void serving_use(struct serving *serving, const struct config *config, const struct backend *backend);

/*
 * No more connections and requests; replies that are owed are still written. done runs, once, perhaps at once,
 * when no credential is being given to systemd any more, or after some seconds.
 */
void serving_stop(struct serving *serving, void (*done)(void *arg), void *arg);

/* When the backends have stopped: ops_drain. */
void serving_drain(struct serving *serving, struct event_base *base, uint64_t budget_ms,
    void (*drained)(void *arg), void *arg);

/* Ends all connections, abandoning what they wait for: before the backends are freed. */
void serving_disconnect(struct serving *serving);

/* Frees the rest, after the backends, which have requests to tell of their end. */
void serving_free(struct serving *serving);

#endif
