/*
 * log: lines on standard error, one per event: time, level, text. Under systemd (JOURNAL_STREAM) the time is left
 * out and the level is given as journald wants it, "<4>…". A text never holds a secret, token or address.
 */
#ifndef LOG_H
#define LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Whether standard error is a journal, and which levels are written. Without it: plain lines up to info. */
void log_init(enum log_level most);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
