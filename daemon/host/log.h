/*
 * log: one line per event on standard error: time, level, text. Under systemd (JOURNAL_STREAM) entries of the
 * journal instead. A text never holds a secret, token or address, nor a secret's name. Lines may come from any
 * thread; all else is for the loop's.
 *
 * A line that a caller or OpenBao can cause again and again is written some 20 times in half a minute, then
 * counted, and the count is written when that time is over. Debug lines are written one and all, and cost next to
 * nothing while the level leaves them out.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/*
 * Finds out whether standard error is a journal, and sets which levels are written. Without it: plain lines up to
 * info.
 */
void log_init(enum log_level most);
void log_set_level(enum log_level most);

/*
 * From now on a thread writes, so that a reader who does not read makes nobody wait; until then lines for which
 * there is no room at once are dropped. -1: no memory or no thread, and it goes on as before.
 */
int log_start(void);

/* Writes what is left, for at most budget_ms. What is logged after that is written as before log_start(). */
void log_stop(uint64_t budget_ms);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Tells whether debug lines are written, for those that take some work to put together. */
bool log_has_debug(void);

/*
 * A debug line about a caller's request, with whose number it begins; 0: about the daemon's own, and it begins
 * with none.
 */
void log_request(uint64_t number, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
