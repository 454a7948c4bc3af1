/*
 * get: callers who want the same share reads (flights.h), each until a deadline of its own. Where the cache may
 * stand in for OpenBao, here is decided when it does.
 */
#ifndef GET_H
#define GET_H

#include "daemon/store/kv_types.h"
#include "daemon/store/store.h"

struct get; /* one caller's */
struct gets;

/* store is borrowed. NULL: no memory. */
struct gets *gets_new(struct store *store);
void gets_free(struct gets *gets); /* no callback runs */

/* These are kv_get() and kv_get_abandon(). */
struct get *get_begin(struct gets *gets, uint64_t caller, const struct kv_wanted *wanted, uint64_t deadline_ms,
    kv_done *done, void *arg);
void get_abandon(struct get *get);

#endif
