/*
 * jspan: decodes spans that jscan has found. A span that never went through jscan is checked just as strictly.
 */
#include <stdbool.h>
#include <string.h>

#include "proto/jscan.h"
#include "proto/utf8.h"

#define NUMBER_DIGITS 10
#define INTEGER_DIGITS 16

static bool is_string(struct jspan span)
{
	return span.type == JSON_STRING && span.len >= 2 && span.p[0] == '"' && span.p[span.len - 1] == '"';
}

/* Gives the value of the four hexadecimal digits at p; -1 if they are none. */
static long four_hex_digits(const char *p, const char *end)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at;
	long value = 0;
	int i;

	if (end - p < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		at = memchr(digits, p[i], sizeof(digits) - 1);
		if (at == NULL)
			return -1;
		value = value << 4 | ((at - digits) & 0xf);
	}
	return value;
}

/* Decodes the escape at *p into out, and moves *p behind it. Gives the bytes written; 0: it is no valid escape. */
static size_t unescape(const char **p, const char *end, char out[4])
{
	static const char written[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *at;
	long high, low;

	if (end - *p < 2)
		return 0;
	at = memchr(written, (*p)[1], sizeof(written) - 1);
	if (at != NULL) {
		out[0] = meant[at - written];
		*p += 2;
		return 1;
	}
	high = (*p)[1] == 'u' ? four_hex_digits(*p + 2, end) : -1;
	if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
		return 0;
	*p += 6;
	if (high < 0xd800 || high > 0xdfff)
		return utf8_encode((uint32_t)high, out);
	if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
		return 0;
	low = four_hex_digits(*p + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return 0;
	*p += 6;
	return utf8_encode((uint32_t)(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), out);
}

/*
 * Takes the next piece of a string: the bytes up to an escape as they are, or one escape, decoded into
 * `escaped`. Gives its length; 0: error.
 */
static size_t next_piece(const char **p, const char *end, char escaped[4], const char **bytes)
{
	const char *escape = memchr(*p, '\\', (size_t)(end - *p));
	size_t n;

	if (escape == *p) {
		*bytes = escaped;
		return unescape(p, end, escaped);
	}
	n = (size_t)((escape == NULL ? end : escape) - *p);
	*bytes = *p;
	*p += n;
	return n;
}

static long decode_string(struct jspan string, char *out, size_t cap, bool cut)
{
	const char *p, *end, *bytes;
	char escaped[4];
	size_t n, used = 0;

	if (cap == 0)
		return -1;
	out[0] = '\0';
	if (!is_string(string))
		return -1;
	end = string.p + string.len - 1;
	for (p = string.p + 1; p < end; used += n) {
		n = next_piece(&p, end, escaped, &bytes);
		if (n > 0 && n <= cap - 1 - used) {
			memcpy(out + used, bytes, n);
			continue;
		}
		if (n > 0 && cut) {
			n = utf8_trim(bytes, cap - 1 - used);
			memcpy(out + used, bytes, n);
			used += n;
			break;
		}
		explicit_bzero(out, used);
		return -1;
	}
	out[used] = '\0';
	return (long)used;
}

long jspan_decode(struct jspan string, char *out, size_t cap)
{
	return decode_string(string, out, cap, false);
}

long jspan_decode_cut(struct jspan string, char *out, size_t cap)
{
	return decode_string(string, out, cap, true);
}

int jspan_equals(struct jspan string, const char *name)
{
	const char *p, *end, *bytes;
	char escaped[4];
	size_t n, left = strlen(name);

	if (!is_string(string))
		return 0;
	end = string.p + string.len - 1;
	for (p = string.p + 1; p < end; name += n, left -= n) {
		n = next_piece(&p, end, escaped, &bytes);
		if (n == 0 || n > left || memcmp(bytes, name, n) != 0)
			return 0;
	}
	return left == 0;
}

/* Names are compared as they are written first; only a string that holds a backslash is then unescaped. */
int jspan_among(struct jspan string, const struct jname names[], int count, int first)
{
	int i, tried;

	if (!is_string(string))
		return -1;
	for (i = first, tried = 0; tried < count; tried++, i = i + 1 < count ? i + 1 : 0)
		if (jspan_is_written(string, names[i]))
			return i;
	if (memchr(string.p, '\\', string.len) == NULL)
		return -1;
	for (i = 0; i < count; i++)
		if (jspan_equals(string, names[i].text))
			return i;
	return -1;
}

/* Reads a number that consists of at most max_digits digits, without a leading zero. 0, or -1. */
static int read_digits(struct jspan number, size_t max_digits, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i;

	if (number.type != JSON_NUMBER || number.len == 0 || number.len > max_digits)
		return -1;
	if (number.p[0] == '0' && number.len > 1)
		return -1;
	for (i = 0; i < number.len; i++) {
		if (number.p[i] < '0' || number.p[i] > '9')
			return -1;
		value = value * 10 + (uint64_t)(number.p[i] - '0');
	}
	*ret = value;
	return 0;
}

int jspan_number(struct jspan number, uint64_t *ret)
{
	return read_digits(number, NUMBER_DIGITS, ret);
}

int jspan_integer(struct jspan number, uint64_t *ret)
{
	uint64_t value;

	if (read_digits(number, INTEGER_DIGITS, &value) < 0 || value > JSPAN_INTEGER_MAX)
		return -1;
	*ret = value;
	return 0;
}
