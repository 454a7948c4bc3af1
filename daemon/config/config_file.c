/*
 * config_file: reads a configuration's files into a struct config.
 */
#include "daemon/config/config_file.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/nearest.h"
#include "base/table.h"
#include "base/texts.h"
#include "daemon/config/config_table.h"
#include "daemon/config/config_yaml.h"
#include "daemon/host/dropins.h"
#include "daemon/host/trusted_file.h"

#define FILE_MAX (4u << 20) /* some 40,000 rules */

/* Where a group, a setting or a rule was set. */
struct place {
	const char *file;
	unsigned line;
	UT_hash_handle hh;
	char name[]; /* "listen.mode" */
};

/* The state of one reading of the files. */
struct loading {
	const char *main_file;
	struct config *config;
	struct place *places;
	struct texts files; /* the drop-ins' paths, which places point to */
	unsigned *ret_again_ms;
};

static struct place *find_place(const struct loading *loading, const char *name)
{
	struct place *place;

	HASH_FIND_STR(loading->places, name, place);
	return place;
}

/* Notes where a name is set, which is once: but a group of rules may stand in each file. */
static int note_place(struct loading *loading, const struct config_entry *entry, struct error *error)
{
	char name[160] = "";
	struct place *place;

	for (size_t i = 0, n = 0; i < entry->depth; i++) {
		n += (size_t)snprintf(name + n, sizeof(name) - n, "%s%s", i > 0 ? "." : "", entry->name[i]);
		if (n >= sizeof(name))
			return config_entry_error(entry, 0, error, "is longer than a name can be");
	}
	place = find_place(loading, name);
	if (place != NULL && (entry->depth > 1 || place->file == entry->file))
		return config_entry_error(entry, 0, error, "is set a second time, after %.100s:%u", place->file,
		    place->line);
	if (place == NULL) {
		place = calloc(1, sizeof(*place) + strlen(name) + 1);
		if (place == NULL)
			return config_entry_error(entry, 0, error, "out of memory");
		strcpy(place->name, name);
		HASH_ADD_STR(loading->places, name, place);
		if (!TABLE_HAS(place)) {
			free(place);
			return config_entry_error(entry, 0, error, "out of memory");
		}
	}
	place->file = entry->file;
	place->line = entry->line;
	return 0;
}

/* This is a group whose settings are rules. */
struct rule_kind {
	const char *group, *what;
	size_t list, count; /* where struct config has the array, and its length */
	size_t size;        /* of an item, which begins with its name */
};

#define RULES(in, type) offsetof(struct config, in.rule), offsetof(struct config, in.nrules), sizeof(type)

static const struct rule_kind kinds[] = {
	{ "allow", "a rule", RULES(rules, struct rule) },
	{ "credential", "a credential", RULES(credentials, struct credential_rule) },
};

/* NULL: the settings of that group are no rules. */
static const struct rule_kind *find_kind(const char *group)
{
	return strcmp(group, kinds[0].group) == 0 ? &kinds[0]
	    : strcmp(group, kinds[1].group) == 0  ? &kinds[1]
						  : NULL;
}

static void *last_rule(struct config *config, const struct rule_kind *kind)
{
	size_t count = *(size_t *)(void *)((char *)config + kind->count);

	return *(char **)(void *)((char *)config + kind->list) + (count - 1) * kind->size;
}

static int begin_rule(struct config *config, const struct rule_kind *kind, const struct config_entry *entry,
    struct error *error)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	const char *name = entry->name[1];
	void **list = (void **)(void *)((char *)config + kind->list), *grown;
	size_t *count = (size_t *)(void *)((char *)config + kind->count);

	if (entry->kind != ENTRY_GROUP)
		return config_entry_error(entry, 0, error, "must be a group with %s",
		    config_table_names(kind->group, &(struct error){ 0 }));
	if (*name == '\0' || name[strspn(name, plain)] != '\0')
		return config_entry_error(entry, 0, error, "a rule's name has letters, digits, - and _");
	grown = array_grow(*list, *count, kind->size);
	if (grown == NULL)
		return config_entry_error(entry, 0, error, "out of memory");
	*list = grown;
	grown = memset((char *)grown + (*count)++ * kind->size, 0, kind->size);
	*(char **)grown = strdup(name);
	return *(char **)grown != NULL ? 0 : config_entry_error(entry, 0, error, "out of memory");
}

static int end_rule(struct config *config, const struct rule_kind *kind, const struct config_entry *entry,
    struct error *error)
{
	char room[80];
	const void *rule = last_rule(config, kind);
	const char *lacks = kind->list == offsetof(struct config, rules.rule)
	    ? rule_lacks(rule, room, sizeof(room))
	    : credential_rule_lacks(rule);

