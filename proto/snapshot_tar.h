/*
 * snapshot_tar: checks whether a stream of bytes is the archive of a whole snapshot, the layer inside the
 * compression. It follows the archive piece by piece and compares the sums. Its result does not depend on the
 * pieces.
 *
 * Accepted are plain files named meta.json, state.bin, SHA256SUMS and SHA256SUMS.sealed, in this order and each
 * once, then the archive's end, two blocks of zeros, and then only zeros. Each file but state.bin holds at least
 * one byte and fewer than 8,192, as OpenBao wants them when it restores. snapshot.h relies on this strictness: an
 * archive that two readers can understand in two ways could end at two places.
 */
#ifndef SNAPSHOT_TAR_H
#define SNAPSHOT_TAR_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/sha256.h"

struct snapshot_tar;

/* Begins a check. sha256 is borrowed. NULL: no memory. */
struct snapshot_tar *snapshot_tar_new(const struct sha256 *sha256);

/* NULL does nothing. */
void snapshot_tar_free(struct snapshot_tar *tar);

/*
 * Takes the next n bytes. NULL: all is well so far; else a fixed phrase that says what is wrong, now and from then
 * on.
 */
const char *snapshot_tar_add(struct snapshot_tar *tar, const unsigned char *p, size_t n);

/* Gives the SHA-256 of state.bin, 32 bytes. It is valid once snapshot_tar_at_end() is true. */
const unsigned char *snapshot_tar_state_sum(const struct snapshot_tar *tar);

/* True if the archive's end was seen and all of it was right. More zeros may follow. */
bool snapshot_tar_at_end(const struct snapshot_tar *tar);

#endif
