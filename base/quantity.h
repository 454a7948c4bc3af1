/*
 * quantity: reads numbers as people write them in settings. A text is taken whole or not at all: it may have no
 * sign, no blank, and nothing after the number and its unit.
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

#endif
