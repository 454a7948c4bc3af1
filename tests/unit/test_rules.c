/*
 * Who may do what: identities, ops and path patterns.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/access/rules.h"

#define ANYBODY \
	{ \
		.uid = 1000, .gid = 100, .pid = 1 \
	}

static struct rule rule_for(uid_t *uid, gid_t *gid, char **path)
{
	struct rule rule = { .uids = uid,
		.nuids = uid != NULL,
		.gids = gid,
		.ngids = gid != NULL,
		.paths = path,
		.npaths = path != NULL };

	memset(rule.ops, true, sizeof(rule.ops));
	return rule;
}

static void test_no_rules_allow_nothing(void **state)
{
	struct rules none = { .nrules = 0 };
	struct peer root = { .uid = 0, .gid = 0, .pid = 1 };

	(void)state;
	for (int op = 0; op < OP_COUNT; op++)
		assert_null(rules_find(&none, &root, (enum op)op, "secret/a"));
}

static void test_uid_is_matched(void **state)
{
	uid_t uids[] = { 7, 1000 };
	struct rule rule = rule_for(uids, NULL, NULL);
	struct peer peer = ANYBODY;

	(void)state;
	rule.nuids = 2;
	assert_true(rule_names(&rule, &peer));
	peer.uid = 7;
	assert_true(rule_names(&rule, &peer));
	peer.uid = 8;
	assert_false(rule_names(&rule, &peer));
	peer.uid = 0;
	assert_false(rule_names(&rule, &peer));
}

static void test_gid_is_matched_as_primary_and_as_supplementary_group(void **state)
{
	gid_t gid = 33, groups[] = { 5, 33 };
	struct rule rule = rule_for(NULL, &gid, NULL);
	struct peer peer = ANYBODY;

	(void)state;
	assert_false(rule_names(&rule, &peer));
	peer.groups = groups;
	peer.ngroups = 1;
	assert_false(rule_names(&rule, &peer));
	peer.ngroups = 2;
	assert_true(rule_names(&rule, &peer));
	peer.ngroups = 0;
	peer.gid = 33;
	assert_true(rule_names(&rule, &peer));
}

static void test_uid_and_gid_must_both_match(void **state)
{
	uid_t uid = 1000;
	gid_t gid = 33;
	struct rule rule = rule_for(&uid, &gid, NULL);
	struct peer peer = ANYBODY;

	(void)state;
	assert_false(rule_names(&rule, &peer));
	peer.gid = 33;
	assert_true(rule_names(&rule, &peer));
	peer.uid = 1001;
	assert_false(rule_names(&rule, &peer));
}

static void test_a_rule_without_uid_and_gid_names_nobody(void **state)
{
	struct rule rule = rule_for(NULL, NULL, NULL);
	struct peer peer = ANYBODY;

	(void)state;
	assert_false(rule_names(&rule, &peer));
}

static void test_unit_is_matched_as_a_pattern(void **state)
{
	char pattern[] = "web@*.service", unit[] = "web@1.service", *patterns[] = { pattern };
	struct rule rule = rule_for(NULL, NULL, NULL);
	struct peer peer = ANYBODY;

	(void)state;
	rule.units = patterns;
	rule.nunits = 1;
	peer.unit_is_sure = true;
	assert_false(rule_names(&rule, &peer));
	peer.unit = unit;
	assert_true(rule_names(&rule, &peer));
	unit[0] = 'W';
	assert_false(rule_names(&rule, &peer));
}

/* Users run what they like in these units of theirs. */
static void test_a_star_takes_in_no_session_of_users(void **state)
{
	static const struct {
		const char *pattern, *unit;
		bool fits;
	} cases[] = {
		{ "*", "web.service", true },
		{ "*", "user@1000.service", false },
		{ "*", "session-4.scope", false },
		{ "*.service", "user@1000.service", false },
		{ "*@*.service", "user@1000.service", false },
		{ "u*", "user@1000.service", false },
		{ "user*.service", "user@1000.service", false },
		{ "user@*.service", "user@1000.service", true },
		{ "user@1000.service", "user@1000.service", true },
		{ "user@1000*", "user@1000.service", true },
		{ "*.scope", "session-4.scope", false },
		{ "s*", "session-4.scope", false },
		{ "session-*.scope", "session-4.scope", true },
		{ "*.scope", "run-r4.scope", true },
		{ "user*.service", "users.service", true },
		{ "*", "user-runtime-dir@1000.service", true },
		{ "session*", "sessions.service", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *pattern = strdup(cases[i].pattern), *unit = strdup(cases[i].unit);
		struct rule rule = rule_for(NULL, NULL, NULL);
		struct peer peer = ANYBODY;

		rule.units = &pattern;
		rule.nunits = 1;
		peer.unit_is_sure = true;
		peer.unit = unit;
		if (rule_names(&rule, &peer) != cases[i].fits)
			fail_msg("%s: %s", pattern, unit);
		free(pattern);
		free(unit);
	}
}

static unsigned doubts;

static void count_doubt(const char *format, ...)
{
	doubts += strstr(format, ".unit: ") != NULL;
}

static void test_units_in_which_users_jobs_run_are_warned_of(void **state)
{
	static const struct {
		const char *pattern;
		bool doubtful;
	} cases[] = {
		{ "cron.service", true },
		{ "crond.service", true },
		{ "atd.service", true },
		{ "ssh.service", true },
		{ "sshd.service", true },
		{ "*.service", true },
		{ "web.service", false },
		{ "web*", false },
		{ "cron.timer", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *pattern = strdup(cases[i].pattern), name[] = "web";
		struct rule rule = rule_for(NULL, NULL, NULL);
		struct rules rules = { .rule = &rule, .nrules = 1 };
		uid_t uid = 1000;

		rule.name = name;
		rule.units = &pattern;
		rule.nunits = 1;
		doubts = 0;
		rules_warn(&rules, count_doubt);
		assert_int_equal(doubts, cases[i].doubtful);
		rule.uids = &uid;
		rule.nuids = 1;
		doubts = 0;
		rules_warn(&rules, count_doubt);
		assert_int_equal(doubts, 0);
		free(pattern);
	}
}

static void test_a_rule_may_be_for_the_host_only(void **state)
{
	uid_t uid = 1000;
	struct rule rule = rule_for(&uid, NULL, NULL);
	struct rules rules = { .rule = &rule, .nrules = 1 };
	struct peer peer = ANYBODY;

	(void)state;
	assert_false(rules_want_host(&rules));
	assert_true(rule_names(&rule, &peer));
	rule.host_only = true;
	assert_true(rules_want_host(&rules));
	assert_int_equal(rule_judge(&rule, &peer, OP_STATUS, NULL), RULE_HOST);
	peer.on_host = true;
	assert_true(rule_names(&rule, &peer));
}

static void test_a_unit_alone_must_be_vouched_for(void **state)
{
	char unit[] = "web.service", *patterns[] = { unit };
	uid_t uid = 1000;
	gid_t gid = 100;
	struct rule rule = rule_for(NULL, NULL, NULL);
	struct peer peer = ANYBODY;

	(void)state;
	rule.units = patterns;
	rule.nunits = 1;
	peer.unit = unit;
	assert_false(rule_names(&rule, &peer));
	assert_int_equal(rule_judge(&rule, &peer, OP_STATUS, NULL), RULE_UNSURE);
	rule.uids = &uid;
	rule.nuids = 1;
	assert_true(rule_names(&rule, &peer));
	rule.nuids = 0;
	rule.gids = &gid;
	rule.ngids = 1;
	assert_true(rule_names(&rule, &peer));
	rule.ngids = 0;
	peer.unit_is_sure = true;
	assert_true(rule_names(&rule, &peer));
}

static void test_a_unit_of_a_user_counts_only_beside_his_uid(void **state)
{
	char unit[] = "app.service", *patterns[] = { unit };
	uid_t uid = 1000;
	gid_t gid = 100;
	struct rule rule = rule_for(NULL, &gid, NULL);
	struct peer peer = ANYBODY;

	(void)state;
	rule.user_units = patterns;
	rule.nuser_units = 1;
	peer.user_unit = unit;
	peer.unit_is_sure = true;
	assert_false(rule_names(&rule, &peer));
	rule.uids = &uid;
	rule.nuids = 1;
	assert_true(rule_names(&rule, &peer));
	peer.user_unit = NULL;
	assert_false(rule_names(&rule, &peer));
	/* The user manager's unit and the system manager's unit are different things. */
	peer.unit = unit;
	assert_false(rule_names(&rule, &peer));
}

static void test_the_verdict_names_the_first_key_that_does_not_fit(void **state)
{
	char unit[] = "web.service", path[] = "secret/a", *units[] = { unit }, *paths[] = { path };
	uid_t uid = 1000;
	gid_t gid = 100;
	struct rule rule = rule_for(&uid, &gid, paths);
	struct peer peer = { .uid = 1, .gid = 1, .pid = 1 };

	(void)state;
	rule.units = units;
	rule.nunits = 1;
	assert_int_equal(rule_judge(&rule, &peer, OP_KV_GET, "secret/b"), RULE_UID);
	peer.uid = uid;
	assert_int_equal(rule_judge(&rule, &peer, OP_KV_GET, "secret/b"), RULE_GID);
	peer.gid = gid;
	assert_int_equal(rule_judge(&rule, &peer, OP_KV_GET, "secret/b"), RULE_UNIT);
	peer.unit = unit;
	rule.ops[OP_KV_GET] = false;
	assert_int_equal(rule_judge(&rule, &peer, OP_KV_GET, "secret/b"), RULE_OP);
	rule.ops[OP_KV_GET] = true;
	assert_int_equal(rule_judge(&rule, &peer, OP_KV_GET, "secret/b"), RULE_PATH);
	assert_int_equal(rule_judge(&rule, &peer, OP_KV_GET, "secret/a"), RULE_ALLOWS);
	peer.pid = 0;
	assert_int_equal(rule_judge(&rule, &peer, OP_KV_GET, "secret/a"), RULE_UNIT);
	peer.uid = 65534;
	assert_int_equal(rule_judge(&rule, &peer, OP_KV_GET, "secret/a"), RULE_NOBODY);
	for (int verdict = RULE_ALLOWS; verdict <= RULE_PATH; verdict++)
		assert_true(strlen(rule_verdict_text((enum rule_verdict)verdict)) > 0);
}

static void test_the_unmapped_uid_matches_nothing(void **state)
{
	uid_t uids[] = { 65534, 1000 };
	gid_t gid = 100;
	struct rule by_uid = rule_for(uids, NULL, NULL), by_gid = rule_for(NULL, &gid, NULL);
	struct peer peer = ANYBODY;

	(void)state;
	by_uid.nuids = 2;
	assert_true(rule_names(&by_uid, &peer) && rule_names(&by_gid, &peer));
	peer.uid = 65534;
	assert_false(rule_names(&by_uid, &peer));
	assert_false(rule_names(&by_gid, &peer));
}

static void test_the_unmapped_gid_matches_nothing(void **state)
{
	uid_t uid = 1000;
	gid_t gids[] = { 65534, 33 }, groups[] = { 65534, 33 };
	struct rule by_uid = rule_for(&uid, NULL, NULL), by_gid = rule_for(NULL, gids, NULL);
	struct peer peer = ANYBODY;

	(void)state;
	by_gid.ngids = 2;
	peer.gid = 65534;
	assert_false(rule_names(&by_gid, &peer));
	peer.groups = groups;
	peer.ngroups = 1;
	assert_false(rule_names(&by_gid, &peer));
	peer.ngroups = 2;
	assert_true(rule_names(&by_gid, &peer));
	/* The group says nothing about the uid, which is known. */
	assert_true(rule_names(&by_uid, &peer));
}

static void test_pid_0_leaves_only_the_unit_unknown(void **state)
{
	char unit[] = "web.service", *patterns[] = { unit };
	uid_t uid = 1000, other = 1001;
	gid_t gid = 100;
	struct rule by_uid = rule_for(&uid, NULL, NULL), by_gid = rule_for(NULL, &gid, NULL);
	struct rule for_another = rule_for(&other, NULL, NULL), by_unit = rule_for(NULL, NULL, NULL);
	struct rule by_user_unit = rule_for(&uid, NULL, NULL), by_uid_and_unit = rule_for(&uid, NULL, NULL);
	struct peer peer = ANYBODY;

	(void)state;
	by_unit.units = by_uid_and_unit.units = by_user_unit.user_units = patterns;
	by_unit.nunits = by_uid_and_unit.nunits = by_user_unit.nuser_units = 1;
	peer.unit = peer.user_unit = unit;
	peer.unit_is_sure = true;
	assert_true(rule_names(&by_unit, &peer) && rule_names(&by_uid_and_unit, &peer));
	assert_true(rule_names(&by_user_unit, &peer));
	peer.pid = 0;
	assert_true(rule_names(&by_uid, &peer));
	assert_true(rule_names(&by_gid, &peer));
	assert_false(rule_names(&for_another, &peer));
	assert_false(rule_names(&by_unit, &peer));
	assert_false(rule_names(&by_uid_and_unit, &peer));
	assert_false(rule_names(&by_user_unit, &peer));
}

static void test_op_must_be_listed(void **state)
{
	uid_t uid = 1000;
	struct rule rule = rule_for(&uid, NULL, NULL);
	struct rules rules = { .rule = &rule, .nrules = 1 };
	struct peer peer = ANYBODY;

	(void)state;
	memset(rule.ops, 0, sizeof(rule.ops));
	rule.ops[OP_KV_GET] = true;
	assert_ptr_equal(rules_find(&rules, &peer, OP_KV_GET, "secret/a"), &rule);
	assert_null(rules_find(&rules, &peer, OP_KV_PUT, "secret/a"));
	assert_null(rules_find(&rules, &peer, OP_STATUS, NULL));
}

static void test_a_number_that_is_no_op_is_forbidden(void **state)
{
	uid_t uid = 1000;
	struct rule rule = rule_for(&uid, NULL, NULL);
	struct rules rules = { .rule = &rule, .nrules = 1 };
	struct peer peer = ANYBODY;

	(void)state;
	assert_null(rules_find(&rules, &peer, OP_COUNT, NULL));
	assert_null(rules_find(&rules, &peer, (enum op) - 1, NULL));
}

static void test_path_must_match_one_pattern(void **state)
{
	uid_t uid = 1000;
	char web[] = "secret/web/*", db[] = "secret/db";
	char *paths[] = { web, db };
	struct rule rule = rule_for(&uid, NULL, paths);
	struct rules rules = { .rule = &rule, .nrules = 1 };
	struct peer peer = ANYBODY;

	(void)state;
	rule.npaths = 2;
	assert_non_null(rules_find(&rules, &peer, OP_KV_GET, "secret/web/a/b"));
	assert_non_null(rules_find(&rules, &peer, OP_KV_GET, "secret/db"));
	assert_null(rules_find(&rules, &peer, OP_KV_GET, "secret/db/a"));
	assert_null(rules_find(&rules, &peer, OP_KV_GET, "secret/web"));
	assert_null(rules_find(&rules, &peer, OP_KV_GET, "other/web/a"));
}

static void test_an_op_without_path_is_matched_without_looking_at_paths(void **state)
{
	uid_t uid = 1000;
	char web[] = "secret/web/*";
	char *paths[] = { web };
	struct rule rule = rule_for(&uid, NULL, paths);
	struct rules rules = { .rule = &rule, .nrules = 1 };
	struct peer peer = ANYBODY;

	(void)state;
	assert_ptr_equal(rules_find(&rules, &peer, OP_STATUS, NULL), &rule);
}

static void test_the_first_rule_that_allows_is_given(void **state)
{
	uid_t uid = 1000, other = 5;
	char a[] = "secret/a", any[] = "secret/*";
	char *first[] = { a }, *second[] = { any };
	struct rule rule[] = {
		rule_for(&other, NULL, second),
		rule_for(&uid, NULL, first),
		rule_for(&uid, NULL, second),
		rule_for(&uid, NULL, second),
	};
	struct rules rules = { .rule = rule, .nrules = 4 };
	struct peer peer = ANYBODY;

	(void)state;
	assert_ptr_equal(rules_find(&rules, &peer, OP_KV_GET, "secret/a"), &rule[1]);
	assert_ptr_equal(rules_find(&rules, &peer, OP_KV_GET, "secret/b"), &rule[2]);
}

static void test_patterns_match_the_whole_path(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} cases[] = {
		{ "secret/web/*", "secret/web/a", true },
		{ "secret/web/*", "secret/web/a/b/c", true },
		{ "secret/web/*", "secret/web/", true },
		{ "secret/web/*", "secret/web", false },
		{ "secret/web/*", "secret/website", false },
		{ "secret/web", "secret/web", true },
		{ "secret/web", "secret/web/a", false },
		{ "secret/web", "secret/we", false },
		{ "secret/web*", "secret/website/x", true },
		{ "secret/web*", "secret/web", true },
		{ "secret/*/db", "secret/a/db", true },
		{ "secret/*/db", "secret/a/b/db", true },
		{ "secret/*/db", "secret/db", false },
		{ "secret/*/db", "secret/a/db/x", false },
		{ "*", "", true },
		{ "*", "anything/at/all", true },
		{ "**", "a", true },
		{ "", "", true },
		{ "", "a", false },
		{ "a*", "", false },
		{ "*a", "ba", true },
		{ "*a", "ab", false },
		{ "*ab*ab", "abab", true },
		{ "*ab*ab", "aab", false },
		{ "*ab", "aab", true },
		{ "a?c", "abc", false },
		{ "a[b]c", "abc", false },
		{ "Secret/*", "secret/a", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (rules_match(cases[i].pattern, cases[i].text) != cases[i].match)
			fail_msg("\"%s\" on \"%s\"", cases[i].pattern, cases[i].text);
}

/* Matches by definition: a star is nothing, or one byte and a star. */
static bool naive_match(const char *pattern, const char *text)
{
	if (*pattern == '\0')
		return *text == '\0';
	if (*pattern == '*')
		return naive_match(pattern + 1, text) || (*text != '\0' && naive_match(pattern, text + 1));
	return *pattern == *text && naive_match(pattern + 1, text + 1);
}

static void random_text(char *out, size_t max, const char *letters, unsigned *seed)
{
	size_t n = (size_t)rand_r(seed) % (max + 1), count = strlen(letters);

	for (size_t i = 0; i < n; i++)
		out[i] = letters[(size_t)rand_r(seed) % count];
	out[n] = '\0';
}

static void test_matching_agrees_with_its_definition(void **state)
{
	unsigned seed = 20261123, matches = 0;
	char pattern[10], text[13];

	(void)state;
	for (int i = 0; i < 100000; i++) {
		random_text(pattern, sizeof(pattern) - 1, "ab/**", &seed);
		random_text(text, sizeof(text) - 1, i % 2 ? "ab/" : "ab/*", &seed);
		if (rules_match(pattern, text) != naive_match(pattern, text))
			fail_msg("\"%s\" on \"%s\"", pattern, text);
		matches += naive_match(pattern, text);
	}
	assert_in_range(matches, 5000, 95000);
}

/* Backtracking over every star would take longer than the universe is old. */
static void test_many_stars_do_not_blow_up(void **state)
{
	char pattern[1300], text[1281];

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(pattern); i += 2)
		memcpy(pattern + i, "a*", 2);
	memcpy(pattern + sizeof(pattern) - 2, "b", 2);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(rules_match(pattern, text));
}

static void test_odd_patterns_get_a_warning(void **state)
{
	static const char *const odd[] = { "secret/web*", "secret/a*/b", "secret", "*", "*/web", "*web",
		"secret/data/web", "secret/metadata/*", "secret/data", "secret/metadata", "a*" };
	static const char *const plain[] = { "secret/web", "secret/web/*", "secret/*", "secret/*/db", "secret/**",
		"secret/database", "secret/a/data", "team/kv/*", "data/x", "secret/datax/*" };

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		if (rules_pattern_warning(odd[i]) == NULL)
			fail_msg("no warning for %s", odd[i]);
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (rules_pattern_warning(plain[i]) != NULL)
			fail_msg("a warning for %s", plain[i]);
}

static void test_freed_rules_are_empty(void **state)
{
	struct rules rules = { .rule = calloc(2, sizeof(struct rule)), .nrules = 2 };

	(void)state;
	assert_non_null(rules.rule);
	rules.rule[0].name = strdup("web");
	rules.rule[0].uids = calloc(1, sizeof(uid_t));
	rules.rule[0].nuids = 1;
	rules.rule[1].paths = calloc(2, sizeof(char *));
	rules.rule[1].paths[0] = strdup("a/*");
	rules.rule[1].paths[1] = strdup("b/*");
	rules.rule[1].npaths = 2;
	rules_free(&rules);
	assert_null(rules.rule);
	assert_int_equal(rules.nrules, 0);
	rules_free(&rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_rules_allow_nothing),
		cmocka_unit_test(test_uid_is_matched),
		cmocka_unit_test(test_gid_is_matched_as_primary_and_as_supplementary_group),
		cmocka_unit_test(test_uid_and_gid_must_both_match),
		cmocka_unit_test(test_a_rule_without_uid_and_gid_names_nobody),
		cmocka_unit_test(test_unit_is_matched_as_a_pattern),
		cmocka_unit_test(test_a_star_takes_in_no_session_of_users),
		cmocka_unit_test(test_units_in_which_users_jobs_run_are_warned_of),
		cmocka_unit_test(test_a_rule_may_be_for_the_host_only),
		cmocka_unit_test(test_a_unit_alone_must_be_vouched_for),
		cmocka_unit_test(test_a_unit_of_a_user_counts_only_beside_his_uid),
		cmocka_unit_test(test_the_verdict_names_the_first_key_that_does_not_fit),
		cmocka_unit_test(test_the_unmapped_uid_matches_nothing),
		cmocka_unit_test(test_the_unmapped_gid_matches_nothing),
		cmocka_unit_test(test_pid_0_leaves_only_the_unit_unknown),
		cmocka_unit_test(test_op_must_be_listed),
		cmocka_unit_test(test_a_number_that_is_no_op_is_forbidden),
		cmocka_unit_test(test_path_must_match_one_pattern),
		cmocka_unit_test(test_an_op_without_path_is_matched_without_looking_at_paths),
		cmocka_unit_test(test_the_first_rule_that_allows_is_given),
		cmocka_unit_test(test_patterns_match_the_whole_path),
		cmocka_unit_test(test_matching_agrees_with_its_definition),
		cmocka_unit_test(test_many_stars_do_not_blow_up),
		cmocka_unit_test(test_odd_patterns_get_a_warning),
		cmocka_unit_test(test_freed_rules_are_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
