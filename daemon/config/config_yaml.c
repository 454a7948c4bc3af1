/*
 * config_yaml: a configuration file as YAML. libyaml (0.2.5) gives each event the place where it begins and ends,
 * in lines and characters from 0. It counts lines as this file does, since all that it would take for the end of a
 * line beside a newline is refused before it reads.
 */
#include "daemon/config/config_yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/secmem.h"
#include "proto/utf8.h"

#define DIRECTIVES "directives (%%) are not taken"
#define NAME_WANTED "a setting's name must be a plain text"
#define WANTED "settings are wanted, as in openbao: { address: ... }"

struct reader {
	const char *text, *end;
	struct {
		const char *p;
		size_t line, column; /* from 0 */
	} cursor; /* the place that was looked up last; those that follow are behind it, mostly */
	yaml_parser_t parser;
	struct config_entry entry; /* what is being read; its names lie in names */
	char *names[CONFIG_DEPTH];
	unsigned name_lines[CONFIG_DEPTH];
	size_t name_columns[CONFIG_DEPTH];
	struct {
		char character;
		unsigned line;
	} brackets[CONFIG_DEPTH + 1]; /* of the mappings that are open, and of the list in them; 0: without one */
	size_t depth;                 /* mappings that are open */
	bool has_key;                 /* of the innermost of them a key was read, and its value comes next */
	bool has_colon;               /* one follows that key */
	bool in_list;
	unsigned
	    ended; /* mappings that have ended by the last event, and are to be handed over before the next one */
	unsigned documents;
	int (*take)(void *arg, const struct config_entry *entry, struct error *error);
	void *arg;
	struct error *error;
};

