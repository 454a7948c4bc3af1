/*
 * jscan: a strict, non-recursive JSON scanner that copies nothing. It walks a document once, front to back; the
 * caller steps through the objects it knows and takes any value as a span of the text, untouched. Strict means
 * RFC 8259 to the letter, valid UTF-8 (RFC 3629, no surrogates), escaped surrogates only in pairs, one value.
 *
 * Pure: no allocation, no I/O. The text must outlive the spans. Repeated members are the caller's to refuse.
 *
 * Use: jscan_init, jscan_object, then jscan_member until it gives 0; after each member exactly one of jscan_value,
 * or jscan_object and the same again. jscan_end last. After an error every call returns -1.
 */
#ifndef JSCAN_H
#define JSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSCAN_DEPTH_MAX 10000 /* deepest nesting of a value taken as a span */

enum jtype { JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL };

/* A value as it stands in the text: a string with its quotes, an object with its braces. */
struct jspan {
	const char *p;
	size_t len;
	enum jtype type;
};

struct jscan {
	const char *p;
	const char *end;
	const char *error; /* what is wrong, for a message; NULL while all is well. Holds nothing of the text. */
	int fresh;         /* an object was just entered */
};

void jscan_init(struct jscan *s, const char *text, size_t len);

/* Enters an object. 0, or -1: the next value is not an object or not JSON (s->error says). */
int jscan_object(struct jscan *s);

/* 1: *key is the next member's name (a string span), its value comes next. 0: the object has ended. -1: error. */
int jscan_member(struct jscan *s, struct jspan *key);

/* Takes the next value whole, nested at most depth deep (a scalar is 0 deep). 0, or -1. */
int jscan_value(struct jscan *s, unsigned depth, struct jspan *value);

/* 0 if nothing but white space is left, else -1. */
int jscan_end(struct jscan *s);

/* The next value's type without taking it; -1 if there is none. */
int jscan_peek(struct jscan *s);

/*
 * Decodes a string span into at most cap - 1 bytes of UTF-8 and a NUL. Gives its length, which is more than
 * strlen(out) if the string holds \u0000; or -1 if it does not fit or the span is no string (out: "").
 */
long jspan_decode(struct jspan string, char *out, size_t cap);

/* The same, but what does not fit is left out, from the last whole character on. */
long jspan_decode_cut(struct jspan string, char *out, size_t cap);

/* 1 if the string span, unescaped, equals name. */
int jspan_equals(struct jspan string, const char *name);

/* A name that a member may have. */
struct jname {
	const char *text;
	size_t len;
};

#define JNAME(text) \
	{ \
		text, sizeof(text) - 1 \
	}

/*
 * Whether the string span, which must be one, is written just as the name is: one with escapes can equal it and is
 * not.
 */
static inline bool jspan_is_written(struct jspan string, struct jname name)
{
	return string.len - 2 == name.len && memcmp(string.p + 1, name.text, name.len) == 0;
}

/*
 * The index of the one of count names, all different, that the string span, unescaped, equals; -1 if there is
 * none. The search begins at `first`, where it is found soonest if members come in the names' order.
 */
int jspan_among(struct jspan string, const struct jname names[], int count, int first);

/*
 * jscan_member, and *ret which one of count names, all different and of characters that need no escapes, the
 * member's name is, as by jspan_among. Quickest is the one expected, an index, if it is written without escapes,
 * and without a space before its colon.
 */
int jscan_member_among(struct jscan *s, const struct jname names[], int count, int expected, struct jspan *key,
    int *ret);

/*
 * The value of the member of that name in an object that is all of the text: of the last one, if there are
 * several. 1; 0: there is none; -1: the text is no object, or not JSON. *ret is untouched unless it is found.
 */
int jscan_find(const char *text, size_t len, const char *name, struct jspan *ret);

/* The value of a number span of the form 0|[1-9][0-9]{0,9}; 0, or -1 with *ret untouched. */
int jspan_number(struct jspan number, uint64_t *ret);

/* The same up to JSPAN_INTEGER_MAX, what a double holds exactly. */
#define JSPAN_INTEGER_MAX UINT64_C(9007199254740991) /* 2^53 - 1 */
int jspan_integer(struct jspan number, uint64_t *ret);

#endif
