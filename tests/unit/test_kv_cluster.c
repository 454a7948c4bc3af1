/*
 * Puts on a cluster: they go to the leader, wait for one while there is none, and end as a mismatch only if the
 * leader says so. Then reads of what was written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/host/log.h"
#include "daemon/store/versions.h"
#include "daemon/store/write.h"
#include "daemon/upstream/leader.h"
#include "tests/unit/kv_helper.h"
#include "tests/unit/names.h"

#define SECRET "/v1/secret/data/a"
#define WRITTEN "{\"data\":{\"version\":%u,\"created_time\":\"2026-01-01T00:00:00Z\",\"custom_metadata\":null}}"
#define MISMATCH "{\"errors\":[\"check-and-set parameter did not match the current version\"]}"
#define NO_ACTIVE_NODE "{\"errors\":[\"local node not active but active cluster node not found\"]}"
#define DATA "{\"x\":1}"

static struct kv_bench bench;
static struct leader *leader;
static struct versions *versions;
static struct kv *kv;

struct ended {
	unsigned times;
	enum code code;
	char message[256];
	uint64_t version;
};

static void on_done(void *arg, const struct kv_reply *reply)
{
	struct ended *e = arg;

	e->times++;
	e->code = reply->failure != NULL ? reply->failure->code : CODE_NONE;
	snprintf(e->message, sizeof(e->message), "%s", reply->failure != NULL ? reply->failure->message : "");
	e->version = reply->version;
}

static void get_path(struct ended *e, const char *path, uint64_t min_version, uint64_t ms)
{
	const struct kv_wanted wanted = { .name = name_of("secret", path),
		.row = API_KV_GET,
		.min_version = min_version,
		.max_age_ms = KV_ANY_AGE };

	e->times = 0;
	assert_non_null(kv_get(kv, 1, &wanted, clock_now_ms() + ms, on_done, e));
	assert_int_equal(e->times, 0);
}

/* The mount is known already, so that puts and reads are sent at once. */
static int setup(void **state)
{
	struct ended first;

	kv_helper_cluster_setup(state, &bench);
	leader = bench.leader;
	versions = bench.versions;
	kv = bench.kv;
	fakebao_answer(bench.f, "/v1/secret/data/first", 404, "{\"errors\":[]}");
	get_path(&first, "first", 0, 5000);
	fakebao_until(bench.f, first.times > 0);
	for (size_t i = 0; i < FAKEBAO_NODES; i++)
		fakebao_answer(&bench.f[i], SECRET, 200, WRITTEN);
	*state = bench.f;
	return 0;
}

static int teardown(void **state)
{
	bench.kv = kv;
	*state = &bench;
	return kv_helper_cluster_teardown(state);
}

static struct write *start(struct ended *e, const uint64_t *cas, uint64_t ms)
{
	const struct kv_write what = { .name = name_of("secret", "a"),
		.row = API_KV_PUT,
		.data = DATA,
		.data_len = strlen(DATA),
		.cas = cas,
		.caller = 1,
		.deadline_ms = clock_now_ms() + ms };
	struct write *put;

	e->times = 0;
	put = kv_put(kv, &what, on_done, e);
	assert_non_null(put);
	assert_int_equal(e->times, 0);
	return put;
}

static struct ended put_within(struct fakebao *nodes, const uint64_t *cas, uint64_t ms)
{
	struct ended e;

	start(&e, cas, ms);
	fakebao_until(nodes, e.times > 0);
	fakebao_pass(nodes, 10);
	assert_int_equal(e.times, 1);
	return e;
}

static enum code put(struct fakebao *nodes, const uint64_t *cas)
{
	return put_within(nodes, cas, 5000).code;
}

static void on_leader(void *arg, const char *node)
{
	bool *found = arg;

	*found = node != NULL;
}

static void elect(struct fakebao *nodes, size_t node)
{
	bool found = false;

	fakebao_elect(nodes, node);
	assert_non_null(leader_find(leader, on_leader, &found));
	fakebao_until(nodes, found);
}

