/*
 * config_yaml: reads a configuration file's text as YAML, by libyaml's events in one pass, and hands over each
 * setting as it comes. What YAML takes otherwise than a person who looks at the file is refused with a sentence
 * that says what to write instead. Which settings there are is config_file.c's business.
 */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define CONFIG_DEPTH 3 /* allow.web.uid has three names */
#define CONFIG_NO_SETTING "is no setting: a name, a colon, a blank and a value are wanted"

struct config_item {
	char *text; /* secmem; without control bytes */
	unsigned line;
};

enum config_kind {
	ENTRY_TEXT,
	ENTRY_LIST,
	ENTRY_GROUP, /* a group begins; what stands in it comes next */
	ENTRY_END    /* the group of that name has ended */
};

/* A setting, a rule or a group, as it stands in the file. All that it points to is gone after the call. */
struct config_entry {
	const char *file;
	const char *name[CONFIG_DEPTH]; /* the groups' names and its own, which is the last of depth */
	size_t depth;
	unsigned line; /* of its name */
	enum config_kind kind;
	struct config_item *items; /* one for ENTRY_TEXT, any number for ENTRY_LIST */
	size_t nitems;
	unsigned nested_line;  /* where the list goes on with a list or a group, which is no item; 0: nowhere */
	unsigned comment_line; /* where " #" follows an unquoted value without a blank after it; 0: nowhere */
};

/*
 * Calls take for each group when it begins and when it has ended, and for each setting; 0 from it goes on, -1 ends
 * the reading. text is the file's: len bytes, anything at all, and a NUL behind them. 0; or -1 with error set, by
 * take or by this.
 */
int config_yaml_read(const char *file, const char *text, size_t len,
    int (*take)(void *arg, const struct config_entry *entry, struct error *error), void *arg, struct error *error);

/*
 * Sets "FILE:LINE: group.name: what" and gives -1. item: which of the entry's items, from 1, it is about, or would
 * be the next after them; 0: the setting as such.
 */
int config_entry_error(const struct config_entry *entry, size_t item, struct error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