	return *lacks == '\0' ? 0 : config_entry_error(entry, 0, error, "%s", lacks);
}

/* Names the setting or group that is most likely meant: misspelt here, or well spelt but in another place. */
static int unknown_name(const struct config_entry *entry, struct error *error)
{
	const char *name = entry->name[entry->depth - 1], *group = NULL;
	unsigned least = 3, distance;
	size_t n;
	const struct setting *table = config_table(&n), *best = NULL;

	if (entry->depth == 3)
		return config_entry_error(entry, 0, error, "there is no such setting; %s has %s",
		    find_kind(entry->name[0])->what, config_table_names(entry->name[0], &(struct error){ 0 }));
	for (size_t i = 0; i < n; i++) {
		distance = table[i].initial != NULL ? nearest_distance(table[i].name, name) : 99;
		if (distance < least && (distance == 0 || strcmp(table[i].group, entry->name[0]) == 0)) {
			least = distance;
			best = &table[i];
		}
		distance = entry->depth == 1 && best == NULL ? nearest_distance(table[i].group, name) : 99;
		if (distance < least) {
			least = distance;
			group = table[i].group;
		}
	}
	if (best != NULL)
		return config_entry_error(entry, 0, error, "there is no such setting; %s.%s is meant?",
		    best->group, best->name);
	if (group != NULL)
		return config_entry_error(entry, 0, error, "there is no such group; %s is meant?", group);
	return config_entry_error(entry, 0, error, "there is no such setting");
}

static int take_group(struct loading *loading, const struct config_entry *entry, struct error *error)
{
	if (*config_table_names(entry->name[0], &(struct error){ 0 }) == '\0')
		return unknown_name(entry, error);
	if (entry->kind == ENTRY_TEXT && entry->items[0].line > entry->line)
		return config_entry_error(entry, 1, error, CONFIG_NO_SETTING);
	if (entry->kind != ENTRY_GROUP)
		return config_entry_error(entry, 0, error,
		    "must be a group: its settings stand below it, indented");
	if (entry->file != loading->main_file && find_kind(entry->name[0]) == NULL)
		return config_entry_error(entry, 0, error,
		    "only allow and credential can stand in a drop-in; this belongs in %.150s",
		    loading->main_file);
	return 0;
}

static int take_setting(struct loading *loading, const struct config_entry *entry, struct error *error)
{
	const struct setting *setting = config_table_find(entry->name[0], entry->name[entry->depth - 1]);
	bool in_rule = entry->depth == 3;
	void *object = in_rule ? last_rule(loading->config, find_kind(entry->name[0])) : loading->config;
	struct error why;

	if (setting == NULL)
		return unknown_name(entry, error);
	if (entry->kind == ENTRY_GROUP || (entry->kind == ENTRY_LIST && !setting->type->is_list))
		return config_entry_error(entry, 0, error, "must be %s, not a %s", setting->type->kind,
		    entry->kind == ENTRY_GROUP ? "group" : "list");
	if (entry->nested_line != 0)
		return config_entry_error(entry, entry->nitems + 1, error, "must be %s", setting->type->kind);
	if (in_rule && entry->nitems == 0)
		return config_entry_error(entry, 0, error, "must not be empty");
	for (size_t i = 0; i < entry->nitems; i++) {
		/* A list's empty text alone stands for an empty list; among others it is a wrong one. */
		if (!in_rule && setting->type->is_list && entry->kind == ENTRY_TEXT &&
		    *entry->items[i].text == '\0')
			continue;
		if (setting->type->parse(object, setting, entry->items[i].text, &why) != 0) {
			(void)config_entry_error(entry, i + 1, error, "%s", why.text);
			return error_set_kind(error, why.kind);
		}
	}
	return 0;
}

static int note_comment(struct config *config, const struct config_entry *entry)
{
	struct config_entry at = *entry;
	struct error text;

	at.line = entry->comment_line;
	(void)config_entry_error(&at, 0, &text,
	    "what follows the # is a comment; a text with # in it must stand in quotes");
	return texts_add(&config->notes, text.text);
}