static int yaml_error(struct reader *r, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * The error names the setting whose value is read, or whose name stands on that line; else the group around. A
 * setting without a colon is not named: what stands there may be its value.
 */
static int yaml_error(struct reader *r, size_t line, const char *format, ...)
{
	char what[256];
	va_list args;
	struct config_entry at = r->entry;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	at.depth = r->depth;
	if (r->depth > 0 && !r->has_key && r->name_lines[r->depth - 1] != line)
		at.depth--;
	at.line = (unsigned)line;
	at.kind = r->in_list ? ENTRY_LIST : ENTRY_TEXT;
	return config_entry_error(&at, r->in_list ? at.nitems + 1 : 0, r->error, "%s", what);
}

static int no_setting(struct reader *r, size_t line)
{
	r->has_key = false;
	if (r->depth > 0)
		r->name_lines[r->depth - 1] = 0;
	return yaml_error(r, line, CONFIG_NO_SETTING);
}

int config_entry_error(const struct config_entry *entry, size_t item, struct error *error, const char *format, ...)
{
	unsigned line = item == 0   ? entry->line
	    : item <= entry->nitems ? entry->items[item - 1].line
				    : entry->nested_line;
	char name[180] = "", which[32] = "", what[280];
	va_list args;

	for (size_t i = 0; i < entry->depth; i++)
		snprintf(name + strlen(name), sizeof(name) - strlen(name), "%.48s%s", entry->name[i],
		    i + 1 < entry->depth ? "." : ": ");
	if (item > 0 && entry->kind == ENTRY_LIST)
		snprintf(which, sizeof(which), "item %zu: ", item);
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return error_set(error, "%.200s:%u: %s%s%s", entry->file, line != 0 ? line : entry->line, name, which,
	    what);
}

/* -- the bytes, before libyaml sees them -------------------------------------------------------------------- */

/*
 * The code point of a character that YAML takes for an end of a line or does not take, or that a person does not
 * see; else 0. p: valid UTF-8 that is not NUL.
 */
static unsigned unseen(const char *p, const char *end)
{
	const unsigned char *c = (const unsigned char *)p;
	unsigned point;

	if (*c == '\r')
		return p + 1 < end && p[1] == '\n' ? 0 : '\r';
	if (*c < 0x80)
		return (*c < 0x20 && *c != '\t' && *c != '\n') || *c == 0x7f ? *c : 0;
	if (*c == 0xc2)
		return c[1] < 0xa0 ? c[1] : 0;
	if (*c < 0xe0 || *c >= 0xf0)
		return 0;
	point = (c[0] & 0xfu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu);
	/* U+2028 and U+2029 end lines; the others from there to U+2069 can show a comment as a rule. */
	return (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) || point == 0xfeff ||
		point >= 0xfffe
	    ? point
	    : 0;
}

static int check_bytes(struct reader *r)
{
	size_t line = 1, n;

	for (const char *p = r->text; p < r->end; p += n) {
		n = utf8_sequence(p, (size_t)(r->end - p));
		if (n == 0)
			return yaml_error(r, line, "is not UTF-8: save it as UTF-8");
		if (*p == '\0' || unseen(p, r->end) != 0)
			return yaml_error(r, line,
			    "holds U+%04X, which nobody sees or YAML takes for the end of a line: remove it",
			    unseen(p, r->end));
		line += *p == '\n';
	}
	return 0;
}

/* The bytes from a place on, up to the file's end. */
static const char *bytes_at(struct reader *r, const yaml_mark_t *mark)
{
	if (mark->line < r->cursor.line || (mark->line == r->cursor.line && mark->column < r->cursor.column)) {
		r->cursor.p = r->text;
		r->cursor.line = r->cursor.column = 0;
	}
	while (r->cursor.p < r->end && (r->cursor.line < mark->line || r->cursor.column < mark->column)) {
		bool ends = *r->cursor.p == '\n';

		r->cursor.p += utf8_sequence(r->cursor.p, (size_t)(r->end - r->cursor.p));
		r->cursor.line += ends;
		r->cursor.column = ends ? 0 : r->cursor.column + 1;
	}
	return r->cursor.p;
}

/* -- what libyaml cannot read, in words for people ---------------------------------------------------------- */

static char byte_at(struct reader *r, const yaml_mark_t *mark)
{
	const char *p = bytes_at(r, mark);

	return p < r->end ? *p : '\0';
}

/* The words for a text or a line, by the character that it begins with. */
static const struct {
	char character;
	const char *words;
} beginnings[] = {
	{ '*', "a text that begins with * must stand in quotes, as in \"*\": YAML takes it for an alias" },
	{ '&', "a text that begins with & must stand in quotes, as in \"&\": YAML takes it for an anchor" },
	{ '!', "a text that begins with ! must stand in quotes, as in \"!\": YAML takes it for a tag" },
	{ '@', "a text that begins with @ must stand in quotes" },
	{ '`', "a text that begins with ` must stand in quotes" },
	{ '%', "a text that begins with % must stand in quotes" },
	{ '|', "must stand on one line: block texts (| and >) are not taken" },
	{ '>', "must stand on one line: block texts (| and >) are not taken" },
	{ '"', "a quote that begins here is not closed" },
	{ '\'', "a quote that begins here is not closed" },
	{ '[', "a [ that begins here is not closed, or a comma is missing in it" },
	{ '{', "a { that begins here is not closed, or a comma is missing in it" },
	{ '\t', "a tab cannot indent: use spaces" },
	{ ':', "a text with a colon and a blank in it must stand in quotes" },
	{ '-', "a list that is written with - begins on a line of its own" },
};

static const char *beginning_words(char c)
{
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
		if (beginnings[i].character == c)
			return beginnings[i].words;
	return NULL;
}

static int beginning_error(struct reader *r, size_t line, char c)
{
	return yaml_error(r, line, "%s", beginning_words(c));
}

/* Does only white space stand before the place on its line? */
static bool begins_line(struct reader *r, const yaml_mark_t *mark)
{
	const char *p = bytes_at(r, mark);

	while (p > r->text && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	return p == r->text || p[-1] == '\n';
}

/* The file ends within a bracket. */
static int bracket_error(struct reader *r)
{
	for (size_t i = CONFIG_DEPTH + 1; i-- > 0;)
		if (r->brackets[i].character != '\0')
			return beginning_error(r, r->brackets[i].line, r->brackets[i].character);
	return yaml_error(r, r->parser.problem_mark.line + 1, "is no YAML: %s", r->parser.problem);
}

/*
 * Has errors name the groups that a column is in, by how far their names are indented. libyaml reads ahead: what
 * it stumbles over may stand behind the groups that are open here.
 */
static void name_groups_around(struct reader *r, size_t column)
{
	r->depth -= r->ended;
	if (!r->has_key && r->depth > 0)
		r->depth--;
	while (r->depth > 0 && r->name_columns[r->depth - 1] >= column)
		r->depth--;
	r->has_key = r->depth > 0;
	r->in_list = false;
}

/*
 * Says in words for people what libyaml cannot read. It tells where it gave up, and mostly (the context) where the
 * thing began that it was reading; the character there says more than libyaml's own words do, but for a line
 * without a colon, which is a "simple key" to it.
 */
static int library_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	size_t line = p->problem_mark.line + 1, begun = p->context != NULL ? p->context_mark.line + 1 : line;
	bool at_root = r->depth == 0;
	char at, context;

	if (p->error == YAML_MEMORY_ERROR)
		return error_set(r->error, "%.200s: out of memory", r->entry.file);
	at = byte_at(r, &p->problem_mark);
	context = p->context != NULL ? byte_at(r, &p->context_mark) : at;
	if (p->error == YAML_SCANNER_ERROR && at == '\t') {
		name_groups_around(r, 1);
		return beginning_error(r, line, at);
	}
	if (!r->has_key && !at_root && r->name_lines[r->depth - 1] != line && r->name_lines[r->depth - 1] != begun)
		name_groups_around(r,
		    p->context != NULL && begun < line ? p->context_mark.column : p->problem_mark.column);
	if (p->context != NULL && strcmp(p->context, "while scanning a simple key") == 0)
		return yaml_error(r, begun, CONFIG_NO_SETTING);
	if (context == '%' && at_root)
		return yaml_error(r, line, DIRECTIVES);
	/* An open quote goes on to the file's end, or to a line of --- or ... */
	if ((context == '"' || context == '\'') && at != '\0' && !begins_line(r, &p->problem_mark))
		return yaml_error(r, line,
		    "holds a \\ that begins no escape of YAML: write \\\\, or use single quotes");
	if (beginning_words(context) != NULL && (p->error == YAML_SCANNER_ERROR || strchr("[{!", context) != NULL))
		return beginning_error(r, begun, context);
	if (p->error != YAML_PARSER_ERROR)
		return yaml_error(r, line, "is no YAML: %s", p->problem);
	if (at == '\0')
		return bracket_error(r);
	return yaml_error(r, line,
	    begins_line(r, &p->problem_mark) ? "is indented otherwise than its neighbours"
					     : "what stands after the value is not understood");
}

/* -- events ---------------------------------------------------------------------------------------------- */

static void yaml_clear_items(struct reader *r)
{
	for (size_t i = 0; i < r->entry.nitems; i++)
		secmem_free(r->entry.items[i].text);
	r->entry.nitems = 0;
	r->entry.nested_line = 0;
	r->entry.comment_line = 0;
}

/* Hands the entry over, whose value is complete. */
static int yaml_give_entry(struct reader *r, enum config_kind kind)
{
	int taken;

	r->entry.kind = kind;
	r->entry.depth = r->depth;
	r->entry.line = r->name_lines[r->depth - 1];
	taken = r->take(r->arg, &r->entry, r->error);
	yaml_clear_items(r);
	r->in_list = false;
	r->has_key = false;
	return taken;
}

static int too_deep(struct reader *r, size_t line)
{
	return yaml_error(r, line, "is nested too deep: a setting is a text or a list of texts");
}

/* A list or a group begins where a value or an item can stand. */
static int yaml_begin_nested(struct reader *r, size_t line, bool is_list)
{
	if (r->depth == 0)
		return is_list ? yaml_error(r, line, WANTED) : 0;
	if (!r->has_key)
		return yaml_error(r, line, NAME_WANTED);
	if (r->in_list) {
		r->entry.nested_line = (unsigned)line;
		return yaml_give_entry(r, ENTRY_LIST) != 0 ? -1 : too_deep(r, line);
	}
	if (is_list)
		return 0;
	if (yaml_give_entry(r, ENTRY_GROUP) != 0)
		return -1;
	return r->depth < CONFIG_DEPTH ? 0 : too_deep(r, line);
}

static int yaml_begin(struct reader *r, const yaml_event_t *event, bool is_list, bool is_flow)
{
	size_t line = event->start_mark.line + 1;

	if (yaml_begin_nested(r, line, is_list) != 0)
		return -1;
	r->brackets[r->depth].character = !is_flow ? '\0' : is_list ? '[' : '{';
	r->brackets[r->depth].line = (unsigned)line;
	r->in_list = is_list;
	if (!is_list)
		r->name_lines[r->depth++] = 0; /* no name yet */
	return 0;
}

/* Hands over the groups that have ended. Where libyaml cannot read on after one, its error comes first. */
static int yaml_end_groups(struct reader *r)
{
	for (; r->ended > 0; r->ended--) {
		r->brackets[--r->depth].character = '\0';
		if (r->depth > 0 && yaml_give_entry(r, ENTRY_END) != 0)
			return -1;
	}
	return 0;
}

static int yaml_end_list(struct reader *r)
{
	r->brackets[r->depth].character = '\0';
	return yaml_give_entry(r, ENTRY_LIST);
}

static int yaml_take_name(struct reader *r, const yaml_event_t *event, size_t line)
{
	char *copy = secmem_strdup((const char *)event->data.scalar.value);

	if (copy == NULL)
		return error_set(r->error, "%.200s: out of memory", r->entry.file);
	secmem_free(r->names[r->depth - 1]);
	r->entry.name[r->depth - 1] = r->names[r->depth - 1] = copy;
	r->name_lines[r->depth - 1] = (unsigned)line;
	r->name_columns[r->depth - 1] = event->start_mark.column;
	r->has_key = true;
	return 0;
}

/* Looks whether a colon follows the name; in brackets one may be missing. */
static void note_colon(struct reader *r, const yaml_event_t *event)
{
	const char *p = bytes_at(r, &event->end_mark);

	while (p < r->end && strchr(" \t\r\n", *p) != NULL)
		p++;
	r->has_colon = p < r->end && *p == ':';
}

/*
 * Notes that " #" follows an unquoted value and no blank follows that: the writer may have meant a text with a #
 * in it.
 */
static void yaml_note_comment(struct reader *r, const yaml_event_t *event)
{
	const char *p;

	if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return;
	p = bytes_at(r, &event->end_mark);
	while (p < r->end && (*p == ' ' || *p == '\t'))
		p++;
	if (p + 1 < r->end && *p == '#' && strchr(" \t\r\n", p[1]) == NULL)
		r->entry.comment_line = (unsigned)event->end_mark.line + 1;
}

static int yaml_add_item(struct reader *r, const yaml_event_t *event, size_t line)
{
	size_t n = r->entry.nitems;
	struct config_item *grown = r->entry.items;

	if ((n & (n - 1)) == 0) /* it doubles */
		grown = realloc(r->entry.items, (n == 0 ? 1 : 2 * n) * sizeof(*grown));
	if (grown == NULL)
		return error_set(r->error, "%.200s: out of memory", r->entry.file);
	r->entry.items = grown;
	grown[n].line = (unsigned)line;
	grown[n].text = secmem_strdup((const char *)event->data.scalar.value);
	if (grown[n].text == NULL)
		return error_set(r->error, "%.200s: out of memory", r->entry.file);
	r->entry.nitems++;
	yaml_note_comment(r, event);
	return r->in_list ? 0 : yaml_give_entry(r, ENTRY_TEXT);
}

static int value_missing(struct reader *r, size_t line)
{
	if (!r->in_list)
		line = r->name_lines[r->depth - 1];
	if (!r->has_colon)
		return no_setting(r, line);
	return yaml_error(r, line, "has no value; write %s for an empty one", r->depth == 1 ? "{}" : "\"\"");
}

/* Other readers of YAML take these for no value. */
static bool is_null(const char *text)
{
	return strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0;
}

/*
 * The character behind a backslash in double quotes, other than \\ and \". In a unit's name as systemd prints it,
 * such as web\x2ddb.service, it would silently become another name. '\0': there is none.
 */
static char escapes(struct reader *r, const yaml_event_t *event)
{
	const char *p = bytes_at(r, &event->start_mark);

	if (event->data.scalar.style != YAML_DOUBLE_QUOTED_SCALAR_STYLE)
		return '\0';
	for (p++; p + 1 < r->end && *p != '"'; p++)
		if (*p == '\\' && *++p != '\\' && *p != '"')
			return *p > ' ' && *p < 0x7f ? *p : ' ';
	return '\0';
}

static int yaml_take_scalar(struct reader *r, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value, *end = text + event->data.scalar.length;
	bool empty = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && *text == '\0';
	size_t line = event->start_mark.line + 1;

	if (r->depth == 0)
		return empty ? 0 : yaml_error(r, line, WANTED); /* a document of comments only has an empty one */
	if (empty)
		return r->has_key ? value_missing(r, line) : yaml_error(r, line, NAME_WANTED);
	if (event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
	    event->data.scalar.style == YAML_FOLDED_SCALAR_STYLE)
		return beginning_error(r, line, '|');
	if (event->end_mark.line != event->start_mark.line)
		return yaml_error(r, line,
		    r->brackets[r->depth - !r->in_list].character == '\0'
			? "must stand on one line"
			: "must stand on one line; is a bracket or a comma missing?");
	if (escapes(r, event) != '\0')
		return yaml_error(r, line,
		    "holds the escape \\%c: write the character itself, \\\\ for a \\, or use single quotes",
		    escapes(r, event));
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && is_null(text) && r->has_key)
		return yaml_error(r, line,
		    "is a text here, not nothing; write \"\" for an empty one, or put it in quotes");
	for (const char *p = text; p < end; p += utf8_sequence(p, (size_t)(end - p)))
		if ((unsigned char)*p < 0x20 || unseen(p, end) != 0)
			return yaml_error(r, line, "holds a control byte");
	if (!r->has_key && strchr(text, ':') != NULL)
		return no_setting(r, line);
	if (r->has_key)
		return yaml_add_item(r, event, line);
	note_colon(r, event);
	return yaml_take_name(r, event, line);
}

