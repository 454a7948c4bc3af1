/*
 * table: uthash, set up for keys that callers choose. The hash is xxHash's XXH3 with a seed that nobody knows, so
 * that nobody can choose names that all fall into one chain (uthash's own has none), and takes a sixth of the
 * instructions for a path. Include this and not uthash.h: a table is found again only by the hash it was filled
 * with.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, len, hash) ((hash) = table_hash(key, len))
#include <uthash.h>

/* Where a chain is that long the table doubles: a link is another miss of the processor's caches. */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 6U

/*
 * After HASH_ADD…(…, e), of an e that was calloc'd: false if there was no memory for it. Then the table is as it
 * was, and e its owner's. Without HASH_NONFATAL_OOM uthash would end the process.
 */
#define TABLE_HAS(e) ((e)->hh.tbl != NULL)

/* Draws the seed; before the first table is made. Without, it is 0, and a run is like the last one. */
void table_seed(void);

unsigned table_hash(const void *key, size_t len);

#endif