static void expect_puts(struct fakebao *nodes, unsigned first, unsigned second, unsigned third)
{
	const unsigned wanted[] = { first, second, third };

	for (size_t i = 0; i < FAKEBAO_NODES; i++)
		assert_int_equal(fakebao_count(&nodes[i], SECRET), wanted[i]);
}

/* Checks that nothing was written, and that the message says so. */
static void expect_without_leader(struct ended e)
{
	assert_int_equal(e.times, 1);
	assert_int_equal(e.code, CODE_UNAVAILABLE);
	assert_non_null(strstr(e.message, "has no leader that can be reached; nothing was written"));
}

static void test_a_put_goes_to_the_leader(void **state)
{
	struct fakebao *nodes = *state;
	const uint64_t cas = 7;

	elect(nodes, 2);
	assert_int_equal(put(nodes, NULL), CODE_NONE);
	assert_string_equal(fakebao_body(&nodes[2], SECRET), "{\"data\":" DATA "}");
	assert_int_equal(put(nodes, &cas), CODE_NONE);
	assert_string_equal(fakebao_body(&nodes[2], SECRET), "{\"data\":" DATA ",\"options\":{\"cas\":7}}");
	expect_puts(nodes, 0, 0, 2);
}

/* A load balancer that hides the nodes has this effect. */
static void test_where_no_leader_was_ever_found_any_node_gets_it_and_is_believed(void **state)
{
	struct fakebao *nodes = *state;
	const uint64_t cas = 7;

	assert_int_equal(put(nodes, NULL), CODE_NONE);
	fakebao_answer(&nodes[0], SECRET, 400, MISMATCH);
	assert_int_equal(put(nodes, &cas), CODE_CAS_MISMATCH);
	expect_puts(nodes, 2, 0, 0);
	for (size_t i = 0; i < FAKEBAO_NODES; i++)
		assert_int_equal(fakebao_count(&nodes[i], FAKEBAO_LEADER), 0);
}

static void test_a_lost_leader_is_looked_for_and_nothing_is_sent_meanwhile(void **state)
{
	struct fakebao *nodes = *state;
	unsigned asked;

	elect(nodes, 0);
	leader_wrong(leader, nodes[0].address);
	fakebao_elect(nodes, FAKEBAO_NODES);
	asked = fakebao_count(&nodes[0], FAKEBAO_LEADER);
	expect_without_leader(put_within(nodes, NULL, 500));
	assert_true(fakebao_count(&nodes[0], FAKEBAO_LEADER) > asked + 1); /* it is asked again and again */
	expect_puts(nodes, 0, 0, 0);
	fakebao_elect(nodes, 1);
	assert_int_equal(put(nodes, NULL), CODE_NONE);
	expect_puts(nodes, 0, 1, 0);
}

static void test_a_leader_that_says_it_is_none_is_forgotten(void **state)
{
	struct fakebao *nodes = *state;

	elect(nodes, 0);
	fakebao_answer(&nodes[0], SECRET, 500, NO_ACTIVE_NODE);
	fakebao_elect(nodes, FAKEBAO_NODES);
	expect_without_leader(put_within(nodes, NULL, 500));
	assert_null(leader_known(leader));
	expect_puts(nodes, 1, 0, 0);
	fakebao_elect(nodes, 1);
	assert_int_equal(put(nodes, NULL), CODE_NONE);
	expect_puts(nodes, 1, 1, 0);
}

static void test_a_standby_that_could_not_pass_it_on_leaves_it_unknown_and_is_forgotten(void **state)
{
	struct fakebao *nodes = *state;

	elect(nodes, 0);
	fakebao_answer(&nodes[0], SECRET, 307, "");
	assert_int_equal(put(nodes, NULL), CODE_UNKNOWN_OUTCOME);
	assert_null(leader_known(leader));
	expect_puts(nodes, 1, 0, 0);
}

