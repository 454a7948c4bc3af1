/*
 * rules: decides who may do what. Pure: it takes a caller's identity, an op and a path, and gives the rule that
 * allows it.
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "daemon/access/peer.h"
#include "proto/request.h"

/*
 * A rule fits if each of its keys fits, and a key fits if any of its values does. A key without values (n = 0)
 * does not restrict.
 */
struct rule {
	char *name;
	uid_t *uids;
	size_t nuids;
	gid_t *gids; /* the primary or a supplementary group; gid 65534 is matched by none */
	size_t ngids;
	char **units; /* patterns; a caller with pid 0 has no unit that matches, and no user_unit */
	size_t nunits;
	char **user_units; /* patterns; only together with uids, since users name the units of their own manager */
	size_t nuser_units;
	bool host_only; /* only processes of the daemon's own user and PID namespaces */
	bool ops[OP_COUNT];
	char **paths; /* patterns on mount/path; "*" matches any bytes, slashes included */
	size_t npaths;
};

struct rules {
	struct rule *rule;
	size_t nrules;
	struct rules_index *index; /* made by rules_prepare(); NULL: none */
};

/* Says whether a rule allows something, and if not, which of its keys is the first that does not fit. */
enum rule_verdict {
	RULE_ALLOWS,
	RULE_NOBODY,    /* the caller has uid 65534, which no rule names */
	RULE_NO_CALLER, /* the rule names no caller by uid, gid or unit */
	RULE_UID,
	RULE_GID,
	RULE_UNIT,
	RULE_UNSURE, /* the unit fits but is not certain, and the rule has neither uid nor gid beside it */
	RULE_USER_UNIT,
	RULE_HOST,
	RULE_OP,
	RULE_PATH
};

/*
 * Adds an op of that name, or a group of ops, "read" or "write". The groups are closed: what is in neither must be
 * named. 0; or -1 with why set, and the rule as it was.
 */
int rule_add_op(struct rule *rule, const char *name, struct error *why);

/*
 * Says what a rule must have and has not, so that it could allow more than its writer meant: "must have paths for
 * kv.get". "": nothing. room, of size bytes, holds a text that is made.
 */
const char *rule_lacks(const struct rule *rule, char *room, size_t size);

/* Judges one rule. path is a canonical "mount/path", or NULL for an op that has none. */
enum rule_verdict rule_judge(const struct rule *rule, const struct peer *peer, enum op op, const char *path);

/* Says for people what a verdict means for the rule: "it is for another uid". */
const char *rule_verdict_text(enum rule_verdict verdict);

/*
 * Makes an index of the rules if they are many; call it when all are there. Returns 0, or -1 if there is no
 * memory.
 */
int rules_prepare(struct rules *rules);

/* Gives the first rule that allows it, or NULL. */
const struct rule *rules_find(const struct rules *rules, const struct peer *peer, enum op op, const char *path);

/* Tells whether the rule names this caller, whatever the op and the path. */
bool rule_names(const struct rule *rule, const struct peer *peer);

/*
 * Tells whether a rule names this caller, whatever the op and the path; or, if by_ids, whether one fits by its uid
 * or gid alone, whatever else the rule wants of the caller.
 */
bool rules_name(const struct rules *rules, const struct peer *peer, bool by_ids);

/* These tell whether a rule says host_only, and whether one goes by units. */
bool rules_want_host(const struct rules *rules);
bool rules_want_units(const struct rules *rules);

/* Tells whether the pattern matches the whole text. */
bool rules_match(const char *pattern, const char *text);

/*
 * Tells whether one of n patterns matches a unit of the system's manager. NULL is matched by none. A star takes in
 * user@….service and session-….scope, in which users run what they like, only if the pattern begins as they do.
 */
bool rules_match_unit(char *const *patterns, size_t n, const char *unit);

/* Says of a pattern that it takes in a unit in which users run what they like, as in cron.service; or NULL. */
const char *rules_unit_warning(const char *pattern);

/* Tells whether one of n patterns matches the text. NULL is matched by none. */
bool rules_match_any(char *const *patterns, size_t n, const char *text);

/* Says what is probably wrong with a pattern: a fixed text, or NULL if nothing looks wrong. */
const char *rules_pattern_warning(const char *pattern);

/* Calls warn for each uid, gid, unit and path of a rule that is allowed but doubtful. */
void rules_warn(const struct rules *rules, void (*warn)(const char *format, ...));

void rules_free(struct rules *rules);

/* Frees n texts and their array. */
void rules_free_texts(char **texts, size_t n);

#endif
