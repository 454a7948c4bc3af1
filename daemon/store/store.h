/*
 * store: what all reads and writes at one OpenBao share: the parts that they work with, and how many are under
 * way.
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
struct polls;
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
	struct polls *polls;
	struct slots *slots;
	struct answers *answers;
	struct read *reads;   /* the reads under way; read.c's list */
	struct write *writes; /* the writes under way; write.c's list */
	bool stopping;        /* what begins from now on fails */
	unsigned under_way;   /* how many reads, writes and callers who wait for reads there are */
	struct drain drain;   /* tells when none is left */
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