static void test_the_leaders_mismatch_counts(void **state)
{
	struct fakebao *nodes = *state;
	const uint64_t cas = 7;

	elect(nodes, 1);
	fakebao_answer(&nodes[1], SECRET, 400, MISMATCH);
	assert_int_equal(put(nodes, &cas), CODE_CAS_MISMATCH);
	expect_puts(nodes, 0, 1, 0);
	assert_string_equal(leader_known(leader), nodes[1].address);
}

static void test_the_mismatch_of_one_that_leads_no_more_does_not_count(void **state)
{
	struct fakebao *nodes = *state;
	const uint64_t cas = 7;

	elect(nodes, 1);
	fakebao_answer(&nodes[1], SECRET, 400, MISMATCH);
	fakebao_elect(nodes, 2);
	assert_int_equal(put(nodes, &cas), CODE_NONE);
	assert_string_equal(leader_known(leader), nodes[2].address);
	expect_puts(nodes, 0, 1, 1);
}

static void test_the_mismatch_of_one_that_is_gone_does_not_count(void **state)
{
	struct fakebao *nodes = *state;
	const uint64_t cas = 7;

	elect(nodes, 1);
	fakebao_answer(&nodes[1], SECRET, 400, MISMATCH);
	fakebao_answer(&nodes[1], FAKEBAO_LEADER, 0, "");
	expect_without_leader(put_within(nodes, &cas, 500));
	assert_null(leader_known(leader));
	expect_puts(nodes, 0, 1, 0);
}

static void test_a_search_ends_at_the_deadline(void **state)
{
	struct fakebao *nodes = *state;
	struct ended e;
	uint64_t begin = clock_now_ms();

	elect(nodes, 0);
	leader_wrong(leader, nodes[0].address);
	fakebao_hold(&nodes[0], FAKEBAO_LEADER, true);
	assert_false(write_is_sent(start(&e, NULL, 200)));
	fakebao_until(nodes, e.times > 0);
	assert_in_range(clock_now_ms() - begin, 190, 2000);
	expect_without_leader(e);
	fakebao_hold(&nodes[0], FAKEBAO_LEADER, false);
	fakebao_pass(nodes, 50);
	assert_int_equal(e.times, 1);
	expect_puts(nodes, 0, 0, 0);
}

static void test_a_cancelled_search_sends_nothing(void **state)
{
	struct fakebao *nodes = *state;
	struct ended e;

	elect(nodes, 0);
	leader_wrong(leader, nodes[0].address);
	assert_false(kv_put_abandon(start(&e, NULL, 5000)));
	fakebao_until(nodes, leader_known(leader) != NULL);
	fakebao_pass(nodes, 50);
	assert_int_equal(e.times, 0);
	expect_puts(nodes, 0, 0, 0);
}

static void test_a_put_counts_as_sent_while_it_is_under_way_only(void **state)
{
	struct fakebao *nodes = *state;
	const uint64_t cas = 7;
	struct write *under_way;
	struct ended e;

	elect(nodes, 0);
	fakebao_answer(&nodes[0], SECRET, 400, MISMATCH);
	fakebao_hold(&nodes[0], FAKEBAO_LEADER, true);
	under_way = start(&e, &cas, 5000);
	assert_true(write_is_sent(under_way));
	fakebao_until(nodes, fakebao_count(&nodes[0], FAKEBAO_LEADER) == 2);
	assert_false(write_is_sent(under_way)); /* the mismatch is being confirmed, so nothing was written */
	fakebao_hold(&nodes[0], FAKEBAO_LEADER, false);
	fakebao_until(nodes, e.times > 0);
	assert_int_equal(e.code, CODE_CAS_MISMATCH);
}

static void test_freeing_ends_writes(void **state)
{
	struct fakebao *nodes = *state;
	struct ended e;

	elect(nodes, 0);
	fakebao_hold(&nodes[0], SECRET, true);
	start(&e, NULL, 5000);
	fakebao_until(nodes, fakebao_count(&nodes[0], SECRET) == 1);
	kv_free(kv);
	kv = NULL;
	fakebao_hold(&nodes[0], SECRET, false);
	fakebao_pass(nodes, 50);
	assert_int_equal(e.times, 0);
}

