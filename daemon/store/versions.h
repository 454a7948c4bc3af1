/*
 * versions: which version of a secret a get through this daemon must not fall behind. OpenBao's standbys answer
 * reads from a state of their own that lags behind the writes, so an acknowledged put is remembered here for a
 * while.
 *
 * Pure but for memory: the caller brings the clock. Times are milliseconds of it.
 */
#ifndef VERSIONS_H
#define VERSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/secret_name.h"

#define VERSIONS_MAX 4096 /* secrets remembered; when more were written lately, all reads go to the leader */
#define VERSIONS_MS 60000 /* how long each is remembered */

struct versions;

/* NULL: no memory. */
struct versions *versions_new(void);
void versions_free(struct versions *v);

/* A put was acknowledged with this version: raises the secret's entry, never lowers it. */
void versions_wrote(struct versions *v, const struct secret_name *name, uint64_t version, uint64_t now);

/*
 * Somebody else may have written (a cas mismatch), or a write's outcome is not known: reads of this secret go to
 * the leader for a while, or a loop of get and check-and-set would spin on a standby's old version.
 */
void versions_doubt(struct versions *v, const struct secret_name *name, uint64_t now);

/*
 * The leader's own word, asked for at the time since: its version, 0 for a secret that is not there. Lowers the
 * entry, too, unless a put was acknowledged meanwhile.
 */
void versions_confirm(struct versions *v, const struct secret_name *name, uint64_t version, uint64_t since,
    uint64_t now);

/*
 * The least version a get of this secret may answer with, 0 for any; and whether it must ask the leader at once.
 */
uint64_t versions_least(struct versions *v, const struct secret_name *name, uint64_t now, bool *ret_ask_leader);

/* Forgets all, as after a restore. */
void versions_clear(struct versions *v);

#endif
