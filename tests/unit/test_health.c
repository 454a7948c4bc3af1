/*
 * Watching whether OpenBao is there: when sys/health is asked, what its answers mean, and what the log says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/clock.h"
#include "daemon/upstream/api.h"
#include "daemon/upstream/health.h"
#include "daemon/upstream/http.h"
#include "tests/unit/fakebao.h"
#include "tests/unit/http_server.h"

struct watch {
	struct health *health;
	unsigned times;
	uint64_t outage_ms;
};

static void on_back(void *arg, uint64_t outage_ms)
{
	struct watch *w = arg;

	assert_int_equal(health_state(w->health), HEALTH_UP);
	w->times++;
	w->outage_ms = outage_ms;
}

static void watch_begin(struct fakebao *f, struct watch *w)
{
	w->times = 0;
	w->health = health_new(f->base, f->api, f->addresses, 1, on_back, w);
	assert_non_null(w->health);
}

static void test_states_have_names(void **state)
{
	(void)state;
	assert_string_equal(health_state_name(HEALTH_UP), "up");
	assert_string_equal(health_state_name(HEALTH_SUSPECT), "suspect");
	assert_string_equal(health_state_name(HEALTH_DOWN), "down");
	assert_string_equal(health_state_name(HEALTH_SEALED), "sealed");
	assert_string_equal(health_state_name(HEALTH_NOT_INITIALIZED), "not_initialized");
}

static void test_nothing_is_asked_without_a_failure(void **state)
{
	struct fakebao *f = *state;
	struct watch w;

	watch_begin(f, &w);
	fakebao_pass(f, 50);
	assert_int_equal(fakebao_count(f, FAKEBAO_HEALTH), 0);
	assert_int_equal(health_state(w.health), HEALTH_UP);
	health_free(w.health);
}

static void test_one_lost_request_is_no_outage(void **state)
{
	struct fakebao *f = *state;
	struct watch w;

	watch_begin(f, &w);
	health_failed(w.health);
	assert_int_equal(health_state(w.health), HEALTH_SUSPECT);
	for (int i = 0; i < 50; i++)
		health_failed(w.health);
	fakebao_until(f, w.times > 0);
	assert_int_equal(w.times, 1);
	assert_true(w.outage_ms < 1000);
	assert_int_equal(fakebao_count(f, FAKEBAO_HEALTH), 1);
	assert_string_equal(fakebao_log(f), "");
	health_free(w.health);
}

static void test_questions_are_apart_when_requests_go_on_failing(void **state)
{
	struct fakebao *f = *state;
	struct watch w;
	uint64_t begin = clock_now_ms();

	watch_begin(f, &w);
	while (clock_now_ms() < begin + 700) {
		health_failed(w.health);
		fakebao_pass(f, 1);
	}
	assert_in_range(fakebao_count(f, FAKEBAO_HEALTH), 2, 4);
	health_free(w.health);
}

static void on_changed(void *arg)
{
	unsigned *changes = arg;

	(*changes)++;
}

static void test_who_watches_is_told_of_each_change_once(void **state)
{
	struct fakebao *f = *state;
	struct watch w;
	unsigned changes = 0;

	watch_begin(f, &w);
	health_watch(w.health, on_changed, &changes);
	fakebao_answer(f, FAKEBAO_HEALTH, 0, "");
	health_failed(w.health);
	assert_int_equal(changes, 0); /* one lost request is no outage */
	fakebao_until(f, health_state(w.health) == HEALTH_DOWN);
	assert_int_equal(changes, 1);
	fakebao_until(f, fakebao_count(f, FAKEBAO_HEALTH) == 2);
	fakebao_pass(f, 50);
	assert_int_equal(changes, 1);
	fakebao_answer(f, FAKEBAO_HEALTH, 200, FAKEBAO_UP);
	fakebao_until(f, w.times == 1);
	assert_int_equal(changes, 2);
	health_free(w.health);
}

