/*
 * config_scan: looks over a config file before libconfig reads it. It knows tokens and nesting; whether they make
 * a config is for libconfig to say.
 */
#include "daemon/config/config_scan.h"

#include <stdio.h>
#include <string.h>

#include "base/secmem.h"

#define DEPTH_MAX 8 /* allow.web.uid = [ is at 3. libconfig recurses when it frees. */

enum token_type {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_ASSIGN,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_STRING,
	TOKEN_NUMBER,
	TOKEN_OTHER
};

struct token {
	enum token_type type;
	size_t start; /* a string's first byte within its quotes */
	size_t len;
	unsigned line;
};

struct name {
	size_t start, len; /* len 0: none */
};

struct scan {
	const char *text;
	size_t len, at;
	unsigned line;
	struct name name; /* the setting we are in */
	struct {
		struct name name; /* of the setting whose value this is */
		char bracket;
	} level[DEPTH_MAX];
	size_t depth;
};

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* The bytes from at that are of the set. */
static size_t span_of(const struct scan *s, size_t at, const char *set)
{
	size_t end = at;

	while (end < s->len && is_one_of(s->text[end], set))
		end++;
	return end - at;
}

static bool starts_with(const struct scan *s, const char *what)
{
	size_t n = strlen(what);

	return s->len - s->at >= n && memcmp(s->text + s->at, what, n) == 0;
}

/* Skips from "/" and "*" to "*" and "/", counting lines. */
static int skip_comment(struct scan *s, struct error *why)
{
	unsigned begun = s->line;

	for (s->at += 2; s->at < s->len; s->at++) {
		if (starts_with(s, "*/")) {
			s->at += 2;
			return 0;
		}
		if (s->text[s->at] == '\n')
			s->line++;
	}
	s->line = begun;
	s->name.len = 0;
	return error_set(why, "a comment that begins here does not end");
}

static int skip_blanks(struct scan *s, struct error *why)
{
	while (s->at < s->len) {
		const char *at = s->text + s->at, *end;

		if (*at == '\n') {
			s->line++;
			s->at++;
		} else if (is_one_of(*at, " \t\r\f")) {
			s->at++;
		} else if (*at == '#' || starts_with(s, "//")) {
			end = memchr(at, '\n', s->len - s->at);
			s->at = end == NULL ? s->len : (size_t)(end - s->text);
		} else if (!starts_with(s, "/*")) {
			break;
		} else if (skip_comment(s, why) != 0) {
			return -1;
		}
	}
	return 0;
}

static int scan_string(struct scan *s, struct token *t, struct error *why)
{
	t->type = TOKEN_STRING;
	t->start = ++s->at;
	for (; s->at < s->len && s->text[s->at] != '\n'; s->at++) {
		if (s->text[s->at] == '"') {
			t->len = s->at - t->start;
			s->at++;
			return 0;
		}
		if (starts_with(s, "\\x00") || starts_with(s, "\\X00"))
			return error_set(why, "a string cannot hold a NUL byte (\\x00)");
		if (starts_with(s, "\\\\") || starts_with(s, "\\\""))
			s->at++;
	}
	return error_set(why, "a string does not end on its line");
}

static int scan_number(struct scan *s, struct token *t, struct error *why)
{
	size_t sign = is_one_of(s->text[s->at], "+-") ? 1 : 0, digits;

	t->type = TOKEN_NUMBER;
	t->len = span_of(s, s->at, DIGITS LETTERS "+-._");
	digits = span_of(s, s->at + sign, DIGITS);
	if (sign + digits != t->len || digits == 0 || digits > 9 || (digits > 1 && s->text[s->at + sign] == '0'))
		return error_set(why,
		    "a number must be plain and decimal, of at most 9 digits; anything else is written "
		    "in quotes, as \"10s\", \"64K\", \"0660\" or \"4000000000\"");
	s->at += t->len;
	return 0;
}

static int scan_token(struct scan *s, struct token *t, struct error *why)
{
	char c;

	if (skip_blanks(s, why) != 0)
		return -1;
	*t = (struct token){ .type = TOKEN_END, .start = s->at, .line = s->line };
	if (s->at == s->len)
		return 0;
	c = s->text[s->at];
	if (c == '"')
		return scan_string(s, t, why);
	if (is_one_of(c, DIGITS "+-"))
		return scan_number(s, t, why);
	if (c == '@' || c == '.') {
		s->name.len = 0;
		return error_set(why,
		    c == '@'
			? "@include is not supported"
			: "a dot stands where none can be; a group is written as openbao: { address = \"...\"; };");
	}
	if (is_one_of(c, LETTERS "*")) {
		t->type = TOKEN_NAME;
		t->len = span_of(s, s->at, LETTERS DIGITS "*_-");
	} else {
		t->type = is_one_of(c, "=:") ? TOKEN_ASSIGN
		    : is_one_of(c, "{[(")    ? TOKEN_OPEN
		    : is_one_of(c, "}])")    ? TOKEN_CLOSE
		    : c == ','               ? TOKEN_COMMA
					     : TOKEN_OTHER;
		t->len = 1;
	}
	s->at += t->len;
	return 0;
}

