/*
 * journal: entries with fields for systemd's journal.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

/* Has systemd connected standard error to the journal? */
bool journal_has_stderr(void);

/* Is there a journal that takes entries? */
bool journal_is_there(void);

/*
 * Sends one entry: n bytes of "FIELD=value", each with a NUL after it. Waits while the journal does not keep up.
 * 0, or an errno.
 */
int journal_send(const char *fields, size_t n);

#endif
