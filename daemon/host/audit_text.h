/*
 * audit_text: an audit record as a line of JSON, and as fields for the journal. Pure.
 */
#ifndef AUDIT_TEXT_H
#define AUDIT_TEXT_H

#include <stddef.h>
#include <time.h>

#include "daemon/host/audit.h"

#define AUDIT_TEXT_MAX 16384 /* enough for whatever names and paths may be */

enum audit_stage {
	AUDIT_DONE,   /* a record that stands for itself */
	AUDIT_INTENT, /* it is about to be done: the outcome is not written */
	AUDIT_RESULT  /* what became of an intent */
};

struct audit_entry {
	const struct audit_record *record;
	enum audit_stage stage;
	uint64_t count; /* how many equal ones it stands for; 0: does not say */
};

/* Makes a line, with its end. Gives its length, or 0: it does not fit in. */
size_t audit_text_json(char *out, size_t cap, const struct audit_entry *entry, const struct timespec *now);

/* Makes fields for journal_send(). Gives their length, or 0: they do not fit in. */
size_t audit_text_fields(char *out, size_t cap, const struct audit_entry *entry);

#endif