static int take_entry(void *arg, const struct config_entry *entry, struct error *error)
{
	struct loading *loading = arg;
	const struct rule_kind *kind = find_kind(entry->name[0]);

	if (entry->comment_line != 0 && note_comment(loading->config, entry) != 0)
		return config_entry_error(entry, 0, error, "out of memory");
	if (entry->kind == ENTRY_END)
		return entry->depth > 1 ? end_rule(loading->config, kind, entry, error) : 0;
	if (note_place(loading, entry, error) != 0)
		return -1;
	if (entry->depth == 1)
		return take_group(loading, entry, error);
	return entry->depth == 2 && kind != NULL ? begin_rule(loading->config, kind, entry, error)
						 : take_setting(loading, entry, error);
}

static int read_file(struct loading *loading, const char *path, struct error *error)
{
	struct buf text;
	int failed;

	buf_init(&text, FILE_MAX + 2);
	failed = trusted_file_read(path, FILE_MAX, &text, loading->ret_again_ms, error);
	if (!failed && buf_put(&text, "", 1) != 0)
		failed = error_set(error, "%.200s: out of memory", path);
	if (!failed)
		failed = config_yaml_read(path, (const char *)buf_data(&text), buf_len(&text) - 1, take_entry,
		    loading, error);
	buf_free(&text);
	return failed;
}

/* Reads the files of the folder, and then looks whether the folder was changed meanwhile. */
static int read_drop_ins(struct loading *loading, struct error *error)
{
	struct texts names = { .item = NULL };
	char folder[PATH_MAX];
	int failed;

	if (snprintf(folder, sizeof(folder), "%s.d", loading->main_file) >= (int)sizeof(folder))
		return error_set(error, "%.200s: its name is too long", loading->main_file);
	failed = dropins_list(folder, &loading->files, &loading->config->notes, loading->ret_again_ms, error);
	for (size_t i = 0; !failed && i < loading->files.count; i++) {
		failed = read_file(loading, loading->files.item[i], error);
		if (failed && access(loading->files.item[i], F_OK) != 0 && errno == ENOENT)
			*loading->ret_again_ms = TRUSTED_FILE_AGE_MS; /* it was there when the folder was listed */
	}
	if (!failed)
		failed = trusted_file_list(folder, &names, loading->ret_again_ms, error);
	texts_clear(&names);
	return failed;
}

/* Some settings go only together, or only apart. */
static int check_pairs(const struct loading *loading, struct error *error)
{
	const struct config *c = loading->config;
	const char *cert = c->openbao.client_cert_file, *key = c->openbao.client_key_file;
	const char *credentials = c->listen.credentials_socket, *file = c->audit.file;
	bool to_file = c->audit.sink == AUDIT_FILE, deny = c->audit.on_failure == AUDIT_DENY;
	const struct {
		bool wrong;
		const char *setting, *why;
	} pairs[] = {
		{ c->approle.role_id != NULL && c->approle.role_id_file != NULL, "approle.role_id_file",
		    "approle.role_id is set too; only one of them can be" },
		{ cert != NULL && key == NULL, "openbao.client_cert_file",
		    "needs openbao.client_key_file beside it" },
		{ key != NULL && cert == NULL, "openbao.client_key_file",
		    "needs openbao.client_cert_file beside it" },
		{ credentials != NULL && strcmp(credentials, c->listen.socket) == 0, "listen.credentials_socket",
		    "is listen.socket too; it must be a socket of its own" },
		{ deny && !to_file, "audit.on_failure", "\"deny\" needs audit.sink: file beside it" },
		{ to_file && file == NULL, "audit.sink", "needs audit.file beside it" },
		{ file != NULL && !to_file, "audit.file", "needs audit.sink: file beside it" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (pairs[i].wrong)
			return error_set(error, "%.200s:%u: %s: %s", loading->main_file,
			    find_place(loading, pairs[i].setting)->line, pairs[i].setting, pairs[i].why);
	return 0;
}

int config_file_read(const char *path, struct config *config, unsigned *ret_address_line, unsigned *ret_again_ms,
    struct error *error)
{
	struct loading loading = { .main_file = path, .config = config, .ret_again_ms = ret_again_ms };
	const struct place *address;
	struct place *place, *next;
	int failed;

	*ret_again_ms = 0;
	failed = read_file(&loading, path, error) != 0 || check_pairs(&loading, error) != 0 ||
	    read_drop_ins(&loading, error) != 0;
	address = find_place(&loading, "openbao.address");
	*ret_address_line = address != NULL ? address->line : 0;
	if (!failed && config->rules.nrules > 0 && rules_prepare(&config->rules) != 0)
		failed = error_set(error, "%.200s: out of memory", path);
	HASH_ITER(hh, loading.places, place, next) {
		HASH_DEL(loading.places, place);
		free(place);
	}
	texts_clear(&loading.files);
	return failed ? -1 : 0;
}
