/*
 * jwrite: appends one JSON frame, an object, to a buffer. An error is remembered: the caller writes on and asks
 * jwrite_end(). The client library writes requests with it, the daemon replies.
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

/* Begins a frame and its object. Until jwrite_end() nothing else may append to the buffer or consume from it. */
void jwrite_begin(struct jwrite *w, struct buf *out);

/* These do the work of the functions below, which add the name's length: for literals the compiler knows it. */
void jwrite_named_string(struct jwrite *w, struct jname name, const char *value, size_t len);
void jwrite_named_uint(struct jwrite *w, struct jname name, uint64_t value);
void jwrite_named_span(struct jwrite *w, struct jname name, struct jspan value);
void jwrite_named_open(struct jwrite *w, struct jname name, char bracket);

static inline struct jname jwrite_name(const char *name)
{
	return (struct jname){ name, name != NULL ? strlen(name) : 0 };
}

/*
 * These write a member each. Names are plain ASCII that needs no escaping. Strings are escaped here; one that is
 * not valid UTF-8 is an error. A span is written byte for byte, and as null if its len is 0.
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

/*
 * These open and close a nested object ('{', '}') or array ('[', ']'). Within an array the members' names are
 * NULL.
 */
static inline void jwrite_open(struct jwrite *w, const char *name, char bracket)
{
	jwrite_named_open(w, jwrite_name(name), bracket);
}

void jwrite_close(struct jwrite *w, char bracket);

/*
 * Ends the object and fills in the frame's header. 0, or -1 with everything since jwrite_begin() taken back: there
 * was no memory, the buffer is at its limit, a string was no valid UTF-8, or the body is over FRAME_BODY_MAX.
 */
int jwrite_end(struct jwrite *w);

/*
 * Appends len bytes of UTF-8 as a JSON string with its quotes. 0; or -1 with out unchanged (memory, limit, no
 * UTF-8).
 */
int jwrite_escaped(struct buf *out, const char *p, size_t len);

#endif
