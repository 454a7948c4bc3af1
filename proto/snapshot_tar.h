/*
 * snapshot_tar: is this stream of bytes the archive of a whole snapshot? The layer inside of the compression:
 * follows the archive piece by piece, and compares the sums. What it finds does not depend on the pieces.
 *
 * Accepted are plain files named meta.json, state.bin, SHA256SUMS and SHA256SUMS.sealed, in this order and each
 * once, then the archive's end, two blocks of zeros, and then only zeros. All but state.bin hold at least one byte
 * and fewer than 8,192, as OpenBao wants them when it restores. The strictness is what the promise of snapshot.h
 * stands on: an archive that two readers can understand in two ways would end at two places.
 */
#ifndef SNAPSHOT_TAR_H
#define SNAPSHOT_TAR_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/sha256.h"

struct snapshot_tar;

/* sha256 is borrowed. NULL: no memory. */
struct snapshot_tar *snapshot_tar_new(const struct sha256 *sha256);
void snapshot_tar_free(struct snapshot_tar *tar);

/* Takes n bytes. NULL: all is well so far; else what is wrong, a fixed phrase, and so for good. */
const char *snapshot_tar_add(struct snapshot_tar *tar, const unsigned char *p, size_t n);

/* The SHA-256 of state.bin, 32 bytes; to be asked for once the archive's end was seen. */
const unsigned char *snapshot_tar_state_sum(const struct snapshot_tar *tar);

/* The archive was whole, and its end has been seen. More zeros may follow. */
bool snapshot_tar_at_end(const struct snapshot_tar *tar);

#endif
