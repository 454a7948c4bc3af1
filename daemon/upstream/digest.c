/*
 * digest: makes one SHA-256 of two byte strings, with OpenSSL. The first one's length is digested before it.
 */
#include "daemon/upstream/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdint.h>

struct digest digest_of(const void *a, size_t a_len, const void *b, size_t b_len)
{
	struct digest digest = { .valid = false };
	uint64_t length = a_len;
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (md == NULL)
		return digest;
	digest.valid = EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(md, &length, sizeof(length)) == 1 && EVP_DigestUpdate(md, a, a_len) == 1 &&
	    EVP_DigestUpdate(md, b, b_len) == 1 && EVP_DigestFinal_ex(md, digest.bytes, NULL) == 1;
	EVP_MD_CTX_free(md);
	return digest;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return a->valid && b->valid && CRYPTO_memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
