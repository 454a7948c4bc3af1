/*
 * jscan: walks JSON text without copying, allocating or recursing. What a span means, its decoded characters or
 * its number, is left to jspan.c.
 */
#include <stdbool.h>
#include <string.h>

#include "proto/jplain.h"
#include "proto/jscan.h"
#include "proto/utf8.h"

/* The objects and arrays that are open while a value is taken, one bit for each level: 1 is an object. */
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

struct jscan_place jscan_place(const struct jscan *s, const char *text)
{
	struct jscan_place place = { .line = 1, .column = 1 };

	for (; text < s->p; text++) {
		if (*text == '\n')
			place = (struct jscan_place){ .line = place.line + 1, .column = 1 };
		else if (((unsigned char)*text & 0xc0) != 0x80) /* the first or only byte of a character */
			place.column++;
	}
	return place;
}

static int scan_fail(struct jscan *s, const char *what)
{
	if (s->error == NULL)
		s->error = s->p == s->end ? "it ends too early" : what;
	return -1;
}

/* Gives the next byte without taking it, or -1 at the end. */
static int next_byte(const struct jscan *s)
{
	return s->p < s->end ? (unsigned char)*s->p : -1;
}

static void skip_space_found(struct jscan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
		s->p++;
}

/* Nearly always there is none, which one comparison tells: all other bytes in JSON are greater than a blank. */
static inline void skip_space(struct jscan *s)
{
	if (s->p < s->end && (unsigned char)*s->p <= ' ')
		skip_space_found(s);
}

/* Takes the four hexadecimal digits after \u and gives their value; -1 if they are not there. */
static long scan_hex(struct jscan *s)
{
	long value = 0;
	int i, c;

	for (i = 0; i < 4; i++, s->p++) {
		c = next_byte(s);
		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value << 4 | ((c | 0x20) - 'a' + 10);
		else
			return scan_fail(s, "a string has a bad escape");
	}
	return value;
}

static int scan_escape(struct jscan *s)
{
	long unit;
	int c;

	s->p++;
	c = next_byte(s);
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
		return scan_fail(s, "a string has a bad escape");
	}
	unit = scan_hex(s);
	if (unit < 0)
		return -1;
	if (unit < 0xd800 || unit > 0xdfff)
		return 0;
	if (unit > 0xdbff || next_byte(s) != '\\')
		return scan_fail(s, "a string has half a surrogate pair");
	s->p++;
	if (next_byte(s) != 'u')
		return scan_fail(s, "a string has half a surrogate pair");
	s->p++;
	unit = scan_hex(s);
	if (unit < 0)
		return -1;
	return unit >= 0xdc00 && unit <= 0xdfff ? 0 : scan_fail(s, "a string has half a surrogate pair");
}

/* Takes a string; s->p is at its quote. */
static int scan_json_string(struct jscan *s)
{
	size_t n;
	int c;

	for (s->p++;;) {
		s->p = jplain_skip(s->p, s->end);
		c = next_byte(s);
		if (c == '"') {
			s->p++;
			return 0;
		}
		if (c == '\\') {
			if (scan_escape(s) < 0)
				return -1;
			continue;
		}
		if (c < 0x20)
			return scan_fail(s, "a string holds a control byte");
		do { /* a character beyond ASCII seldom comes alone */
			n = utf8_sequence(s->p, (size_t)(s->end - s->p));
			if (n == 0)
				return scan_fail(s, "a string is not valid UTF-8");
			s->p += n;
		} while (next_byte(s) >= 0x80);
	}
}

static int scan_digits(struct jscan *s)
{
	const char *first = s->p, *p = first;

	while (p < s->end && *p >= '0' && *p <= '9')
		p++;
	s->p = p;
	return p > first ? 0 : scan_fail(s, "a number is not well formed");
}

/* Takes a number. Its caller must look at what follows: of "01" only the 0 is taken. */
static int scan_json_number(struct jscan *s)
{
	if (next_byte(s) == '-')
		s->p++;
	if (next_byte(s) == '0')
		s->p++;
	else if (scan_digits(s) < 0)
		return -1;
	if (next_byte(s) == '.') {
		s->p++;
		if (scan_digits(s) < 0)
			return -1;
	}
	if (next_byte(s) == 'e' || next_byte(s) == 'E') {
		s->p++;
		if (next_byte(s) == '+' || next_byte(s) == '-')
			s->p++;
		return scan_digits(s);
	}
	return 0;
}

static int scan_word(struct jscan *s, const char *word)
{
	for (; *word != '\0'; word++, s->p++)
		if (next_byte(s) != *word)
			return scan_fail(s, "a word is neither true, false nor null");
	return 0;
}

