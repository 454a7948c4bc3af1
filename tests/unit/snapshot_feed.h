/*
 * snapshot_feed: gives streams to the check of snapshots in pieces, and holds at each step what its header
 * promises.
 */
#ifndef SNAPSHOT_FEED_H
#define SNAPSHOT_FEED_H

#include <stddef.h>

#include "base/buf.h"

#define FEED_RANDOM 0u /* pieces of all sizes, from maker_chance */

/* Feeds the check n bytes, in pieces of that many bytes. Returns the check's error, or "" for a whole snapshot. */
const char *feed(const void *p, size_t n, size_t piece);

/* Feeds all at once, byte by byte, and in random pieces, and expects the same error each time. */
const char *feed_all_ways(const void *p, size_t n);

/*
 * Feeds a stream whose archive ends within its first `end` bytes, and checks that this end stays among the bytes
 * that are held back.
 */
const char *feed_holding_back(const void *p, size_t n, size_t piece, size_t end);

/* Feeds an archive without compression to the check of archives. */
const char *feed_archive(const struct buf *tar, size_t piece);

/* Fails, and shows both texts, unless they are equal. */
void feed_expect(const char *error, const char *expected);

#endif
