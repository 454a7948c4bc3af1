/*
 * audit_repeats: counts equal requests that change nothing, so that they are audited once a minute, with their
 * number. Times come from the caller, in ms.
 *
 * The first is written at once. Those that follow within a minute are counted and written as one record when the
 * minute is over, and the next minute begins. After a minute without any the kind is forgotten.
 */
#ifndef AUDIT_REPEATS_H
#define AUDIT_REPEATS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/host/audit.h"

#define AUDIT_REPEATS_MS 60000u
#define AUDIT_REPEATS_MAX 1024 /* kinds that are remembered; for one more the oldest is written and forgotten */

struct audit_repeats;

/* Is called to write a record that stands for count requests. The record's texts are valid until it returns. */
typedef void audit_repeats_write(void *arg, const struct audit_record *record, uint64_t count);

/* write runs from within audit_repeats_take() and audit_repeats_sweep(). NULL: no memory. */
struct audit_repeats *audit_repeats_new(audit_repeats_write *write, void *arg);

/* Frees without writing what was counted. NULL does nothing. */
void audit_repeats_free(struct audit_repeats *repeats);

/*
 * Takes one request. Requests are equal if uid, gid and units, op, secret, credential, rule and outcome are. A
 * record for several has the pid, version and number of the last one, and the longest time.
 */
void audit_repeats_take(struct audit_repeats *repeats, const struct audit_record *record, uint64_t now_ms);

/*
 * Writes and forgets kinds whose minute is over, or all with UINT64_MAX. True: some are left, to be swept later.
 */
bool audit_repeats_sweep(struct audit_repeats *repeats, uint64_t now_ms);

#endif