static void test_an_outage_is_told_once_polled_and_its_end_told(void **state)
{
	struct fakebao *f = *state;
	char line[128];
	struct watch w;

	watch_begin(f, &w);
	fakebao_answer(f, FAKEBAO_HEALTH, 0, "");
	health_failed(w.health);
	fakebao_until(f, health_state(w.health) == HEALTH_DOWN);
	assert_int_equal(fakebao_logged(f, "warning: OpenBao does not answer; asking again in "), 1);
	health_failed(w.health);
	assert_int_equal(health_state(w.health), HEALTH_DOWN);
	fakebao_until(f, fakebao_count(f, FAKEBAO_HEALTH) == 3);
	assert_int_equal(w.times, 0);
	fakebao_answer(f, FAKEBAO_HEALTH, 200, FAKEBAO_UP);
	fakebao_until(f, w.times == 1);
	assert_int_equal(health_state(w.health), HEALTH_UP);
	assert_in_range(w.outage_ms, 3000, 13000);
	assert_int_equal(fakebao_logged(f, "info: OpenBao answers again after "), 1);
	snprintf(line, sizeof(line), "warning: OpenBao at %s is not reached: Empty reply from server\n",
	    f->address);
	assert_int_equal(fakebao_logged(f, line), 1);
	snprintf(line, sizeof(line), "info: OpenBao at %s is reached again\n", f->address);
	assert_int_equal(fakebao_logged(f, line), 1);
	assert_int_equal(fakebao_logged(f, "\n"), 4);
	health_free(w.health);
}

static void test_an_outage_is_told_again_after_1_2_4_and_more_minutes(void **state)
{
	uint64_t after_ms = 60000, told[8] = { 0 };
	size_t n = 0;

	(void)state;
	for (uint64_t outage_ms = 0; outage_ms < 20 * 60000; outage_ms += 2500) {
		if (health_tells(&after_ms, outage_ms))
			told[n++] = outage_ms;
	}
	assert_int_equal(n, 5);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(told[i], 60000 << i);
	/* One that was not looked at for long is told once. */
	after_ms = 60000;
	assert_true(health_tells(&after_ms, 10 * 60000));
	assert_false(health_tells(&after_ms, 10 * 60000 + 1));
	assert_true(health_tells(&after_ms, 16 * 60000));
}

static void test_a_server_that_does_not_answer_is_given_up_after_three_seconds(void **state)
{
	struct fakebao *f = *state;
	struct watch w;
	uint64_t begin = clock_now_ms();

	watch_begin(f, &w);
	fakebao_hold(f, FAKEBAO_HEALTH, true);
	health_failed(w.health);
	fakebao_until(f, health_state(w.health) == HEALTH_DOWN);
	assert_in_range(clock_now_ms() - begin, 3000, 6000);
	health_free(w.health);
}

static void test_sealed_and_not_initialized_are_named(void **state)
{
	struct fakebao *f = *state;
	struct watch w;

	watch_begin(f, &w);
	fakebao_answer(f, FAKEBAO_HEALTH, 299, FAKEBAO_UNINITIALIZED);
	health_failed(w.health);
	fakebao_until(f, health_state(w.health) == HEALTH_NOT_INITIALIZED);
	fakebao_answer(f, FAKEBAO_HEALTH, 299, FAKEBAO_SEALED);
	fakebao_until(f, health_state(w.health) == HEALTH_SEALED);
	assert_int_equal(w.times, 0);
	fakebao_answer(f, FAKEBAO_HEALTH, 299, "{\"initialized\":true,\"sealed\":false,\"standby\":true}");
	fakebao_until(f, w.times == 1);
	assert_int_equal(fakebao_logged(f, "warning: OpenBao is not initialized; asking again"), 1);
	assert_int_equal(fakebao_logged(f, "warning: OpenBao is sealed; asking again"), 1);
	health_free(w.health);
}

static void test_what_an_answer_to_the_question_means(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum health_state means;
	} rows[] = {
		{ 200, FAKEBAO_UP, HEALTH_UP },
		{ 429, "{\"initialized\":true,\"sealed\":false,\"standby\":true}", HEALTH_UP },
		{ 503, FAKEBAO_SEALED, HEALTH_SEALED },
		{ 501, FAKEBAO_UNINITIALIZED, HEALTH_NOT_INITIALIZED },
		{ 200, "<html>a page</html>", HEALTH_UP },
		{ 403, "<html>not for you</html>", HEALTH_UP },
		{ 404, "", HEALTH_UP },
		{ 400, "{\"errors\":[\"local node not active but active cluster node not found\"]}", HEALTH_DOWN },
		{ 502, "<html>bad gateway</html>", HEALTH_DOWN },
		{ 503, "", HEALTH_DOWN },
	};
	struct fakebao *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct watch w;

		watch_begin(f, &w);
		fakebao_answer(f, FAKEBAO_HEALTH, rows[i].status, rows[i].body);
		health_failed(w.health);
		fakebao_until(f, health_state(w.health) != HEALTH_SUSPECT);
		assert_int_equal(health_state(w.health), rows[i].means);
		assert_int_equal(w.times, rows[i].means == HEALTH_UP ? 1 : 0);
		health_free(w.health);
	}
}

