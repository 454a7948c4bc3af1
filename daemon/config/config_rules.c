/*
 * config_rules: rules, as they stand in configuration files.
 */
#include "daemon/config/config_rules.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/access/patterns.h"
#include "daemon/host/users.h"
#include "proto/request.h"

/* A key of a rule: what it takes, and how a text of it gets into the rule. */
struct rule_key {
	const char *name;
	const char *kind; /* for errors */
	/* Adds the text to what the rule has. 0; or -1 with why set. */
	int (*add)(void *rule, const struct rule_key *key, const char *text, struct error *why);
	size_t list, count;                     /* where struct rule has the array, and its length */
	const char *(*check)(const char *text); /* texts: what is wrong with one, or NULL */
	int (*find)(const char *, uint32_t *, struct error *); /* ids: users or groups */
	bool single;                                           /* it takes one text only, which stands at list */
};

struct rule_kind {
	const char *group, *what, *keys; /* what a rule is called there, and its keys, for errors */
	struct rule_key key[CONFIG_RULE_KEYS_MAX];
	size_t list, count,
	    size; /* where struct config has the array and its length; an item, which begins with its name */
	/*
	 * Says for an error what a rule lacks when it was read whole, or gives "". room holds a text that is made.
	 */
	const char *(*lacks)(const void *rule, char *room, size_t size);
};

/* Makes an array one longer, whose length is a power of two when it grows. NULL: no memory. */
static void *grow_rules(void *array, size_t n, size_t size)
{
	return (n & (n - 1)) != 0 ? array : realloc(array, (n == 0 ? 1 : 2 * n) * size);
}

static int rules_add_text(void *rule, const struct rule_key *key, const char *text, struct error *why)
{
	char ***list = (char ***)(void *)((char *)rule + key->list), **grown;
	size_t *count = (size_t *)(void *)((char *)rule + key->count);
	const char *wrong = key->check(text);

	if (wrong != NULL)
		return error_set(why, "%s", wrong);
	grown = grow_rules(*list, *count, sizeof(*grown));
	if (grown == NULL)
		return error_set(why, "out of memory");
	*list = grown;
	grown[*count] = strdup(text);
	if (grown[*count] == NULL)
		return error_set(why, "out of memory");
	++*count;
	return 0;
}

/* uid_t and gid_t are the same type here, and users and groups are read alike. */
static int rules_add_id(void *rule, const struct rule_key *key, const char *text, struct error *why)
{
	uint32_t **list = (uint32_t **)(void *)((char *)rule + key->list), *grown, id;
	size_t *count = (size_t *)(void *)((char *)rule + key->count);

	if (key->find(text, &id, why) != 0)
		return -1;
	grown = grow_rules(*list, *count, sizeof(*grown));
	if (grown == NULL)
		return error_set(why, "out of memory");
	*list = grown;
	grown[(*count)++] = id;
	return 0;
}

/* Adds an op, or a group of ops. The groups are closed: what is in neither must be named. */
static int rules_add_op(void *rule, const struct rule_key *key, const char *text, struct error *why)
{
	enum op named = op_by_name(text, strlen(text));
	unsigned group = strcmp(text, "read") == 0 ? OP_IN_READ
	    : strcmp(text, "write") == 0           ? OP_IN_READ | OP_IN_WRITE
						   : 0;
	char known[200] = "", shown[ERROR_SHOWN];

	(void)key;
	for (enum op op = 0; op < OP_COUNT; op++) {
		((struct rule *)rule)->ops[op] |= op == named || op_is(op, group);
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s, ", op_name(op));
	}
	if (named == OP_COUNT && group == 0)
		return error_set(why, "\"%s\" is not an op; known: %sand the groups read and write",
		    error_show(text, shown), known);
	return 0;
}

static int rules_set_text(void *rule, const struct rule_key *key, const char *text, struct error *why)
{
	char **member = (char **)(void *)((char *)rule + key->list);
	const char *wrong = key->check(text);

	if (wrong != NULL)
		return error_set(why, "%s", wrong);
	*member = strdup(text);
	return *member != NULL ? 0 : error_set(why, "out of memory");
}

static const char *field_error(const char *text)
{
	return *text != '\0' ? NULL : "must not be empty; without it the credential is the whole secret";
}

static const char *allow_lacks(const void *of, char *room, size_t size)
{
	const struct rule *rule = of;
	bool any = false;

	if (rule->nuids == 0 && rule->ngids == 0 && rule->nunits == 0)
		return "must name callers by uid, gid or unit";
	if (rule->nuser_units > 0 && rule->nuids == 0)
		return "must have a uid beside user_unit, since each user names his own units";
	for (enum op op = 0; op < OP_COUNT; op++) {
		any = any || rule->ops[op];
		if (!rule->ops[op] || !op_has_path(op) || rule->npaths > 0)
			continue;
		snprintf(room, size, "must have paths for %s", op_name(op));
		return room;
	}
	return any ? "" : "must have ops";
}

static const char *credential_lacks(const void *of, char *room, size_t size)
{
	const struct credential_rule *rule = of;

	(void)room;
	(void)size;
	return rule->nunits == 0  ? "must have unit"
	    : rule->nids == 0     ? "must have id"
	    : rule->mount == NULL ? "must have mount"
	    : rule->path == NULL  ? "must have path"
				  : "";
}

/* clang-format off */
#define RULES(in, type) offsetof(struct config, in.rule), offsetof(struct config, in.nrules), sizeof(type)
#define LIST(type, member) .list = offsetof(struct type, member), .count = offsetof(struct type, n##member)
#define IDS(called, member, function) \
	{ .name = (called), .kind = "a name, a number, or a list of them", .add = rules_add_id, \
	    .find = (function), LIST(rule, member) }
