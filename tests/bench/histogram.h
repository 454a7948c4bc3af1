/*
 * histogram: counts how often something took how long, in nanoseconds, with an error below 1 %: it has 128 buckets
 * for each power of two, as HdrHistogram does. Counting a long time costs no more than counting a short one.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS 7
#define HISTOGRAM_BUCKETS ((65 - HISTOGRAM_BITS) << HISTOGRAM_BITS)

struct histogram {
	uint64_t count, max;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t ns);

/* Returns the time within which that fraction (0 to 1) ended; 0 if nothing was counted. */
uint64_t histogram_at(const struct histogram *h, double fraction);

#endif
