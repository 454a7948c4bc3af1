/*
 * The JSON scanner against a model: a validator that recurses, decodes and compares byte by byte, written without
 * a look at the scanner. Both judge generated documents, and what is left of them after some damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/jscan.h"

#define DOCUMENTS 150000
#define TEXT_MAX 2000

/* The model. Each function returns the index after what it was asked to read, or -1. */
struct model {
	const unsigned char *text;
	long len;
};

static int at(const struct model *m, long i)
{
	return i < m->len ? m->text[i] : -1;
}

static bool digit(int c)
{
	return c >= '0' && c <= '9';
}

static long model_space(const struct model *m, long i)
{
	while (at(m, i) == 0x20 || at(m, i) == 0x09 || at(m, i) == 0x0a || at(m, i) == 0x0d)
		i++;
	return i;
}

static long model_hex(const struct model *m, long i)
{
	long value = 0;
	int k, c;

	for (k = 0; k < 4; k++) {
		c = at(m, i + k);
		if (!digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F'))
			return -1;
		value = value * 16 + (digit(c) ? c - '0' : c >= 'a' ? c - 'a' + 10 : c - 'A' + 10);
	}
	return value;
}

static long model_utf8(const struct model *m, long i)
{
	int first = at(m, i), more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1, k;
	long point = first >= 0xf0 ? first & 7 : first >= 0xe0 ? first & 15 : first & 31;

	if (first < 0xc0 || first > 0xf7)
		return -1;
	for (k = 1; k <= more; k++) {
		if (at(m, i + k) < 0x80 || at(m, i + k) > 0xbf)
			return -1;
		point = point * 64 + (at(m, i + k) - 0x80);
	}
	if (point < (more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000) || point > 0x10ffff)
		return -1;
	return point >= 0xd800 && point <= 0xdfff ? -1 : i + 1 + more;
}

static long model_escape(const struct model *m, long i)
{
	long unit, low;

	switch (at(m, i + 1)) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return i + 2;
	case 'u':
		break;
	default:
		return -1;
	}
	unit = model_hex(m, i + 2);
	if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
		return -1;
	if (unit < 0xd800 || unit > 0xdfff)
		return i + 6;
	if (at(m, i + 6) != '\\' || at(m, i + 7) != 'u')
		return -1;
	low = model_hex(m, i + 8);
	return low >= 0xdc00 && low <= 0xdfff ? i + 12 : -1;
}

static long model_string(const struct model *m, long i)
{
	if (at(m, i++) != '"')
		return -1;
	while (i >= 0 && at(m, i) != '"') {
		if (at(m, i) < 0x20)
			return -1;
		if (at(m, i) == '\\')
			i = model_escape(m, i);
		else if (at(m, i) < 0x80)
			i++;
		else
			i = model_utf8(m, i);
	}
	return i < 0 ? -1 : i + 1;
}

static long model_number(const struct model *m, long i)
{
	if (at(m, i) == '-')
		i++;
	if (!digit(at(m, i)))
		return -1;
	if (at(m, i) == '0')
		i++;
	else
		while (digit(at(m, i)))
			i++;
	if (at(m, i) == '.') {
		if (!digit(at(m, ++i)))
			return -1;
		while (digit(at(m, i)))
			i++;
	}
	if (at(m, i) != 'e' && at(m, i) != 'E')
		return i;
	i++;
	if (at(m, i) == '+' || at(m, i) == '-')
		i++;
	if (!digit(at(m, i)))
		return -1;
	while (digit(at(m, i)))
		i++;
	return i;
}

static long model_word(const struct model *m, long i, const char *word)
{
	long n = (long)strlen(word);

	return m->len - i >= n && memcmp(m->text + i, word, (size_t)n) == 0 ? i + n : -1;
}

static long model_value(const struct model *m, long i, int depth);

static long model_container(const struct model *m, long i, int depth, bool object)
{
	int close = object ? '}' : ']';

	if (depth == 0)
		return -1;
	i = model_space(m, i + 1);
	if (at(m, i) == close)
		return i + 1;
	for (;;) {
		if (object) {
			i = model_string(m, i);
			if (i < 0)
				return -1;
			i = model_space(m, i);
			if (at(m, i) != ':')
				return -1;
			i = model_space(m, i + 1);
		}
		i = model_value(m, i, depth - 1);
		if (i < 0)
			return -1;
		i = model_space(m, i);
		if (at(m, i) == close)
			return i + 1;
		if (at(m, i) != ',')
			return -1;
		i = model_space(m, i + 1);
	}
}

static long model_value(const struct model *m, long i, int depth)
{
	switch (at(m, i)) {
	case '{':
		return model_container(m, i, depth, true);
	case '[':
		return model_container(m, i, depth, false);
	case '"':
		return model_string(m, i);
	case 't':
		return model_word(m, i, "true");
	case 'f':
		return model_word(m, i, "false");
	case 'n':
		return model_word(m, i, "null");
	default:
		return model_number(m, i);
	}
}

/* Random numbers from a fixed seed. */
static uint64_t state64 = 88172645463325252u;

static unsigned chance(unsigned n)
{
	state64 ^= state64 << 13;
	state64 ^= state64 >> 7;
	state64 ^= state64 << 17;
	return (unsigned)(state64 >> 33) % n;
}

/*
 * Documents.
 */
struct text {
	char p[TEXT_MAX];
	size_t len;
};

static void add(struct text *t, const char *s)
{
	size_t n = strlen(s);

	if (t->len + n > sizeof(t->p))
		return; /* return early, which leaves something that is no document: a case worth testing too */
	memcpy(t->p + t->len, s, n);
	t->len += n;
}

