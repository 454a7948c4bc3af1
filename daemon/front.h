/*
 * front: the sockets that callers and systemd connect to, and the ops behind them. Rules and limits are those of a
 * configuration, and requests go to a backend; both can be replaced while callers are connected.
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
 * Listens on the sockets that systemd has passed on (activation), or on its own. config and backend are borrowed
 * until front_use names others, base and audit until front_free. NULL with error set: no memory, or a socket that
 * cannot be used.
 */
struct front *front_new(struct event_base *base, const struct config *config, const struct backend *backend,
    struct audit *audit, struct activation *activation, struct error *error);

/*
 * Requests that arrive from now on are judged by the rules of config and go to backend; limits and the audit's
 * level are those of config at once. Requests under way end with the backend they began with.
 */
void front_use(struct front *front, const struct config *config, const struct backend *backend);

/*
 * Takes no more connections and requests; replies that are owed are still written. done runs once, when no
 * credential is being given to systemd any more, or after 8 s. It runs from within this function if there is no
 * socket for credentials, else from the loop.
 */
void front_stop(struct front *front, void (*done)(void *arg), void *arg);

/*
 * Waits until the ops have written what they owe to the audit, at most budget_ms, then runs drained once, from the
 * loop. To be called when the backends have stopped.
 */
void front_drain(struct front *front, struct event_base *base, uint64_t budget_ms, void (*drained)(void *arg),
    void *arg);

/*
 * Closes all connections and abandons the requests of their callers. To be called before the backends are freed.
 */
void front_disconnect(struct front *front);

/*
 * Disconnects if that was not done, and frees. To be called after the backends were freed, since these still end
 * requests that the front has to record. NULL: does nothing.
 */
void front_free(struct front *front);

#endif
