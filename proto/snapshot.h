/*
 * snapshot: checks whether a stream of bytes is a whole raft snapshot. It follows the stream piece by piece in
 * constant memory. The daemon checks what passes through it, and the client checks a file before it sends it.
 *
 * A snapshot is a gzip member that holds a tar archive of meta.json, state.bin, SHA256SUMS and SHA256SUMS.sealed,
 * in this order (OpenBao 2.7.2, internal/physical/raft/snapshot/archive.go). Only its content can prove that it is
 * whole, since OpenBao ends a snapshot that fails in the middle with a clean end of the stream. It is whole if the
 * sums of the first two files are those in SHA256SUMS, SHA256SUMS.sealed is not empty (only the cluster's own key
 * can open what it holds), and both the archive and the gzip member have come to their proper end with nothing
 * after it.
 *
 * OpenBao applies a restore as soon as it has read the archive's end, whatever does or does not follow. Here at
 * most SNAPSHOT_TAIL_MAX bytes of the stream may follow the archive's end (SNAPSHOT_TAIL_MAX - 4096 always may;
 * OpenBao writes 10). So as long as snapshot_check_step() has not given SNAPSHOT_BAD, the archive's end is not in
 * what it has taken, the last SNAPSHOT_HOLD_BACK bytes aside. Whoever passes the stream on, and holds those back
 * until snapshot_check_end() has given 0, never lets OpenBao see the end of anything but a whole snapshot.
 *
 * Neither the result nor the error text depends on the pieces in which a stream comes. The memory is the same for
 * all streams (about 64 KiB, some of it allocated with the first bytes). A check may be used by one thread at a
 * time.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/sha256.h"

#define SNAPSHOT_HOLD_BACK 65536u /* bytes, see above */
#define SNAPSHOT_TAIL_MAX 16384u  /* bytes, see above */
#define SNAPSHOT_STEP 32768u      /* bytes of work after which a step ends */
#define SNAPSHOT_STEP_OVER 4096u  /* bytes that a step may take beyond that */

struct snapshot_check;

/*
 * Begins a check. sha256 is borrowed. with_crc: the gzip member's own checksum is compared as well, which covers
 * the whole member. The SHA-256 sums leave out only SHA256SUMS.sealed, which OpenBao checks itself when it
 * restores. So for a snapshot that comes straight from OpenBao the checksum is not worth a sixth of the daemon's
 * time (zlib 1.2.13). NULL: no memory.
 */
struct snapshot_check *snapshot_check_new(const struct sha256 *sha256, bool with_crc);

/* NULL does nothing. */
void snapshot_check_free(struct snapshot_check *check);

enum snapshot_step {
	SNAPSHOT_HUNGRY, /* all that was given has been taken and checked */
	/* there is more to do with what was given: call again with the rest, if any, before giving more */
	SNAPSHOT_BUSY,
	/* it is no whole snapshot, or there is no memory, as snapshot_check_error() says; this is final */
	SNAPSHOT_BAD
};

/*
 * Takes some of the *n bytes at *p, and moves both on. A step ends after about SNAPSHOT_STEP bytes' worth of work,
 * counted compressed or decompressed, whichever is more, since a few bytes can decompress to millions and millions
 * to nothing. It takes at most SNAPSHOT_STEP + SNAPSHOT_STEP_OVER bytes. *n may be 0, also after SNAPSHOT_BUSY.
 */
enum snapshot_step snapshot_check_step(struct snapshot_check *check, const unsigned char **p, size_t *n);

/*
 * To be called when the stream has ended and the last step gave SNAPSHOT_HUNGRY or SNAPSHOT_BAD. 0: it was a whole
 * snapshot; else -1.
 */
int snapshot_check_end(struct snapshot_check *check);

/*
 * Gives the SHA-256 of a whole snapshot's state.bin, 32 bytes, which is the same for two snapshots of the same
 * state. The sum of the whole stream is not offered: a second hash would cost as much as all the rest of the
 * check.
 */
const unsigned char *snapshot_check_state_sum(const struct snapshot_check *check);

/*
 * Says what is wrong, by a fixed phrase ("it ends in the middle of the archive"); "" if nothing was found so far.
 */
const char *snapshot_check_error(const struct snapshot_check *check);

#endif
