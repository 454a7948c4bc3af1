/*
 * log: writes a line with time, level and text on standard error, or under systemd (JOURNAL_STREAM) an entry of
 * the journal. A text never holds a secret, a token or a secret's name. Lines may come from any thread; the other
 * functions are for the loop's thread.
 *
 * Lines of one format are written up to 20 times in half a minute, since callers or OpenBao may cause them again
 * and again. More of them are counted, and the count is written when that time is over. Debug lines are not
 * limited; while the level leaves them out they cost next to nothing.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/*
 * Finds out whether standard error is the journal, and sets the most detailed level that is written. Before this
 * is called lines are written as for a terminal, and up to info.
 */
void log_init(enum log_level max_level);

/* Sets the most detailed level that is written. */
void log_set_level(enum log_level max_level);

/*
 * Starts a thread that writes, so that the loop does not wait for a reader that is slow. Before that a line that
 * cannot be written at once is dropped. 0; or -1: no memory or no thread, and lines are written as before.
 */
int log_start(void);

/*
 * Writes what is left for at most budget_ms, and ends the thread. Later lines are written as before log_start().
 */
void log_stop(uint64_t budget_ms);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* True if debug lines are written: to be asked before a line that takes some work to put together. */
bool log_has_debug(void);

/*
 * Writes a debug line about a caller's request, which begins with the request's number; with 0 about a request of
 * the daemon's own, which has no number.
 */
void log_request(uint64_t number, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
