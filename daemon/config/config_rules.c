/*
 * config_rules: rules, as they stand in configuration files.
 */
#include "daemon/config/config_rules.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "daemon/config/config_table.h"

struct rule_kind {
	const char *group;
	size_t list, count; /* where struct config has the array, and its length */
	size_t size;        /* of an item, which begins with its name */
	/* Says for an error what a rule lacks that was read whole, or gives "". room holds a text that is made. */
	const char *(*lacks)(const void *rule, char *room, size_t size);
};

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

#define RULES(in, type) offsetof(struct config, in.rule), offsetof(struct config, in.nrules), sizeof(type)

static const struct rule_kind kinds[] = {
	{ "allow", RULES(rules, struct rule), allow_lacks },
	{ "credential", RULES(credentials, struct credential_rule), credential_lacks },
};

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

void *config_rules_last(struct config *config, const char *group)
{
	const struct rule_kind *kind = find_kind(group);
	size_t count = *(size_t *)(void *)((char *)config + kind->count);

	return *(char **)(void *)((char *)config + kind->list) + (count - 1) * kind->size;
}

int config_rules_begin(struct config *config, const struct config_entry *entry, struct error *error)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	const char *name = entry->name[1];
	const struct rule_kind *kind = find_kind(entry->name[0]);
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

int config_rules_end(struct config *config, const struct config_entry *entry, struct error *error)
{
	const char *group = entry->name[0], *lacks;
	char room[80];

	lacks = find_kind(group)->lacks(config_rules_last(config, group), room, sizeof(room));
	return *lacks == '\0' ? 0 : config_entry_error(entry, 0, error, "%s", lacks);
}
