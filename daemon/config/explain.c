/*
 * explain: makes a peer out of words and has each rule judge it.
 */
#include "daemon/config/explain.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/host/users.h"

struct question {
	struct peer peer;
	gid_t groups[256];
	enum op op;
	const char *path; /* NULL: none */
	bool has_uid, has_gid;
};

/* Adds the groups that a login of this user would have. */
static int add_groups_of(struct question *q, uid_t uid, struct error *error)
{
	struct passwd *user = getpwuid(uid);
	int n = (int)(sizeof(q->groups) / sizeof(q->groups[0]));

	if (user == NULL)
		return 0;
	q->peer.gid = user->pw_gid;
	if (getgrouplist(user->pw_name, user->pw_gid, q->groups, &n) < 0)
		return error_set(error, "uid: its groups cannot be read");
	q->peer.ngroups = (size_t)n;
	return 0;
}

static int take_unit(char **unit, const char *name, const char *value, struct error *error)
{
	if (*unit != NULL)
		return error_set(error, "%s: given twice", name);
	*unit = strdup(value);
	return *unit != NULL ? 0 : error_set(error, "out of memory");
}

static int take_key(struct question *q, const char *name, size_t len, const char *value, struct error *error)
{
	if (len == 3 && memcmp(name, "uid", len) == 0) {
		if (q->has_uid)
			return error_set(error, "uid: given twice");
		q->has_uid = true;
		return users_find(value, &q->peer.uid, error);
	}
	if (len == 3 && memcmp(name, "gid", len) == 0) {
		gid_t gid;

		if (users_find_group(value, &gid, error) != 0)
			return -1;
		if (q->peer.ngroups == sizeof(q->groups) / sizeof(q->groups[0]))
			return error_set(error, "more groups than a process can have");
		q->has_gid = true;
		q->groups[q->peer.ngroups++] = gid;
		return 0;
	}
	if (len == 4 && memcmp(name, "unit", len) == 0)
		return take_unit(&q->peer.unit, "unit", value, error);
	if (len == 9 && memcmp(name, "user_unit", len) == 0)
		return take_unit(&q->peer.user_unit, "user_unit", value, error);
	return error_set(error, "%.*s: a caller has uid, gid, unit and user_unit", (int)len, name);
}

static int take_op(struct question *q, int count, char *const *words, struct error *error)
{
	char shown[ERROR_SHOWN];
	bool has_path;

	if (count == 0)
		return error_set(error, "which operation? such as kv.get secret/app/db");
	q->op = op_by_name(words[0], strlen(words[0]));
	if (q->op == OP_COUNT)
		return error_set(error, "%s: is no operation", error_show(words[0], shown));
	has_path = op_has_path(q->op);
	if (has_path != (count == 2) || count > 2)
		return error_set(error, "%s takes %s", words[0],
		    has_path ? "one path, such as secret/app/db" : "no path");
	q->path = has_path ? words[1] : NULL;
	/* A path that no request could hold would be refused before any rule. */
	if (has_path &&
	    (strchr(q->path, '/') == NULL || !request_path_ok(q->path, SECRET_MOUNT_MAX + 1 + SECRET_PATH_MAX)))
		return error_set(error,
		    "no request can have this path: a mount and a path, without empty, \".\" or \"..\" segments");
	return 0;
}

static int take_words(struct question *q, int count, char *const *words, struct error *error)
{
	int n = 0;

	for (; n < count && strchr(words[n], '=') != NULL && strchr(words[n], '/') == NULL; n++) {
		const char *equals = strchr(words[n], '=');

		if (take_key(q, words[n], (size_t)(equals - words[n]), equals + 1, error) != 0)
			return -1;
	}
	if (!q->has_uid)
		return error_set(error, "which caller? uid= must be given");
	if (!q->has_gid && add_groups_of(q, q->peer.uid, error) != 0)
		return -1;
	if (q->has_gid)
		q->peer.gid = q->groups[0];
	return take_op(q, count - n, words + n, error);
}

static int explain_judge(const struct rules *rules, const struct question *q, FILE *out)
{
	const struct rule *decides = rules_find(rules, &q->peer, q->op, q->path);

	if (op_is(q->op, OP_FREE)) {
		fprintf(out, "allowed: %s is free for whoever can connect\n", op_name(q->op));
		return 1;
	}
	for (size_t i = 0; i < rules->nrules; i++) {
		const struct rule *rule = &rules->rule[i];
		enum rule_verdict verdict = rule_judge(rule, &q->peer, q->op, q->path);
		bool only_named = verdict == RULE_OP && !op_is(q->op, OP_IN_READ | OP_IN_WRITE);

		fprintf(out, "%s %s: %s\n", rule == decides ? "->" : "  ", rule->name,
		    only_named ? "it does not name this operation, which is in none of the groups read and write"
			       : rule_verdict_text(verdict));
	}
	if (decides != NULL)
		fprintf(out, "allowed by the rule %s\n", decides->name);
	else
		fputs("forbidden: no rule allows it\n", out);
	return decides != NULL;
}

int explain(const struct rules *rules, int count, char *const *words, FILE *out, struct error *error)
{
	struct question q = { .peer = { .pid = 1, .unit_is_sure = true, .on_host = true } };
	int result = -1;

	q.peer.groups = q.groups;
	if (take_words(&q, count, words, error) == 0)
		result = explain_judge(rules, &q, out);
	free(q.peer.unit);
	free(q.peer.user_unit);
	return result;
}
