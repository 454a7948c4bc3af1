/*
 * progress: shows how far a transfer has come, on one line of standard error that is drawn again and again and is
 * gone at the end. It shows nothing if standard error is no terminal.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	bool on;
	const char *what; /* what the line says, like "saving" */
	uint64_t total;   /* in bytes; 0: not known */
	uint64_t done;
	uint64_t began_ms, drawn_ms;
	size_t width; /* columns of the line that stands there now */
};

/* Begins, and draws the first line. quiet: nothing is shown at all. */
void progress_begin(struct progress *p, bool quiet, const char *what, uint64_t total);

void progress_add(struct progress *p, size_t bytes);

/* Shows another text in the line's place, until the end. */
void progress_note(struct progress *p, const char *text);

/* Removes the line. It may be called more than once. */
void progress_end(struct progress *p);

/* Writes a size for people, like "1.5 MiB". */
void progress_size(char *out, size_t cap, uint64_t bytes);

#endif
