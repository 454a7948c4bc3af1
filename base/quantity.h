/*
 * quantity: reads numbers as people write them in settings, and says times as people do. A text is taken whole or
 * not at all: it may have no sign, no blank, and nothing after the number and its unit.
 */
#ifndef QUANTITY_H
#define QUANTITY_H

#include <stdint.h>
#include <sys/types.h>

/* These give 0; or -1 with *ret untouched: the text is not of this form, or the number does not fit. */
int quantity_time(const char *text, uint64_t *ret_ms);    /* "500ms" "10s" "5m" "2h" */
int quantity_size(const char *text, uint64_t *ret_bytes); /* "65536" "64K" "8M", K being 1024 */
int quantity_count(const char *text, uint64_t *ret);      /* "1024" */
int quantity_mode(const char *text, mode_t *ret);         /* "660" "0660", octal, at most 0777 */

/*
 * Gives a time as people say it, in one unit: "0.4 s", "16 s" up to two minutes, "21 min" up to two hours, "3 h"
 * up to two days, "32 days". It is rounded to the nearest.
 */
#define QUANTITY_SAID_SIZE 32
const char *quantity_say_time(char out[QUANTITY_SAID_SIZE], uint64_t ms);

#endif
