/*
 * write: one put of a secret at OpenBao, from the token that it is sent with to the answer.
 *
 * A standby passes writes on, but holds a check-and-set against its own old state first and so calls the version
 * just written a mismatch; and while the leader is lost it answers 307, which may be said of a write that was done
 * (both observed with OpenBao 2.7.2). So once a leader was found writes go to no other node, and wait while there
 * is none. Where none was ever found any node gets them. A mismatch counts only if the node that found it says
 * afterwards that it leads.
 *
 * It is sent again only where nothing was done; what may have been done and was not answered is told as
 * CODE_UNKNOWN_OUTCOME.
 */
#ifndef WRITE_H
#define WRITE_H

#include <stdbool.h>

#include "daemon/store/kv_types.h"
#include "daemon/store/store.h"

struct write;

/* NULL: no memory, done does not run. */
struct write *write_begin(struct store *store, const struct kv_write *what, kv_done *done, void *arg);

/* Whether something of it may have been sent that may yet be done. */
bool write_is_sent(const struct write *write);

/* This is kv_put_abandon(). */
bool write_abandon(struct write *write);

/* All that are under way but not sent fail, from the loop. */
void writes_stop(struct store *store, const struct failure *why);

/* All that are left fail, now. */
void writes_end(struct store *store, const struct failure *why);

/* Ends all; nothing runs. */
void writes_free(struct store *store);

#endif