/* Answers with more bytes of head or of body than are taken. */
static void play_too_much(struct server_connection *c, void *arg)
{
	const bool *in_head = arg;
	static char many[HTTP_REPLY_MAX + 2], header[70000];

	memset(many, 'x', sizeof(many) - 1);
	memset(header, 'h', sizeof(header) - 3);
	header[1] = ':';
	memcpy(header + sizeof(header) - 3, "\r\n", 3);
	if (server_read(c))
		server_reply(c, 200, *in_head ? header : "", *in_head ? "" : many);
}

static void test_an_answer_that_is_not_taken_to_its_end_is_none(void **state)
{
	struct fakebao *f = *state;

	for (int i = 0; i < 2; i++) {
		bool in_head = i == 0;
		struct server *server = server_start(play_too_much, &in_head, NULL);
		char *address = NULL;
		struct watch w = { .times = 0 };

		assert_true(asprintf(&address, "http://127.0.0.1:%u", server_port(server)) > 0);
		w.health = health_new(f->base, f->api, &address, 1, on_back, &w);
		assert_non_null(w.health);
		health_failed(w.health);
		fakebao_until(f, health_state(w.health) != HEALTH_SUSPECT);
		assert_int_equal(health_state(w.health), HEALTH_DOWN);
		assert_int_equal(w.times, 0);
		health_free(w.health);
		server_stop(server);
		free(address);
	}
}

static void test_what_answers_in_front_of_openbao_is_told_once(void **state)
{
	struct fakebao *f = *state;
	struct watch w;

	watch_begin(f, &w);
	fakebao_answer(f, FAKEBAO_HEALTH, 403, "<html>not for you</html>");
	for (unsigned i = 1; i <= 3; i++) {
		health_failed(w.health);
		fakebao_until(f, w.times == i);
	}
	assert_int_equal(fakebao_logged(f,
			     ": something in front of OpenBao answered in its place, with HTTP status 403\n"),
	    1);
	fakebao_answer(f, FAKEBAO_HEALTH, 200, FAKEBAO_UP);
	health_failed(w.health);
	fakebao_until(f, w.times == 4);
	assert_int_equal(fakebao_logged(f, " is fit again\n"), 1);
	assert_int_equal(fakebao_logged(f, "\n"), 2);
	health_free(w.health);
}

static void test_the_question_carries_no_token(void **state)
{
	struct fakebao *f = *state;
	struct watch w;

	watch_begin(f, &w);
	health_failed(w.health);
	fakebao_until(f, w.times == 1);
	assert_string_equal(fakebao_token(f, FAKEBAO_HEALTH), "");
	health_free(w.health);
}

static void test_freeing_ends_the_polls(void **state)
{
	struct fakebao *f = *state;
	struct watch w;
	int events = event_base_get_num_events(f->base, EVENT_BASE_COUNT_ADDED);

	watch_begin(f, &w);
	health_failed(w.health);
	assert_int_equal(event_base_get_num_events(f->base, EVENT_BASE_COUNT_ADDED), events + 1);
	health_free(w.health);
	assert_int_equal(event_base_get_num_events(f->base, EVENT_BASE_COUNT_ADDED), events);
}

static void test_freeing_ends_a_question(void **state)
{
	struct fakebao *f = *state;
	struct watch w;

	watch_begin(f, &w);
	fakebao_hold(f, FAKEBAO_HEALTH, true);
	health_failed(w.health);
	fakebao_until(f, fakebao_count(f, FAKEBAO_HEALTH) == 1);
	health_free(w.health);
	fakebao_hold(f, FAKEBAO_HEALTH, false);
	fakebao_pass(f, 50);
	assert_int_equal(w.times, 0);
}

/* -- several nodes ------------------------------------------------------------------------------------------- */

