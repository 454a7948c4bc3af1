/*
 * audit_rest: makes one record of many requests of one outcome. It has what is the same for all of them, and says
 * how many requests for how many secrets it stands for.
 */
#ifndef AUDIT_REST_H
#define AUDIT_REST_H

#include <stdint.h>

#include "daemon/host/audit_text.h"

struct audit_rest;

/* Begins without a request. NULL: no memory. */
struct audit_rest *audit_rest_new(void);

/* NULL does nothing. */
void audit_rest_free(struct audit_rest *rest);

/* Counts a request, whose outcome must be that of the first. If there is no memory, texts are left out. */
void audit_rest_add(struct audit_rest *rest, const struct audit_record *record);

/*
 * Gives what to write of the requests that were counted, at least one; valid until the next call for rest. op,
 * mount, rule, units, and the peer with its uid are there if all requests have the same, as is the gid, which
 * else is AUDIT_NO_GID. The pid and the number are the last request's, the time is the longest.
 */
struct audit_entry audit_rest_entry(struct audit_rest *rest);

#endif
