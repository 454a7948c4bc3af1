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

#include "base/array.h"
#include "base/secmem.h"
#include "proto/utf8.h"

#define DIRECTIVES "directives (%%) are not taken"
#define OUT_OF_MEMORY "out of memory"
#define TOO_DEEP "is nested too deep: a setting is a text or a list of texts"

struct reader {
	const char *text, *end;
	struct {
		const char *p;
		size_t index; /* in characters */
	} cursor; /* the place that was looked up last; the next is mostly behind it, or it takes long */
	yaml_parser_t parser;
	yaml_event_t event;        /* what is to be read next */
	struct config_entry entry; /* what is being read; its names lie in names */
	struct {
		char *text;
		unsigned line;
		size_t column;
	} names[CONFIG_DEPTH];
	enum { AT_NAME, AT_VALUE, IN_LIST, AFTER_VALUE } at; /* of the innermost name */
	bool has_colon;                                      /* behind that name; in brackets it may be missing */
	struct bracket {
		char character; /* '\0': none */
		unsigned line;
	} bracket; /* the innermost one that is open */
	int (*take)(void *arg, const struct config_entry *entry, struct error *error);
	void *arg;
	struct error *error;
};

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

/* Gives the setting or the group that is being read, for an error, which ends it. line 0: that of the event. */
static const struct config_entry *entry_here(struct reader *r, size_t line)
{
	r->entry.line = (unsigned)(line != 0 ? line : r->event.start_mark.line + 1);
	if (r->at == AFTER_VALUE && r->entry.depth > 0 && r->names[r->entry.depth - 1].line != r->entry.line)
		r->entry.depth--;
	r->entry.kind = r->at == IN_LIST ? ENTRY_LIST : ENTRY_TEXT;
	return &r->entry;
}

#define yaml_error(r, line, ...) \
	config_entry_error(entry_here(r, line), (r)->at == IN_LIST ? (r)->entry.nitems + 1 : 0, (r)->error, \
	    __VA_ARGS__)

/* Looks for bytes that no text file has, before libyaml sees them. */
static int check_bytes(struct reader *r)
{
	size_t line = 1, n;

	for (const char *p = r->text; p < r->end; p += n) {
		n = utf8_sequence(p, (size_t)(r->end - p));
		if (n == 0)
			return yaml_error(r, line, "is not UTF-8: save it as UTF-8");
		if (*p == '\0' || utf8_unseen(p, r->end) != 0)
			return yaml_error(r, line,
			    "holds U+%04X, which nobody sees or YAML takes for the end of a line: remove it",
			    utf8_unseen(p, r->end));
		line += *p == '\n';
	}
	return 0;
}

/* The bytes from a place on. A NUL is behind the file's last one. */
static const char *bytes_at(struct reader *r, const yaml_mark_t *mark)
{
	if (mark->index < r->cursor.index) {
		r->cursor.p = r->text;
		r->cursor.index = 0;
	}
	for (; r->cursor.p < r->end && r->cursor.index < mark->index; r->cursor.index++)
		r->cursor.p += utf8_sequence(r->cursor.p, (size_t)(r->end - r->cursor.p));
	return r->cursor.p;
}

/* -- what libyaml cannot read, in words for people ---------------------------------------------------------- */

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

/*
 * Says in words for people what libyaml cannot read. It tells where it gave up, and mostly (the context) where the
 * thing began that it was reading; the character there says more than libyaml's own words do, but for a line
 * without a colon, which is a "simple key" to it.
 */
