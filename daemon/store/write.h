/*
 * write: one put of a secret at OpenBao, from the token that it is sent with to the answer.
 *
 * A standby passes writes on, but compares a check-and-set with its own old state first, and so calls the version
 * just written a mismatch. While the leader is lost a standby answers 307, even to a write that may have been done
 * (both observed with OpenBao 2.7.2). So once a leader was found writes go to no other node, and wait while there
 * is none; if none was ever found any node gets them. A mismatch counts only if the node that found it says
 * afterwards that it leads.
 *
 * A write is sent again only if nothing was done. If it may have been done and no answer came, it fails with
 * CODE_UNKNOWN_OUTCOME.
 */
#ifndef WRITE_H
#define WRITE_H

#include <stdbool.h>

#include "daemon/store/kv_types.h"
#include "daemon/store/store.h"

struct write;

/* Begins a put. Returns NULL if there is no memory; then done does not run. */
struct write *write_begin(struct store *store, const struct kv_write *what, kv_done *done, void *arg);

/* Tells whether the request may have been sent and not been answered, so that it may yet be done. */
bool write_is_sent(const struct write *write);

/* Implements kv_put_abandon(). */
bool write_abandon(struct write *write);

/* Makes all writes fail that are not sent; their done runs from the loop. */
void writes_stop(struct store *store, const struct failure *why);

/* Makes all writes fail that are left; their done runs before it returns. */
void writes_end(struct store *store, const struct failure *why);

/* Ends all writes; no done runs. */
void writes_free(struct store *store);

#endif
