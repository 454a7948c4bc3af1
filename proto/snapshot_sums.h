/*
 * snapshot_sums: the file SHA256SUMS of a snapshot: the SHA-256 of meta.json and of state.bin, a line for each, in
 * either order. OpenBao 2.7.2 writes "%x  %s\n" (hashList.Encode in internal/physical/raft/snapshot/archive.go).
 */
#ifndef SNAPSHOT_SUMS_H
#define SNAPSHOT_SUMS_H

#include <stdbool.h>

#define SNAPSHOT_SUMS_SIZE 152u /* bytes; both names have the same length */

struct snapshot_sums {
	unsigned char meta[32];
	unsigned char state[32];
};

/* False, and ret is not to be used: it is not these two lines to the byte. */
bool snapshot_sums_parse(const unsigned char text[SNAPSHOT_SUMS_SIZE], struct snapshot_sums *ret);

#endif
