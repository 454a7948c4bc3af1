/*
 * ops: what each request does. Asks the rules, has the op's handler do it, keeps the counters and the audit.
 */
#ifndef DAEMON_OPS_H
#define DAEMON_OPS_H

#include "daemon/ops/call.h"
#include "daemon/ops/parts.h"
#include "proto/request.h"

struct event_base;
struct ops;

/* NULL: no memory. */
struct ops *ops_new(const struct ops_parts *parts);

/* After the connections, and after the transfers, which have some to tell their end; but before the audit. */
void ops_free(struct ops *ops);

/*
 * For stopping, once the store is drained: what waits for its record in the audit gets budget_ms. Then drained
 * runs, once, from the loop.
 */
void ops_drain(struct ops *ops, struct event_base *base, uint64_t budget_ms, void (*drained)(void *arg),
    void *arg);

/* Requests that arrive from now on use these parts; those under way end with the parts they began with. */
void ops_use(struct ops *ops, const struct ops_parts *parts);

/*
 * Handles a request: arg is the struct ops. deadline_ms is of clock_now_ms(), CLOCK_NEVER for none. The call is
 * ended exactly once, now or later. request and its spans need to last until this returns.
 */
void ops_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms);

#endif
