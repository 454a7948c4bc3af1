/*
 * audit: who asked for what, and what became of it: one record for each, in the journal, in a file as a line of
 * JSON, or on standard error. No record holds a secret's value.
 *
 * A thread of its own writes, so that a journal or a disk that does not keep up makes nobody wait. Where records
 * are lost they are counted, and the log says so.
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
	AUDIT_CHANGES, /* all but gets, of which equal ones are counted and written once a minute */
	AUDIT_ALL
};

enum audit_sink { AUDIT_JOURNAL, AUDIT_FILE, AUDIT_STDERR };

enum audit_on_failure {
	AUDIT_CONTINUE, /* requests go on */
	AUDIT_DENY      /* what cannot be audited is not done; only with AUDIT_FILE */
};

struct audit_options {
	enum audit_level level;
	enum audit_sink sink;
	enum audit_on_failure on_failure;
	const char *file; /* AUDIT_FILE: its path */
};

/* A record says this. Its texts are copied; all but op may be NULL, where there is none. */
struct audit_record {
	const char *op;          /* "kv.get", or "credential" */
	const struct peer *peer; /* uid, gid, pid and units are written. NULL: nobody is known */
	const char *mount, *path;
	const char *credential; /* the id of a systemd credential */
	const char *rule;       /* the rule that allowed it; NULL: denied by this daemon */
	uint64_t version;       /* 0: none */
	enum code code;         /* CODE_NONE: it worked */
	bool gone;              /* the caller went away before the end; code does not count */
	uint64_t microseconds;  /* from the request to its end */
	/* its number, as in the log at debug; the same in an intent and its result; 0: none */
	uint64_t request;
};

/*
 * Opens the sink. A journal that is not there is replaced by standard error. base is borrowed, options and its
 * path are copied. NULL with error set.
 */
struct audit *audit_new(struct event_base *base, const struct audit_options *options, struct error *error);

/*
 * Writes what is still to be written, for at most budget_ms, and frees. Waits that are left do not run any more.
 */
void audit_free(struct audit *audit, uint64_t budget_ms);

/* Records that come from now on are kept by this level, as after a reload. */
void audit_set_level(struct audit *audit, enum audit_level level);

/* Takes the record, if the level wants it, at now_ms of clock_now_ms(); never waits. */
void audit_write(struct audit *audit, const struct audit_record *record, uint64_t now_ms);

/* Gives how many records were lost so far. */
uint64_t audit_dropped(const struct audit *audit);

/* -- on_failure = deny: a change is done only when its intent is on file, and answered when its result is -- */

/* Must changes wait for the two below? */
bool audit_denies(const struct audit *audit);

/* ok: the record is on the disk. Runs once, from the loop, never from within the call that began the wait. */
typedef void audit_done(void *arg, bool ok);

/*
 * Each writes a record: of what is about to be done, and of what was. The wait fails when the file cannot be
 * written, or was not by deadline_ms. NULL: there is no memory, and done does not run. With done NULL nobody
 * waits, and NULL is given.
 */
struct audit_wait *audit_intent(struct audit *audit, const struct audit_record *record, uint64_t deadline_ms,
    audit_done *done, void *arg);
struct audit_wait *audit_result(struct audit *audit, const struct audit_record *record, uint64_t deadline_ms,
    audit_done *done, void *arg);

/* done will not run; the record is written all the same. */
void audit_abandon(struct audit_wait *wait);

#endif
