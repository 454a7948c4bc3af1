/*
 * rules_index: a sorted list of pairs of a hash and a rule. The hash is over a caller, an op and a path: the
 * caller is one of the ids or units that the rule names, the path is what all paths that a pattern matches begin
 * with, up to the last slash before its first star (a pattern without a star counts whole). An op without a path,
 * and a rule for any path, are hashed without one. A request looks up each of its own ids alone, with each
 * beginning of its path that ends with a slash, and with the whole path. If two entries have the same hash by
 * chance one rule more is judged.
 */
#include "daemon/access/rules_index.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a of 64 bits. It can go on from the hash of a beginning, which suits the beginnings of a path. */
#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

enum caller_key { WHO_UID, WHO_GID, WHO_UNIT, WHO_ANY_UNIT };

struct entry {
	uint64_t hash;
	uint32_t rule;
};

struct rules_index {
	struct entry *entries;
	size_t n, cap;
	bool has_gids, has_units;
};

static uint64_t index_hash_bytes(uint64_t hash, const void *p, size_t n)
{
	const unsigned char *byte = p;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ byte[i]) * HASH_PRIME;
	return hash;
}

static uint64_t index_hash_caller(enum caller_key kind, enum op op, const void *p, size_t n)
{
	const unsigned char start[2] = { (unsigned char)kind, (unsigned char)op };

	return index_hash_bytes(index_hash_bytes(HASH_START, start, sizeof(start)), p, n);
}

/* -- making it ----------------------------------------------------------------------------------------------- */

static int index_add(struct rules_index *index, uint64_t hash, size_t rule)
{
	if (index->n == index->cap) {
		size_t cap = index->cap > 0 ? index->cap * 2 : 256;
		struct entry *grown = realloc(index->entries, cap * sizeof(*grown));

		if (grown == NULL)
			return -1;
		index->entries = grown;
		index->cap = cap;
	}
	index->entries[index->n++] = (struct entry){ .hash = hash, .rule = (uint32_t)rule };
	return 0;
}

static size_t pattern_fixed_part(const char *pattern)
{
	size_t n = strcspn(pattern, "*");

	if (pattern[n] == '\0')
		return n;
	while (n > 0 && pattern[n - 1] != '/')
		n--;
	return n;
}

/*
 * Adds a rule under one of its callers, for each of its ops. With an op that has no path, or any path, the caller
 * is hashed alone.
 */
static int index_add_caller(struct rules_index *index, const struct rule *rule, size_t number,
    enum caller_key kind, const void *p, size_t n)
{
	for (int op = 0; op < OP_COUNT; op++) {
		uint64_t caller = index_hash_caller(kind, (enum op)op, p, n);
		size_t npaths = op_has_path((enum op)op) ? rule->npaths : 0;

		if (!rule->ops[op])
			continue;
		for (size_t i = 0; i < npaths; i++)
			if (index_add(index,
				index_hash_bytes(caller, rule->paths[i], pattern_fixed_part(rule->paths[i])),
				number) != 0)
				return -1;
		if (npaths == 0 && index_add(index, caller, number) != 0)
			return -1;
	}
	return 0;
}

/* Adds a rule under one of the keys that name callers, which suffices, since all of its keys must fit. */
static int index_add_rule(struct rules_index *index, const struct rule *rule, size_t number)
{
	int rc = 0;

	if (rule->nuids > 0) {
		for (size_t i = 0; rc == 0 && i < rule->nuids; i++)
			rc = index_add_caller(index, rule, number, WHO_UID, &rule->uids[i], sizeof(rule->uids[i]));
	} else if (rule->ngids > 0) {
		index->has_gids = true;
		for (size_t i = 0; rc == 0 && i < rule->ngids; i++)
			rc = index_add_caller(index, rule, number, WHO_GID, &rule->gids[i], sizeof(rule->gids[i]));
	} else {
		for (size_t i = 0; rc == 0 && i < rule->nunits; i++) {
			const char *unit = rule->units[i];

			index->has_units = true;
			if (strchr(unit, '*') != NULL)
				rc = index_add_caller(index, rule, number, WHO_ANY_UNIT, "", 0);
			else
				rc = index_add_caller(index, rule, number, WHO_UNIT, unit, strlen(unit));
		}
	}
	return rc;
}

static int index_compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->rule > y->rule) - (x->rule < y->rule);
}

struct rules_index *rules_index_new(const struct rules *rules)
{
	struct rules_index *index = calloc(1, sizeof(*index));

	if (index == NULL || rules->nrules > UINT32_MAX)
		goto fail;
	for (size_t i = 0; i < rules->nrules; i++)
		if (index_add_rule(index, &rules->rule[i], i) != 0)
			goto fail;
	if (index->n > 0)
		qsort(index->entries, index->n, sizeof(index->entries[0]), index_compare_entries);
	return index;
fail:
	rules_index_free(index);
	return NULL;
}

void rules_index_free(struct rules_index *index)
{
	if (index == NULL)
		return;
	free(index->entries);
	free(index);
}

/* -- asking it ----------------------------------------------------------------------------------------------- */

struct search {
	const struct rules_index *index;
	const struct rules *rules;
	const struct peer *peer;
	enum op op;
	const char *path;
	size_t best; /* the first rule found so far that allows the request */
};

static void index_look_up(struct search *s, uint64_t hash)
{
	const struct rules_index *index = s->index;
	size_t first = 0;

	for (size_t end = index->n; first < end;) {
		size_t middle = first + (end - first) / 2;

		if (index->entries[middle].hash < hash)
			first = middle + 1;
		else
			end = middle;
	}
	for (size_t i = first; i < index->n && index->entries[i].hash == hash; i++) {
		size_t rule = index->entries[i].rule;

		if (rule >= s->best)
			return;
		if (rule_judge(&s->rules->rule[rule], s->peer, s->op, s->path) == RULE_ALLOWS)
			s->best = rule;
	}
}

static void index_look_up_caller(struct search *s, enum caller_key kind, const void *p, size_t n)
{
	uint64_t hash = index_hash_caller(kind, s->op, p, n);

	index_look_up(s, hash);
	for (const char *at = s->path; at != NULL && *at != '\0'; at++) {
		hash = index_hash_bytes(hash, at, 1);
		if (*at == '/' || at[1] == '\0')
			index_look_up(s, hash);
	}
}

const struct rule *rules_index_find(const struct rules_index *index, const struct rules *rules,
    const struct peer *peer, enum op op, const char *path)
{
	struct search s = { .index = index,
		.rules = rules,
		.peer = peer,
		.op = op,
		.path = path,
		.best = rules->nrules };

	index_look_up_caller(&s, WHO_UID, &peer->uid, sizeof(peer->uid));
	if (index->has_gids) {
		index_look_up_caller(&s, WHO_GID, &peer->gid, sizeof(peer->gid));
		for (size_t i = 0; i < peer->ngroups; i++)
			index_look_up_caller(&s, WHO_GID, &peer->groups[i], sizeof(peer->groups[i]));
	}
	if (index->has_units && peer->unit != NULL) {
		index_look_up_caller(&s, WHO_UNIT, peer->unit, strlen(peer->unit));
		index_look_up_caller(&s, WHO_ANY_UNIT, "", 0);
	}
	return s.best < rules->nrules ? &rules->rule[s.best] : NULL;
}
