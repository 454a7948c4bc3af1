/*
 * rules: who may do what. Pure: a caller's identity, an op and a path in, the rule that allows it out.
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "proto/request.h"

/* The uid the kernel shows for one that has no name in this user namespace: it may be anybody's. */
#define RULES_NOBODY 65534u

/* Who asks, by the kernel's word. */
struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	gid_t *groups; /* supplementary groups */
	size_t ngroups;
};

/* A rule is a conjunction of its keys, any value within a key. An absent key (n = 0) does not restrict. */
struct rule {
	char *name;
	uid_t *uids;
	size_t nuids;
	gid_t *gids; /* primary or supplementary */
	size_t ngids;
	bool ops[OP_COUNT];
	char **paths; /* patterns on mount/path; "*" matches any bytes, slashes too */
	size_t npaths;
};

struct rules {
	struct rule *rule;
	size_t nrules;
};

/* The first rule that allows it, or NULL. path: canonical "mount/path", or NULL for an op that has none. */
const struct rule *rules_find(const struct rules *rules, const struct peer *peer, enum op op, const char *path);

/*
 * Does the rule name this caller, whatever the op? Uid 65534 and pid 0 are nobody: no rule names them. A rule
 * without uid and gid names nobody either.
 */
bool rule_names(const struct rule *rule, const struct peer *peer);

/* Does the pattern match the whole text? */
bool rules_match(const char *pattern, const char *text);

/* What a person may have meant otherwise by this pattern: a fixed text, or NULL if nothing is odd about it. */
const char *rules_pattern_warning(const char *pattern);

void rules_free(struct rules *rules);

#endif
