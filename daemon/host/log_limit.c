/*
 * log_limit: remembers a few kinds of lines, in an array that is searched.
 */
#include "daemon/host/log_limit.h"

#include <stdio.h>
#include <string.h>

/*
 * Finds the kind of the format, or makes room for it, if need be in place of the oldest kind of which nothing was
 * left out. NULL: there is no such kind.
 */
static struct log_limit_kind *kind_of(struct log_limit *limit, const char *format)
{
	struct log_limit_kind *oldest = NULL;

	for (struct log_limit_kind *k = limit->kind; k < limit->kind + LOG_LIMIT_KINDS; k++) {
		if (k->format == format)
			return k;
		if (k->left_out == 0 && (oldest == NULL || k->format == NULL || k->began_ms < oldest->began_ms))
			oldest = k;
	}
	if (oldest != NULL)
		memset(oldest, 0, sizeof(*oldest));
	return oldest;
}

bool log_limit_take(struct log_limit *limit, const char *format, int level, const char *text, uint64_t now_ms)
{
	struct log_limit_kind *k = kind_of(limit, format);

	if (k == NULL)
		return true;
	if (k->format == NULL || now_ms - k->began_ms >= LOG_LIMIT_MS) {
		k->format = format;
		k->level = level;
		k->began_ms = now_ms;
		k->lines = 0;
	}
	if (++k->lines <= LOG_LIMIT_LINES)
		return true;
	k->left_out++;
	snprintf(k->text, sizeof(k->text), "%s", text);
	return false;
}

bool log_limit_over(struct log_limit *limit, uint64_t now_ms, struct log_limit_kind *ret)
{
	for (struct log_limit_kind *k = limit->kind; k < limit->kind + LOG_LIMIT_KINDS; k++) {
		if (k->left_out == 0 || (now_ms != UINT64_MAX && now_ms - k->began_ms < LOG_LIMIT_MS))
			continue;
		*ret = *k;
		memset(k, 0, sizeof(*k));
		return true;
	}
	return false;
}
