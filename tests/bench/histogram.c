/*
 * histogram: see the header.
 */
#include "tests/bench/histogram.h"

/* The highest bit and the seven bits below it choose the bucket. Below 256 ns each nanosecond has its own. */
static unsigned bucket_of(uint64_t ns)
{
	unsigned shift = 0;

	if (ns >> (HISTOGRAM_BITS + 1) != 0)
		shift = 63u - (unsigned)__builtin_clzll(ns) - HISTOGRAM_BITS;
	return (shift << HISTOGRAM_BITS) + (unsigned)(ns >> shift);
}

/* Returns the longest time that falls into a bucket. */
static uint64_t bucket_end(unsigned bucket)
{
	unsigned shift = bucket >> HISTOGRAM_BITS;

	if (shift > 0)
		shift--;
	return ((uint64_t)(bucket - (shift << HISTOGRAM_BITS) + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	h->count++;
	h->bucket[bucket_of(ns)]++;
	if (ns > h->max)
		h->max = ns;
}

uint64_t histogram_at(const struct histogram *h, double fraction)
{
	uint64_t wanted = (uint64_t)((double)h->count * fraction), seen = 0;

	if (wanted >= h->count)
		return h->max;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen > wanted)
			return bucket_end(i) < h->max ? bucket_end(i) : h->max;
	}
	return h->max;
}
