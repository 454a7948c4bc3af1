/*
 * jscan: a strict, non-recursive JSON scanner that copies nothing. It walks a document once from front to back.
 * The caller steps through the objects it knows and takes any value as a span, a piece of the text as it stands.
 * Strict means: RFC 8259 to the letter, valid UTF-8 (RFC 3629, no surrogates), escaped surrogates only in pairs,
 * and nothing after the one value.
 *
 * It allocates nothing and does no I/O. The text must outlive the spans. Members that are repeated are not noticed
 * here; a caller who minds must check.
 *
 * Use: call jscan_init and jscan_object, then jscan_member until it gives 0. After each member call either
 * jscan_value, or jscan_object to step through it in the same way. Call jscan_end last. After an error every call
 * returns -1.
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
	const char *error; /* what is wrong, a fixed phrase for a message; NULL while all is well */
	int fresh;         /* 1: an object was just entered, so that no comma precedes its next member */
};

/* Begins to scan len bytes of text, which is borrowed. */
void jscan_init(struct jscan *s, const char *text, size_t len);

/* Enters an object. 0, or -1: the next value is not an object or not JSON (s->error says). */
int jscan_object(struct jscan *s);

/*
 * 1: *key is the next member's name, a string span, and its value comes next. 0: the object has ended. -1: error.
 */
int jscan_member(struct jscan *s, struct jspan *key);

/* Takes the next value whole into *value. It may be nested at most depth deep (a scalar is 0 deep). 0, or -1. */
int jscan_value(struct jscan *s, unsigned depth, struct jspan *value);

/* Checks that nothing but white space is left. 0, or -1. */
int jscan_end(struct jscan *s);

/* Where in a text something stands, for people. Both count from 1, and the column counts characters. */
struct jscan_place {
	size_t line, column;
};

/* Gives the place that the scan has come to; after an error, the place of that. text is that of jscan_init(). */
struct jscan_place jscan_place(const struct jscan *s, const char *text);

/*
 * Gives the next value's type, an enum jtype, without taking it; -1 if no value begins there, or after an error.
 */
int jscan_peek(struct jscan *s);

/*
 * Decodes a string span into at most cap - 1 bytes of UTF-8 and a NUL. Gives the length without the NUL, which is
 * more than strlen(out) if the string holds \u0000; or -1 with out "" if it does not fit or is no valid string.
 */
long jspan_decode(struct jspan string, char *out, size_t cap);

/* Works like jspan_decode, but cuts a string that does not fit after the last whole character that does. */
long jspan_decode_cut(struct jspan string, char *out, size_t cap);

/* Gives 1 if the string span, unescaped, equals name, else 0. */
int jspan_equals(struct jspan string, const char *name);

/* A name that a member may have, with its length. */
struct jname {
	const char *text;
	size_t len;
};

#define JNAME(text) \
	{ \
		text, sizeof(text) - 1 \
	}

/*
 * Compares the text of a string span, which must be one, with the name as it is. A string with escapes is never
 * equal here, even if it means the same name.
 */
static inline bool jspan_is_written(struct jspan string, struct jname name)
{
	return string.len - 2 == name.len && memcmp(string.p + 1, name.text, name.len) == 0;
}

/*
 * Gives the index of the one of count names, all different, that the string span, unescaped, equals; -1 if there
 * is none. The search begins at index `first`: if members come in the names' order the next one is found at once.
 */
int jspan_among(struct jspan string, const struct jname names[], int count, int first);

/*
 * Works like jscan_member, and sets *ret to the index of the member's name among count names, or to -1, as
 * jspan_among gives it. The names are all different and of characters that need no escapes. It is quickest if the
 * member is names[expected], written without escapes and with no space before its colon.
 */
int jscan_member_among(struct jscan *s, const struct jname names[], int count, int expected, struct jspan *key,
    int *ret);

/*
 * Finds the member of that name in the object that is all of the text, and gives its value in *ret: the last
 * one's, if there are several. 1: found. 0: there is none. -1: the text is no object, or not JSON. *ret is only
 * set with 1.
 */
int jscan_find(const char *text, size_t len, const char *name, struct jspan *ret);

/* Reads a number span of the form 0|[1-9][0-9]{0,9}. 0, or -1 with *ret untouched. */
int jspan_number(struct jspan number, uint64_t *ret);

#define JSPAN_INTEGER_MAX UINT64_C(9007199254740991) /* 2^53 - 1, up to which a double holds every integer */

/*
 * Reads a number span that is an integer from 0 to JSPAN_INTEGER_MAX, of digits only. 0, or -1 with *ret
 * untouched.
 */
int jspan_integer(struct jspan number, uint64_t *ret);

#endif
