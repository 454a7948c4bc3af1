/*
 * Looking for the leader of a cluster: whom it asks, whom it believes, and what it remembers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/upstream/http.h"
#include "daemon/upstream/leader.h"
#include "tests/unit/fakebao.h"

struct found {
	unsigned times;
	char node[64];        /* "" if there is none */
	struct leader *again; /* not NULL: searches once more from within the callback */
};

static void on_found(void *arg, const char *node)
{
	struct found *f = arg;
	struct leader *leader = f->again;

	f->times++;
	snprintf(f->node, sizeof(f->node), "%s", node != NULL ? node : "");
	f->again = NULL;
	if (leader != NULL)
		assert_non_null(leader_find(leader, on_found, f));
}

static void find(struct fakebao *nodes, struct leader *leader, struct found *found)
{
	unsigned times = found->times;

	assert_non_null(leader_find(leader, on_found, found));
	assert_int_equal(found->times, times);
	fakebao_until(nodes, found->times > times);
}

static struct leader *open_leader(struct fakebao *nodes, size_t known)
{
	struct leader *leader = leader_new(nodes->api, nodes->addresses, known);

	assert_non_null(leader);
	assert_null(leader_known(leader));
	assert_false(leader_was_found(leader));
	return leader;
}

static void test_a_configured_node_that_leads_is_found_and_remembered(void **state)
{
	struct fakebao *nodes = *state;
	struct leader *leader = open_leader(nodes, 3);
	struct found found = { 0 };

	fakebao_elect(nodes, 1);
	find(nodes, leader, &found);
	assert_string_equal(found.node, nodes[1].address);
	assert_string_equal(leader_known(leader), nodes[1].address);
	assert_true(leader_was_found(leader));
	leader_free(leader);
}

static int one_known_setup(void **state)
{
	return fakebao_cluster(state, 1);
}

static void test_a_leader_that_a_standby_names_is_asked_itself(void **state)
{
	struct fakebao *nodes = *state;
	struct leader *leader = open_leader(nodes, 1);
	struct found found = { 0 };

	fakebao_elect(nodes, 2);
	find(nodes, leader, &found);
	assert_string_equal(found.node, nodes[2].address);
	assert_int_equal(fakebao_count(&nodes[1], FAKEBAO_LEADER), 0);
	/* The leader was deposed, and the standby does not know that yet. */
	fakebao_answer(&nodes[2], FAKEBAO_LEADER, 200,
	    "{\"ha_enabled\":true,\"is_self\":false,\"leader_address\":\"\"}");
	find(nodes, leader, &found);
	assert_string_equal(found.node, "");
	assert_null(leader_known(leader));
	assert_true(leader_was_found(leader));
	assert_int_equal(fakebao_logged(nodes,
			     "no leader that can be reached: the one that is named does not lead"),
	    1);
	fakebao_down(&nodes[2]);
	find(nodes, leader, &found);
	assert_string_equal(found.node, "");
	find(nodes, leader, &found);
	assert_int_equal(fakebao_logged(nodes, "no leader that can be reached: the connection to OpenBao broke"),
	    1);
	assert_int_equal(fakebao_logged(nodes, "warning"), 2);
	fakebao_back(&nodes[2]);
	fakebao_elect(nodes, 2);
	find(nodes, leader, &found);
	find(nodes, leader, &found);
	assert_int_equal(fakebao_logged(nodes, "info: OpenBao has a leader that can be reached"), 1);
	leader_free(leader);
}

static void test_a_leader_is_called_by_its_configured_address(void **state)
{
	struct fakebao *nodes = *state;
	struct leader *leader = open_leader(nodes, 3);
	struct found found = { 0 };
	char body[200];

	fakebao_elect(nodes, 1);
	snprintf(body, sizeof(body),
	    "{\"ha_enabled\":true,\"is_self\":false,\"leader_address\":\"http://localhost:%s\"}",
	    strrchr(nodes[1].address, ':') + 1);
	fakebao_answer(&nodes[0], FAKEBAO_LEADER, 200, body);
	fakebao_answer(&nodes[2], FAKEBAO_LEADER, 200, body);
	fakebao_hold(&nodes[1], FAKEBAO_LEADER, true);
	assert_non_null(leader_find(leader, on_found, &found));
	fakebao_until(nodes,
	    fakebao_count(&nodes[0], FAKEBAO_LEADER) == 1 && fakebao_count(&nodes[2], FAKEBAO_LEADER) == 1);
	fakebao_pass(nodes, 50);
	fakebao_hold(&nodes[1], FAKEBAO_LEADER, false);
	fakebao_until(nodes, found.times == 1);
	assert_string_equal(found.node, nodes[1].address);
	leader_free(leader);
}

