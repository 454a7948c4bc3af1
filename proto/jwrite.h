/*
 * jwrite: writes one JSON frame (an object) to the end of a buffer. Errors stick: write on and ask at the end.
 * Used for requests by the client and for replies by the daemon.
 */
#ifndef JWRITE_H
#define JWRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "proto/jscan.h"

struct jwrite {
	struct buf *out;
	size_t mark; /* buf_len(out) when the frame was begun */
	bool comma;  /* the next member needs one before it */
	bool failed;
};

/* Begins a frame and its object. The buffer must not be consumed from or written to by others until the end. */
void jwrite_begin(struct jwrite *w, struct buf *out);

/* The same as below, with the name's length. Names mostly are literals, whose lengths the compiler knows. */
void jwrite_named_string(struct jwrite *w, struct jname name, const char *value, size_t len);
void jwrite_named_uint(struct jwrite *w, struct jname name, uint64_t value);
void jwrite_named_span(struct jwrite *w, struct jname name, struct jspan value);
void jwrite_named_open(struct jwrite *w, struct jname name, char bracket);

static inline struct jname jwrite_name(const char *name)
{
	return (struct jname){ name, name != NULL ? strlen(name) : 0 };
}

/*
 * Members. Names are plain ASCII that needs no escaping. Strings are escaped here; one that is not valid UTF-8 is
 * an error. A span goes byte for byte, one of len 0 as null.
 */
static inline void jwrite_string(struct jwrite *w, const char *name, const char *value, size_t len)
{
	jwrite_named_string(w, jwrite_name(name), value, len);
}

static inline void jwrite_text(struct jwrite *w, const char *name, const char *value) /* NUL-terminated */
{
	jwrite_named_string(w, jwrite_name(name), value, strlen(value));
}

static inline void jwrite_uint(struct jwrite *w, const char *name, uint64_t value)
{
	jwrite_named_uint(w, jwrite_name(name), value);
}

static inline void jwrite_span(struct jwrite *w, const char *name, struct jspan value)
{
	jwrite_named_span(w, jwrite_name(name), value);
}

static inline void jwrite_bool(struct jwrite *w, const char *name, bool value)
{
	jwrite_span(w, name,
	    value ? (struct jspan){ "true", 4, JSON_TRUE } : (struct jspan){ "false", 5, JSON_FALSE });
}

static inline void jwrite_null(struct jwrite *w, const char *name)
{
	jwrite_span(w, name, (struct jspan){ "null", 4, JSON_NULL });
}

/* Nested object or array: '{' and '}', or '[' and ']'. Within an array the members' names are NULL. */
static inline void jwrite_open(struct jwrite *w, const char *name, char bracket)
{
	jwrite_named_open(w, jwrite_name(name), bracket);
}

void jwrite_close(struct jwrite *w, char bracket);

/*
 * Ends the object and fills in the frame's header. 0, or -1 with everything since jwrite_begin taken back: no
 * memory, the buffer's limit, or a body over FRAME_BODY_MAX.
 */
int jwrite_end(struct jwrite *w);

/* Escapes len bytes of UTF-8 into a JSON string with its quotes. 0; or -1 with out unchanged. */
int jwrite_escaped(struct buf *out, const char *p, size_t len);

#endif
