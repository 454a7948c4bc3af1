/*
 * store: what the reads and writes at one OpenBao have in common: the parts that they work with, and how many are
 * under way.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>

#include "base/drain.h"

struct answers;
struct api;
struct event_base;
struct login;
struct leader;
struct mounts;
struct read;
struct slots;
struct versions;
struct write;

struct store {
	struct event_base *base;
	struct api *api;
	struct login *login;
	struct leader *leader;
	struct versions *versions;
	struct mounts *mounts;
	struct slots *slots;
	struct answers *answers;
	struct read *reads;   /* under way; read.c's */
	struct write *writes; /* likewise; write.c's */
	bool stopping;        /* whatever begins fails */
	unsigned under_way;   /* reads, writes, and callers who wait for reads */
	struct drain drain;   /* for when nothing is under way any more */
};

static inline void store_began(struct store *store)
{
	store->under_way++;
}

static inline void store_ended(struct store *store)
{
	drain_check(&store->drain, --store->under_way == 0);
}

#endif
