/*
 * fuzz: what the fuzz targets share: assertions that stay in, and copies of the input that are no larger than it,
 * so that ASan sees any read beyond its end.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

static inline void *exact_copy(const void *p, size_t n)
{
	char *copy = malloc(n > 0 ? n : 1);

	HOLDS(copy != NULL);
	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

#endif
