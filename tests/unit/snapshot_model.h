/*
 * snapshot_model: defines once more what a whole snapshot is, independently of the daemon's check, on whole
 * buffers and as plainly as possible.
 */
#ifndef SNAPSHOT_MODEL_H
#define SNAPSHOT_MODEL_H

#include <stdbool.h>
#include <stddef.h>

/* Is this stream a whole snapshot? */
bool model_is_whole(const unsigned char *p, size_t n);

/*
 * How many bytes of the stream a reader such as OpenBao's must see to find the archive's end. It takes nearly
 * anything for an archive, and gzip members in a row for one. SIZE_MAX: it finds none.
 */
size_t model_end(const unsigned char *p, size_t n);

#endif
