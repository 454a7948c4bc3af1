/*
 * journal: sends entries with fields to systemd's journal.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

/* True if systemd has connected standard error to the journal. */
bool journal_has_stderr(void);

/* True if there is a journal that takes entries. */
bool journal_is_there(void);

/*
 * Sends one entry: n bytes of at most 24 fields "FIELD=value", each with a NUL after it. It may block while the
 * journal does not keep up. 0, or an errno.
 */
int journal_send(const char *fields, size_t n);

#endif
