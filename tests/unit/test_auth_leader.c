/*
 * Logins on a cluster go to its leader: a standby may not know a role or SecretID yet, and its refusal would
 * count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/upstream/leader.h"
#include "tests/unit/auth_helper.h"
#include "tests/unit/fakebao.h"

static struct leader *leader;

static struct auth *new_auth(struct fakebao *nodes, const struct auth_approle_options *options)
{
	struct auth *auth = auth_approle_new(nodes->base, nodes->api, options);

	leader = leader_new(nodes->api, nodes->addresses, FAKEBAO_NODES);
	assert_non_null(auth);
	assert_non_null(leader);
	auth_at_leader(auth, leader);
	return auth;
}

static struct auth *from_text(struct fakebao *nodes)
{
	struct auth_approle_options options = { .mount = "approle", .role_id = "R", .secret_id = "S" };

	return new_auth(nodes, &options);
}

static void close_auth(struct auth *auth)
{
	auth_free(auth);
	leader_free(leader);
}

static void test_a_login_goes_to_the_leader(void **state)
{
	struct fakebao *nodes = *state;
	struct auth *auth = from_text(nodes);
	struct auth_ended e;

	fakebao_elect(nodes, 2);
	fakebao_answer(&nodes[0], FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	fakebao_answer(&nodes[1], FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	auth_helper_granted(&nodes[2], auth, FAKEBAO_LOGIN);
	/* When another node leads, the next login goes there, though the earlier leader still answers. */
	fakebao_elect(nodes, 1);
	fakebao_grant(&nodes[1], FAKEBAO_LOGIN, "T-2", 60, true);
	e = auth_helper_login(nodes, auth);
	assert_string_equal(e.token, "T-2");
	assert_int_equal(fakebao_count(&nodes[0], FAKEBAO_LOGIN), 0);
	close_auth(auth);
}

static void test_a_refusal_by_the_leader_counts_and_is_the_only_attempt(void **state)
{
	struct fakebao *nodes = *state;
	struct auth *auth = from_text(nodes);
	struct auth_ended e;

	fakebao_elect(nodes, 1);
	fakebao_answer(&nodes[1], FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	e = auth_helper_login(nodes, auth);
	assert_int_equal(e.result, AUTH_REJECTED);
	assert_false(e.doubtful);
	for (size_t i = 0; i < FAKEBAO_NODES; i++)
		assert_int_equal(fakebao_count(&nodes[i], FAKEBAO_LOGIN), i == 1 ? 1 : 0);
	close_auth(auth);
}

static void test_without_a_leader_any_node_is_asked(void **state)
{
	struct fakebao *nodes = *state;
	struct auth *auth = from_text(nodes);

	auth_helper_granted(&nodes[0], auth, FAKEBAO_LOGIN);
	close_auth(auth);
}

static void test_a_refusal_by_a_node_that_is_not_known_to_lead_is_in_doubt(void **state)
{
	struct fakebao *nodes = *state;
	struct auth *auth = from_text(nodes);
	struct auth_ended e;

	fakebao_answer(&nodes[0], FAKEBAO_LOGIN, 400, FAKEBAO_REFUSED);
	e = auth_helper_login(nodes, auth);
	assert_int_equal(e.result, AUTH_REJECTED);
	assert_true(e.doubtful);
	close_auth(auth);
}

static void test_a_wrapping_token_is_looked_at_and_opened_at_the_leader(void **state)
{
	char file[] = "/tmp/test_auth_leader_XXXXXX";
	struct fakebao *nodes = *state;
	struct auth_approle_options options = { .mount = "approle",
		.role_id = "R",
		.secret_id_file = file,
		.secret_id_wrapped = true };
	int fd = mkstemp(file);
	struct auth *auth;

	assert_true(fd >= 0);
	close(fd);
	auth_helper_write(file, "WRAPPING");
	auth = new_auth(nodes, &options);
	fakebao_elect(nodes, 2);
	for (size_t i = 0; i < 2; i++)
		fakebao_answer(&nodes[i], FAKEBAO_WRAPPING_LOOKUP, 400, FAKEBAO_WRAPPING_GONE);
	fakebao_answer(&nodes[2], FAKEBAO_WRAPPING_LOOKUP, 200,
	    "{\"data\":{\"creation_path\":\"auth/approle/role/r1/secret-id\"}}");
	fakebao_answer(&nodes[2], FAKEBAO_UNWRAP, 200, "{\"data\":{\"secret_id\":\"S\"}}");
	auth_helper_granted(&nodes[2], auth, FAKEBAO_LOGIN);
	assert_int_equal(fakebao_count(&nodes[2], FAKEBAO_UNWRAP), 1);
	close_auth(auth);
	unlink(file);
}

static void test_freeing_ends_a_login_that_looks_for_the_leader(void **state)
{
	struct fakebao *nodes = *state;
	struct auth *auth = from_text(nodes);
	struct auth_ended e = { .inside = false };

	fakebao_elect(nodes, 0);
	fakebao_hold(&nodes[0], FAKEBAO_LEADER, true);
	auth_login(auth, clock_now_ms() + 5000, auth_helper_done, &e);
	fakebao_until(nodes, fakebao_count(&nodes[0], FAKEBAO_LEADER) == 1);
	auth_free(auth);
	fakebao_hold(&nodes[0], FAKEBAO_LEADER, false);
	fakebao_until(nodes, leader_known(leader) != NULL);
	fakebao_pass(nodes, 20);
	assert_int_equal(e.times, 0);
	leader_free(leader);
}

#define WITH_CLUSTER(test) cmocka_unit_test_setup_teardown(test, fakebao_cluster_setup, fakebao_cluster_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CLUSTER(test_a_login_goes_to_the_leader),
		WITH_CLUSTER(test_a_refusal_by_the_leader_counts_and_is_the_only_attempt),
		WITH_CLUSTER(test_without_a_leader_any_node_is_asked),
		WITH_CLUSTER(test_a_refusal_by_a_node_that_is_not_known_to_lead_is_in_doubt),
		WITH_CLUSTER(test_a_wrapping_token_is_looked_at_and_opened_at_the_leader),
		WITH_CLUSTER(test_freeing_ends_a_login_that_looks_for_the_leader),
	};

	return cmocka_run_group_tests(tests, fakebao_global_setup, NULL);
}
