/*
 * dispatch_internal: what dispatch.c and dispatch_snapshot.c share.
 */
#ifndef DISPATCH_INTERNAL_H
#define DISPATCH_INTERNAL_H

#include "daemon/callers/dispatch.h"
#include "daemon/callers/status.h"

struct dispatch {
	struct dispatch_parts parts;
	struct counters counters;
	uint64_t started_ms;
};

/* Ends the call with a failure, and counts it. */
void dispatch_refuse(struct dispatch *d, struct call *call, const struct failure *why);
void dispatch_refuse_memory(struct dispatch *d, struct call *call);

/* -- dispatch_snapshot.c -- */

void dispatch_save(struct dispatch *d, struct call *call, uint64_t deadline_ms);
void dispatch_restore(struct dispatch *d, struct call *call, bool force, uint64_t deadline_ms);

#endif
