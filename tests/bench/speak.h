/*
 * speak: the ways to ask, for load.c. Each function opens all callers' connections and sends their first requests;
 * the loop does the rest.
 */
#ifndef BENCH_SPEAK_H
#define BENCH_SPEAK_H

#include "tests/bench/core.h"

/* Uses the client library, by its interface for event loops. */
void speak_client(struct core *core);

/* Uses a bare socket, with the protocol that core->as names: "http", "memcached" or "frames". */
void speak_bare(struct core *core);

#endif