/* -- reads at the leader -------------------------------------------------------------------------------------- */

static void get(struct ended *e, uint64_t min_version, uint64_t ms)
{
	get_path(e, "a", min_version, ms);
}

static void test_a_read_of_a_leader_that_does_not_answer_is_made_again_at_the_next_one(void **state)
{
	static const char read[] = "{\"data\":{\"data\":{\"x\":1},\"metadata\":{\"version\":%u}}}";
	struct fakebao *nodes = *state;
	struct ended e;
	uint64_t begin = clock_now_ms();

	elect(nodes, 1);
	assert_int_equal(put(nodes, NULL), CODE_NONE);             /* this writes version 1 */
	fakebao_answer(&nodes[0], SECRET, 404, "{\"errors\":[]}"); /* a standby that does not have it yet */
	fakebao_answer(&nodes[2], SECRET, 200, read);
	fakebao_hold(&nodes[1], SECRET, true);
	get(&e, 0, 8000);
	fakebao_until(nodes, fakebao_count(&nodes[1], SECRET) == 2);
	fakebao_elect(nodes, 2);
	fakebao_until(nodes, e.times > 0);
	assert_int_equal(e.code, CODE_NONE);
	assert_in_range(clock_now_ms() - begin, 3500, 7000);
}

static void test_a_read_that_only_finds_what_is_too_old_ends_unavailable_however_it_ends(void **state)
{
	struct fakebao *nodes = *state;
	struct ended e;

	fakebao_answer(&nodes[0], SECRET, 404, "{\"errors\":[]}");
	get(&e, 1, 500);
	fakebao_until(nodes, fakebao_count(&nodes[0], SECRET) > 3);
	fakebao_hold(&nodes[0], SECRET, true); /* the deadline comes while a question is under way */
	fakebao_until(nodes, e.times > 0);
	assert_int_equal(e.code, CODE_UNAVAILABLE);
}

static void test_a_read_that_found_too_old_an_answer_ends_unavailable_while_the_leader_is_asked(void **state)
{
	struct fakebao *nodes = *state;
	struct ended e;

	elect(nodes, 1);
	fakebao_answer(&nodes[0], SECRET, 404, "{\"errors\":[]}");
	fakebao_hold(&nodes[1], SECRET, true);
	get(&e, 1, 1000);
	fakebao_until(nodes, e.times > 0);
	assert_int_equal(fakebao_count(&nodes[1], SECRET), 1);
	assert_int_equal(e.code, CODE_UNAVAILABLE);
}

static void test_a_read_whose_leader_had_too_old_an_answer_ends_unavailable_while_it_is_asked_again(void **state)
{
	struct fakebao *nodes = *state;
	struct ended e;

	elect(nodes, 1);
	/* After this the read asks the leader only. */
	versions_doubt(versions, name_of("secret", "a"), clock_now_ms());
	fakebao_answer(&nodes[1], SECRET, 404, "{\"errors\":[]}");
	get(&e, 1, 1500);
	fakebao_until(nodes, fakebao_count(&nodes[1], SECRET) > 1);
	fakebao_hold(&nodes[1], SECRET, true);
	fakebao_until(nodes, e.times > 0);
	assert_int_equal(fakebao_count(&nodes[0], SECRET), 0);
	assert_int_equal(e.code, CODE_UNAVAILABLE);
}

static void test_a_read_that_no_node_answered_ends_as_a_timeout(void **state)
{
	struct fakebao *nodes = *state;
	struct ended e;

	fakebao_hold(&nodes[0], SECRET, true);
	get(&e, 1, 500);
	fakebao_until(nodes, e.times > 0);
	assert_int_equal(e.code, CODE_TIMEOUT);
	elect(nodes, 1);
	versions_doubt(versions, name_of("secret", "a"), clock_now_ms());
	fakebao_hold(&nodes[1], SECRET, true);
	get(&e, 0, 500);
	fakebao_until(nodes, e.times > 0);
	assert_int_equal(fakebao_count(&nodes[1], SECRET), 1);
	assert_int_equal(e.code, CODE_TIMEOUT);
}

