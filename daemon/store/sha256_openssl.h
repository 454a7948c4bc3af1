/*
 * sha256_openssl: SHA-256 by OpenSSL, as a struct sha256 for proto/snapshot.h. After a failure inside OpenSSL the
 * digest is all zeros.
 */
#ifndef SHA256_OPENSSL_H
#define SHA256_OPENSSL_H

#include "proto/sha256.h"

extern const struct sha256 sha256_openssl;

#endif
