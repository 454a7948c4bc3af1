/*
 * config_rules: reads the group allow of a config file. A rule that could allow more than its writer meant (no
 * caller named, no path given) is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_file.h"
#include "daemon/config/config_value.h"

#define KEYS "uid, gid, unit, user_unit, ops, paths"

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
		return config_file_error(file, list, 0, "out of memory");
	for (size_t i = 0; i < n; i++) {
		char number[16];
		const char *text = config_file_text(config_file_item(list, i), number);

		if (text == NULL)
			return config_file_error(file, list, i + 1,
			    "must be a name in quotes, a number, or a list of them");
		if (look_up(text, &(*ret)[i], &why) != 0)
			return config_file_error(file, list, i + 1, "%s", why.text);
	}
	*ret_count = n;
	return 0;
}

/* Takes ops and groups of ops. The groups are closed: what is in neither must be named. */
static int read_ops(const struct config_file *file, const config_setting_t *list, bool ops[OP_COUNT])
{
	size_t n = config_file_count(list), used = 0;
	char known[200], shown[CONFIG_VALUE_SHOWN];

	if (n == 0)
		return config_file_error(file, list, 0, "must not be empty");
	for (enum op op = 0; op < OP_COUNT && used < sizeof(known); op++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s, ", op_name(op));
	if (used < sizeof(known))
		snprintf(known + used, sizeof(known) - used, "and the groups read and write");
	for (size_t i = 0; i < n; i++) {
		const char *text = config_setting_get_string(config_file_item(list, i));
		enum op named;
		unsigned group;

		if (text == NULL)
			return config_file_error(file, list, i + 1, "must be an op in quotes, or a list of them");
		named = op_by_name(text, strlen(text));
		group = strcmp(text, "read") == 0 ? OP_IN_READ
		    : strcmp(text, "write") == 0  ? OP_IN_READ | OP_IN_WRITE
						  : 0;
		if (named == OP_COUNT && group == 0)
			return config_file_error(file, list, i + 1, "\"%s\" is not an op; known: %s",
			    config_value_shown(text, shown), known);
		for (enum op op = 0; op < OP_COUNT; op++)
			ops[op] = ops[op] || op == named || op_is(op, group);
	}
	return 0;
}

static int read_rule_key(const struct config_file *file, const config_setting_t *key, struct rule *rule)
{
	const char *name = config_setting_name(key);

	if (strcmp(name, "uid") == 0)
		return read_ids(file, key, config_value_user, &rule->uids, &rule->nuids);
	if (strcmp(name, "gid") == 0)
		return read_ids(file, key, config_value_group, &rule->gids, &rule->ngids);
	if (strcmp(name, "ops") == 0)
		return read_ops(file, key, rule->ops);
	if (strcmp(name, "paths") == 0)
		return config_file_patterns(file, key, "path", config_value_pattern_error, &rule->paths,
		    &rule->npaths);
	if (strcmp(name, "unit") == 0)
		return config_file_patterns(file, key, "unit", config_value_unit_error, &rule->units,
		    &rule->nunits);
	if (strcmp(name, "user_unit") == 0)
		return config_file_patterns(file, key, "unit", config_value_unit_error, &rule->user_units,
		    &rule->nuser_units);
	return config_file_error(file, key, 0, "there is no such setting; a rule has " KEYS);
}

static int check_rule(const struct config_file *file, const config_setting_t *at, const struct rule *rule)
{
	bool any = false;

	if (rule->nuids == 0 && rule->ngids == 0 && rule->nunits == 0)
		return config_file_error(file, at, 0, "must name callers by uid, gid or unit");
	if (rule->nuser_units > 0 && rule->nuids == 0)
		return config_file_error(file, at, 0,
		    "must have a uid beside user_unit, since each user names his own units");
	for (int op = 0; op < OP_COUNT; op++) {
		any = any || rule->ops[op];
		if (rule->ops[op] && op_has_path((enum op)op) && rule->npaths == 0)
			return config_file_error(file, at, 0, "must have paths for %s", op_name((enum op)op));
	}
	if (!any)
		return config_file_error(file, at, 0, "must have ops");
	return 0;
}

int config_rules_read(const struct config_file *file, const config_setting_t *allow, struct rules *ret)
{
	int n = config_setting_length(allow);

	if (n == 0)
		return 0;
	ret->rule = calloc((size_t)n, sizeof(*ret->rule));
	if (ret->rule == NULL)
		return config_file_error(file, allow, 0, "out of memory");
	for (int i = 0; i < n; i++) {
		const config_setting_t *group = config_setting_get_elem(allow, (unsigned)i);
		struct rule *rule = &ret->rule[i];

		ret->nrules++; /* also one half read is freed */
		if (config_file_rule_name(file, group, KEYS, &rule->name) != 0)
			return -1;
		for (int k = 0; k < config_setting_length(group); k++)
			if (read_rule_key(file, config_setting_get_elem(group, (unsigned)k), rule) != 0)
				return -1;
		if (check_rule(file, group, rule) != 0)
			return -1;
	}
	return rules_prepare(ret) == 0 ? 0 : config_file_error(file, allow, 0, "out of memory");
}
