/*
 * distinct: counts how many different things there were, by their hashes, in 4 KiB however many they are.
 */
#ifndef DISTINCT_H
#define DISTINCT_H

#include <stdbool.h>
#include <stdint.h>

#define DISTINCT_EXACT 512 /* so many are counted exactly; more are estimated, mostly within 2 % */

/* Its owner begins it with all bytes 0. */
struct distinct {
	bool estimates;
	unsigned kept; /* hashes in the table, as long as it does not estimate */
	union {
		uint32_t hash[2 * DISTINCT_EXACT]; /* a table; 0: a free place */
		uint8_t rank[8 * DISTINCT_EXACT];  /* a register for each value of a hash's uppermost bits */
	};
};

/* Takes the hash of one thing. It must be a good one, with all its bits alike random. */
void distinct_add(struct distinct *d, uint32_t hash);

/* Gives how many different things were taken. */
uint64_t distinct_count(const struct distinct *d);

#endif
