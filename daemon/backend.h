/*
 * backend: OpenBao as one configuration describes it: connections, the login, and what is served by them. Another
 * configuration makes another one, and both can be there for a while.
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
 * Keeps a hold on config; versions are borrowed and may be those of other backends. The login starts with
 * backend_start. NULL with error set: no memory, or a TLS file that cannot be used.
 */
struct backend *backend_new(struct event_base *base, struct config *config, struct versions *versions,
    struct error *error);
void backend_start(struct backend *backend);

/* The cache is from now on as config says, which may be another than the backend's. */
void backend_set_cache(struct backend *backend, const struct config *config);

/* Cancels what is under way; no callback runs. Not from within one of its callbacks but those of its end. */
void backend_free(struct backend *backend);

/* Its parts, for those who serve by them; they live as long as the backend. */
struct auth *backend_auth(const struct backend *backend);
struct login *backend_login(const struct backend *backend);
struct kv *backend_kv(const struct backend *backend);
struct probe *backend_probe(const struct backend *backend);
struct transfers *backend_transfers(const struct backend *backend);

const struct config *backend_config(const struct backend *backend);

/* Whether config describes the same, and the files of TLS are those that were there when it was made. */
bool backend_is_like(const struct backend *backend, const struct config *config);

/* A token that may be used is held. */
bool backend_is_live(const struct backend *backend);

/* The end. done runs once, from the loop, and may free the backend. */
typedef void backend_ended(void *arg);

/*
 * Nobody asks it for anything new: when what is under way has ended, its token is revoked. That can take long.
 * Nobody watches its login from now on.
 */
void backend_retire(struct backend *backend, backend_ended *done, void *arg);

/*
 * The daemon stops: reads fail, writes get some seconds to end, then its token is revoked. Of one that is
 * retiring, too, whose done does not run then.
 */
void backend_stop(struct backend *backend, backend_ended *done, void *arg);

#endif