static void watch_cluster(struct fakebao *nodes, struct watch *w)
{
	w->times = 0;
	w->health = health_new(nodes->base, nodes->api, nodes->addresses, FAKEBAO_NODES, on_back, w);
	assert_non_null(w->health);
}

static void on_looked_up(void *arg, const struct control *control)
{
	unsigned *times = arg;

	(void)control;
	(*times)++;
}

/* Returns the node that an ordinary request goes to. */
static size_t goes_to(struct fakebao *nodes)
{
	unsigned before[FAKEBAO_NODES], times = 0;

	for (size_t i = 0; i < FAKEBAO_NODES; i++)
		before[i] = fakebao_count(&nodes[i], FAKEBAO_LOOKUP);
	assert_non_null(api_ask_control(nodes->api, API_LOOKUP_SELF,
	    &(struct api_request){ .token = "s.t", .deadline_ms = clock_now_ms() + 5000 }, on_looked_up, &times));
	fakebao_until(nodes, times == 1);
	for (size_t i = 0; i < FAKEBAO_NODES; i++) {
		if (fakebao_count(&nodes[i], FAKEBAO_LOOKUP) > before[i])
			return i;
	}
	return FAKEBAO_NODES;
}

static void test_one_node_that_is_silent_is_no_outage_and_is_passed_over(void **state)
{
	struct fakebao *nodes = *state;
	struct watch w;
	uint64_t begin = clock_now_ms();

	watch_cluster(nodes, &w);
	fakebao_hold(&nodes[0], FAKEBAO_HEALTH, true);
	health_failed(w.health);
	fakebao_until(nodes, health_state(w.health) == HEALTH_UP);
	assert_true(clock_now_ms() - begin < 2000);
	assert_int_equal(goes_to(nodes), 0); /* the silent node has time left to answer */
	while (clock_now_ms() < begin + 3500)
		fakebao_pass(nodes, 10);
	assert_int_equal(goes_to(nodes), 1);
	assert_int_equal(health_state(w.health), HEALTH_UP);
	assert_int_equal(w.times, 1);
	assert_int_equal(fakebao_logged(nodes, "is not reached: no answer came in time\n"), 1);
	assert_int_equal(fakebao_logged(nodes, "\n"), 1);
	health_free(w.health);
}

static void test_a_late_answer_of_one_node_does_not_decide_for_all(void **state)
{
	struct fakebao *nodes = *state;
	struct watch w;

	watch_cluster(nodes, &w);
	fakebao_answer(&nodes[1], FAKEBAO_HEALTH, 0, "");
	fakebao_hold(&nodes[1], FAKEBAO_HEALTH, true);
	health_failed(w.health);
	fakebao_until(nodes,
	    fakebao_count(&nodes[1], FAKEBAO_HEALTH) == 1 && fakebao_count(&nodes[2], FAKEBAO_HEALTH) == 1);
	fakebao_pass(nodes, 20);
	assert_int_equal(w.times, 1);
	/* The next questions are sent a moment later; the answer to the last one comes before that. */
	health_failed(w.health);
	fakebao_hold(&nodes[1], FAKEBAO_HEALTH, false);
	fakebao_until(nodes, w.times == 2);
	assert_int_equal(fakebao_logged(nodes, "does not answer"), 0);
	health_free(w.health);
}

static void test_one_node_that_is_sealed_is_no_outage_and_is_passed_over(void **state)
{
	struct fakebao *nodes = *state;
	struct watch w;

	watch_cluster(nodes, &w);
	fakebao_answer(&nodes[0], FAKEBAO_HEALTH, 299, FAKEBAO_SEALED);
	fakebao_hold(&nodes[2], FAKEBAO_HEALTH, true);
	health_failed(w.health);
	fakebao_until(nodes, fakebao_count(&nodes[0], FAKEBAO_HEALTH) > 0 && health_state(w.health) == HEALTH_UP);
	fakebao_pass(nodes, 50);
	assert_int_equal(goes_to(nodes), 1);
	health_failed(w.health);
	fakebao_until(nodes, fakebao_count(&nodes[0], FAKEBAO_HEALTH) > 1);
	fakebao_pass(nodes, 50);
	assert_int_equal(fakebao_logged(nodes, " is not fit: OpenBao is sealed\n"), 1);
	fakebao_answer(&nodes[0], FAKEBAO_HEALTH, 200, FAKEBAO_UP);
	health_failed(w.health);
	fakebao_until(nodes, fakebao_logged(nodes, " is fit again\n") == 1);
	health_free(w.health);
}

