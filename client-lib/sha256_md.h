/*
 * sha256_md: SHA-256 by libmd, for the check of snapshots.
 */
#ifndef SHA256_MD_H
#define SHA256_MD_H

#include "proto/sha256.h"

extern const struct sha256 sha256_md;

#endif
