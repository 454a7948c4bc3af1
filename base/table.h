/*
 * table: uthash, set up for keys that callers choose. The hash is xxHash's XXH3 with a secret random seed, so that
 * nobody can choose names that all fall into one chain (uthash's own hash has no seed), and it takes a sixth of
 * the instructions for a path. Files must include this header and never uthash.h, since a table that was filled
 * with one hash cannot be searched with another.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, len, hash) ((hash) = table_hash(key, len))
#include <uthash.h>

/*
 * A table doubles when a chain is this long. uthash's own 10 is more, but each link may miss the processor's
 * caches.
 */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 6U

/*
 * Tells after HASH_ADD…(…, e) whether e was added. False: there was no memory; the table is unchanged, and e is
 * still the caller's. e must have been zeroed before. (Without HASH_NONFATAL_OOM uthash would end the process.)
 */
#define TABLE_HAS(e) ((e)->hh.tbl != NULL)

/*
 * Draws the seed. To be called before the first table is made; a program that never calls it hashes with seed 0.
 */
void table_seed(void);

unsigned table_hash(const void *key, size_t len);

#endif