static void test_a_node_that_does_not_answer_holds_up_nobody(void **state)
{
	struct fakebao *nodes = *state;
	struct leader *leader = open_leader(nodes, 3);
	struct found found = { 0 };
	uint64_t begin = clock_now_ms();

	fakebao_elect(nodes, 2);
	fakebao_hold(&nodes[0], FAKEBAO_LEADER, true);
	fakebao_down(&nodes[1]);
	find(nodes, leader, &found);
	assert_string_equal(found.node, nodes[2].address);
	assert_true(clock_now_ms() - begin < 2000);
	leader_free(leader);
}

static void test_without_a_leader_none_is_found(void **state)
{
	struct fakebao *nodes = *state;
	struct leader *leader = open_leader(nodes, 3);
	struct found found = { 0 };

	for (size_t i = 0; i < FAKEBAO_NODES; i++)
		fakebao_answer(&nodes[i], FAKEBAO_LEADER, 404, ""); /* something else in OpenBao's place */
	find(nodes, leader, &found);
	assert_int_equal(fakebao_logged(nodes, "warning: leader: something in front of OpenBao answered"), 1);
	assert_int_equal(fakebao_logged(nodes, "\n"), 1);
	fakebao_elect(nodes, FAKEBAO_NODES);
	find(nodes, leader, &found);
	assert_string_equal(found.node, "");
	assert_false(leader_was_found(leader));
	assert_int_equal(fakebao_logged(nodes,
			     "warning: OpenBao has no leader that can be reached: none is named"),
	    1);
	leader_free(leader);
}

static void test_only_the_node_that_was_wrong_is_forgotten(void **state)
{
	struct fakebao *nodes = *state;
	struct leader *leader = open_leader(nodes, 3);
	struct found found = { 0 };

	fakebao_elect(nodes, 0);
	find(nodes, leader, &found);
	leader_wrong(leader, nodes[1].address);
	assert_string_equal(leader_known(leader), nodes[0].address);
	leader_wrong(leader, nodes[0].address);
	assert_null(leader_known(leader));
	assert_true(leader_was_found(leader));
	leader_free(leader);
}

static void test_searches_at_the_same_time_are_one(void **state)
{
	struct fakebao *nodes = *state;
	struct leader *leader = open_leader(nodes, 3);
	struct found found[3] = { { .again = leader } };

	fakebao_elect(nodes, 0);
	fakebao_hold(&nodes[0], FAKEBAO_LEADER, true);
	for (size_t i = 0; i < 3; i++)
		assert_non_null(leader_find(leader, on_found, &found[i]));
	fakebao_until(nodes, fakebao_count(&nodes[0], FAKEBAO_LEADER) == 1);
	fakebao_hold(&nodes[0], FAKEBAO_LEADER, false);
	fakebao_until(nodes, found[0].times == 2); /* the search from within the callback is one of its own */
	assert_int_equal(found[1].times, 1);
	assert_int_equal(found[2].times, 1);
	assert_int_equal(fakebao_count(&nodes[0], FAKEBAO_LEADER), 2);
	leader_free(leader);
}

static void test_what_a_cancelled_search_finds_is_remembered(void **state)
{
	struct fakebao *nodes = *state;
	struct leader *leader = open_leader(nodes, 3);
	struct found found = { 0 };

	fakebao_elect(nodes, 1);
	leader_cancel(leader_find(leader, on_found, &found));
	fakebao_until(nodes, leader_known(leader) != NULL);
	assert_int_equal(found.times, 0);
	leader_free(leader);
}

static void test_freeing_ends_a_search(void **state)
{
	struct fakebao *nodes = *state;
	struct leader *leader = open_leader(nodes, 3);
	struct found found = { 0 };

	fakebao_hold(&nodes[0], FAKEBAO_LEADER, true);
	assert_non_null(leader_find(leader, on_found, &found));
	fakebao_until(nodes, fakebao_count(&nodes[0], FAKEBAO_LEADER) == 1);
	leader_free(leader);
	fakebao_hold(&nodes[0], FAKEBAO_LEADER, false);
	fakebao_pass(nodes, 50);
	assert_int_equal(found.times, 0);
}

