/*
 * dispatch: what each request does. Asks the rules, calls the store, writes the reply.
 */
#ifndef DISPATCH_H
#define DISPATCH_H

#include "daemon/access/rules.h"
#include "daemon/ops/call.h"
#include "daemon/ops/limits.h"
#include "proto/request.h"

struct audit;
struct dispatch;
struct event_base;
struct keeper;
struct kv;
struct probe;
struct rules;
struct transfers;

struct dispatch_parts {
	const struct rules *rules;
	struct kv *kv;
	struct probe *probe;
	struct transfers *transfers;
	struct keeper *keeper;
	struct audit *audit;
	struct call_limits limits;
};

/* All parts are borrowed. NULL: no memory. */
struct dispatch *dispatch_new(const struct dispatch_parts *parts);

/* After the sessions, and after the transfers, which have some to tell their end; but before the audit. */
void dispatch_free(struct dispatch *dispatch);

/*
 * For stopping, once the store is drained: what waits for its record in the audit gets budget_ms. Then drained runs, once,
 * from the loop.
 */
void dispatch_drain(struct dispatch *dispatch, struct event_base *base, uint64_t budget_ms, void (*drained)(void *arg),
    void *arg);

/* From here on by these parts; what is under way ends with those it began with. */
void dispatch_use(struct dispatch *dispatch, const struct dispatch_parts *parts);

/* A call_request; arg is the struct dispatch. */
void dispatch_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms);

#endif
