/*
 * snapshot_feed: gives streams to the check of snapshots in pieces, and holds at each step what its header
 * promises.
 */
#ifndef SNAPSHOT_FEED_H
#define SNAPSHOT_FEED_H

#include <stddef.h>

#include "base/buf.h"

#define FEED_RANDOM 0u /* pieces of all sizes, from maker_chance */

/* The error, or "" if the n bytes are a whole snapshot. In pieces of that many bytes. */
const char *feed(const void *p, size_t n, size_t piece);

/* The same, and the same error, in whatever pieces: all at once, byte by byte, and at random. */
const char *feed_all_ways(const void *p, size_t n);

/*
 * For streams whose archive's end comes with the first end bytes: it must stay among the last that are held back.
 */
const char *feed_holding_back(const void *p, size_t n, size_t piece, size_t end);

/* The archive alone, without compression. */
const char *feed_archive(const struct buf *tar, size_t piece);

/* Fails, showing both, unless they are the same. */
void feed_expect(const char *error, const char *expected);

#endif
