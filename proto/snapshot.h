/*
 * snapshot: is this stream of bytes a whole raft snapshot? Follows it piece by piece in constant memory, for the
 * daemon, which looks at what passes through, and for the client, which looks at a file before it sends it.
 *
 * A snapshot is a gzip member that holds a tar archive of meta.json, state.bin, SHA256SUMS and SHA256SUMS.sealed,
 * in this order (OpenBao 2.7.2, internal/physical/raft/snapshot/archive.go). Only the content proves it whole:
 * OpenBao ends a snapshot that fails in the middle with a clean end of the stream. So it is whole if the sums of
 * the first two are those in SHA256SUMS, SHA256SUMS.sealed is not empty (what it holds only the cluster's own key
 * can open), and both archive and gzip member have come to their proper end with nothing after it.
 *
 * OpenBao applies a restore as soon as it has read the archive's end, whatever follows or does not. Here at most
 * SNAPSHOT_TAIL_MAX bytes of the stream may follow it (and SNAPSHOT_TAIL_MAX - 4096 always may; OpenBao itself
 * lets 10 follow). Hence the promise: as long as step() has not said BAD, the archive's end is not in what it has
 * taken so far without the last SNAPSHOT_HOLD_BACK bytes. Who passes that much on, and no more until end() has
 * returned 0, has not let go of the end of anything but a whole snapshot.
 *
 * The verdict and the error do not depend on the pieces in which a stream comes. Pure but for memory, which is the
 * same for all streams (about 64 KiB, some of it with the first bytes). Not for two threads at a time.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/sha256.h"

#define SNAPSHOT_HOLD_BACK 65536u
#define SNAPSHOT_TAIL_MAX 16384u
#define SNAPSHOT_STEP 32768u
#define SNAPSHOT_STEP_OVER 4096u

struct snapshot_check;

/*
 * sha256 is borrowed. with_crc: the gzip member's own sum is compared, too, which is over all of it. The SHA-256
 * sums leave out SHA256SUMS.sealed, which OpenBao itself finds wrong if it is; on what comes straight from there
 * the second sum is not worth its time, which is a sixth of the daemon's (zlib 1.2.13). NULL: no memory.
 */
struct snapshot_check *snapshot_check_new(const struct sha256 *sha256, bool with_crc);
void snapshot_check_free(struct snapshot_check *check);

enum snapshot_step {
	SNAPSHOT_HUNGRY, /* all that was given is taken, and looked at */
	/* there is more to do with what was taken: call again, with the rest, before giving more */
	SNAPSHOT_BUSY,
	SNAPSHOT_BAD /* it is no whole snapshot, or there is no memory: snapshot_check_error() says. For good. */
};

/*
 * Takes from the *n bytes at *p, moving both along. Does not do more than about SNAPSHOT_STEP bytes' worth of work
 * at a time, in or out of the compression: a few bytes can hold millions, and millions nothing. Takes at most
 * SNAPSHOT_STEP + SNAPSHOT_STEP_OVER. *n may be 0, also when there is more to do.
 */
enum snapshot_step snapshot_check_step(struct snapshot_check *check, const unsigned char **p, size_t *n);

/* After the last byte, and SNAPSHOT_HUNGRY or _BAD: 0 if it was a whole snapshot, else -1. */
int snapshot_check_end(struct snapshot_check *check);

/*
 * After a whole snapshot: the SHA-256 of its state.bin, 32 bytes, which is the same for two snapshots of the same
 * state. Of the whole stream there is none: to hash it a second time would cost as much as all the rest of the
 * check.
 */
const unsigned char *snapshot_check_state_sum(const struct snapshot_check *check);

/* What is wrong, a fixed phrase ("it ends in the middle of the archive"); "" if nothing is known to be so far. */
const char *snapshot_check_error(const struct snapshot_check *check);

#endif
