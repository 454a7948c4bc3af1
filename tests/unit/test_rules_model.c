/*
 * The rules, one by one and by their index, against another, naive matcher, over random rules, callers and
 * requests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "daemon/access/rules.h"
#include "daemon/access/rules_index.h"

#define RULE_SETS 10000
#define REQUESTS 8 /* of each */
#define RULES_MAX 6
#define VALUES_MAX 3

/* -- the naive matcher: the words of the documentation, one by one -- */

static bool naive_glob(const char *pattern, const char *text)
{
	if (*pattern == '\0')
		return *text == '\0';
	if (*pattern != '*')
		return *pattern == *text && naive_glob(pattern + 1, text + 1);
	for (;; text++) {
		if (naive_glob(pattern + 1, text))
			return true;
		if (*text == '\0')
			return false;
	}
}

static bool naive_any(char *const *patterns, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (text != NULL && naive_glob(patterns[i], text))
			return true;
	return false;
}

/* A pattern for units fits those of users' sessions only if it begins as their names do. */
static bool naive_unit(const struct rule *rule, const char *unit)
{
	for (size_t i = 0; unit != NULL && i < rule->nunits; i++) {
		if (strncmp(unit, "user@", 5) == 0 && strncmp(rule->units[i], "user@", 5) != 0)
			continue;
		if (strncmp(unit, "session-", 8) == 0 && strncmp(rule->units[i], "session-", 8) != 0)
			continue;
		if (naive_glob(rule->units[i], unit))
			return true;
	}
	return false;
}

static bool naive_group(const struct rule *rule, const struct peer *peer)
{
	for (size_t i = 0; i < rule->ngids; i++) {
		if (rule->gids[i] == 65534)
			continue;
		if (rule->gids[i] == peer->gid)
			return true;
		for (size_t j = 0; j < peer->ngroups; j++)
			if (rule->gids[i] == peer->groups[j])
				return true;
	}
	return false;
}

static bool naive_uid(const struct rule *rule, const struct peer *peer)
{
	for (size_t i = 0; i < rule->nuids; i++)
		if (rule->uids[i] == peer->uid)
			return true;
	return false;
}

static bool naive_allows(const struct rule *rule, const struct peer *peer, enum op op, const char *path)
{
	bool nobody = peer->uid == 65534, in_sight = peer->pid != 0;
	bool caller = rule->nuids > 0 || rule->ngids > 0 || rule->nunits > 0;
	bool uid = rule->nuids == 0 || naive_uid(rule, peer);
	bool gid = rule->ngids == 0 || naive_group(rule, peer);
	bool unit = rule->nunits == 0 || (in_sight && naive_unit(rule, peer->unit));
	bool sure = rule->nunits == 0 || rule->nuids > 0 || rule->ngids > 0 || peer->unit_is_sure;
	bool user_unit = rule->nuser_units == 0 ||
	    (rule->nuids > 0 && in_sight && naive_any(rule->user_units, rule->nuser_units, peer->user_unit));
	bool where = path == NULL || rule->npaths == 0 || naive_any(rule->paths, rule->npaths, path);

	bool host = !rule->host_only || peer->on_host;

	return !nobody && host && caller && uid && gid && unit && sure && user_unit && rule->ops[op] && where;
}

/* -- random things, of few kinds so that they often fit -- */

static unsigned roll(unsigned n)
{
	return (unsigned)random() % n;
}

static const char *one_of(const char *const *texts, size_t n)
{
	return texts[roll((unsigned)n)];
}

#define ONE_OF(texts) one_of(texts, sizeof(texts) / sizeof((texts)[0]))

static const char *const unit_patterns[] = { "web.service", "web@*.service", "*", "*.service", "w*b.service",
	"db.service", "user@*.service", "user*", "session-*" };
static const char *const unit_names[] = { "web.service", "web@1.service", "db.service", "user@1000.service",
	"init.scope" };
static const char *const path_patterns[] = { "secret/a", "secret/*", "*", "secret/a/*", "secret/*/b", "s*t/a*",
	"kv/a*b*c", "secret/web*", "*/b", "**" };
static const char *const paths[] = { "secret/a", "secret/a/b", "secret/web", "secret/website", "kv/abc",
	"kv/aXbXc", "kv/ab", "secretx/a", "secret/A", "a/b" };