static int library_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const yaml_mark_t *mark = &p->problem_mark, *start = p->context != NULL ? &p->context_mark : mark;
	size_t line = mark->line + 1, begun = start->line + 1;
	unsigned name_line = r->entry.depth > 0 ? r->names[r->entry.depth - 1].line : 0;
	char at = *bytes_at(r, mark), context = *bytes_at(r, start);
	bool is_tab = p->error == YAML_SCANNER_ERROR && at == '\t';

	if (p->error == YAML_MEMORY_ERROR)
		return yaml_error(r, line, OUT_OF_MEMORY);
	if (is_tab || r->at == AT_NAME || (r->at == AFTER_VALUE && name_line != line && name_line != begun)) {
		size_t column = is_tab ? 1 : begun < line ? start->column : mark->column;

		/* libyaml may stumble over what stands behind the groups that are open: it is in those around. */
		r->entry.depth -= r->at == AFTER_VALUE && r->entry.depth > 0;
		while (r->entry.depth > 0 && r->names[r->entry.depth - 1].column >= column)
			r->entry.depth--;
		r->at = AT_NAME;
	}
	if (is_tab)
		return beginning_error(r, line, at);
	if (p->context != NULL && strcmp(p->context, "while scanning a simple key") == 0)
		return yaml_error(r, begun, CONFIG_NO_SETTING);
	if (context == '%' && start->column == 0)
		return yaml_error(r, line, DIRECTIVES);
	/* An open quote goes on to the file's end, or to a line of --- or ... */
	if ((context == '"' || context == '\'') && at != '\0' && !begins_line(r, mark))
		return yaml_error(r, line,
		    "holds a \\ that begins no escape of YAML: write \\\\, or use single quotes");
	if (beginning_words(context) != NULL && (p->error == YAML_SCANNER_ERROR || strchr("[{!", context) != NULL))
		return beginning_error(r, begun, context);
	if (at == '\0' && p->error == YAML_PARSER_ERROR && r->bracket.character != '\0')
		return beginning_error(r, r->bracket.line, r->bracket.character);
	if (at == '\0' || p->error != YAML_PARSER_ERROR)
		return yaml_error(r, line, "is no YAML: %s", p->problem);
	return yaml_error(r, line,
	    begins_line(r, mark) ? "is indented otherwise than its neighbours"
				 : "what stands after the value is not understood");
}

static void drop_event(struct reader *r)
{
	if (r->event.type == YAML_SCALAR_EVENT)
		secmem_wipe(r->event.data.scalar.value, r->event.data.scalar.length);
	yaml_event_delete(&r->event);
}

/* Goes on to the next event. */
static int advance(struct reader *r)
{
	drop_event(r);
	return yaml_parser_parse(&r->parser, &r->event) ? 0 : library_error(r);
}

static void clear_items(struct reader *r)
{
	for (size_t i = 0; i < r->entry.nitems; i++)
		secmem_free(r->entry.items[i].text);
	r->entry.nitems = 0;
	r->entry.nested_line = r->entry.comment_line = 0;
}

/* Hands the entry over, whose value is complete. */
static int give_entry(struct reader *r, enum config_kind kind)
{
	int taken;

	r->entry.kind = kind;
	r->entry.line = r->names[r->entry.depth - 1].line;
	taken = r->take(r->arg, &r->entry, r->error);
	clear_items(r);
	r->at = AFTER_VALUE;
	return taken;
}

/* Refuses aliases, anchors and tags. The last two come first in the data of texts, lists and groups alike. */
static int check_marks(struct reader *r)
{
	return r->event.type == YAML_ALIAS_EVENT  ? beginning_error(r, 0, '*')
	    : r->event.data.scalar.anchor != NULL ? beginning_error(r, 0, '&')
	    : r->event.data.scalar.tag != NULL    ? beginning_error(r, 0, '!')
						  : 0;
}

/* Is it a text that is not there? A document that has only comments is one, too. */
static bool is_nothing(const yaml_event_t *event)
{
	return event->type == YAML_SCALAR_EVENT && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    event->data.scalar.length == 0;
}

/*
 * The character behind a backslash in double quotes, other than \\ and \". In a unit's name as systemd prints it,
 * such as web\x2ddb.service, it would silently become another name. '\0': there is none.
 */
static char find_escape(struct reader *r)
{
	const char *p = bytes_at(r, &r->event.start_mark);

	if (r->event.data.scalar.style != YAML_DOUBLE_QUOTED_SCALAR_STYLE)
		return '\0';
	for (p++; p + 1 < r->end && *p != '"'; p++)
		if (*p == '\\' && *++p != '\\' && *p != '"')
			return *p > ' ' && *p < 0x7f ? *p : ' ';
	return '\0';
}

