/*
 * audit_repeats: bounds how many records a minute are written of requests that changed nothing. Times come from
 * the caller, in ms.
 *
 * Equal requests are one kind. The first is written at once. Those that follow within a minute are counted and
 * written as one record when the minute is over, and the next minute begins. After a minute without any the
 * kind is forgotten.
 *
 * Each user (uid) may have so many kinds of each outcome. Requests of any more kinds are counted together, and
 * written as one record (audit_rest.h) when a minute has passed since the first of them. So the records of a
 * user, and the memory for them, have a bound whatever the user asks for, and each request is counted in one
 * record.
 */
#ifndef AUDIT_REPEATS_H
#define AUDIT_REPEATS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/host/audit_text.h"

#define AUDIT_REPEATS_MS 60000u

/* Kinds of a user: of requests that worked; and of each way to fail, denials being one of them. */
#define AUDIT_REPEATS_WORKED 1024u
#define AUDIT_REPEATS_FAILED 64u

/*
 * Kinds of all users: of requests that worked; of those that failed; and of those that were denied. When there
 * are so many, each user may still have AUDIT_REPEATS_FEW of each outcome.
 */
#define AUDIT_REPEATS_ALL_WORKED 4096u
#define AUDIT_REPEATS_ALL_FAILED 1024u
#define AUDIT_REPEATS_FEW 4u

/*
 * Users that are told apart in each of these three groups; in the second one a user counts once for each way to
 * fail. Requests of more users are counted together, with one record for each outcome.
 */
#define AUDIT_REPEATS_USERS 256u

enum audit_repeats_how {
	AUDIT_COUNTED,   /* equal ones are counted */
	AUDIT_EACH_ALONE /* each is a kind of its own, and its record has no count */
};

struct audit_repeats;

/*
 * Is called to write a record for one or more requests. The entry is valid until it returns. False: there is no
 * room now, and its requests will be in a later entry.
 */
typedef bool audit_repeats_write(void *arg, const struct audit_entry *entry);

/* write runs from within audit_repeats_take() and audit_repeats_sweep(). NULL: no memory. */
struct audit_repeats *audit_repeats_new(audit_repeats_write *write, void *arg);

/* Frees without writing what was counted. NULL does nothing. */
void audit_repeats_free(struct audit_repeats *repeats);

/*
 * Takes one request. Requests are equal if uid, gid and units, op, secret, credential, rule and outcome are. A
 * record for several has the pid, version and number of the last one, and the longest time.
 */
void audit_repeats_take(struct audit_repeats *repeats, const struct audit_record *record,
    enum audit_repeats_how how, uint64_t now_ms);

/*
 * Writes and forgets what has had its minute, or all with UINT64_MAX, as long as there is room. True: some is
 * left, to be swept later.
 */
bool audit_repeats_sweep(struct audit_repeats *repeats, uint64_t now_ms);

/* Gives when something has had its minute, on the clock of the others; UINT64_MAX: there is nothing. */
uint64_t audit_repeats_due(const struct audit_repeats *repeats);

#endif