static uint32_t *ids(size_t *ret_count)
{
	uint32_t *list;

	*ret_count = roll(2) ? 0 : 1 + roll(VALUES_MAX);
	list = calloc(VALUES_MAX, sizeof(*list));
	assert_non_null(list);
	for (size_t i = 0; i < *ret_count; i++)
		list[i] = roll(8) ? 1000 + roll(4) : 65534;
	return list;
}

static char **texts(const char *const *from, size_t nfrom, size_t *ret_count)
{
	char **list = calloc(VALUES_MAX, sizeof(*list));

	assert_non_null(list);
	*ret_count = roll(2) ? 0 : 1 + roll(VALUES_MAX);
	for (size_t i = 0; i < *ret_count; i++)
		list[i] = strdup(one_of(from, nfrom));
	return list;
}

static void make_rule(struct rule *rule, size_t number)
{
	char name[32];

	memset(rule, 0, sizeof(*rule));
	snprintf(name, sizeof(name), "r%zu", number);
	rule->host_only = roll(4) == 0;
	rule->name = strdup(name);
	rule->uids = ids(&rule->nuids);
	rule->gids = ids(&rule->ngids);
	rule->units = texts(unit_patterns, sizeof(unit_patterns) / sizeof(unit_patterns[0]), &rule->nunits);
	rule->user_units = texts(unit_patterns, sizeof(unit_patterns) / sizeof(unit_patterns[0]),
	    &rule->nuser_units);
	rule->paths = texts(path_patterns, sizeof(path_patterns) / sizeof(path_patterns[0]), &rule->npaths);
	for (int op = 0; op < OP_COUNT; op++)
		rule->ops[op] = roll(3) > 0;
}

static void make_peer(struct peer *peer, gid_t groups[VALUES_MAX])
{
	*peer = (struct peer){ .uid = roll(16) ? 1000 + roll(4) : 65534,
		.gid = roll(16) ? 1000 + roll(4) : 65534,
		.pid = roll(16) ? 77 : 0,
		.groups = groups,
		.ngroups = roll(VALUES_MAX + 1),
		.unit_is_sure = roll(3) > 0,
		.on_host = roll(3) > 0 };
	for (size_t i = 0; i < peer->ngroups; i++)
		groups[i] = roll(16) ? 1000 + roll(4) : 65534;
	/* The strings of the table are constants, and nobody writes to them. */
	peer->unit = roll(3) ? (char *)(uintptr_t)ONE_OF(unit_names) : NULL;
	peer->user_unit = roll(2) ? (char *)(uintptr_t)ONE_OF(unit_names) : NULL;
}

static void test_random_rules_agree_with_a_naive_matcher(void **state)
{
	unsigned seed = (unsigned)time(NULL), allowed = 0;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (int set = 0; set < RULE_SETS; set++) {
		struct rules rules = { .rule = calloc(RULES_MAX, sizeof(struct rule)),
			.nrules = roll(RULES_MAX + 1) };

		assert_non_null(rules.rule);
		for (size_t i = 0; i < rules.nrules; i++)
			make_rule(&rules.rule[i], i);
		struct rules_index *index = rules_index_new(&rules);

		assert_non_null(index);
		for (int request = 0; request < REQUESTS; request++) {
			enum op op = (enum op)roll(OP_COUNT);
			const char *path = op == OP_KV_GET || op == OP_KV_PUT ? ONE_OF(paths) : NULL;
			const struct rule *found, *expected = NULL;
			gid_t groups[VALUES_MAX];
			struct peer peer;

			make_peer(&peer, groups);
			for (size_t i = rules.nrules; i-- > 0;)
				if (naive_allows(&rules.rule[i], &peer, op, path))
					expected = &rules.rule[i];
			found = rules_find(&rules, &peer, op, path);
			assert_ptr_equal(found, expected);
			assert_ptr_equal(rules_index_find(index, &rules, &peer, op, path), expected);
			allowed += found != NULL;
		}
		rules_index_free(index);
		rules_free(&rules);
	}
	/* Otherwise the test would compare nothing with nothing. */
	assert_in_range(allowed, RULE_SETS * REQUESTS / 20, RULE_SETS * REQUESTS * 19 / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_rules_agree_with_a_naive_matcher) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