static int yaml_take_event(struct reader *r, const yaml_event_t *event)
{
	size_t line = event->start_mark.line + 1;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (event->data.document_start.version_directive != NULL ||
		    event->data.document_start.tag_directives.start !=
			event->data.document_start.tag_directives.end)
			return yaml_error(r, line, DIRECTIVES);
		if (r->documents++ > 0)
			return yaml_error(r, line, "a second document begins here; there can be one only");
		return 0;
	case YAML_ALIAS_EVENT:
		return beginning_error(r, line, '*');
	case YAML_SCALAR_EVENT:
		if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL)
			return beginning_error(r, line, event->data.scalar.anchor != NULL ? '&' : '!');
		return yaml_take_scalar(r, event);
	case YAML_SEQUENCE_START_EVENT:
		if (event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL)
			return beginning_error(r, line, event->data.sequence_start.anchor != NULL ? '&' : '!');
		return yaml_begin(r, event, true, event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
	case YAML_MAPPING_START_EVENT:
		if (event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL)
			return beginning_error(r, line, event->data.mapping_start.anchor != NULL ? '&' : '!');
		return yaml_begin(r, event, false, event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
	case YAML_SEQUENCE_END_EVENT:
		return yaml_end_list(r);
	case YAML_MAPPING_END_EVENT:
		r->ended++;
		return 0;
	default:
		return 0;
	}
}

