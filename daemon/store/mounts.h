/*
 * mounts: the mount guard. No secret is read or written on a mount before OpenBao has said that a KV version 2
 * engine is mounted right there: on any other mount the same URLs read another secret or write the wrong thing.
 */
#ifndef MOUNTS_H
#define MOUNTS_H

#include <stdbool.h>

#include "daemon/upstream/api.h"

struct leader;
struct mounts;
struct mounts_wait;

/*
 * Both arguments are borrowed. mounts_new() returns NULL if there is no memory. mounts_free() ends all questions,
 * and no done runs.
 */
struct mounts *mounts_new(struct api *api, struct leader *leader);
void mounts_free(struct mounts *mounts);

/* Tells whether the mount was found good in the last ten minutes. */
bool mounts_known(struct mounts *mounts, const char *mount);

/*
 * Asks OpenBao about a mount. The leader is asked if it is known, since a standby that lags behind knows neither a
 * new mount nor the token of a login just made, and denies both (observed with OpenBao 2.7.2). Questions about one
 * mount at the same time become one. number is the caller's request, for the log. done runs once, from the loop,
 * with the answer: VERDICT_OK says that the mount is good, and it is known from then on. Returns NULL if there is
 * no memory; then done does not run.
 */
struct mounts_wait *mounts_ask(struct mounts *mounts, const char *mount, const char *token, uint64_t number,
    api_answer *done, void *arg);

/* The caller does not wait any more: its done will not run. */
void mounts_cancel(struct mounts_wait *wait);

/*
 * Forgets one mount, or all, so that OpenBao is asked before the next request. Called when an answer came that a
 * KV version 2 mount does not give.
 */
void mounts_forget(struct mounts *mounts, const char *mount);
void mounts_forget_all(struct mounts *mounts);

#endif
