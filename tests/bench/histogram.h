/*
 * histogram: how often something took how long, in nanoseconds, with an error under 1 %: 128 buckets for each
 * power of two (the idea is HdrHistogram's). Counting takes no longer for a long time than for a short one.
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

/* The time within which the fraction (0 to 1) of all ended; 0 if there were none. */
uint64_t histogram_at(const struct histogram *h, double fraction);

#endif
