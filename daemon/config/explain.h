/*
 * explain: which rule would decide on a request, and why the others do not, without a caller: for those who write
 * rules.
 */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stdio.h>

#include "base/error.h"
#include "daemon/access/rules.h"

/*
 * words: "uid=1000", "gid=33" (several), "unit=web.service", "user_unit=x.service", then an op and, where it has
 * one, a path: "kv.get", "secret/app/db". Users and groups by name or number; a user's own groups are looked up.
 * Writes what comes of it to out. 1: allowed, 0: not; or -1 with error set: the words make no sense.
 */
int explain(const struct rules *rules, int count, char *const *words, FILE *out, struct error *error);

#endif
