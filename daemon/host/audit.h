/*
 * audit: records who asked for what and with which result, in the journal, in a file, or on standard error. In the
 * file and on standard error a record is a line of JSON. No record holds a secret's value.
 *
 * A thread writes the records, so that the loop does not wait for a slow journal or disk. Records for which there
 * is no room, or that cannot be written, are lost; they are counted, and the log tells how many.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "daemon/access/rules.h"
#include "proto/codes.h"

struct audit;
struct audit_wait;
struct event_base;

enum audit_level {
	/*
	 * Equal requests that change nothing (OP_READS), and equal ones that no rule allowed, are written once a
	 * minute with a count; those that worked and named no secret are left out. All others are written each.
	 * Of all that changed nothing, failed writes included, a user has a bounded number of records a minute;
	 * what is more is counted in one (audit_repeats.h).
	 */
	AUDIT_CHANGES,
	AUDIT_ALL /* each request is written; only the denials of a user are bounded */
};

enum audit_sink { AUDIT_JOURNAL, AUDIT_FILE, AUDIT_STDERR };

enum audit_on_failure {
	AUDIT_CONTINUE, /* requests are served without a record */
	AUDIT_DENY      /* changes that cannot be recorded are not made; only with AUDIT_FILE */
};

struct audit_options {
	enum audit_level level;
	enum audit_sink sink;
	enum audit_on_failure on_failure;
	const char *file; /* its path, for AUDIT_FILE */
};

/* The content of a record. Its texts are copied; each but op may be NULL if there is none. */
struct audit_record {
	const char *op;          /* "kv.get", or "credential" */
	const struct peer *peer; /* its uid, gid, pid and units are written; NULL: not known */
	const char *mount, *path;
	const char *credential; /* the id of a systemd credential */
	const char *for_unit;   /* the unit whose credential was asked for, if it is not the peer's; else NULL */
	const char *rule;       /* the rule that allowed it; NULL: none did, or none was needed */
	uint64_t version;       /* 0: none */
	enum code code;         /* CODE_NONE: it worked */
	bool gone;              /* the caller went away before the end; code is not written then */
	uint64_t microseconds;  /* from the request to its end */
	/* its number, which debug lines of the log have, too; an intent and its result have the same; 0: none */
	uint64_t request;
};

/*
 * Opens the sink and starts the thread. If there is no journal, standard error takes its place. base is borrowed;
 * options are copied. NULL with error set.
 */
struct audit *audit_new(struct event_base *base, const struct audit_options *options, struct error *error);

/* Looks whether audit_new() could open the sink, and makes nothing. 0, or -1 with error set. */
int audit_check(const struct audit_options *options, struct error *error);

/* Writes what is left for at most budget_ms, and frees. The callbacks of waits that are left will not run. */
void audit_free(struct audit *audit, uint64_t budget_ms);

/* Sets the level for records that come from now on, as after a reload. */
void audit_set_level(struct audit *audit, enum audit_level level);

/* Takes the record, if the level wants it. now_ms is clock_now_ms(). It never waits. */
void audit_write(struct audit *audit, const struct audit_record *record, uint64_t now_ms);

/* Gives how many records have been lost so far. */
uint64_t audit_dropped(const struct audit *audit);

/*
 * -- changes under AUDIT_DENY: one is made only when its intent is on file, and answered when its result is ------
 */

/* True with AUDIT_DENY: changes must wait for audit_intent(), and their answers for audit_result(). */
bool audit_denies(const struct audit *audit);

/*
 * Ends a wait. ok: the record is on the disk. Runs once, from the loop, never from within the call that began it.
 */
typedef void audit_done(void *arg, bool ok);

/*
 * These write a record of what is about to be done, and of what was done, and wait until it is on the disk. The
 * wait fails when the file cannot be written, or was not by deadline_ms on clock_now_ms(), which may be
 * CLOCK_NEVER. NULL: no memory, and done will not run. If done is NULL the record is written without a wait, and
 * NULL is given.
 */
struct audit_wait *audit_intent(struct audit *audit, const struct audit_record *record, uint64_t deadline_ms,
    audit_done *done, void *arg);
struct audit_wait *audit_result(struct audit *audit, const struct audit_record *record, uint64_t deadline_ms,
    audit_done *done, void *arg);

/* Gives up a wait whose done has not run, and will not; the record is written all the same. */
void audit_abandon(struct audit_wait *wait);

#endif
