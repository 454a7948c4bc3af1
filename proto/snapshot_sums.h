/*
 * snapshot_sums: reads the file SHA256SUMS of a snapshot. It has a line for each of meta.json and state.bin, in
 * either order. OpenBao 2.7.2 writes them as "%x  %s\n" (hashList.Encode in
 * internal/physical/raft/snapshot/archive.go).
 */
#ifndef SNAPSHOT_SUMS_H
#define SNAPSHOT_SUMS_H

#include <stdbool.h>

#define SNAPSHOT_SUMS_SIZE 152u /* bytes of the file, always, since both names have the same length */

/* The SHA-256 sums that the file gives. */
struct snapshot_sums {
	unsigned char meta[32];
	unsigned char state[32];
};

/* Gives true if the text is exactly these two lines. Else ret is not to be used. */
bool snapshot_sums_parse(const unsigned char text[SNAPSHOT_SUMS_SIZE], struct snapshot_sums *ret);

#endif
