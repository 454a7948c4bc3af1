/*
 * get: the gets of callers. Those who want the same share reads (flights.h), each until its own deadline. It
 * decides when a stale answer from the cache stands in for OpenBao.
 */
#ifndef GET_H
#define GET_H

#include "daemon/store/kv_types.h"
#include "daemon/store/store.h"

struct get; /* the get of one caller */
struct gets;

/* store is borrowed. Returns NULL if there is no memory. */
struct gets *gets_new(struct store *store);
void gets_free(struct gets *gets); /* ends all gets; no callback runs */

/* These two implement kv_get() and kv_get_abandon(). */
struct get *get_begin(struct gets *gets, uint64_t caller, const struct kv_wanted *wanted, uint64_t deadline_ms,
    kv_done *done, void *arg);
void get_abandon(struct get *get);

#endif
