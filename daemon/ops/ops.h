/*
 * ops: what each request does. It asks the rules, has the op's handler do the work, and keeps the counters and the
 * audit.
 */
#ifndef DAEMON_OPS_H
#define DAEMON_OPS_H

#include "daemon/ops/call.h"
#include "daemon/ops/parts.h"
#include "proto/request.h"

struct event_base;
struct ops;

/* parts is copied, its pointers are borrowed. Returns NULL if there is no memory. */
struct ops *ops_new(const struct ops_parts *parts);

/*
 * Ends all requests without a reply and frees the struct. Call it after the connections and the transfers were
 * freed, since a transfer reports its end here, and before the audit is.
 */
void ops_free(struct ops *ops);

/*
 * Stops, after the store was drained: requests that wait for their record in the audit get budget_ms. Then drained
 * runs, once, from the loop.
 */
void ops_drain(struct ops *ops, struct event_base *base, uint64_t budget_ms, void (*drained)(void *arg),
    void *arg);

/* Requests that arrive from now on use these parts; those under way end with the parts they began with. */
void ops_use(struct ops *ops, const struct ops_parts *parts);

/*
 * Handles a request; arg is the struct ops. deadline_ms is a time of clock_now_ms(), CLOCK_NEVER for none. The
 * call is ended exactly once, at once or later. request and its spans need to last only until this returns.
 */
void ops_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms);

#endif
