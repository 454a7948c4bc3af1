/*
 * table: the hash. xxHash is used as a header, so that there is no library to load at the start.
 */
#include "base/table.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/clock.h"

static uint64_t seed;

void table_seed(void)
{
	seed = clock_random(0, UINT64_MAX);
}

unsigned table_hash(const void *key, size_t len)
{
	return (unsigned)XXH3_64bits_withSeed(key, len, seed);
}
