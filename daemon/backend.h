/*
 * backend: OpenBao as one configuration describes it: the connections, the login, and the store's parts that use
 * them. Another configuration of OpenBao makes another backend; switchover.h decides which one gets the requests.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include <stdbool.h>

#include "base/error.h"

struct auth;
struct backend;
struct config;
struct event_base;
struct login;
struct kv;
struct probe;
struct transfers;
struct versions;

/*
 * Makes a backend, which sends nothing before backend_start. base and versions are borrowed, and other backends
 * may use the same versions; config is held (config_hold). NULL with error set: no memory, or an address or a TLS
 * file that cannot be used.
 */
struct backend *backend_new(struct event_base *base, struct config *config, struct versions *versions,
    struct error *error);

/* Checks the TLS files that config names, as backend_new() does. 0, or -1 with error set. */
int backend_check(const struct config *config, struct error *error);

/* Begins the first login. */
void backend_start(struct backend *backend);

/* The cache has the limits in config from now on. That may be another configuration than the backend's. */
void backend_set_cache(struct backend *backend, const struct config *config);

/*
 * Cancels what is under way and frees; no callback runs. Of the backend's callbacks only a backend_ended may call
 * it. NULL: does nothing.
 */
void backend_free(struct backend *backend);

/* The backend's parts. They live as long as the backend, which goes on owning them. */
struct auth *backend_auth(const struct backend *backend);
struct login *backend_login(const struct backend *backend);
struct kv *backend_kv(const struct backend *backend);
struct probe *backend_probe(const struct backend *backend);
struct transfers *backend_transfers(const struct backend *backend);

const struct config *backend_config(const struct backend *backend);

/*
 * Tells whether config describes the same OpenBao, and the TLS files that it names are the same files, unchanged,
 * as when the backend was made.
 */
bool backend_matches(const struct backend *backend, const struct config *config);

/* Tells whether the login holds a live token. */
bool backend_is_live(const struct backend *backend);

/* Tells that the backend has ended. Runs once, from the loop, and may free the backend. */
typedef void backend_ended(void *arg);

/*
 * Ends a backend that gets no new requests: waits, for as long as it takes, until those under way have ended, then
 * ends the login, which revokes the token if so configured, then runs done. Takes the place of whoever watched the
 * login (login_watch).
 */
void backend_retire(struct backend *backend, backend_ended *done, void *arg);

/*
 * Ends a backend because the daemon stops: reads fail, writes and transfers get 8 s to end, then the login ends as
 * with backend_retire, within 2 s. A backend that is retiring may be stopped too: then only this done runs.
 */
void backend_stop(struct backend *backend, backend_ended *done, void *arg);

#endif
