/*
 * rules: who may do what. Everything that is not allowed by a rule is forbidden; a rule that restricts neither
 * uid nor gid names nobody. Reading rules from the configuration is config_rules.c's business.
 */
#include "daemon/callers/rules.h"

#include <stdlib.h>
#include <string.h>

static bool has_uid(const struct rule *rule, uid_t uid)
{
	for (size_t i = 0; i < rule->nuids; i++)
		if (rule->uids[i] == uid)
			return true;
	return false;
}

static bool has_gid(const struct rule *rule, gid_t gid)
{
	for (size_t i = 0; i < rule->ngids; i++)
		if (rule->gids[i] == gid)
			return true;
	return false;
}

static bool has_group_of(const struct rule *rule, const struct peer *peer)
{
	if (has_gid(rule, peer->gid))
		return true;
	for (size_t i = 0; i < peer->ngroups; i++)
		if (has_gid(rule, peer->groups[i]))
			return true;
	return false;
}

bool rule_names(const struct rule *rule, const struct peer *peer)
{
	if (peer->uid == RULES_NOBODY || peer->pid == 0)
		return false;
	if (rule->nuids == 0 && rule->ngids == 0)
		return false;
	if (rule->nuids > 0 && !has_uid(rule, peer->uid))
		return false;
	return rule->ngids == 0 || has_group_of(rule, peer);
}

static bool has_path(const struct rule *rule, const char *path)
{
	if (rule->npaths == 0)
		return true;
	for (size_t i = 0; i < rule->npaths; i++)
		if (rules_match(rule->paths[i], path))
			return true;
	return false;
}

const struct rule *rules_find(const struct rules *rules, const struct peer *peer, enum op op, const char *path)
{
	if ((unsigned)op >= OP_COUNT)
		return NULL;
	for (size_t i = 0; i < rules->nrules; i++) {
		const struct rule *rule = &rules->rule[i];

		if (rule->ops[op] && rule_names(rule, peer) && (path == NULL || has_path(rule, path)))
			return rule;
	}
	return NULL;
}

/*
 * When what follows a star does not fit, that star takes one byte more and it is tried again. Only the latest
 * star ever needs to: an earlier one giving up bytes to it could not make more of the rest fit. So the cost is
 * at most the product of the lengths.
 */
bool rules_match(const char *pattern, const char *text)
{
	const char *star = NULL, *taken = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			taken = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++taken;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool segment_is(const char *segment, const char *name)
{
	size_t n = strlen(name);

	return strncmp(segment, name, n) == 0 && (segment[n] == '/' || segment[n] == '\0');
}

const char *rules_pattern_warning(const char *pattern)
{
	const char *slash = strchr(pattern, '/');

	if (slash == NULL && strchr(pattern, '*') == NULL)
		return "matches nothing: a path has a mount and a name, as in secret/web";
	if (*pattern == '*')
		return "a * at the start covers every mount";
	for (const char *p = pattern + 1; *p != '\0'; p++)
		if (*p == '*' && p[-1] != '/' && p[-1] != '*')
			return "a * that follows no / also covers longer names: secret/web* covers secret/website";
	if (slash != NULL && (segment_is(slash + 1, "data") || segment_is(slash + 1, "metadata")))
		return "paths are written without the data/ or metadata/ of OpenBao's API";
	return NULL;
}

static void rule_free(struct rule *rule)
{
	free(rule->name);
	free(rule->uids);
	free(rule->gids);
	for (size_t i = 0; i < rule->npaths; i++)
		free(rule->paths[i]);
	free(rule->paths);
}

void rules_free(struct rules *rules)
{
	for (size_t i = 0; i < rules->nrules; i++)
		rule_free(&rules->rule[i]);
	free(rules->rule);
	rules->rule = NULL;
	rules->nrules = 0;
}