static int next_type(const struct jscan *s)
{
	switch (next_byte(s)) {
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

static int scan_scalar(struct jscan *s, int type)
{
	switch (type) {
	case JSON_STRING:
		return scan_json_string(s);
	case JSON_NUMBER:
		return scan_json_number(s);
	case JSON_TRUE:
		return scan_word(s, "true");
	case JSON_FALSE:
		return scan_word(s, "false");
	case JSON_NULL:
		return scan_word(s, "null");
	default:
		return scan_fail(s, "a value is missing or not JSON");
	}
}

/* Takes a member's name and its colon. */
static int scan_member_name(struct jscan *s, struct jspan *name)
{
	const char *first = s->p;

	if (next_byte(s) != '"')
		return scan_fail(s, "a member's name is not a string");
	if (scan_json_string(s) < 0)
		return -1;
	*name = (struct jspan){ first, (size_t)(s->p - first), JSON_STRING };
	skip_space(s);
	if (next_byte(s) != ':')
		return scan_fail(s, "a member has no colon");
	s->p++;
	skip_space(s);
	return 0;
}

static bool in_object(const struct nest *n)
{
	return (n->object[(n->level - 1) / 8] >> ((n->level - 1) % 8) & 1) != 0;
}

/* Enters an object or array. 1: a value comes next. 0: it is empty, and has ended. -1: error. */
static int enter_nested(struct jscan *s, struct nest *n, int type)
{
	unsigned char bit = (unsigned char)(1u << (n->level % 8));
	struct jspan name;

	if (n->level == n->limit)
		return scan_fail(s, "it is nested too deeply");
	if (type == JSON_OBJECT)
		n->object[n->level / 8] |= bit;
	else
		n->object[n->level / 8] &= (unsigned char)~bit;
	s->p++;
	skip_space(s);
	if (next_byte(s) == (type == JSON_OBJECT ? '}' : ']')) {
		s->p++;
		return 0;
	}
	n->level++;
	return type == JSON_OBJECT && scan_member_name(s, &name) < 0 ? -1 : 1;
}

/*
 * Goes on after a value, leaving what ends there. 1: another value comes next. 0: all have ended. -1: error.
 */
static int leave_nested(struct jscan *s, struct nest *n)
{
	struct jspan name;

	for (; n->level > 0; n->level--, s->p++) {
		skip_space(s);
		if (next_byte(s) == ',') {
			s->p++;
			skip_space(s);
			return in_object(n) && scan_member_name(s, &name) < 0 ? -1 : 1;
		}
		if (next_byte(s) != (in_object(n) ? '}' : ']'))
			return scan_fail(s, "an object or array goes on without a comma");
	}
	return 0;
}

static int scan_nested(struct jscan *s, unsigned depth)
{
	struct nest n;
	int type, r;

	n.level = 0;
	n.limit = depth < JSCAN_DEPTH_MAX ? depth : JSCAN_DEPTH_MAX;
	do {
		type = next_type(s);
		r = type == JSON_OBJECT || type == JSON_ARRAY ? enter_nested(s, &n, type) : scan_scalar(s, type);
		if (r == 0)
			r = leave_nested(s, &n);
	} while (r > 0);
	return r;
}

int jscan_peek(struct jscan *s)
{
	if (s->error != NULL)
		return -1;
	skip_space(s);
	return next_type(s);
}

int jscan_object(struct jscan *s)
{
	if (s->error != NULL)
		return -1;
	if (jscan_peek(s) != JSON_OBJECT)
		return scan_fail(s, "an object is expected");
	s->p++;
	s->fresh = 1;
	return 0;
}

/* Goes to the next member's name. 1: it is there. 0: the object has ended. -1: error. */
static int go_to_member(struct jscan *s)
{
	int fresh = s->fresh;

	if (s->error != NULL)
		return -1;
	s->fresh = 0;
	skip_space(s);
	if (next_byte(s) == '}') {
		s->p++;
		return 0;
	}
	if (!fresh) {
		if (next_byte(s) != ',')
			return scan_fail(s, "an object or array goes on without a comma");
		s->p++;
		skip_space(s);
	}
	return 1;
}

int jscan_member(struct jscan *s, struct jspan *key)
{
	int r = go_to_member(s);

	return r > 0 && scan_member_name(s, key) < 0 ? -1 : r;
}

/* Takes a member's name and its colon if they are written without escapes and without white space between. */
static bool scan_expected_name(struct jscan *s, struct jname name, struct jspan *key)
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
	int r = go_to_member(s);

	*ret = expected;
	if (r <= 0 || scan_expected_name(s, names[expected], key))
		return r;
	if (scan_member_name(s, key) < 0)
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
	type = next_type(s);
	first = s->p;
	r = type == JSON_OBJECT || type == JSON_ARRAY ? scan_nested(s, depth) : scan_scalar(s, type);
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
	return s->p == s->end ? 0 : scan_fail(s, "something follows the value");
}

int jscan_find(const char *text, size_t len, const char *name, struct jspan *ret)
{
	struct jspan key, value, found = { .len = 0 };
	struct jscan s;

	jscan_init(&s, text, len);
	if (jscan_object(&s) < 0)
		return -1;
	/* An error ends the loop, too; jscan_end then fails. */
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
