/*
 * dispatch: what each request does. Asks the rules, calls the store, writes the reply.
 */
#ifndef DISPATCH_H
#define DISPATCH_H

#include "daemon/callers/session.h"

struct dispatch;
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
	struct session_limits limits;
};

/* All parts are borrowed. NULL: no memory. */
struct dispatch *dispatch_new(const struct dispatch_parts *parts);
void dispatch_free(struct dispatch *dispatch);

/* From here on by these parts; what is under way ends with those it began with. */
void dispatch_use(struct dispatch *dispatch, const struct dispatch_parts *parts);

/* A session_request; arg is the struct dispatch. */
void dispatch_request(void *arg, struct call *call, const struct request *request, uint64_t deadline_ms);

#endif
