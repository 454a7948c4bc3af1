/*
 * array: makes arrays longer whose room doubles whenever it is full, which is when they have a power of two of
 * items.
 */
#ifndef ARRAY_H
#define ARRAY_H

#include <stdlib.h>

/*
 * Makes room for one more item of that size in an array of n, which malloc() or this has made; NULL is one of
 * none. Gives the array, which may have moved; or NULL: no memory, and the array is as it was.
 */
static inline void *array_grow(void *array, size_t n, size_t size)
{
	return (n & (n - 1)) != 0 ? array : realloc(array, (n == 0 ? 1 : 2 * n) * size);
}

#endif
