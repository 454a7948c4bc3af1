/*
 * jscan: walks JSON text without copying, allocating or recursing. What a span means (its decoded characters, its
 * number) is jspan.c's affair.
 */
#include <stdbool.h>
#include <string.h>

#include "proto/jplain.h"
#include "proto/jscan.h"
#include "proto/utf8.h"

/* The open objects and arrays around the scanner while it takes a value: a bit each, set for an object. */
struct nest {
	unsigned level;
	unsigned limit;
	unsigned char object[(JSCAN_DEPTH_MAX + 7) / 8];
};

void jscan_init(struct jscan *s, const char *text, size_t len)
{
	s->p = text;
	s->end = len > 0 ? text + len : text;
	s->error = NULL;
	s->fresh = 0;
}

static int fail(struct jscan *s, const char *what)
{
	if (s->error == NULL)
		s->error = s->p == s->end ? "it ends too early" : what;
	return -1;
}

/* The next byte, or -1 at the end. */
static int next(const struct jscan *s)
{
	return s->p < s->end ? (unsigned char)*s->p : -1;
}

static void skip_some_space(struct jscan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
		s->p++;
}

/* Nearly always there is none, and what is there is greater than any. */
static inline void skip_space(struct jscan *s)
{
	if (s->p < s->end && (unsigned char)*s->p <= ' ')
		skip_some_space(s);
}

/* Takes the four digits after \u. -1 if they are not there. */
static long take_hex(struct jscan *s)
{
	long value = 0;
	int i, c;

	for (i = 0; i < 4; i++, s->p++) {
		c = next(s);
		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value << 4 | ((c | 0x20) - 'a' + 10);
		else
			return fail(s, "a string has a bad escape");
	}
	return value;
}

static int take_escape(struct jscan *s)
{
	long unit;
	int c;

	s->p++;
	c = next(s);
	switch (c) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		s->p++;
		return 0;
	case 'u':
		s->p++;
		break;
	default:
		return fail(s, "a string has a bad escape");
	}
	unit = take_hex(s);
	if (unit < 0)
		return -1;
	if (unit < 0xd800 || unit > 0xdfff)
		return 0;
	if (unit > 0xdbff || next(s) != '\\')
		return fail(s, "a string has half a surrogate pair");
	s->p++;
	if (next(s) != 'u')
		return fail(s, "a string has half a surrogate pair");
	s->p++;
	unit = take_hex(s);
	if (unit < 0)
		return -1;
	return unit >= 0xdc00 && unit <= 0xdfff ? 0 : fail(s, "a string has half a surrogate pair");
}

/* Takes a string; s->p is at its quote. */
static int take_string(struct jscan *s)
{
	size_t n;
	int c;

	for (s->p++;;) {
		s->p = jplain_skip(s->p, s->end);
		c = next(s);
		if (c == '"') {
			s->p++;
			return 0;
		}
		if (c == '\\') {
			if (take_escape(s) < 0)
				return -1;
			continue;
		}
		if (c < 0x20)
			return fail(s, "a string holds a control byte");
		do { /* such a character seldom comes alone */
			n = utf8_sequence(s->p, (size_t)(s->end - s->p));
			if (n == 0)
				return fail(s, "a string is not valid UTF-8");
			s->p += n;
		} while (next(s) >= 0x80);
	}
}

static int take_digits(struct jscan *s)
{
	const char *first = s->p, *p = first;

	while (p < s->end && *p >= '0' && *p <= '9')
		p++;
	s->p = p;
	return p > first ? 0 : fail(s, "a number is not well formed");
}

/* What follows the number must be looked at by whoever goes on: "01" is the number 0 and then something odd. */
static int take_number(struct jscan *s)
{
	if (next(s) == '-')
		s->p++;
	if (next(s) == '0')
		s->p++;
	else if (take_digits(s) < 0)
		return -1;
	if (next(s) == '.') {
		s->p++;
		if (take_digits(s) < 0)
			return -1;
	}
	if (next(s) == 'e' || next(s) == 'E') {
		s->p++;
		if (next(s) == '+' || next(s) == '-')
			s->p++;
		return take_digits(s);
	}
	return 0;
}

static int take_word(struct jscan *s, const char *word)
{
	for (; *word != '\0'; word++, s->p++)
		if (next(s) != *word)
			return fail(s, "a word is neither true, false nor null");
	return 0;
}

static int peek(const struct jscan *s)
{
	switch (next(s)) {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
		return JSON_TRUE;
	case 'f':
		return JSON_FALSE;
	case 'n':
		return JSON_NULL;
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		return JSON_NUMBER;
	default:
		return -1;
	}
}

static int take_scalar(struct jscan *s, int type)
{
	switch (type) {
	case JSON_STRING:
		return take_string(s);
	case JSON_NUMBER:
		return take_number(s);
	case JSON_TRUE:
		return take_word(s, "true");
	case JSON_FALSE:
		return take_word(s, "false");
	case JSON_NULL:
		return take_word(s, "null");
	default:
		return fail(s, "a value is missing or not JSON");
	}
}

/* Takes a member's name and its colon. */
static int take_name(struct jscan *s, struct jspan *name)
{
	const char *first = s->p;

	if (next(s) != '"')
		return fail(s, "a member's name is not a string");
	if (take_string(s) < 0)
		return -1;
	*name = (struct jspan){ first, (size_t)(s->p - first), JSON_STRING };
	skip_space(s);
	if (next(s) != ':')
		return fail(s, "a member has no colon");
	s->p++;
	skip_space(s);
	return 0;
}

