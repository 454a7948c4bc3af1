/*
 * config_table: every setting, those of a rule included. A row of the table says all of a setting, and how its
 * text gets into the struct that has it; nothing else in the tree lists settings.
 */
#ifndef CONFIG_TABLE_H
#define CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "daemon/config/config.h"

/* This is what a daemon that runs has to do when the file has another value than before. */
enum setting_change {
	CHANGE_LIVE,   /* nothing: it takes effect at once */
	CHANGE_LOGIN,  /* log in anew, since it is about OpenBao or the login there */
	CHANGE_RESTART /* nothing: it takes effect at a start only */
};

struct setting;
struct setting_type {
	const char *kind; /* what the setting takes, for an error: "a time, such as 500ms, 10s, 5m or 2h" */
	bool is_list;     /* several values can be given, and each is added */
	/*
	 * Puts the text's value into the object, a struct config or a rule, in place of the one there; or adds it
	 * to a list. 0; or -1 with why set ("must be ...") and the object as it was.
	 */
	int (*parse)(void *object, const struct setting *setting, const char *text, struct error *why);
	bool (*same)(const void *a, const void *b); /* NULL: two members with equal bytes are the same */
	void (*clear)(void *member);                /* NULL: there is nothing to free */
	/* These are what parse calls, if it is one for several types. */
	const char *(*check)(const char *text);                          /* what is wrong with a text, or NULL */
	int (*number)(const char *text, uint64_t *ret);                  /* reads a number */
	int (*find)(const char *text, uint32_t *ret, struct error *why); /* looks for a user or a group */
};

struct setting {
	const char *group, *name;
	const struct setting_type *type;
	size_t offset, size;        /* of the member, which is what the type says */
	size_t count;               /* the offset of its length, where a rule has an array */
	enum setting_change change; /* what is in a rule is live */
	const char *initial;    /* the default, as the file would have it; "" for an empty list; NULL in a rule */
	const char *low, *high; /* times, sizes, counts: the range, both included; NULL for others */
	bool zero;              /* 0 is allowed too */
	const char *const *choices; /* the words of an enum, in the order of its values; NULL after the last */
};

/* The table: *ret_count settings, those of a group together. */
const struct setting *config_table(size_t *ret_count);

/* The setting, or NULL. */
const struct setting *config_table_find(const char *group, const char *name);

/* Gives the names of a group's settings, for an error: ret->text, "uid, gid". "": there is no such group. */
const char *config_table_names(const char *group, struct error *ret);

/* Gives every setting its default. 0, or -1 with why set: no memory. config was zeroed before. */
int config_table_defaults(struct config *config, struct error *why);

/* Do both have the same value of the setting, which is none of a rule? */
bool config_table_same(const struct config *a, const struct config *b, const struct setting *setting);

/* Wipes and frees what the settings hold; config is then without texts and lists, but for the rules. */
void config_table_clear(struct config *config);

#endif
