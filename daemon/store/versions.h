/*
 * versions: remembers which version of a secret a get through this daemon must not fall behind. OpenBao's standbys
 * answer reads from a state of their own that lags behind the writes, so an acknowledged put is remembered here
 * for a while.
 *
 * It has no effects beyond its memory: the caller passes the time, in milliseconds.
 */
#ifndef VERSIONS_H
#define VERSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/secret_name.h"

#define VERSIONS_MAX 4096 /* secrets remembered; if more were written lately all reads go to the leader */
#define VERSIONS_MS 60000 /* how long each is remembered */

struct versions;

/* Returns NULL if there is no memory. */
struct versions *versions_new(void);
void versions_free(struct versions *v);

/* A put was acknowledged with this version: raises the secret's entry, never lowers it. */
void versions_wrote(struct versions *v, const struct secret_name *name, uint64_t version, uint64_t now);

/*
 * Somebody else may have written (a check-and-set mismatch), or the outcome of a write is unknown: reads of this
 * secret go to the leader for a while. Otherwise a loop of get and check-and-set would spin on a standby's old
 * version.
 */
void versions_doubt(struct versions *v, const struct secret_name *name, uint64_t now);

/*
 * The leader was asked at the time since and gave this version, 0 for a secret that is not there. Sets the entry,
 * be it lower, unless a put was acknowledged after since.
 */
void versions_confirm(struct versions *v, const struct secret_name *name, uint64_t version, uint64_t since,
    uint64_t now);

/*
 * Gives the least version with which a get of this secret may be answered, 0 for any. *ret_ask_leader says that
 * only the leader's answer will do.
 */
uint64_t versions_least(struct versions *v, const struct secret_name *name, uint64_t now, bool *ret_ask_leader);

/* Forgets all secrets, as after a restore. */
void versions_clear(struct versions *v);

#endif
