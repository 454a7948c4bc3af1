/*
 * speak: the ways to ask, for load.c. Each opens all callers' connections and sends their first requests, which
 * the loop then goes on from.
 */
#ifndef BENCH_SPEAK_H
#define BENCH_SPEAK_H

#include "tests/bench/core.h"

/* With the client library, over its interface for event loops. */
void speak_client(struct core *core);

/* Over a bare socket, by the protocol that core->as names: "http", "memcached", "frames". */
void speak_bare(struct core *core);

#endif
