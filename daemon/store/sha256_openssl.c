/*
 * sha256_openssl: OpenSSL's digests as a struct sha256.
 */
#include "daemon/store/sha256_openssl.h"

#include <openssl/evp.h>
#include <string.h>

static void *sha256_openssl_begin(void)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(md);
		return NULL;
	}
	return md;
}

static void sha256_openssl_add(void *state, const void *p, size_t n)
{
	if (EVP_DigestUpdate(state, p, n) != 1)
		EVP_MD_CTX_reset(state); /* then the end fails, too */
}

static void sha256_openssl_end(void *state, unsigned char digest[32])
{
	if (digest != NULL && EVP_DigestFinal_ex(state, digest, NULL) != 1)
		memset(digest, 0, 32);
	EVP_MD_CTX_free(state);
}

const struct sha256 sha256_openssl = { sha256_openssl_begin, sha256_openssl_add, sha256_openssl_end };
