/*
 * jwrite: writes one JSON frame (an object) to the end of a buffer. Errors stick: write on and ask at the end.
 * Used for requests by the client and for replies by the daemon.
 */
#ifndef JWRITE_H
#define JWRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/jscan.h"

struct jwrite {
	struct buf *out;
	size_t mark;  /* buf_len(out) when the frame was begun */
	bool comma;   /* the next member needs one before it */
	bool failed;
};

/* Begins a frame and its object. The buffer must not be consumed from or written to by others until the end. */
void jwrite_begin(struct jwrite *w, struct buf *out);

/*
 * Members. Names are plain ASCII that needs no escaping. Strings are escaped here; one that is not valid UTF-8 is
 * an error. A span goes byte for byte, one of len 0 as null.
 */
void jwrite_string(struct jwrite *w, const char *name, const char *value, size_t len);
void jwrite_text(struct jwrite *w, const char *name, const char *value); /* NUL-terminated */
void jwrite_uint(struct jwrite *w, const char *name, uint64_t value);
void jwrite_bool(struct jwrite *w, const char *name, bool value);
void jwrite_null(struct jwrite *w, const char *name);
void jwrite_span(struct jwrite *w, const char *name, struct jspan value);

/* Nested object or array: '{' and '}', or '[' and ']'. Within an array the members' names are NULL. */
void jwrite_open(struct jwrite *w, const char *name, char bracket);
void jwrite_close(struct jwrite *w, char bracket);

/*
 * Ends the object and fills in the frame's header. 0, or -1 with everything since jwrite_begin taken back: no
 * memory, the buffer's limit, or a body over FRAME_BODY_MAX.
 */
int jwrite_end(struct jwrite *w);

/* Escapes len bytes of UTF-8 into a JSON string with its quotes. 0; or -1 with out unchanged. */
int jwrite_escaped(struct buf *out, const char *p, size_t len);

#endif
