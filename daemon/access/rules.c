/*
 * rules: decides who may do what. What no rule allows is forbidden, and a rule that has neither uid, gid nor unit
 * names nobody. config_file.c reads the rules from the configuration.
 */
#include "daemon/access/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/texts.h"
#include "daemon/access/rules_index.h"

#define UNINDEXED_MAX 16 /* up to this many rules are judged one by one */

int rule_add_op(struct rule *rule, const char *name, struct error *why)
{
	enum op named = op_by_name(name, strlen(name));
	unsigned group = strcmp(name, "read") == 0 ? OP_IN_READ
	    : strcmp(name, "write") == 0           ? OP_IN_READ | OP_IN_WRITE
						   : 0;
	char known[200] = "", shown[ERROR_SHOWN];

	for (enum op op = 0; op < OP_COUNT; op++) {
		rule->ops[op] |= op == named || op_is(op, group);
		texts_join(known, sizeof(known), op_name(op));
	}
	if (named == OP_COUNT && group == 0)
		return error_set(why, "\"%s\" is not an op; known: %s, and the groups read and write",
		    error_show(name, shown), known);
	return 0;
}

const char *rule_lacks(const struct rule *rule, char *room, size_t size)
{
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

static bool rule_has_uid(const struct rule *rule, uid_t uid)
{
	for (size_t i = 0; i < rule->nuids; i++)
		if (rule->uids[i] == uid)
			return true;
	return false;
}

static bool rule_has_gid(const struct rule *rule, gid_t gid)
{
	if (gid == PEER_NOBODY)
		return false;
	for (size_t i = 0; i < rule->ngids; i++)
		if (rule->gids[i] == gid)
			return true;
	return false;
}

static bool rule_has_group_of(const struct rule *rule, const struct peer *peer)
{
	if (rule_has_gid(rule, peer->gid))
		return true;
	for (size_t i = 0; i < peer->ngroups; i++)
		if (rule_has_gid(rule, peer->groups[i]))
			return true;
	return false;
}

/* Judges the keys that name callers; RULE_ALLOWS says that the rule names this one. */
static enum rule_verdict rule_judge_caller(const struct rule *rule, const struct peer *peer)
{
	bool by_id = rule->nuids > 0 || rule->ngids > 0;

	if (peer->uid == PEER_NOBODY)
		return RULE_NOBODY;
	if (!by_id && rule->nunits == 0)
		return RULE_NO_CALLER;
	if (rule->nuids > 0 && !rule_has_uid(rule, peer->uid))
		return RULE_UID;
	if (rule->ngids > 0 && !rule_has_group_of(rule, peer))
		return RULE_GID;
	/* A process in another PID namespace has pid 0: its units are not known, but its uid and groups are. */
	if (rule->nunits > 0 && (peer->pid == 0 || !rules_match_unit(rule->units, rule->nunits, peer->unit)))
		return RULE_UNIT;
	if (rule->nunits > 0 && !by_id && !peer->unit_is_sure)
		return RULE_UNSURE;
	if (rule->nuser_units > 0 &&
	    (rule->nuids == 0 || peer->pid == 0 ||
		!rules_match_any(rule->user_units, rule->nuser_units, peer->user_unit)))
		return RULE_USER_UNIT;
	if (rule->host_only && !peer->on_host)
		return RULE_HOST;
	return RULE_ALLOWS;
}

enum rule_verdict rule_judge(const struct rule *rule, const struct peer *peer, enum op op, const char *path)
{
	enum rule_verdict verdict = rule_judge_caller(rule, peer);

	if (verdict != RULE_ALLOWS)
		return verdict;
	if ((unsigned)op >= OP_COUNT || !rule->ops[op])
		return RULE_OP;
	if (path != NULL && rule->npaths > 0 && !rules_match_any(rule->paths, rule->npaths, path))
		return RULE_PATH;
	return RULE_ALLOWS;
}

const char *rule_verdict_text(enum rule_verdict verdict)
{
	static const char *const texts[] = {
		[RULE_ALLOWS] = "it allows this",
		[RULE_NOBODY] = "no rule is for uid 65534, which stands for users without a uid here",
		[RULE_NO_CALLER] = "it names no callers",
		[RULE_UID] = "it is for another uid",
		[RULE_GID] = "it is for another group",
		[RULE_UNIT] = "it is for another unit",
		[RULE_UNSURE] = "it goes by unit alone, and this kernel does not vouch for that (Linux 6.5 does)",
		[RULE_USER_UNIT] = "it is for another unit of a user",
		[RULE_HOST] = "it is for processes outside of containers",
		[RULE_OP] = "it does not allow this operation",
		[RULE_PATH] = "it is not for this path",
	};

	return texts[verdict];
}

bool rule_names(const struct rule *rule, const struct peer *peer)
{
	return rule_judge_caller(rule, peer) == RULE_ALLOWS;
}

bool rules_name(const struct rules *rules, const struct peer *peer, bool by_ids)
{
	for (size_t i = 0; i < rules->nrules; i++) {
		const struct rule *rule = &rules->rule[i];
		enum rule_verdict verdict = rule_judge_caller(rule, peer);

		if (verdict == RULE_ALLOWS ||
		    (by_ids && rule->nuids + rule->ngids > 0 &&
			(verdict == RULE_UNIT || verdict == RULE_USER_UNIT || verdict == RULE_HOST)))
			return true;
	}
	return false;
}

const struct rule *rules_find(const struct rules *rules, const struct peer *peer, enum op op, const char *path)
{
	if (rules->index != NULL)
		return rules_index_find(rules->index, rules, peer, op, path);
	for (size_t i = 0; i < rules->nrules; i++)
		if (rule_judge(&rules->rule[i], peer, op, path) == RULE_ALLOWS)
			return &rules->rule[i];
	return NULL;
}

int rules_prepare(struct rules *rules)
{
	if (rules->nrules <= UNINDEXED_MAX)
		return 0;
	rules->index = rules_index_new(rules);
	return rules->index != NULL ? 0 : -1;
}

/*
 * When what follows a star does not fit, the star takes one byte more and the match is tried again. Only the
 * latest star ever needs to take more: bytes that an earlier one took could not make more of the rest fit. So the
 * cost is at most the product of the lengths.
 */
bool rules_match(const char *pattern, const char *text)
{
	const char *star = NULL, *taken = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			taken = text;
			if (*pattern == '\0')
				return true;
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

bool rules_match_any(char *const *patterns, size_t n, const char *text)
{
	for (size_t i = 0; text != NULL && i < n; i++)
		if (rules_match(patterns[i], text))
			return true;
	return false;
}

bool rules_want_host(const struct rules *rules)
{
	for (size_t i = 0; i < rules->nrules; i++)
		if (rules->rule[i].host_only)
			return true;
	return false;
}

bool rules_want_units(const struct rules *rules)
{
	for (size_t i = 0; i < rules->nrules; i++)
		if (rules->rule[i].nunits > 0 || rules->rule[i].nuser_units > 0)
			return true;
	return false;
}

bool rules_match_unit(char *const *patterns, size_t n, const char *unit)
{
	static const char *const of_users[] = { "user@", "session-" };
	const char *begins = "";

	for (size_t i = 0; unit != NULL && i < sizeof(of_users) / sizeof(*of_users); i++)
		if (strncmp(unit, of_users[i], strlen(of_users[i])) == 0)
			begins = of_users[i];
	for (size_t i = 0; unit != NULL && i < n; i++)
		if (strncmp(patterns[i], begins, strlen(begins)) == 0 && rules_match(patterns[i], unit))
			return true;
	return false;
}

const char *rules_unit_warning(const char *pattern)
{
	static const struct {
		const char *unit, *what;
	} doubtful[] = {
		{ "cron.service", "takes in cron.service, in which the jobs of all users run" },
		{ "crond.service", "takes in crond.service, in which the jobs of all users run" },
		{ "atd.service", "takes in atd.service, in which the jobs of all users run" },
		{ "ssh.service", "takes in ssh.service, in which users' commands may run" },
		{ "sshd.service", "takes in sshd.service, in which users' commands may run" },
	};

	for (size_t i = 0; i < sizeof(doubtful) / sizeof(*doubtful); i++)
		if (rules_match(pattern, doubtful[i].unit))
			return doubtful[i].what;
	return NULL;
}

static bool rules_segment_is(const char *segment, const char *name)
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
	if (slash != NULL && (rules_segment_is(slash + 1, "data") || rules_segment_is(slash + 1, "metadata")))
		return "paths are written without the data/ or metadata/ of OpenBao's API";
	return NULL;
}

void rules_free_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

void rules_warn(const struct rules *rules, void (*warn)(const char *format, ...))
{
	const char *odd;

	for (size_t r = 0; r < rules->nrules; r++) {
		const struct rule *rule = &rules->rule[r];

		for (size_t i = 0; i < rule->nuids; i++)
			if (rule->uids[i] == PEER_NOBODY)
				warn("allow.%s.uid: %u is for users the kernel cannot name: it is never matched",
				    rule->name, PEER_NOBODY);
		for (size_t i = 0; i < rule->ngids; i++)
			if (rule->gids[i] == PEER_NOBODY)
				warn("allow.%s.gid: %u is for groups the kernel cannot name: it is never matched",
				    rule->name, PEER_NOBODY);
		for (size_t i = 0; i < rule->nunits && rule->nuids == 0 && rule->ngids == 0; i++)
			if ((odd = rules_unit_warning(rule->units[i])) != NULL)
				warn("allow.%s.unit: \"%s\" %s", rule->name, rule->units[i], odd);
		for (size_t i = 0; i < rule->npaths; i++)
			if ((odd = rules_pattern_warning(rule->paths[i])) != NULL)
				warn("allow.%s.paths: \"%s\": %s", rule->name, rule->paths[i], odd);
	}
}

void rules_free(struct rules *rules)
{
	for (size_t i = 0; i < rules->nrules; i++) {
		struct rule *rule = &rules->rule[i];
		free(rule->name);
		free(rule->uids);
		free(rule->gids);
		rules_free_texts(rule->units, rule->nunits);
		rules_free_texts(rule->user_units, rule->nuser_units);
		rules_free_texts(rule->paths, rule->npaths);
	}
	free(rules->rule);
	rules_index_free(rules->index);
	rules->index = NULL;
	rules->rule = NULL;
	rules->nrules = 0;
}
