/*
 * mounts: the mount guard. Nothing is read or written on a mount before OpenBao has said that a KV version 2
 * engine is mounted right there: on any other, the same URLs read another secret or write the wrong thing.
 */
#ifndef MOUNTS_H
#define MOUNTS_H

#include <stdbool.h>

#include "daemon/upstream/api.h"

struct leader;
struct mounts;
struct mounts_wait;

/* Both borrowed. NULL: no memory. Freeing ends all questions; no done runs. */
struct mounts *mounts_new(struct api *api, struct leader *leader);
void mounts_free(struct mounts *mounts);

/* Was the mount found good in the last ten minutes? */
bool mounts_known(struct mounts *mounts, const char *mount);

/*
 * Asks OpenBao: its leader, if that is known, since a standby that lags behind knows neither a new mount nor the
 * token of a login just made, and denies both (observed with OpenBao 2.7.2). Questions about one mount at the same
 * time become one. number: the caller's request behind it, for the log. done runs once, from the loop, with the
 * answer (VERDICT_OK: it is good, and known from now on). NULL: no memory.
 */
struct mounts_wait *mounts_ask(struct mounts *mounts, const char *mount, const char *token, uint64_t number,
    api_answer *done, void *arg);

/* The waiter has gone: its done will not run. */
void mounts_cancel(struct mounts_wait *wait);

/* An answer came that such a mount does not give: ask again before the next request. */
void mounts_forget(struct mounts *mounts, const char *mount);
void mounts_forget_all(struct mounts *mounts);

#endif
