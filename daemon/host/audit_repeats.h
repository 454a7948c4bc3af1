/*
 * audit_repeats: equal requests that change nothing are audited once a minute, with their number. Times come from
 * the caller, in ms.
 *
 * The first is written at once. Those that follow within a minute are counted, and written as one when it is over,
 * with which the next minute begins; after a minute without any the next one is a first one again.
 */
#ifndef AUDIT_REPEATS_H
#define AUDIT_REPEATS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/host/audit.h"

#define AUDIT_REPEATS_MS 60000u
#define AUDIT_REPEATS_MAX 1024 /* kinds that are remembered; then the oldest is written before its time */

struct audit_repeats;

/* Writes a record that stands for count requests. Its texts are valid until it returns. */
typedef void audit_repeats_write(void *arg, const struct audit_record *record, uint64_t count);

/* NULL: no memory. */
struct audit_repeats *audit_repeats_new(audit_repeats_write *write, void *arg);

/* Writes nothing more. */
void audit_repeats_free(struct audit_repeats *repeats);

/*
 * Takes one request. Those are equal that one uid, gid and unit made for the same thing with the same outcome; pid
 * and version are written as the last one had them, and microseconds as the longest.
 */
void audit_repeats_take(struct audit_repeats *repeats, const struct audit_record *record, uint64_t now_ms);

/* Writes the kinds whose minute is over; with UINT64_MAX all. Gives whether any are left. */
bool audit_repeats_sweep(struct audit_repeats *repeats, uint64_t now_ms);

#endif