static void test_standbys_without_a_leader_are_no_outage(void **state)
{
	struct fakebao *nodes = *state;
	struct watch w;

	watch_cluster(nodes, &w);
	fakebao_down(&nodes[0]);
	for (size_t i = 1; i < FAKEBAO_NODES; i++)
		fakebao_answer(&nodes[i], FAKEBAO_HEALTH, 299,
		    "{\"initialized\":true,\"sealed\":false,\"standby\":true}");
	health_failed(w.health);
	fakebao_until(nodes, health_state(w.health) != HEALTH_SUSPECT);
	assert_int_equal(health_state(w.health), HEALTH_UP);
	health_free(w.health);
}

static void test_openbao_is_down_when_no_node_answers_and_back_with_the_first_that_does(void **state)
{
	struct fakebao *nodes = *state;
	struct watch w;

	watch_cluster(nodes, &w);
	for (size_t i = 0; i < FAKEBAO_NODES; i++)
		fakebao_down(&nodes[i]);
	health_failed(w.health);
	fakebao_until(nodes, health_state(w.health) == HEALTH_DOWN);
	assert_int_equal(fakebao_logged(nodes, "OpenBao does not answer; asking again"), 1);
	fakebao_back(&nodes[2]);
	fakebao_until(nodes, w.times == 1);
	assert_int_equal(health_state(w.health), HEALTH_UP);
	health_free(w.health);
}

static void test_openbao_is_sealed_when_those_that_answer_are(void **state)
{
	struct fakebao *nodes = *state;
	struct watch w;

	watch_cluster(nodes, &w);
	fakebao_answer(&nodes[0], FAKEBAO_HEALTH, 299, FAKEBAO_UNINITIALIZED);
	fakebao_answer(&nodes[1], FAKEBAO_HEALTH, 299, FAKEBAO_SEALED);
	fakebao_down(&nodes[2]);
	health_failed(w.health);
	fakebao_until(nodes, health_state(w.health) != HEALTH_SUSPECT);
	assert_int_equal(health_state(w.health), HEALTH_SEALED);
	health_free(w.health);
}

#define WITH_FAKEBAO(test) cmocka_unit_test_setup_teardown(test, fakebao_setup, fakebao_teardown)

#define WITH_CLUSTER(test) cmocka_unit_test_setup_teardown(test, fakebao_cluster_setup, fakebao_cluster_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states_have_names),
		WITH_FAKEBAO(test_who_watches_is_told_of_each_change_once),
		WITH_FAKEBAO(test_nothing_is_asked_without_a_failure),
		WITH_FAKEBAO(test_one_lost_request_is_no_outage),
		WITH_FAKEBAO(test_questions_are_apart_when_requests_go_on_failing),
		WITH_FAKEBAO(test_an_outage_is_told_once_polled_and_its_end_told),
		cmocka_unit_test(test_an_outage_is_told_again_after_1_2_4_and_more_minutes),
		WITH_FAKEBAO(test_a_server_that_does_not_answer_is_given_up_after_three_seconds),
		WITH_FAKEBAO(test_sealed_and_not_initialized_are_named),
		WITH_FAKEBAO(test_what_an_answer_to_the_question_means),
		WITH_FAKEBAO(test_an_answer_that_is_not_taken_to_its_end_is_none),
		WITH_FAKEBAO(test_what_answers_in_front_of_openbao_is_told_once),
		WITH_FAKEBAO(test_the_question_carries_no_token),
		WITH_FAKEBAO(test_freeing_ends_the_polls),
		WITH_FAKEBAO(test_freeing_ends_a_question),
		WITH_CLUSTER(test_one_node_that_is_silent_is_no_outage_and_is_passed_over),
		WITH_CLUSTER(test_a_late_answer_of_one_node_does_not_decide_for_all),
		WITH_CLUSTER(test_one_node_that_is_sealed_is_no_outage_and_is_passed_over),
		WITH_CLUSTER(test_standbys_without_a_leader_are_no_outage),
		WITH_CLUSTER(test_openbao_is_down_when_no_node_answers_and_back_with_the_first_that_does),
		WITH_CLUSTER(test_openbao_is_sealed_when_those_that_answer_are),
	};

	return cmocka_run_group_tests(tests, fakebao_global_setup, NULL);
}