struct confirmed {
	unsigned times;
	bool leads;
	char active_time[64]; /* "" if there is none */
};

static void on_confirmed(void *arg, bool leads, const char *active_time)
{
	struct confirmed *c = arg;

	c->times++;
	c->leads = leads;
	snprintf(c->active_time, sizeof(c->active_time), "%s", active_time != NULL ? active_time : "");
}

static void confirm(struct fakebao *nodes, struct leader *leader, uint64_t deadline_ms,
    struct confirmed *confirmed)
{
	confirmed->times = 0;
	assert_non_null(leader_confirm(leader, nodes[1].address, deadline_ms, 7, on_confirmed, confirmed));
	assert_int_equal(confirmed->times, 0);
	fakebao_until(nodes, confirmed->times == 1);
}

static void test_a_leader_that_does_not_confirm_is_forgotten(void **state)
{
	struct fakebao *nodes = *state;
	struct leader *leader = open_leader(nodes, 3);
	struct confirmed confirmed = { 0 };
	struct found found = { 0 };
	uint64_t soon = clock_now_ms() + 20000;

	fakebao_elect(nodes, 1);
	find(nodes, leader, &found);
	fakebao_answer(&nodes[1], FAKEBAO_LEADER, 200,
	    "{\"ha_enabled\":true,\"is_self\":true,\"active_time\":\"2026-11-24T14:42:11.5Z\"}");
	confirm(nodes, leader, soon, &confirmed);
	assert_true(confirmed.leads);
	assert_string_equal(confirmed.active_time, "2026-11-24T14:42:11.5Z");
	assert_string_equal(leader_known(leader), nodes[1].address);
	fakebao_elect(nodes, 0);
	confirm(nodes, leader, soon, &confirmed);
	assert_false(confirmed.leads);
	assert_string_equal(confirmed.active_time, "");
	assert_null(leader_known(leader));
	/* A node that says nothing by the deadline does not count either. */
	fakebao_elect(nodes, 1);
	find(nodes, leader, &found);
	fakebao_hold(&nodes[1], FAKEBAO_LEADER, true);
	confirm(nodes, leader, clock_now_ms() + 50, &confirmed);
	assert_false(confirmed.leads);
	assert_null(leader_known(leader));
	fakebao_hold(&nodes[1], FAKEBAO_LEADER, false);
	leader_free(leader);
}

static void test_a_cancelled_confirmation_tells_nothing(void **state)
{
	struct fakebao *nodes = *state;
	struct leader *leader = open_leader(nodes, 3);
	struct confirmed confirmed = { 0 };

	http_cancel(leader_confirm(leader, nodes[1].address, CLOCK_NEVER, 0, on_confirmed, &confirmed));
	fakebao_pass(nodes, 50);
	assert_int_equal(confirmed.times, 0);
	leader_free(leader);
}

#define WITH_CLUSTER(test) cmocka_unit_test_setup_teardown(test, fakebao_cluster_setup, fakebao_cluster_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CLUSTER(test_a_configured_node_that_leads_is_found_and_remembered),
		cmocka_unit_test_setup_teardown(test_a_leader_that_a_standby_names_is_asked_itself,
		    one_known_setup, fakebao_cluster_teardown),
		WITH_CLUSTER(test_a_leader_is_called_by_its_configured_address),
		WITH_CLUSTER(test_a_node_that_does_not_answer_holds_up_nobody),
		WITH_CLUSTER(test_without_a_leader_none_is_found),
		WITH_CLUSTER(test_only_the_node_that_was_wrong_is_forgotten),
		WITH_CLUSTER(test_searches_at_the_same_time_are_one),
		WITH_CLUSTER(test_what_a_cancelled_search_finds_is_remembered),
		WITH_CLUSTER(test_freeing_ends_a_search),
		WITH_CLUSTER(test_a_leader_that_does_not_confirm_is_forgotten),
		WITH_CLUSTER(test_a_cancelled_confirmation_tells_nothing),
	};

	return cmocka_run_group_tests(tests, fakebao_global_setup, NULL);
}
