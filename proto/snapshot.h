/*
 * snapshot: is this stream of bytes a whole raft snapshot? Follows it piece by piece in constant memory, for the
 * daemon, which looks at what passes through, and for the client, which looks at a file before it sends it.
 *
 * A snapshot is a gzip member that holds a tar archive of meta.json, state.bin, SHA256SUMS and SHA256SUMS.sealed, in
 * this order (OpenBao 2.7.2, internal/physical/raft/snapshot/archive.go). Only the content proves it whole: OpenBao ends a snapshot
 * that fails in the middle with a clean end of the stream. So it is whole if the sums of the first two are those in
 * SHA256SUMS, SHA256SUMS.sealed is not empty (what it holds only the cluster's own key can open), and both archive and
 * gzip member have come to their proper end with nothing after it.
 *
 * OpenBao applies a restore as soon as it has read the archive's end, whatever follows. So that who holds back the last
 * SNAPSHOT_HOLD_BACK bytes of a stream holds back that end, too, at most SNAPSHOT_TAIL_MAX bytes may follow it.
 *
 * Pure but for memory. Not for two threads at a time.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <stddef.h>

#include "proto/sha256.h"

#define SNAPSHOT_HOLD_BACK 65536u
#define SNAPSHOT_TAIL_MAX 16384u
#define SNAPSHOT_STEP 65536u /* bytes that come out of the compression in one step, about */

struct snapshot_check;

/* sha256 is borrowed. NULL: no memory. */
struct snapshot_check *snapshot_check_new(const struct sha256 *sha256);
void snapshot_check_free(struct snapshot_check *check);

enum snapshot_step {
	SNAPSHOT_HUNGRY, /* all that was given is taken */
	SNAPSHOT_BUSY,   /* there is more to do with what was taken: call again, with the rest, before giving more */
	SNAPSHOT_BAD     /* it is no whole snapshot, or there is no memory: snapshot_check_error() says. For good. */
};

/*
 * Takes from the *n bytes at *p, moving both along. Does not do more than about SNAPSHOT_STEP bytes' worth of work at a
 * time: a few bytes can hold millions. *n may be 0.
 */
enum snapshot_step snapshot_check_step(struct snapshot_check *check, const unsigned char **p, size_t *n);

/* After the last byte, and SNAPSHOT_HUNGRY: 0 if it was a whole snapshot, else -1. */
int snapshot_check_end(struct snapshot_check *check);

/* What is wrong, a fixed phrase ("it ends in the middle of the archive"); "" if nothing is known to be. */
const char *snapshot_check_error(const struct snapshot_check *check);

#endif
