/*
 * log_limit: which log lines are one too many of their kind. Pure: times come from the caller.
 */
#ifndef LOG_LIMIT_H
#define LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_LINES 20u
#define LOG_LIMIT_MS 30000u
#define LOG_LIMIT_KINDS 16
#define LOG_LIMIT_TEXT 120

/* Lines of one format are of a kind. */
struct log_limit_kind {
	const char *format; /* NULL: not in use */
	int level;
	uint64_t began_ms;
	unsigned lines;            /* since then */
	unsigned left_out;         /* of these */
	char text[LOG_LIMIT_TEXT]; /* the last that was left out, cut */
};

struct log_limit {
	struct log_limit_kind kind[LOG_LIMIT_KINDS];
};

/* May a line of this format be written now? If not, it is counted. */
bool log_limit_take(struct log_limit *limit, const char *format, int level, const char *text, uint64_t now_ms);

/*
 * A kind whose time is over and of which lines were left out; it is not in use afterwards. Is to be asked before
 * log_limit_take(), until it says false. now_ms UINT64_MAX: of any.
 */
bool log_limit_over(struct log_limit *limit, uint64_t now_ms, struct log_limit_kind *ret);

#endif