/* Refuses a name or a value that YAML would read otherwise than a person does. */
static int check_text(struct reader *r)
{
	const yaml_event_t *e = &r->event;
	const char *text = (const char *)e->data.scalar.value, *end = text + e->data.scalar.length;
	yaml_scalar_style_t style = e->data.scalar.style;

	if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE)
		return beginning_error(r, 0, '|');
	if (e->end_mark.line != e->start_mark.line)
		return yaml_error(r, 0, "must stand on one line%s",
		    r->bracket.character != '\0' ? "; is a bracket or a comma missing?" : "");
	if (find_escape(r) != '\0')
		return yaml_error(r, 0,
		    "holds the escape \\%c: write the character itself, \\\\ for a \\, or use single quotes",
		    find_escape(r));
	/* Other readers of YAML take these for no value. */
	if (style == YAML_PLAIN_SCALAR_STYLE && r->at != AT_NAME &&
	    (strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0))
		return yaml_error(r, 0,
		    "is a text here, not nothing; write \"\" for an empty one, or put it in quotes");
	for (const char *p = text; p < end; p += utf8_sequence(p, (size_t)(end - p)))
		if ((unsigned char)*p < 0x20 || utf8_unseen(p, end) != 0)
			return yaml_error(r, 0, "holds a control byte");
	return 0;
}

static int read_name(struct reader *r)
{
	size_t depth = r->entry.depth;
	const char *behind;

	r->at = AT_NAME;
	if (check_marks(r) != 0)
		return -1;
	if (r->event.type != YAML_SCALAR_EVENT || is_nothing(&r->event))
		return yaml_error(r, 0, "a setting's name must be a plain text");
	if (check_text(r) != 0)
		return -1;
	if (strchr((const char *)r->event.data.scalar.value, ':') != NULL)
		return yaml_error(r, 0, CONFIG_NO_SETTING);
	secmem_free(r->names[depth].text);
	r->names[depth].text = secmem_strdup((const char *)r->event.data.scalar.value);
	if (r->names[depth].text == NULL)
		return yaml_error(r, 0, OUT_OF_MEMORY);
	r->names[depth].line = (unsigned)r->event.start_mark.line + 1;
	r->names[depth].column = r->event.start_mark.column;
	r->entry.name[depth] = r->names[depth].text;
	r->entry.depth++;
	r->at = AT_VALUE;
	behind = bytes_at(r, &r->event.end_mark);
	while (*behind == ' ' || *behind == '\t' || *behind == '\r' || *behind == '\n')
		behind++;
	r->has_colon = *behind == ':';
	return advance(r);
}

static int read_item(struct reader *r)
{
	struct config_item *item = array_grow(r->entry.items, r->entry.nitems, sizeof(*item));
	const char *behind;

	if (item == NULL)
		return yaml_error(r, 0, OUT_OF_MEMORY);
	r->entry.items = item;
	item += r->entry.nitems;
	if (is_nothing(&r->event) && r->has_colon)
		return yaml_error(r, r->at == IN_LIST ? 0 : r->names[r->entry.depth - 1].line,
		    "has no value; write %s for an empty one", r->entry.depth == 1 ? "{}" : "\"\"");
	if (is_nothing(&r->event)) {
		size_t line = r->names[--r->entry.depth].line;

		/* The text there may be a value, which is not to be shown as a name. */
		return yaml_error(r, line, CONFIG_NO_SETTING);
	}
	if (check_text(r) != 0)
		return -1;
	item->line = (unsigned)r->event.start_mark.line + 1;
	item->text = secmem_strdup((const char *)r->event.data.scalar.value);
	if (item->text == NULL)
		return yaml_error(r, 0, OUT_OF_MEMORY);
	r->entry.nitems++;
	behind = bytes_at(r, &r->event.end_mark);
	while (*behind == ' ' || *behind == '\t')
		behind++;
	if (r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && *behind == '#' &&
	    strchr(" \t\r\n", behind[1]) == NULL)
		r->entry.comment_line = (unsigned)r->event.end_mark.line + 1;
	return 0;
}