static void add_space(struct text *t)
{
	static const char *const spaces[] = { "", "", "", "", " ", "\n", "\t", "\r", "  \n" };

	add(t, spaces[chance(sizeof(spaces) / sizeof(spaces[0]))]);
}

static void add_string(struct text *t)
{
	static const char *const parts[] = { "a", "secret", "01234567", "longer than a word of it", "\\n", "\\\"",
		"\\\\", "\\/", "\\u0000", "\\u00e9", "\\uD83D\\uDD11", "\\udbff\\udfff", "\xc3\xa9",
		"\xe2\x82\xac", "\xed\x9f\xbf", "\xf0\x9f\x94\x91", "\xf4\x8f\xbf\xbf", "\x7f", "{", "]", ",", ":",
		"'" };
	unsigned n = chance(5);

	add(t, "\"");
	while (n-- > 0)
		add(t, parts[chance(sizeof(parts) / sizeof(parts[0]))]);
	add(t, "\"");
}

static void add_scalar(struct text *t)
{
	static const char *const scalars[] = { "true", "false", "null", "0", "-0", "1", "-12",
		"12345678901234567000", "1e-7", "0.5", "1E+2", "-1.25e10", "0e0", "10.010" };

	if (chance(2) == 0)
		add_string(t);
	else
		add(t, scalars[chance(sizeof(scalars) / sizeof(scalars[0]))]);
}

static void add_value(struct text *t, int depth)
{
	bool object = chance(2) == 0;
	unsigned n = chance(4);

	if (depth == 0 || chance(3) == 0) {
		add_scalar(t);
		return;
	}
	add(t, object ? "{" : "[");
	add_space(t);
	while (n > 0) {
		if (object) {
			add_string(t);
			add_space(t);
			add(t, ":");
			add_space(t);
		}
		add_value(t, depth - 1);
		add_space(t);
		if (--n > 0)
			add(t, ",");
		add_space(t);
	}
	add(t, object ? "}" : "]");
}

static void damage(struct text *t)
{
	static const char telling[] =
	    "{}[]\",:\\u0123456789abcdefABCDEFeE+-.tfn \t\n\r\xc3\xa9\xed\xa0\x80\xbf\xf4\x90\xe0\x1f\x7f";
	size_t i = chance((unsigned)t->len + 1), n;

	switch (chance(6)) {
	case 0: /* change a byte */
		if (i < t->len)
			t->p[i] = chance(4) == 0 ? (char)chance(256) : telling[chance(sizeof(telling) - 1)];
		break;
	case 1: /* insert a byte */
		if (t->len < sizeof(t->p)) {
			memmove(t->p + i + 1, t->p + i, t->len++ - i);
			t->p[i] = telling[chance(sizeof(telling) - 1)];
		}
		break;
	case 2: /* leave some bytes out */
		n = i + 1 + chance(4);
		if (n <= t->len) {
			memmove(t->p + i, t->p + n, t->len - n);
			t->len -= n - i;
		}
		break;
	case 3: /* cut off the end */
		t->len = i;
		break;
	case 4: /* say something twice */
		n = chance(8);
		if (i + n <= t->len && t->len + n <= sizeof(t->p)) {
			memmove(t->p + i + n, t->p + i, t->len - i);
			t->len += n;
		}
		break;
	default: /* swap neighbours */
		if (i + 1 < t->len) {
			char c = t->p[i];

			t->p[i] = t->p[i + 1];
			t->p[i + 1] = c;
		}
	}
}

static void show(const struct text *t)
{
	print_error("document of %zu bytes: %.*s\n", t->len, (int)t->len, t->p);
}

/* Both read the document's first value, and must agree on whether it is one and where it ends. */
static bool judge(const struct text *t, int depth)
{
	char *copy = malloc(t->len + 1);
	struct jspan value;
	struct model m;
	struct jscan s;
	long begin, end;
	bool whole;

	assert_non_null(copy);
	memcpy(copy, t->p, t->len);
	copy = realloc(copy, t->len > 0 ? t->len : 1);
	assert_non_null(copy);
	m.text = (const unsigned char *)copy;
	m.len = (long)t->len;
	begin = model_space(&m, 0);
	end = model_value(&m, begin, depth);
	whole = end >= 0 && model_space(&m, end) == m.len;
	jscan_init(&s, copy, t->len);
	if ((jscan_value(&s, (unsigned)depth, &value) == 0) != (end >= 0)) {
		show(t);
		fail_msg("the model %s a value here", end >= 0 ? "sees" : "sees no");
	}
	if (end >= 0 && (value.p != copy + begin || value.p + value.len != copy + end)) {
		show(t);
		fail_msg("the model sees the value from %ld to %ld", begin, end);
	}
	if ((jscan_end(&s) == 0) != whole) {
		show(t);
		fail_msg("the model %s", whole ? "is content" : "objects to the end");
	}
	free(copy);
	return whole;
}

static void test_the_scanner_agrees_with_the_model(void **state)
{
	unsigned i, n, accepted = 0, accepted_damaged = 0, damaged = 0;
	struct text t;
	bool whole;

	(void)state;
	for (i = 0; i < DOCUMENTS; i++) {
		t.len = 0;
		add_space(&t);
		add_value(&t, (int)chance(7));
		add_space(&t);
		n = chance(4);
		damaged += n > 0;
		whole = judge(&t, (int)chance(9));
		accepted += n == 0 && whole;
		if (n == 0)
			continue;
		while (n-- > 0)
			damage(&t);
		accepted_damaged += judge(&t, (int)chance(9));
	}
	/* If nearly all documents were of one kind, agreement would say little. */
	assert_in_range(accepted, (DOCUMENTS - damaged) / 2, (DOCUMENTS - damaged) - DOCUMENTS / 100);
	assert_in_range(accepted_damaged, damaged / 20, damaged / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_scanner_agrees_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
