/*
 * rules: who may do what. Pure: a caller's identity, an op and a path in, the rule that allows it out.
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/access/peer.h"
#include "proto/request.h"

/* A rule is a conjunction of its keys, any value within a key. An absent key (n = 0) does not restrict. */
struct rule {
	char *name;
	uid_t *uids;
	size_t nuids;
	gid_t *gids; /* primary or supplementary */
	size_t ngids;
	char **units; /* patterns */
	size_t nunits;
	char **user_units; /* patterns; only beside uids, since anybody may name the units of his own manager */
	size_t nuser_units;
	bool ops[OP_COUNT];
	char **paths; /* patterns on mount/path; "*" matches any bytes, slashes too */
	size_t npaths;
};

struct rules {
	struct rule *rule;
	size_t nrules;
	struct rules_index *index; /* see rules_prepare */
};

/* Says whether a rule allows something, and if not, which of its keys is the first that does not fit. */
enum rule_verdict {
	RULE_ALLOWS,
	RULE_NOBODY,    /* uid 65534 and pid 0 are nobody: no rule names them */
	RULE_NO_CALLER, /* the rule names no callers by uid, gid or unit */
	RULE_UID,
	RULE_GID,
	RULE_UNIT,
	RULE_UNSURE, /* the unit fits but is not sure, and neither uid nor gid is asked for beside it */
	RULE_USER_UNIT,
	RULE_OP,
	RULE_PATH
};

/* path: canonical "mount/path", or NULL for an op that has none. */
enum rule_verdict rule_judge(const struct rule *rule, const struct peer *peer, enum op op, const char *path);

/* Says for people what a verdict means for the rule: "it is for another uid". */
const char *rule_verdict_text(enum rule_verdict verdict);

/* When all rules are there: makes looking for one among many fast. 0, or -1: no memory. */
int rules_prepare(struct rules *rules);

/* Gives the first rule that allows it, or NULL. */
const struct rule *rules_find(const struct rules *rules, const struct peer *peer, enum op op, const char *path);

/* Does the rule name this caller, whatever the op and the path? */
bool rule_names(const struct rule *rule, const struct peer *peer);

/* Does the pattern match the whole text? */
bool rules_match(const char *pattern, const char *text);

/* Does one of n patterns match it? A text that is NULL none does. */
bool rules_match_any(char *const *patterns, size_t n, const char *text);

/*
 * Says what a person may have meant otherwise by this pattern: a fixed text, or NULL if nothing is odd about it.
 */
const char *rules_pattern_warning(const char *pattern);

/* Calls warn for each uid and each path of a rule that is allowed but doubtful. */
void rules_warn(const struct rules *rules, void (*warn)(const char *format, ...));

void rules_free(struct rules *rules);

/* Frees n texts and the array of them. */
void rules_free_texts(char **texts, size_t n);

#endif
