/*
 * audit_text: writes an audit record as a line of JSON, or as fields for the journal. It does no I/O.
 */
#ifndef AUDIT_TEXT_H
#define AUDIT_TEXT_H

#include <stddef.h>
#include <time.h>

#include "daemon/host/audit.h"

#define AUDIT_TEXT_MAX 16384 /* bytes, enough for the longest names and paths */

#define AUDIT_NO_GID ((gid_t)-1) /* a gid that is not written */

enum audit_stage {
	AUDIT_DONE,   /* a record that stands for itself */
	AUDIT_INTENT, /* the change is about to be made; no outcome is written */
	AUDIT_RESULT  /* what became of an intent */
};

struct audit_entry {
	const struct audit_record *record;
	enum audit_stage stage;
	uint64_t count; /* how many requests it stands for; 0: is not written */
	bool is_rest;   /* they differ, and the record has what is the same for all; its op may be NULL */
	uint64_t paths; /* about how many different secrets they were for; only with is_rest */
};

/* Writes a line with a newline, and `now` as its time. Gives its length in bytes, or 0: it does not fit. */
size_t audit_text_json(char *out, size_t cap, const struct audit_entry *entry, const struct timespec *now);

/* Writes fields for journal_send(). Gives their length in bytes, or 0: they do not fit. */
size_t audit_text_fields(char *out, size_t cap, const struct audit_entry *entry);

#endif