static void test_after_an_unknown_outcome_only_a_leader_is_believed(void **state)
{
	static const char read[] = "{\"data\":{\"data\":{\"x\":1},\"metadata\":{\"version\":5}}}";
	struct fakebao *nodes = *state;
	struct ended e;

	elect(nodes, 1);
	fakebao_answer(&nodes[1], SECRET, 500, "");
	assert_int_equal(put(nodes, NULL), CODE_UNKNOWN_OUTCOME);
	fakebao_elect(nodes, FAKEBAO_NODES);
	for (size_t i = 0; i < FAKEBAO_NODES; i++)
		fakebao_answer(&nodes[i], SECRET, 200, read);
	get(&e, 0, 5000);
	fakebao_pass(nodes, 300);
	assert_int_equal(e.times, 0);
	fakebao_elect(nodes, 2);
	fakebao_until(nodes, e.times > 0);
	assert_int_equal(e.version, 5);
	assert_int_equal(fakebao_count(&nodes[0], SECRET), 0);
	assert_int_equal(fakebao_count(&nodes[2], SECRET), 1);
	/* With no leader by the deadline there is no answer. */
	fakebao_elect(nodes, FAKEBAO_NODES);
	leader_wrong(leader, nodes[2].address);
	get(&e, 0, 300);
	fakebao_until(nodes, e.times > 0);
	assert_int_equal(e.code, CODE_UNAVAILABLE);
}

/* -- reads that wait for a version ---------------------------------------------------------------------------- */

#define VERSION(n) "{\"data\":{\"data\":{\"x\":1},\"metadata\":{\"version\":" #n "}}}"
#define WAITING 40

static void all_give(struct fakebao *nodes, const char *body)
{
	for (size_t i = 0; i < FAKEBAO_NODES; i++)
		fakebao_answer(&nodes[i], SECRET, 200, body);
}

static void test_a_read_of_a_version_that_is_not_there_is_made_ever_more_seldom(void **state)
{
	struct fakebao *nodes = *state;
	struct ended e;

	elect(nodes, 1);
	all_give(nodes, VERSION(1));
	get(&e, 2, 8000);
	fakebao_pass(nodes, 1500);
	/* asked at 0, 20, 60, 140, 300, 620 and 1,260 ms, or later */
	assert_in_range(fakebao_count(&nodes[1], SECRET), 4, 7);
	assert_in_range(fakebao_count(&nodes[1], FAKEBAO_LEADER), 4, 9);
	assert_int_equal(e.times, 0);
	all_give(nodes, VERSION(2));
	fakebao_until(nodes, e.times > 0);
	assert_int_equal(e.version, 2);
}

static void test_where_no_leader_is_ever_found_it_is_made_as_seldom(void **state)
{
	struct fakebao *nodes = *state;
	struct ended e;

	all_give(nodes, VERSION(1));
	get(&e, 2, 8000);
	fakebao_pass(nodes, 1500);
	assert_in_range(fakebao_count(&nodes[0], SECRET), 4, 7);
	assert_in_range(fakebao_count(&nodes[0], FAKEBAO_LEADER), 4, 9);
}

