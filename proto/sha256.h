/*
 * sha256: an interface to SHA-256, which the daemon takes from OpenSSL and the client library from libmd.
 */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>

struct sha256 {
	/* Gives the state of a new sum; NULL: no memory. */
	void *(*begin)(void);
	/* Adds n bytes at p to the sum. */
	void (*add)(void *state, const void *p, size_t n);
	/* Writes the sum, unless digest is NULL, and frees state. */
	void (*end)(void *state, unsigned char digest[32]);
};

#endif
