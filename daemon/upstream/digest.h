/*
 * digest: SHA-256 of credentials, which tells later whether they are still the same, without having them in
 * memory.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include <stdbool.h>
#include <stddef.h>

struct digest {
	bool valid; /* false: nothing was digested; it equals no other digest */
	unsigned char bytes[32];
};

/* Gives the digest of two byte strings; "ab", "c" gives another than "a", "bc". Not valid: no memory. */
struct digest digest_of(const void *a, size_t a_len, const void *b, size_t b_len);

/* Tells whether both are valid and the same. */
bool digest_equal(const struct digest *a, const struct digest *b);

#endif