static void test_reads_that_wait_for_versions_of_a_path_take_turns(void **state)
{
	struct fakebao *nodes = *state;
	struct ended e[WAITING];
	unsigned first;

	elect(nodes, 1);
	all_give(nodes, VERSION(1));
	for (unsigned i = 0; i < WAITING; i++)
		get(&e[i], 2 + i, 8000);
	fakebao_until(nodes, fakebao_count(&nodes[1], SECRET) >= WAITING);
	fakebao_pass(nodes, 700);
	first = fakebao_count(&nodes[1], SECRET);
	fakebao_pass(nodes, 1000);
	assert_in_range(first, WAITING, WAITING + 8);
	assert_in_range(fakebao_count(&nodes[1], SECRET), first, first + 2);
	/* One of them finds what has come, and all that it will do for have it. */
	all_give(nodes, VERSION(11));
	fakebao_until(nodes, e[9].times > 0 && e[0].times > 0 && e[5].times > 0);
	fakebao_pass(nodes, 100);
	for (unsigned i = 0; i < WAITING; i++)
		assert_int_equal(e[i].times, i < 10 ? 1 : 0);
}

static void test_a_put_through_this_daemon_ends_the_wait_for_its_version(void **state)
{
	struct fakebao *nodes = *state;
	uint64_t begin;
	struct ended e;

	elect(nodes, 1);
	for (size_t i = 0; i < FAKEBAO_NODES; i++)
		fakebao_answer(&nodes[i], SECRET, 404, "{\"errors\":[]}");
	get(&e, 3, 8000);
	fakebao_pass(nodes, 2700); /* the next question is due at 4,540 ms */
	assert_int_equal(e.times, 0);
	all_give(nodes, "{\"data\":{\"data\":{\"x\":1},\"metadata\":{\"version\":3},\"version\":3}}");
	begin = clock_now_ms();
	assert_int_equal(put(nodes, NULL), CODE_NONE);
	fakebao_until(nodes, e.times > 0);
	assert_int_equal(e.version, 3);
	assert_true(clock_now_ms() < begin + 1500);
}

static void test_all_who_wait_learn_at_once_what_ends_the_wait_of_one(void **state)
{
	static const char deleted[] =
	    "{\"data\":{\"data\":null,\"metadata\":{\"version\":60,\"created_time\":\"2026-01-01T00:00:00Z\","
	    "\"custom_metadata\":null,\"deletion_time\":\"2026-01-01T00:00:01Z\",\"destroyed\":false}}}";
	static const struct {
		int status;
		const char *body;
		enum code code;
	} ends[] = { { 404, deleted, CODE_NOT_FOUND }, { 500, "{\"errors\":[\"x\"]}", CODE_UPSTREAM_ERROR } };
	struct fakebao *nodes = *state;
	struct ended e[WAITING];

	elect(nodes, 1);
	for (size_t k = 0; k < 2; k++) {
		all_give(nodes, VERSION(1));
		for (unsigned i = 0; i < WAITING; i++)
			get(&e[i], 2 + i, 60000);
		fakebao_pass(nodes, 300);
		for (size_t i = 0; i < FAKEBAO_NODES; i++)
			fakebao_answer(&nodes[i], SECRET, ends[k].status, ends[k].body);
		for (unsigned i = 0; i < WAITING; i++) {
			fakebao_until(nodes, e[i].times > 0);
			assert_int_equal(e[i].code, ends[k].code);
		}
	}
}

static void test_a_read_that_waits_for_a_version_keeps_no_slot(void **state)
{
	struct fakebao *nodes = *state;
	struct ended e[WAITING], other;

	elect(nodes, 1);
	all_give(nodes, VERSION(1));
	for (size_t i = 0; i < FAKEBAO_NODES; i++)
		fakebao_answer(&nodes[i], "/v1/secret/data/b", 200, VERSION(1));
	for (unsigned i = 0; i < WAITING; i++)
		get(&e[i], 2 + i, 8000);
	fakebao_pass(nodes, 300);
	get_path(&other, "b", 0, 1000);
	fakebao_until(nodes, other.times > 0);
	assert_int_equal(other.code, CODE_NONE);
}

/* -- the log -------------------------------------------------------------------------------------------------- */

