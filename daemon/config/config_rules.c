/*
 * config_rules: reads the group allow of a config file. A rule that could allow more than its writer meant (no
 * caller named, no path given) is refused.
 */
#include "daemon/config/config_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_value.h"

#define KEYS "uid, gid, unit, user_unit, ops, paths"

static int no_memory(const struct config_file *file, const config_setting_t *at)
{
	return config_file_error(file, at, 0, "out of memory");
}

/* Number of the item in errors: 0 where there is no list. */
static size_t item_number(const config_setting_t *list, size_t i)
{
	return config_file_item(list, i) == list ? 0 : i + 1;
}

/* uid_t and gid_t are the same type here, and users and groups are read alike. */
typedef int lookup(const char *text, uint32_t *ret, struct error *why);

static int read_ids(const struct config_file *file, const config_setting_t *list, lookup *look_up, uint32_t **ret,
    size_t *ret_count)
{
	size_t n = config_file_count(list);
	struct error why;

	if (n == 0)
		return config_file_error(file, list, 0, "must not be empty");
	*ret = calloc(n, sizeof(**ret));
	if (*ret == NULL)
		return no_memory(file, list);
	for (size_t i = 0; i < n; i++) {
		char number[16];
		const char *text = config_file_text(config_file_item(list, i), number);

		if (text == NULL)
			return config_file_error(file, list, item_number(list, i),
			    "must be a name in quotes, a number, or a list of them");
		if (look_up(text, &(*ret)[i], &why) != 0)
			return config_file_error(file, list, item_number(list, i), "%s", why.text);
	}
	*ret_count = n;
	return 0;
}

static void list_ops(char *out, size_t cap)
{
	size_t used = 0;

	*out = '\0';
	for (int op = 0; op < OP_COUNT && used < cap; op++)
		used += (size_t)snprintf(out + used, cap - used, "%s, ", op_name((enum op)op));
	if (used < cap)
		snprintf(out + used, cap - used, "and the groups read and write");
}

/* An op, or one of the groups, which are closed: what is in neither must be named. False: it is none of them. */
static bool allow_named(const char *text, bool ops[OP_COUNT])
{
	enum op named = op_by_name(text, strlen(text));
	unsigned group = strcmp(text, "read") == 0 ? OP_IN_READ : strcmp(text, "write") == 0 ? OP_IN_READ | OP_IN_WRITE : 0;

	for (enum op op = 0; op < OP_COUNT; op++)
		ops[op] = ops[op] || op == named || op_is(op, group);
	return named != OP_COUNT || group != 0;
}

static int read_ops(const struct config_file *file, const config_setting_t *list, bool ops[OP_COUNT])
{
	size_t n = config_file_count(list);
	char known[200], shown[CONFIG_VALUE_SHOWN];

	if (n == 0)
		return config_file_error(file, list, 0, "must not be empty");
	list_ops(known, sizeof(known));
	for (size_t i = 0; i < n; i++) {
		const char *text = config_setting_get_string(config_file_item(list, i));

		if (text == NULL)
			return config_file_error(file, list, item_number(list, i),
			    "must be an op in quotes, or a list of them");
		if (!allow_named(text, ops))
			return config_file_error(file, list, item_number(list, i),
			    "\"%s\" is not an op; known: %s", config_value_shown(text, shown), known);
	}
	return 0;
}

static int read_key(const struct config_file *file, const config_setting_t *key, struct rule *rule)
{
	const char *name = config_setting_name(key);

	if (strcmp(name, "uid") == 0)
		return read_ids(file, key, config_value_user, &rule->uids, &rule->nuids);
	if (strcmp(name, "gid") == 0)
		return read_ids(file, key, config_value_group, &rule->gids, &rule->ngids);
	if (strcmp(name, "ops") == 0)
		return read_ops(file, key, rule->ops);
	if (strcmp(name, "paths") == 0)
		return config_file_patterns(file, key, "path", config_value_pattern_error, &rule->paths, &rule->npaths);
	if (strcmp(name, "unit") == 0)
		return config_file_patterns(file, key, "unit", config_value_unit_error, &rule->units, &rule->nunits);
	if (strcmp(name, "user_unit") == 0)
		return config_file_patterns(file, key, "unit", config_value_unit_error, &rule->user_units, &rule->nuser_units);
	return config_file_error(file, key, 0, "there is no such setting; a rule has " KEYS);
}

static int check_rule(const struct config_file *file, const config_setting_t *at, const struct rule *rule)
{
	bool any = false;

	if (rule->nuids == 0 && rule->ngids == 0 && rule->nunits == 0)
		return config_file_error(file, at, 0, "must name callers by uid, gid or unit");
	if (rule->nuser_units > 0 && rule->nuids == 0)
		return config_file_error(file, at, 0, "must have a uid beside user_unit, since each user names his own units");
	for (int op = 0; op < OP_COUNT; op++) {
		any = any || rule->ops[op];
		if (rule->ops[op] && op_has_path((enum op)op) && rule->npaths == 0)
			return config_file_error(file, at, 0, "must have paths for %s", op_name((enum op)op));
	}
	if (!any)
		return config_file_error(file, at, 0, "must have ops");
	return 0;
}

static int read_rule(const struct config_file *file, const config_setting_t *group, struct rule *rule)
{
	int n;

	if (config_file_rule_name(file, group, KEYS, &rule->name) != 0)
		return -1;
	n = config_setting_length(group);
	for (int i = 0; i < n; i++)
		if (read_key(file, config_setting_get_elem(group, (unsigned)i), rule) != 0)
			return -1;
	return check_rule(file, group, rule);
}

int config_rules_read(const struct config_file *file, const config_setting_t *allow, struct rules *ret)
{
	int n = config_setting_length(allow);

	if (n == 0)
		return 0;
	ret->rule = calloc((size_t)n, sizeof(*ret->rule));
	if (ret->rule == NULL)
		return no_memory(file, allow);
	for (int i = 0; i < n; i++) {
		ret->nrules++; /* also one half read is freed */
		if (read_rule(file, config_setting_get_elem(allow, (unsigned)i), &ret->rule[i]) != 0)
			return -1;
	}
	return rules_prepare(ret) == 0 ? 0 : no_memory(file, allow);
}
