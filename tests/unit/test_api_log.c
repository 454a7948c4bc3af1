/*
 * What the log says at debug of each request to OpenBao: enough to follow one, and nothing that is secret.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/host/log.h"
#include "daemon/upstream/api.h"
#include "tests/unit/fakebao.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/http_server.h"

#define SECRET "/v1/the-mount/data/the-path"

/* How far the daemon's clock is put forward. The timers of libevent and curl count by another one. */
static time_t ahead_s;

int clock_gettime(clockid_t id, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, id, now);

	if (id == CLOCK_BOOTTIME)
		now->tv_sec += ahead_s;
	return result;
}

static void on_answer(void *arg, const struct answer *answer)
{
	unsigned *times = arg;

	(void)answer;
	(*times)++;
}

static struct http_call *get(struct fakebao *f, const char *node, uint64_t deadline_ms, uint64_t number,
    unsigned *times)
{
	const struct api_request request = { .token = "s.the-token",
		.node = node,
		.mount = "the-mount",
		.path = "the-path",
		.deadline_ms = deadline_ms,
		.number = number };
	struct http_call *call = api_ask(f->api, API_KV_GET, &request, on_answer, times);

	*times = 0;
	assert_non_null(call);
	return call;
}

static void expect_logged(struct fakebao *f, const char *what, const char *outcome)
{
	char line[256];

	snprintf(line, sizeof(line), "debug: %s: %s after ", what, outcome);
	assert_int_equal(fakebao_logged(f, line), 1);
}

static void test_each_request_is_a_line_with_node_and_status(void **state)
{
	struct fakebao *f = *state;
	unsigned times;

	log_set_level(LOG_LEVEL_DEBUG);
	fakebao_answer(f, SECRET, 200, "{\"data\":{\"data\":{\"k\":\"the-value\"},\"metadata\":{\"version\":4}}}");
	get(f, NULL, clock_now_ms() + 20000, 12, &times);
	fakebao_until(f, times == 1);
	expect_logged(f, "request 12: kv.get at address 1", "200");
	assert_int_equal(fakebao_logged(f, "request 12: kv.get: queued -> running\n"), 1);
	fakebao_answer(f, SECRET, 403, FAKEBAO_DENIED);
	get(f, f->address, clock_now_ms() + 20000, 0, &times);
	fakebao_until(f, times == 1);
	expect_logged(f, "kv.get at address 1", "403");
	assert_int_equal(fakebao_logged(f, "the-"), 0);
}

static void test_a_request_without_an_answer_says_what_became_of_it(void **state)
{
	struct fakebao *f = *state;
	struct http_call *call;
	unsigned times;

	log_set_level(LOG_LEVEL_DEBUG);
	fakebao_hold(f, SECRET, true);
	get(f, NULL, clock_now_ms() + 50, 1, &times);
	fakebao_until(f, times == 1);
	expect_logged(f, "request 1: kv.get at address 1", "deadline");
	call = get(f, NULL, clock_now_ms() + 20000, 2, &times);
	fakebao_until(f, fakebao_count(f, SECRET) == 2);
	http_cancel(call);
	expect_logged(f, "request 2: kv.get at address 1", "cancelled");
	fakebao_hold(f, SECRET, false);
	get(f, NULL, clock_now_ms(), 3, &times);
	fakebao_until(f, times == 1);
	assert_int_equal(fakebao_logged(f, "debug: request 3: kv.get: deadline, and it was not sent\n"), 1);
}

static void test_a_node_that_is_not_configured_is_not_named(void **state)
{
	struct fakebao *f = *state;
	unsigned times;

	log_set_level(LOG_LEVEL_DEBUG);
	get(f, "http://127.0.0.1:1", clock_now_ms() + 20000, 6, &times);
	fakebao_until(f, times == 1);
	expect_logged(f, "request 6: kv.get at a node that is not configured", "no connection");
	assert_int_equal(fakebao_logged(f, "127.0.0.1"), 0);
}

/* The second address answers each request, so that nobody asks for health; the log tells it nevertheless. */
static void test_an_address_that_is_not_reached_is_told_once_with_the_reason(void **state)
{
	struct fakebao *f = *state;
	char refusing[64], line[192];
	char *addresses[] = { refusing, f->address };
	const struct http_options options = { .addresses = addresses,
		.naddresses = 2,
		.connect_timeout_ms = 3000 };
	struct error error;
	struct http *http;
	unsigned port, times;
	int fd = fixture_refusing(&port);

	snprintf(refusing, sizeof(refusing), "http://127.0.0.1:%u", port);
	http = http_new(f->base, &options, &error);
	assert_non_null(http);
	for (int i = 0; i < 3; i++) {
		const struct api_request request = { .deadline_ms = clock_now_ms() + 20000 };
		struct api *api = api_new(http, NULL);

		times = 0;
		assert_non_null(api);
		assert_non_null(api_ask(api, API_SNAPSHOT_SAVE, &request, on_answer, &times));
		fakebao_until(f, times == 1);
		http_address_failed(http, 1); /* the first address is tried before this one again */
		api_free(api);
	}
	/* What follows are the library's own words, which another version may choose otherwise. */
	snprintf(line, sizeof(line), "warning: OpenBao at %s is not reached: ", refusing);
	assert_int_equal(fakebao_logged(f, line), 1);
	if (curl_version_info(CURLVERSION_NOW)->version_num < 0x080f00) {
		snprintf(line, sizeof(line), "Failed to connect to 127.0.0.1 port %u", port);
		assert_int_equal(fakebao_logged(f, line), 1);
		assert_int_equal(fakebao_logged(f, " (Connection refused)\n"), 1);
	}
	assert_int_equal(fakebao_logged(f, "\n"), 1);
	http_free(http);
	close(fd);
}