#define TEXTS(called, what, type, member, function) \
	{ .name = (called), .kind = what ", or a list of them", .add = rules_add_text, \
	    .check = (function), LIST(type, member) }
#define ONE(member, function) \
	{ .name = #member, .kind = "a text", .add = rules_set_text, .check = (function), .single = true, \
	    .list = offsetof(struct credential_rule, member) }

static const struct rule_kind kinds[] = {
	{ "allow", "a rule", "uid, gid, unit, user_unit, ops, paths", {
		IDS("uid", uids, users_find),
		IDS("gid", gids, users_find_group),
		TEXTS("unit", "a unit", rule, units, patterns_unit_error),
		TEXTS("user_unit", "a unit", rule, user_units, patterns_unit_error),
		{ .name = "ops", .kind = "an op, or a list of them", .add = rules_add_op },
		TEXTS("paths", "a path", rule, paths, patterns_path_error),
	}, RULES(rules, struct rule), allow_lacks },
	{ "credential", "a credential", "unit, id, mount, path, field", {
		TEXTS("unit", "a unit", credential_rule, units, patterns_unit_error),
		TEXTS("id", "a credential's name", credential_rule, ids, patterns_id_error),
		ONE(mount, patterns_mount_error),
		ONE(path, patterns_secret_error),
		ONE(field, field_error),
	}, RULES(credentials, struct credential_rule), credential_lacks },
};
/* clang-format on */

static const struct rule_kind *find_kind(const char *group)
{
	return strcmp(group, kinds[0].group) == 0 ? &kinds[0]
	    : strcmp(group, kinds[1].group) == 0  ? &kinds[1]
						  : NULL;
}

bool config_rules_is_group(const char *name)
{
	return find_kind(name) != NULL;
}

const char *config_rules_group(size_t i)
{
	return kinds[i].group;
}

/* Adds an empty rule to the array. 0; or -1: no memory. */
static int rules_add_rule(struct config *config, const struct rule_kind *kind, const char *name)
{
	void **list = (void **)(void *)((char *)config + kind->list);
	size_t *count = (size_t *)(void *)((char *)config + kind->count);
	void *grown = grow_rules(*list, *count, kind->size), *rule;

	if (grown == NULL)
		return -1;
	*list = grown;
	rule = memset((char *)grown + *count * kind->size, 0, kind->size);
	++*count;
	*(char **)rule = strdup(name);
	return *(char **)rule != NULL ? 0 : -1;
}

static void *last_rule(const struct config *config, const struct rule_kind *kind)
{
	size_t count = *(const size_t *)(const void *)((const char *)config + kind->count);

	return *(char *const *)(const void *)((const char *)config + kind->list) + (count - 1) * kind->size;
}

static int begin_rule(struct config_rules *rules, const struct rule_kind *kind, const struct config_entry *entry,
    struct error *error)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	const char *name = entry->name[1];

	if (entry->kind != ENTRY_GROUP)
		return config_entry_error(entry, 0, error, "must be a group with %s", kind->keys);
	if (*name == '\0' || name[strspn(name, plain)] != '\0')
		return config_entry_error(entry, 0, error, "a rule's name has letters, digits, - and _");
	memset(rules->key_lines, 0, sizeof(rules->key_lines));
	return rules_add_rule(rules->config, kind, name) == 0
	    ? 0
	    : config_entry_error(entry, 0, error, "out of memory");
}

static int rules_take_key(struct config_rules *rules, const struct rule_kind *kind,
    const struct config_entry *entry, struct error *error)
{
	size_t k = 0;
	struct error why;

	while (kind->key[k].name != NULL && strcmp(kind->key[k].name, entry->name[2]) != 0)
		k++;
	const struct rule_key *key = &kind->key[k];
	if (key->name == NULL)
		return config_entry_error(entry, 0, error, "there is no such setting; %s has %s", kind->what,
		    kind->keys);
	if (rules->key_lines[k] != 0)
		return config_entry_error(entry, 0, error, "is set a second time, after %.100s:%u", entry->file,
		    rules->key_lines[k]);
	rules->key_lines[k] = entry->line;
	if (entry->kind == ENTRY_LIST && key->single)
		return config_entry_error(entry, 0, error, "must be %s, not a list", key->kind);
	if (entry->kind == ENTRY_GROUP || entry->nested_line != 0)
		return config_entry_error(entry, entry->nested_line != 0 ? entry->nitems + 1 : 0, error,
		    "must be %s%s", key->kind, key->single ? ", not a group" : "");
	if (entry->nitems == 0)
		return config_entry_error(entry, 0, error, "must not be empty");
	for (size_t i = 0; i < entry->nitems; i++)
		if (key->add(last_rule(rules->config, kind), key, entry->items[i].text, &why) != 0)
			return config_entry_error(entry, i + 1, error, "%s", why.text);
	return 0;
}

int config_rules_take(struct config_rules *rules, const struct config_entry *entry, struct error *error)
{
	const struct rule_kind *kind = find_kind(entry->name[0]);
	char room[80];

	if (entry->depth == 3)
		return rules_take_key(rules, kind, entry, error);
	if (entry->kind != ENTRY_END)
		return begin_rule(rules, kind, entry, error);
	const char *lacks = kind->lacks(last_rule(rules->config, kind), room, sizeof(room));
	return *lacks == '\0' ? 0 : config_entry_error(entry, 0, error, "%s", lacks);
}
