/*
 * sha256: SHA-256 from whichever library the program has: the daemon OpenSSL, the client library libmd.
 */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>

struct sha256 {
	void *(*begin)(void); /* NULL: no memory */
	void (*add)(void *state, const void *p, size_t n);
	/* Frees state, too; digest NULL: does only that. */
	void (*end)(void *state, unsigned char digest[32]);
};

#endif
