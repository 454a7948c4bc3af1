/*
 * sha256_md: libmd's functions as a struct sha256.
 */
#include "client-lib/sha256_md.h"

#include <sha2.h>

#include "base/secmem.h"

static void *md_begin(void)
{
	SHA2_CTX *md = secmem_malloc(sizeof(*md));

	if (md != NULL)
		SHA256Init(md);
	return md;
}

static void md_add(void *state, const void *p, size_t n)
{
	SHA256Update(state, p, n);
}

static void md_end(void *state, unsigned char digest[32])
{
	if (digest != NULL)
		SHA256Final(digest, state);
	secmem_free(state);
}

const struct sha256 sha256_md = { md_begin, md_add, md_end };
