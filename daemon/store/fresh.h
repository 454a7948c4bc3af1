/*
 * fresh: reads of secrets that never fall behind what this daemon has written. Takes any node's word where it is new
 * enough, else the leader's, which must say after the read that it still leads; without a leader it asks again until
 * the deadline.
 */
#ifndef FRESH_H
#define FRESH_H

#include <stdint.h>

#include "daemon/upstream/api.h"

struct event_base;
struct fresh;
struct fresh_call;
struct leader;

/* All borrowed. NULL: no memory. */
struct fresh *fresh_new(struct event_base *base, struct api *api, struct leader *leader);

/* Ends all reads; no callback runs. */
void fresh_free(struct fresh *fresh);

/*
 * Reads a secret. version 0: the latest, then not older than min_version either. done gets the answer as of
 * api_kv_get, once, from the loop; CODE_UNAVAILABLE if no answer was new enough by the deadline. NULL: no memory.
 * Strings are copied.
 */
struct fresh_call *fresh_get(struct fresh *fresh, const char *token, const char *mount, const char *path,
    uint64_t version, uint64_t min_version, uint64_t deadline_ms, api_answer *done, void *arg);
void fresh_cancel(struct fresh_call *call);

/*
 * The node that a put of this secret should go to, NULL for any. A standby holds a check-and-set against its own old
 * state before it passes the write on (observed with OpenBao 2.7.2), and would call the version just written a
 * mismatch; so a secret that was written lately is written at the leader, if that is known.
 */
const char *fresh_put_node(struct fresh *fresh, const char *mount, const char *path);

/* What OpenBao stores was replaced: versions begin where the snapshot's do. */
void fresh_forget(struct fresh *fresh);

/* What came of a put sent to node (NULL: any): later reads of that secret must live up to it. */
void fresh_put_ended(struct fresh *fresh, const char *node, const char *mount, const char *path,
    const struct answer *answer);

#endif