/* Answers on the first connection; on others only while they are let in. */
static void play_first(struct server_connection *c, void *arg)
{
	const atomic_bool *let_in = arg;

	while ((c->number == 1 || *let_in) && server_read(c))
		server_reply(c, 200, "", "{}");
}

static void on_health(void *arg, const struct control *control)
{
	unsigned *times = arg;

	(void)control;
	(*times)++;
}

/* Makes a request over the kept connection, and one for health over a new one. */
static void ask_both(struct fakebao *f, struct api *api)
{
	const struct api_request request = { .mount = "m", .path = "p", .deadline_ms = clock_now_ms() + 20000 };
	unsigned times = 0;

	assert_non_null(api_ask(api, API_KV_GET, &request, on_answer, &times));
	fakebao_until(f, times == 1);
	assert_non_null(api_ask_control(api, API_HEALTH, &request, on_health, &times));
	fakebao_until(f, times == 2);
}

static void test_an_address_is_not_reached_again_by_a_kept_connection(void **state)
{
	static const char away[] = " is not reached: ", back[] = " is reached again\n";
	struct fakebao *f = *state;
	atomic_bool let_in = false;
	struct server *server = server_start(play_first, &let_in, NULL);
	char *address = NULL;
	struct error error;
	struct http *http;
	struct api *api;

	assert_true(asprintf(&address, "http://127.0.0.1:%u", server_port(server)) > 0);
	http = http_new(f->base,
	    &(struct http_options){ .addresses = &address, .naddresses = 1, .connect_timeout_ms = 3000 }, &error);
	assert_non_null(http);
	api = api_new(http, NULL);
	assert_non_null(api);
	for (int i = 0; i < 10; i++)
		ask_both(f, api);
	assert_int_equal(fakebao_logged(f, away), 1);
	assert_int_equal(fakebao_logged(f, back), 0);
	let_in = true;
	ask_both(f, api);
	assert_int_equal(fakebao_logged(f, back), 1);
	/* An address that comes and goes is told once a minute. */
	for (int i = 0; i < 10; i++) {
		let_in = !let_in;
		ask_both(f, api);
	}
	assert_int_equal(fakebao_logged(f, "\n"), 2);
	let_in = false;
	ask_both(f, api);
	ahead_s += 61;
	ask_both(f, api);
	assert_int_equal(fakebao_logged(f, away), 2);
	assert_int_equal(fakebao_logged(f, "\n"), 3);
	api_free(api);
	http_free(http);
	server_stop(server);
	free(address);
}

static void closed_or_open(struct fakebao *f, bool closed)
{
	unsigned times;

	fakebao_answer(f, SECRET, closed ? 503 : 200, closed ? "{\"errors\":[\"namespace is sealed\"]}" : "{}");
	get(f, NULL, clock_now_ms() + 20000, 0, &times);
	fakebao_until(f, times == 1);
}

static void test_a_namespace_that_stays_closed_is_told_after_a_minute(void **state)
{
	static const char closed[] = "warning: the namespace is sealed in OpenBao\n",
			  opened[] = "info: the namespace is open again in OpenBao\n";
	struct fakebao *f = *state;
	unsigned times;

	closed_or_open(f, true);
	closed_or_open(f, false);
	for (int i = 0; i < 5; i++) {
		closed_or_open(f, false);
		closed_or_open(f, true);
	}
	assert_int_equal(fakebao_logged(f, closed), 1);
	assert_int_equal(fakebao_logged(f, opened), 1);
	ahead_s += 61;
	closed_or_open(f, true);
	assert_int_equal(fakebao_logged(f, closed), 2);
	ahead_s += 61;
	closed_or_open(f, true);
	assert_int_equal(fakebao_logged(f, closed), 2);
	fakebao_answer(f, SECRET, 200, "<html>a page</html>");
	get(f, NULL, clock_now_ms() + 20000, 0, &times);
	fakebao_until(f, times == 1);
	assert_non_null(api_namespace_closed(f->api));
	closed_or_open(f, false);
	assert_int_equal(fakebao_logged(f, opened), 2);
	assert_int_equal(fakebao_logged(f, "the namespace is"), 4);
}

static void test_nothing_of_it_is_logged_at_info(void **state)
{
	struct fakebao *f = *state;
	unsigned times;

	fakebao_answer(f, SECRET, 404, "{\"errors\":[]}");
	get(f, NULL, clock_now_ms() + 20000, 12, &times);
	fakebao_until(f, times == 1);
	assert_string_equal(fakebao_log(f), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_request_is_a_line_with_node_and_status, fakebao_setup,
		    fakebao_teardown),
		cmocka_unit_test_setup_teardown(test_a_request_without_an_answer_says_what_became_of_it,
		    fakebao_setup, fakebao_teardown),
		cmocka_unit_test_setup_teardown(test_a_node_that_is_not_configured_is_not_named, fakebao_setup,
		    fakebao_teardown),
		cmocka_unit_test_setup_teardown(test_an_address_that_is_not_reached_is_told_once_with_the_reason,
		    fakebao_setup, fakebao_teardown),
		cmocka_unit_test_setup_teardown(test_an_address_is_not_reached_again_by_a_kept_connection,
		    fakebao_setup, fakebao_teardown),
		cmocka_unit_test_setup_teardown(test_a_namespace_that_stays_closed_is_told_after_a_minute,
		    fakebao_setup, fakebao_teardown),
		cmocka_unit_test_setup_teardown(test_nothing_of_it_is_logged_at_info, fakebao_setup,
		    fakebao_teardown),
	};

	return cmocka_run_group_tests(tests, fakebao_global_setup, NULL);
}
