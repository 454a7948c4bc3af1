/*
 * config_value: what a setting's text means. A text is taken whole or not at all: no sign, no space, nothing
 * after it. Nothing here knows of files or of the struct config.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* 0, or -1 with *ret untouched: the text is none of these, or does not fit. */
int config_value_time(const char *text, uint64_t *ret_ms);    /* "500ms" "10s" "5m" "2h" */
int config_value_size(const char *text, uint64_t *ret_bytes); /* "65536" "64K" "8M", K being 1024 */
int config_value_count(const char *text, uint64_t *ret);      /* "1024" */
int config_value_mode(const char *text, mode_t *ret);         /* "660" "0660", octal, at most 0777 */

/* A user or group by number or by name, which must exist. 0, or -1 with why set. */
int config_value_user(const char *text, uid_t *ret, struct error *why);
int config_value_group(const char *text, gid_t *ret, struct error *why);

/*
 * Says what is wrong with a rule's path pattern, or NULL: it is canonical as a request's path, but for its stars.
 */
const char *config_value_pattern_error(const char *pattern);

/* Says what is wrong with a pattern for names of units, or NULL. */
const char *config_value_unit_error(const char *pattern);

/* A text as it may stand in an error: cut, and what is not printable ASCII replaced. Returns out. */
#define CONFIG_VALUE_SHOWN 64
const char *config_value_shown(const char *text, char out[CONFIG_VALUE_SHOWN]);

/* Does the text hold a control byte? */
bool config_value_has_control(const char *text);

/* In how many letters two names differ (Levenshtein); 99 if either is longer than 31 bytes. */
unsigned config_value_distance(const char *a, const char *b);

#endif
