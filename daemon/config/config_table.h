/*
 * config_table: every setting outside allow, with its default and its range, and how its text gets into the struct
 * config.
 */
#ifndef CONFIG_TABLE_H
#define CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "daemon/config/config.h"

enum setting_type {
	SETTING_ADDRESSES, /* a list; each text given is added */
	SETTING_NAMESPACE,
	SETTING_AUTH,
	SETTING_TEXT,
	SETTING_FILE,
	SETTING_HOST,
	SETTING_BOOL,
	SETTING_TIME,
	SETTING_SIZE,
	SETTING_COUNT,
	SETTING_MOUNT,
	SETTING_SECRET,
	SETTING_SOCKET,
	SETTING_OPTIONAL_SOCKET,
	SETTING_MODE,
	SETTING_GROUP,
	SETTING_CHOICE /* an enum: the number of the text in choices */
};

/* This is what a daemon that runs has to do when the file has another value than before. */
enum setting_change {
	CHANGE_NOW,    /* nothing: it takes effect at once */
	CHANGE_LOGIN,  /* it is about OpenBao or the login there, which begins anew */
	CHANGE_RESTART /* it takes effect at a start only */
};

struct setting {
	const char *group, *name;
	enum setting_change change;
	enum setting_type type;
	size_t offset, size;        /* of the member of struct config that the type says */
	const char *initial;        /* the default, as it would be written in the file */
	const char *low, *high;     /* times, sizes, counts: the range, both included */
	bool zero;                  /* 0 is allowed too */
	const char *const *choices; /* NULL after the last */
};

/* The table: *ret_count settings, those of a group together. */
const struct setting *config_table(size_t *ret_count);

/* The setting, or NULL. */
const struct setting *config_table_find(const char *group, const char *name);

/*
 * Puts the text's value into config in place of the one there. 0; or -1 with why set ("must be ...") and config
 * unchanged. Texts of true and false are those words, numbers are decimal.
 */
int config_table_store(struct config *config, const struct setting *setting, const char *text, struct error *why);

/* Gives the kind of value that a setting takes, for an error: "a time in quotes, such as ...". */
const char *config_table_kind(enum setting_type type);

/* Is the member a text, a char * that may be NULL? */
bool config_table_is_text(enum setting_type type);

/* Gives every setting its default. 0, or -1 with why set: no memory. */
int config_table_defaults(struct config *config, struct error *why);

/* Wipes and frees what the settings hold; config is then without texts and addresses. */
void config_table_clear(struct config *config);

#endif
