/*
 * fresh_internal: what reads (fresh.c) and writes (fresh_put.c) share.
 */
#ifndef FRESH_INTERNAL_H
#define FRESH_INTERNAL_H

#include <sys/queue.h>

#include "daemon/store/fresh.h"


TAILQ_HEAD(fresh_calls, fresh_call);
TAILQ_HEAD(fresh_puts, fresh_put);

struct fresh {
	struct event_base *base;
	struct api *api;
	struct leader *leader;
	struct versions *versions;
	struct fresh_calls calls;
	struct fresh_puts puts;
};

/* Ends all writes; no callback runs. */
void fresh_put_end_all(struct fresh *fresh);

#endif