static int read_list(struct reader *r)
{
	struct bracket around = r->bracket;

	r->bracket.character = r->event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE ? '[' : '\0';
	r->bracket.line = (unsigned)r->event.start_mark.line + 1;
	for (r->at = IN_LIST;;) {
		if (advance(r) != 0 || check_marks(r) != 0)
			return -1;
		if (r->event.type != YAML_SCALAR_EVENT)
			break;
		if (read_item(r) != 0)
			return -1;
	}
	if (r->event.type != YAML_SEQUENCE_END_EVENT) {
		r->entry.nested_line = (unsigned)r->event.start_mark.line + 1;
		return give_entry(r, ENTRY_LIST) != 0 ? -1 : yaml_error(r, 0, TOO_DEEP);
	}
	r->bracket = around;
	return give_entry(r, ENTRY_LIST) != 0 ? -1 : advance(r);
}

static int read_value(struct reader *r);

/* Reads what stands in a group, or at the root. It has ended when libyaml could read on after it. */
static int read_group(struct reader *r)
{
	struct bracket around = r->bracket;
	size_t depth = r->entry.depth;

	r->bracket.character = r->event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE ? '{' : '\0';
	r->bracket.line = (unsigned)r->event.start_mark.line + 1;
	r->at = AT_NAME;
	if (advance(r) != 0)
		return -1;
	for (; r->event.type != YAML_MAPPING_END_EVENT; r->entry.depth = depth)
		if (read_name(r) != 0 || read_value(r) != 0)
			return -1;
	r->bracket = around;
	r->at = AFTER_VALUE;
	if (advance(r) != 0)
		return -1;
	return depth > 0 ? give_entry(r, ENTRY_END) : 0;
}

static int read_value(struct reader *r)
{
	if (check_marks(r) != 0)
		return -1;
	if (r->event.type == YAML_SEQUENCE_START_EVENT)
		return read_list(r);
	if (r->event.type == YAML_SCALAR_EVENT)
		return read_item(r) != 0 || give_entry(r, ENTRY_TEXT) != 0 ? -1 : advance(r);
	if (give_entry(r, ENTRY_GROUP) != 0)
		return -1;
	return r->entry.depth < CONFIG_DEPTH ? read_group(r) : yaml_error(r, 0, TOO_DEEP);
}

/* Reads the one document that there can be. The stream's start has been read. */
static int read_document(struct reader *r)
{
	for (bool is_first = true; r->event.type != YAML_STREAM_END_EVENT; is_first = false) {
		if (r->event.data.document_start.version_directive != NULL ||
		    r->event.data.document_start.tag_directives.start !=
			r->event.data.document_start.tag_directives.end)
			return yaml_error(r, 0, DIRECTIVES);
		if (!is_first)
			return yaml_error(r, 0, "a second document begins here; there can be one only");
		if (advance(r) != 0 || check_marks(r) != 0)
			return -1;
		if (r->event.type != YAML_MAPPING_START_EVENT && !is_nothing(&r->event))
			return yaml_error(r, 0, "settings are wanted, as in openbao: { address: ... }");
		if ((is_nothing(&r->event) ? advance(r) : read_group(r)) != 0 || advance(r) != 0)
			return -1;
	}
	return 0;
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
		return yaml_error(&r, 1, OUT_OF_MEMORY);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.text, len - mark);
	failed = advance(&r) != 0 || advance(&r) != 0 || read_document(&r) != 0 ? -1 : 0;
	drop_event(&r);
	yaml_parser_delete(&r.parser);
	clear_items(&r);
	free(r.entry.items);
	for (size_t i = 0; i < CONFIG_DEPTH; i++)
		secmem_free(r.names[i].text);
	return failed;
}
