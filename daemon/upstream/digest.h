/*
 * digest: SHA-256 of credentials, to tell whether they are the same without keeping them.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include <stdbool.h>
#include <stddef.h>

struct digest {
	bool valid; /* false: nothing was digested, which equals nothing */
	unsigned char bytes[32];
};

/* The digest of a and b; where a ends and b begins counts. Not valid if there is no memory. */
struct digest digest_of(const void *a, size_t a_len, const void *b, size_t b_len);

/* Both are valid and the same. */
bool digest_equal(const struct digest *a, const struct digest *b);

#endif
