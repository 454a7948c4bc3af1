/*
 * credential_value: takes what a unit gets out of a secret: one field, or all of it. It does no I/O.
 */
#ifndef CREDENTIAL_VALUE_H
#define CREDENTIAL_VALUE_H

#include "base/buf.h"
#include "proto/codes.h"
#include "proto/jscan.h"

#define CREDENTIAL_VALUE_MAX \
	(1024 * 1024) /* bytes; systemd's limit for all credentials of a unit and their ids together */

/*
 * Puts the credential into ret, an empty buffer whose limit is at least data.len: the value of that field of the
 * object data, or with field NULL the object as it stands. A string is decoded, with nothing added at its end; any
 * other value is its JSON text. 0; or -1 with why set, which holds nothing of the secret, and ret still empty.
 */
int credential_value(struct jspan data, const char *field, struct buf *ret, struct failure *why);

#endif
