/*
 * The JSON scanner on any bytes: spans stay within the text and scan again to themselves, stepping through objects
 * gives the same verdict as taking them whole, and strings survive being decoded and written again.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "proto/jscan.h"
#include "proto/jwrite.h"
#include "proto/utf8.h"
#include "tests/fuzz/fuzz.h"

static bool within(struct jspan span, const char *text, size_t len)
{
	return span.len > 0 && span.p >= text && span.p + span.len <= text + len;
}

static int scan(const char *p, size_t len, unsigned depth, struct jspan *value)
{
	struct jscan s;
	int r;

	jscan_init(&s, p, len);
	r = jscan_value(&s, depth, value) == 0 && jscan_end(&s) == 0 ? 0 : -1;
	HOLDS((r == 0) == (s.error == NULL));
	return r;
}

static void check_string(struct jspan string)
{
	char *decoded = malloc(string.len), *again = malloc(string.len), few[8];
	struct jspan span;
	struct buf b;
	long n;

	HOLDS(decoded != NULL && again != NULL);
	n = jspan_decode(string, decoded, string.len);
	HOLDS(n >= 0 && (size_t)n <= string.len - 2 && decoded[n] == '\0' && utf8_valid(decoded, (size_t)n));
	HOLDS(jspan_equals(string, decoded) == (strlen(decoded) == (size_t)n));
	buf_init(&b, 6 * string.len + 2);
	HOLDS(jwrite_escaped(&b, decoded, (size_t)n) == 0);
	HOLDS(scan((const char *)buf_data(&b), buf_len(&b), 0, &span) == 0 && span.type == JSON_STRING);
	HOLDS(jspan_decode(span, again, string.len) == n && memcmp(decoded, again, (size_t)n + 1) == 0);
	HOLDS((jspan_decode(string, few, sizeof(few)) == n) == ((size_t)n < sizeof(few)));
	n = jspan_decode_cut(string, few, sizeof(few));
	HOLDS(n >= 0 && (size_t)n < sizeof(few) && memcmp(few, decoded, (size_t)n) == 0 &&
	    utf8_valid(few, (size_t)n));
	buf_free(&b);
	free(decoded);
	free(again);
}

/*
 * At the next member, of which jscan_member() says r and key: the same is said when a name is expected, whichever.
 */
static void check_among(const struct jscan *at, const struct jscan *after, int r, struct jspan key)
{
	static const struct jname names[] = { JNAME("id"), JNAME("ok"), JNAME(""), JNAME("a") };

	for (int expected = 0; expected < 4; expected++) {
		struct jscan s = *at, general = *after;
		struct jspan name;
		int i;

		HOLDS(jscan_member_among(&s, names, 4, expected, &name, &i) == r);
		if (r <= 0)
			continue;
		HOLDS(name.p == key.p && name.len == key.len && name.type == JSON_STRING);
		HOLDS(i == jspan_among(key, names, 4, 0));
		HOLDS(jscan_peek(&s) == jscan_peek(&general) && s.p == general.p);
	}
}

/* Steps through objects as a decoder does, entering every other one. 0 if all is well to the end. */
static int walk(const char *text, size_t len)
{
	struct jspan key, value;
	struct jscan s, before;
	unsigned depth = 1, steps = 0;
	int r;

	jscan_init(&s, text, len);
	if (jscan_object(&s) < 0)
		return -1;
	while (depth > 0) {
		before = s;
		r = jscan_member(&s, &key);
		check_among(&before, &s, r, key);
		if (r < 0)
			break;
		if (r == 0) {
			depth--;
			continue;
		}
		HOLDS(within(key, text, len) && key.type == JSON_STRING);
		check_string(key);
		if (jscan_peek(&s) == JSON_OBJECT && depth < JSCAN_DEPTH_MAX && steps++ % 2 == 0) {
			HOLDS(jscan_object(&s) == 0);
			depth++;
		} else if (jscan_value(&s, JSCAN_DEPTH_MAX - depth, &value) < 0) {
			break;
		} else {
			HOLDS(within(value, text, len));
			if (value.type == JSON_STRING)
				check_string(value);
		}
	}
	r = depth == 0 ? jscan_end(&s) : -1;
	HOLDS(r == 0 || (jscan_member(&s, &key) < 0 && jscan_peek(&s) < 0 && jscan_object(&s) < 0));
	return r;
}

static void check_accepted(struct jspan value, const char *text, size_t len)
{
	struct jspan again;
	uint64_t number;
	char *copy;

	HOLDS(within(value, text, len));
	copy = exact_copy(value.p, value.len);
	HOLDS(scan(copy, value.len, JSCAN_DEPTH_MAX, &again) == 0);
	HOLDS(again.p == copy && again.len == value.len && again.type == value.type);
	/* What is cut off is no value, but a number may be. */
	if (value.type != JSON_NUMBER)
		HOLDS(scan(copy, value.len - 1, JSCAN_DEPTH_MAX, &again) < 0 &&
		    scan(copy, value.len / 2, JSCAN_DEPTH_MAX, &again) < 0);
	else if (jspan_number(value, &number) == 0)
		HOLDS(strtoull(memcpy((char[12]){ 0 }, value.p, value.len), NULL, 10) == number);
	if (value.type == JSON_STRING)
		check_string(value);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size);
	const char *begin = size > 0 ? text : text + 1;
	struct jspan value = { 0 };
	struct jscan s;
	int r = scan(begin, size, JSCAN_DEPTH_MAX, &value);

	if (r == 0)
		check_accepted(value, begin, size);
	jscan_init(&s, begin, size);
	if (jscan_peek(&s) == JSON_OBJECT)
		HOLDS((walk(begin, size) == 0) == (r == 0));
	else
		HOLDS(walk(begin, size) < 0);
	free(text);
	return 0;
}
