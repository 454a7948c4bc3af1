/*
 * snapshot_model: what snapshots are, written down a second time, without a look at the first: on whole buffers,
 * and as plainly as it goes.
 */
#ifndef SNAPSHOT_MODEL_H
#define SNAPSHOT_MODEL_H

#include <stdbool.h>
#include <stddef.h>

/* Is this stream a whole snapshot? */
bool model_is_whole(const unsigned char *p, size_t n);

/*
 * Where a reader such as OpenBao's sees the archive's end, one that takes nearly anything for an archive and gzip
 * members in a row for one: with how many bytes of the stream. SIZE_MAX: nowhere.
 */
size_t model_end(const unsigned char *p, size_t n);

#endif