/* Takes the next token and keeps account of where it stands. last: the token before. */
static int scan_step(struct scan *s, const struct token *last, struct token *t, struct error *why)
{
	if (scan_token(s, t, why) != 0)
		return -1;
	if (t->type == TOKEN_NAME) {
		s->name.len = 0;
	} else if (t->type == TOKEN_ASSIGN && last->type == TOKEN_NAME) {
		s->name = (struct name){ last->start, last->len };
	} else if (t->type == TOKEN_OPEN) {
		if (s->depth == DEPTH_MAX)
			return error_set(why, "too many brackets within each other");
		s->level[s->depth].bracket = s->text[t->start];
		s->level[s->depth++].name = s->name;
		s->name.len = 0;
	} else if (t->type == TOKEN_CLOSE && s->depth > 0) {
		s->name = s->level[--s->depth].name;
	}
	return 0;
}

/* Gives the path of the setting that the scanner is in, as "allow.web.paths"; "" at the top. */
static void scan_path(const struct scan *s, char *ret, size_t cap)
{
	size_t used = 0;

	*ret = '\0';
	for (size_t i = 0; i <= s->depth && used < cap; i++) {
		struct name name = i < s->depth ? s->level[i].name : s->name;

		if (name.len == 0)
			continue;
		used += (size_t)snprintf(ret + used, cap - used, "%s%.*s", used > 0 ? "." : "",
		    (int)(name.len < 48 ? name.len : 48), s->text + name.start);
	}
}

/* A string stands only where a value can: libconfig would join it to the one before, or leak it. */
static int check_string(const struct scan *s, const struct token *last, struct error *why)
{
	bool in_list = s->depth > 0 && s->level[s->depth - 1].bracket != '{';

	if (last->type == TOKEN_STRING)
		return error_set(why, "a comma is missing between two strings");
	if (last->type == TOKEN_ASSIGN)
		return 0;
	if (in_list && (last->type == TOKEN_OPEN || last->type == TOKEN_COMMA))
		return 0;
	return error_set(why, "a string stands where none can be");
}

static int keep_role_id(char *text, const struct token *t, struct config_scan *ret, struct error *why)
{
	if (memchr(text + t->start, '\\', t->len) != NULL)
		return error_set(why, "cannot hold a backslash");
	secmem_free(ret->role_id);
	ret->role_id = secmem_strndup(text + t->start, t->len);
	if (ret->role_id == NULL)
		return error_set(why, "out of memory");
	memset(text + t->start, 'x', t->len);
	return 0;
}

static int scan_all(struct scan *s, char *text, struct config_scan *ret, struct error *why)
{
	static const char role_id[] = "role_id";
	struct token last = { .type = TOKEN_END }, t;

	for (;; last = t) {
		if (scan_step(s, &last, &t, why) != 0)
			return -1;
		if (t.type == TOKEN_END)
			return 0;
		if (t.type != TOKEN_STRING)
			continue;
		if (check_string(s, &last, why) != 0)
			return -1;
		if (last.type == TOKEN_ASSIGN && s->name.len == strlen(role_id) &&
		    memcmp(text + s->name.start, role_id, s->name.len) == 0 &&
		    keep_role_id(text, &t, ret, why) != 0)
			return -1;
	}
}

int config_scan(char *text, size_t len, struct config_scan *ret, struct error *why)
{
	struct scan s = { .text = text, .len = len, .line = 1 };
	char path[160];
	struct error what;

	ret->role_id = NULL;
	if (scan_all(&s, text, ret, &what) == 0)
		return 0;
	secmem_free(ret->role_id);
	ret->role_id = NULL;
	ret->line = s.line;
	scan_path(&s, path, sizeof(path));
	return error_set(why, "%s%s%s", path, *path != '\0' ? ": " : "", what.text);
}

bool config_scan_name(const char *text, size_t len, unsigned line, size_t nth, char *ret, size_t cap)
{
	struct scan s = { .text = text, .len = len, .line = 1 };
	struct token last = { .type = TOKEN_END }, t;
	struct error ignored;

	for (;; last = t) {
		if (scan_step(&s, &last, &t, &ignored) != 0 || t.type == TOKEN_END)
			return false;
		if (t.type != TOKEN_ASSIGN || last.type != TOKEN_NAME || last.line != line || nth-- > 0)
			continue;
		scan_path(&s, ret, cap);
		return true;
	}
}
