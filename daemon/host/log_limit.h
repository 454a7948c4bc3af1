/*
 * log_limit: decides which log lines are too many of their kind. Times come from the caller; it does no I/O.
 */
#ifndef LOG_LIMIT_H
#define LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_LINES 20u /* of a kind, in LOG_LIMIT_MS */
#define LOG_LIMIT_MS 30000u
#define LOG_LIMIT_KINDS 16 /* that are remembered */
#define LOG_LIMIT_TEXT 120 /* bytes */

/* A kind of lines: those of one format string, told by its address. */
struct log_limit_kind {
	const char *format; /* NULL: not in use */
	int level;
	uint64_t began_ms;
	unsigned lines;            /* since began_ms */
	unsigned left_out;         /* how many of them were not written */
	char text[LOG_LIMIT_TEXT]; /* the start of the last one that was left out */
};

/* When it is all zero no line has come. */
struct log_limit {
	struct log_limit_kind kind[LOG_LIMIT_KINDS];
};

/* True if a line of this format may be written now. Else it is counted as left out. text is copied. */
bool log_limit_take(struct log_limit *limit, const char *format, int level, const char *text, uint64_t now_ms);

/*
 * Gives a kind whose time is over and of which lines were left out, and forgets it; with now_ms UINT64_MAX also
 * one whose time is not over. False: there is none. To be called until it is false before each log_limit_take().
 */
bool log_limit_over(struct log_limit *limit, uint64_t now_ms, struct log_limit_kind *ret);

#endif