static bool in_object(const struct nest *n)
{
	return (n->object[(n->level - 1) / 8] >> ((n->level - 1) % 8) & 1) != 0;
}

/* Goes into an object or array. 1: a value comes next. 0: it was empty, and has ended. */
static int enter(struct jscan *s, struct nest *n, int type)
{
	unsigned char bit = (unsigned char)(1u << (n->level % 8));
	struct jspan name;

	if (n->level == n->limit)
		return fail(s, "it is nested too deeply");
	if (type == JSON_OBJECT)
		n->object[n->level / 8] |= bit;
	else
		n->object[n->level / 8] &= (unsigned char)~bit;
	s->p++;
	skip_space(s);
	if (next(s) == (type == JSON_OBJECT ? '}' : ']')) {
		s->p++;
		return 0;
	}
	n->level++;
	return type == JSON_OBJECT && take_name(s, &name) < 0 ? -1 : 1;
}

/* Goes on after a value. 1: another comes next. 0: all objects and arrays have ended. */
static int leave(struct jscan *s, struct nest *n)
{
	struct jspan name;

	for (; n->level > 0; n->level--, s->p++) {
		skip_space(s);
		if (next(s) == ',') {
			s->p++;
			skip_space(s);
			return in_object(n) && take_name(s, &name) < 0 ? -1 : 1;
		}
		if (next(s) != (in_object(n) ? '}' : ']'))
			return fail(s, "an object or array goes on without a comma");
	}
	return 0;
}

static int take_nested(struct jscan *s, unsigned depth)
{
	struct nest n;
	int type, r;

	n.level = 0;
	n.limit = depth < JSCAN_DEPTH_MAX ? depth : JSCAN_DEPTH_MAX;
	do {
		type = peek(s);
		r = type == JSON_OBJECT || type == JSON_ARRAY ? enter(s, &n, type) : take_scalar(s, type);
		if (r == 0)
			r = leave(s, &n);
	} while (r > 0);
	return r;
}

int jscan_peek(struct jscan *s)
{
	if (s->error != NULL)
		return -1;
	skip_space(s);
	return peek(s);
}

int jscan_object(struct jscan *s)
{
	if (s->error != NULL)
		return -1;
	if (jscan_peek(s) != JSON_OBJECT)
		return fail(s, "an object is expected");
	s->p++;
	s->fresh = 1;
	return 0;
}

/* Goes to the next member's name. 1, 0: the object has ended, -1. */
static int find_member(struct jscan *s)
{
	int fresh = s->fresh;

	if (s->error != NULL)
		return -1;
	s->fresh = 0;
	skip_space(s);
	if (next(s) == '}') {
		s->p++;
		return 0;
	}
	if (!fresh) {
		if (next(s) != ',')
			return fail(s, "an object or array goes on without a comma");
		s->p++;
		skip_space(s);
	}
	return 1;
}

int jscan_member(struct jscan *s, struct jspan *key)
{
	int r = find_member(s);

	return r > 0 && take_name(s, key) < 0 ? -1 : r;
}

/* Takes a member's name and its colon if they stand there as our own side writes them. */
static bool take_expected(struct jscan *s, struct jname name, struct jspan *key)
{
	const char *p = s->p;

	if ((size_t)(s->end - p) < name.len + 3 || p[0] != '"' || p[name.len + 1] != '"' ||
	    p[name.len + 2] != ':' || memcmp(p + 1, name.text, name.len) != 0)
		return false;
	*key = (struct jspan){ p, name.len + 2, JSON_STRING };
	s->p = p + name.len + 3;
	return true;
}

int jscan_member_among(struct jscan *s, const struct jname names[], int count, int expected, struct jspan *key,
    int *ret)
{
	int r = find_member(s);

	*ret = expected;
	if (r <= 0 || take_expected(s, names[expected], key))
		return r;
	if (take_name(s, key) < 0)
		return -1;
	*ret = jspan_among(*key, names, count, expected);
	return 1;
}

int jscan_value(struct jscan *s, unsigned depth, struct jspan *value)
{
	const char *first;
	int type, r;

	if (s->error != NULL)
		return -1;
	skip_space(s);
	type = peek(s);
	first = s->p;
	r = type == JSON_OBJECT || type == JSON_ARRAY ? take_nested(s, depth) : take_scalar(s, type);
	if (r < 0)
		return -1;
	*value = (struct jspan){ first, (size_t)(s->p - first), (enum jtype)type };
	return 0;
}

int jscan_end(struct jscan *s)
{
	if (s->error != NULL)
		return -1;
	skip_space(s);
	return s->p == s->end ? 0 : fail(s, "something follows the value");
}

int jscan_find(const char *text, size_t len, const char *name, struct jspan *ret)
{
	struct jspan key, value, found = { .len = 0 };
	struct jscan s;

	jscan_init(&s, text, len);
	if (jscan_object(&s) < 0)
		return -1;
	/* An error ends it too, and is told by jscan_end. */
	while (jscan_member(&s, &key) == 1 && jscan_value(&s, JSCAN_DEPTH_MAX, &value) == 0)
		if (jspan_equals(key, name))
			found = value;
	if (jscan_end(&s) < 0)
		return -1;
	if (found.len == 0)
		return 0;
	*ret = found;
	return 1;
}