/*
 * Takes events until the last. What is nested too deep is refused when it begins, so that libyaml gets no deeper
 * either.
 */
static int yaml_take_events(struct reader *r)
{
	yaml_event_t event;
	int failed = 0;

	for (bool more = true; more && !failed;) {
		if (!yaml_parser_parse(&r->parser, &event))
			return library_error(r);
		more = event.type != YAML_STREAM_END_EVENT;
		if (event.type != YAML_MAPPING_END_EVENT)
			failed = yaml_end_groups(r);
		if (!failed)
			failed = yaml_take_event(r, &event);
		if (event.type == YAML_SCALAR_EVENT)
			secmem_wipe(event.data.scalar.value, event.data.scalar.length);
		yaml_event_delete(&event);
	}
	return failed;
}

int config_yaml_read(const char *file, const char *text, size_t len,
    int (*take)(void *arg, const struct config_entry *entry, struct error *error), void *arg, struct error *error)
{
	struct reader r = { .entry = { .file = file }, .take = take, .arg = arg, .error = error };
	size_t mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* the byte order mark */
	int failed;

	r.text = r.cursor.p = text + mark;
	r.end = text + len;
	if (check_bytes(&r) != 0)
		return -1;
	if (!yaml_parser_initialize(&r.parser))
		return error_set(error, "%.200s: out of memory", file);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.text, len - mark);
	failed = yaml_take_events(&r);
	yaml_parser_delete(&r.parser);
	yaml_clear_items(&r);
	free(r.entry.items);
	for (size_t i = 0; i < CONFIG_DEPTH; i++)
		secmem_free(r.names[i]);
	return failed;
}
