/*
 * progress: how far a transfer has come, on one line of standard error that is drawn again and again, and gone at
 * the end. Only on a terminal.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	bool on;
	const char *what; /* "saving" */
	uint64_t total;   /* bytes; 0: not known */
	uint64_t done;
	uint64_t began_ms, drawn_ms;
	size_t width; /* of what stands there now */
};

/* what and its first line. Nothing at all if quiet, or standard error is no terminal. */
void progress_begin(struct progress *p, bool quiet, const char *what, uint64_t total);

void progress_add(struct progress *p, size_t bytes);

/* Says something else in its place, until the end. */
void progress_note(struct progress *p, const char *text);

/* Takes the line away. May be called again. */
void progress_end(struct progress *p);

/* "1.5 MiB" */
void progress_size(char *out, size_t cap, uint64_t bytes);

#endif