static void test_a_read_through_a_standby_that_lags_behind_can_be_followed_in_the_log(void **state)
{
	static const char read[] = "{\"data\":{\"data\":{\"x\":1},\"metadata\":{\"version\":5}}}";
	const struct kv_wanted wanted = { .name = name_of("secret", "a"),
		.row = API_KV_GET,
		.min_version = 5,
		.max_age_ms = KV_ANY_AGE,
		.number = 12 };
	struct fakebao *nodes = *state;
	struct ended e = { .times = 0 };

	elect(nodes, 1);
	fakebao_answer(&nodes[0], SECRET, 404, "{\"errors\":[]}");
	fakebao_answer(&nodes[1], SECRET, 200, read);
	log_set_level(LOG_LEVEL_DEBUG);
	assert_non_null(kv_get(kv, 1, &wanted, clock_now_ms() + 5000, on_done, &e));
	fakebao_until(nodes, e.times > 0);
	log_set_level(LOG_LEVEL_INFO);
	assert_int_equal(fakebao_logged(nodes, "request 12: read: token -> any"), 1);
	assert_int_equal(fakebao_logged(nodes, "request 12: read: any -> leader"), 1);
	assert_int_equal(fakebao_logged(nodes, "request 12: read: leader -> confirm"), 1);
	assert_int_equal(fakebao_logged(nodes, "TOKEN-CANARY"), 0);
	assert_int_equal(fakebao_logged(nodes, "secret"), 0); /* the log holds neither the mount nor the path */
}

#define WITH_CLUSTER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CLUSTER(test_a_put_goes_to_the_leader),
		WITH_CLUSTER(test_where_no_leader_was_ever_found_any_node_gets_it_and_is_believed),
		WITH_CLUSTER(test_a_lost_leader_is_looked_for_and_nothing_is_sent_meanwhile),
		WITH_CLUSTER(test_a_leader_that_says_it_is_none_is_forgotten),
		WITH_CLUSTER(test_a_standby_that_could_not_pass_it_on_leaves_it_unknown_and_is_forgotten),
		WITH_CLUSTER(test_the_leaders_mismatch_counts),
		WITH_CLUSTER(test_the_mismatch_of_one_that_leads_no_more_does_not_count),
		WITH_CLUSTER(test_the_mismatch_of_one_that_is_gone_does_not_count),
		WITH_CLUSTER(test_a_search_ends_at_the_deadline),
		WITH_CLUSTER(test_a_cancelled_search_sends_nothing),
		WITH_CLUSTER(test_a_put_counts_as_sent_while_it_is_under_way_only),
		WITH_CLUSTER(test_freeing_ends_writes),
		WITH_CLUSTER(test_a_read_of_a_leader_that_does_not_answer_is_made_again_at_the_next_one),
		WITH_CLUSTER(test_a_read_that_only_finds_what_is_too_old_ends_unavailable_however_it_ends),
		WITH_CLUSTER(test_a_read_that_found_too_old_an_answer_ends_unavailable_while_the_leader_is_asked),
		WITH_CLUSTER(
		    test_a_read_whose_leader_had_too_old_an_answer_ends_unavailable_while_it_is_asked_again),
		WITH_CLUSTER(test_a_read_that_no_node_answered_ends_as_a_timeout),
		WITH_CLUSTER(test_after_an_unknown_outcome_only_a_leader_is_believed),
		WITH_CLUSTER(test_a_read_of_a_version_that_is_not_there_is_made_ever_more_seldom),
		WITH_CLUSTER(test_where_no_leader_is_ever_found_it_is_made_as_seldom),
		WITH_CLUSTER(test_reads_that_wait_for_versions_of_a_path_take_turns),
		WITH_CLUSTER(test_a_put_through_this_daemon_ends_the_wait_for_its_version),
		WITH_CLUSTER(test_all_who_wait_learn_at_once_what_ends_the_wait_of_one),
		WITH_CLUSTER(test_a_read_that_waits_for_a_version_keeps_no_slot),
		WITH_CLUSTER(test_a_read_through_a_standby_that_lags_behind_can_be_followed_in_the_log),
	};

	return cmocka_run_group_tests(tests, fakebao_global_setup, NULL);
}
