/*
 * Connections that break, addresses that do not answer, and what may be sent again: never a POST of which
 * something was sent.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/upstream/http_addresses.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/http_server.h"

#define LONG_MS 20000
#define BODY "{\"data\":{}}"

/* -- connections that break -- */

enum cut {
	CUT_AFTER_HEAD,
	CUT_AFTER_BODY,
	CUT_IN_REPLY_HEAD,
	CUT_AFTER_REPLY_LINE,
	CUT_AFTER_CONTINUE,
	CUT_IN_REPLY_BODY,
	CUT_IN_REPLY_CHUNKS
};

/*
 * The server answers `good` requests of the first connection, and cuts the next one. Other connections are not
 * cut.
 */
struct cutter {
	unsigned good;
	enum cut cut;
	bool reset;
	atomic_uint cuts;
};

static void play_cut(struct server_connection *c, void *arg)
{
	static const char *const starts[] = {
		[CUT_IN_REPLY_HEAD] = "HTTP/1.1 200 OK\r\nContent-Le",
		[CUT_AFTER_REPLY_LINE] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
		[CUT_AFTER_CONTINUE] = "HTTP/1.1 100 Continue\r\n\r\n",
		[CUT_IN_REPLY_BODY] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
		[CUT_IN_REPLY_CHUNKS] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	};
	struct cutter *cutter = arg;

	for (unsigned i = 0; c->number > 1 || i < cutter->good; i++) {
		if (!server_read(c))
			return;
		server_reply(c, 200, "", "good");
	}
	if (!server_read_head(c) || (cutter->cut != CUT_AFTER_HEAD && !server_read_body(c)))
		return;
	if (starts[cutter->cut] != NULL)
		server_write(c, starts[cutter->cut], strlen(starts[cutter->cut]));
	if (cutter->reset)
		server_reset(c);
	cutter->cuts++;
}

/*
 * Cuts a POST on a new connection (good is 0) or on a used one. Expects that it came to the server once and ended
 * as broken.
 */
static void expect_one_post(unsigned good, enum cut cut, bool reset)
{
	struct cutter cutter = { .good = good, .cut = cut, .reset = reset };
	struct server *server = server_start(play_cut, &cutter, NULL);
	struct result result = { 0 };
	struct fixture f;

	fixture_server(&f, server);
	for (unsigned i = 0; i < good; i++) {
		fixture_got(&f, "/v1/x", &result);
		assert_int_equal(result.outcome, HTTP_REPLY);
	}
	fixture_posted(&f, "/v1/x", BODY, strlen(BODY), &result);
	assert_int_equal(result.outcome, HTTP_BROKEN);
	assert_true(result.sent);
	assert_int_equal(cutter.cuts, 1);
	fixture_run(&f, 50);
	assert_int_equal(result.ended, 1);
	assert_int_equal(server_counts(server)->heads, good + 1);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

static void test_post_cut_after_its_body_on_a_used_connection_is_made_once(void **state)
{
	(void)state;
	expect_one_post(1, CUT_AFTER_BODY, false);
	expect_one_post(3, CUT_AFTER_BODY, true);
}

static void test_post_cut_after_its_body_on_a_new_connection_is_made_once(void **state)
{
	(void)state;
	expect_one_post(0, CUT_AFTER_BODY, false);
	expect_one_post(0, CUT_AFTER_BODY, true);
}

/*
 * How far curl got is chance here. If it sent something, the POST ends as broken; if it sent nothing, it is made
 * again.
 */
static void test_post_cut_after_its_head_is_made_at_most_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		struct cutter cutter = { .good = 1, .cut = CUT_AFTER_HEAD, .reset = i % 2 == 0 };
		struct server *server = server_start(play_cut, &cutter, NULL);
		struct result result = { 0 };
		struct fixture f;

		fixture_server(&f, server);
		fixture_got(&f, "/v1/x", &result);
		fixture_posted(&f, "/v1/x", BODY, strlen(BODY), &result);
		assert_true(result.outcome == HTTP_REPLY || (result.outcome == HTTP_BROKEN && result.sent));
		assert_int_equal(cutter.cuts, 1);
		assert_int_equal(server_counts(server)->requests, result.outcome == HTTP_REPLY ? 2 : 1);
		fixture_free(&f);
		server_stop(server);
		result_free(&result);
	}
}

static void test_post_whose_reply_is_cut_is_made_once(void **state)
{
	(void)state;
	expect_one_post(1, CUT_IN_REPLY_HEAD, false);
	expect_one_post(1, CUT_AFTER_REPLY_LINE, false);
	expect_one_post(1, CUT_AFTER_CONTINUE, false);
	expect_one_post(1, CUT_IN_REPLY_BODY, false);
	expect_one_post(1, CUT_IN_REPLY_CHUNKS, false);
	expect_one_post(1, CUT_IN_REPLY_BODY, true);
}

/* A POST without a body gives curl nothing that it could not send again, so it must not get a used connection. */
static void test_post_without_body_is_made_once(void **state)
{
	struct cutter cutter = { .good = 1, .cut = CUT_AFTER_BODY };
	struct server *server = server_start(play_cut, &cutter, NULL);
	struct http_request request = { .method = HTTP_POST,
		.path = "/v1/empty",
		.deadline_ms = clock_now_ms() + LONG_MS };
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	fixture_got(&f, "/v1/x", &result);
	result.ended = 0;
	assert_non_null(http_start(f.http, &request, fixture_done, &result));
	fixture_until_ended(&f, &result);
	assert_int_equal(server_counts(server)->connections, 2);
	assert_int_equal(cutter.cuts, 0);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

/* Answers one request of the first connection, then closes it unasked. */
static void play_close_idle(struct server_connection *c, void *arg)
{
	atomic_uint *closed = arg;

	while (server_read(c)) {
		server_reply(c, 200, "", "good");
		if (c->number > 1)
			continue;
		shutdown(c->fd, SHUT_RDWR);
		(*closed)++;
		return;
	}
}

static void test_post_on_a_connection_that_the_server_had_closed_succeeds_on_another(void **state)
{
	atomic_uint closed = 0;
	struct server *server = server_start(play_close_idle, &closed, NULL);
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	fixture_got(&f, "/v1/x", &result);
	fixture_until_count(&f, &closed, 1);
	fixture_posted(&f, "/v1/x", BODY, strlen(BODY), &result);
	assert_int_equal(result.outcome, HTTP_REPLY);
	assert_int_equal(server_counts(server)->requests, 2);
	assert_int_equal(server_counts(server)->connections, 2);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

static void test_get_cut_on_a_used_connection_is_asked_again(void **state)
{
	struct cutter cutter = { .good = 1, .cut = CUT_AFTER_BODY };
	struct server *server = server_start(play_cut, &cutter, NULL);
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	fixture_got(&f, "/v1/x", &result);
	fixture_got(&f, "/v1/x", &result);
	assert_int_equal(result.outcome, HTTP_REPLY);
	assert_int_equal(cutter.cuts, 1);
	assert_int_equal(server_counts(server)->requests, 3);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

static void test_get_cut_on_a_new_connection_is_broken(void **state)
{
	static const struct {
		enum cut cut;
		bool reset;
		int status;
	} cases[] = { { CUT_AFTER_HEAD, false, 0 }, { CUT_AFTER_BODY, true, 0 }, { CUT_IN_REPLY_BODY, false, 200 },
		{ CUT_IN_REPLY_HEAD, false, 200 }, { CUT_AFTER_REPLY_LINE, false, 200 },
		{ CUT_AFTER_CONTINUE, false, 100 }, { CUT_IN_REPLY_CHUNKS, false, 200 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cutter cutter = { .cut = cases[i].cut, .reset = cases[i].reset };
		struct server *server = server_start(play_cut, &cutter, NULL);
		struct result result = { 0 };
		struct fixture f;

		fixture_server(&f, server);
		fixture_got(&f, "/v1/x", &result);
		assert_int_equal(result.outcome, HTTP_BROKEN);
		assert_true(result.sent);
		assert_int_equal(result.status, cases[i].status);
		assert_null(result.body);
		assert_int_equal(server_counts(server)->connections, 1);
		fixture_free(&f);
		server_stop(server);
	}
}

static void play_garbage(struct server_connection *c, void *arg)
{
	const char *text = arg;

	if (server_read(c))
		server_write(c, text, strlen(text));
}

static void test_what_is_not_http_is_broken(void **state)
{
	static const char *const texts[] = { "SSH-2.0-OpenSSH_9.2\r\n", "{\"errors\":[]}",
		"HTTP/1.1 banana\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *text = strdup(texts[i]);
		struct server *server = server_start(play_garbage, text, NULL);
		struct result get = { 0 }, post = { 0 };
		struct fixture f;

		fixture_server(&f, server);
		fixture_got(&f, "/v1/x", &get);
		fixture_posted(&f, "/v1/x", BODY, strlen(BODY), &post);
		assert_int_equal(get.outcome, HTTP_BROKEN);
		assert_int_equal(post.outcome, HTTP_BROKEN);
		assert_true(post.sent);
		fixture_free(&f);
		server_stop(server);
		free(text);
	}
}

/* Chance decides how far curl got before the reset; what is told of it must be true, and nothing is made twice. */
static void play_reset_at_once(struct server_connection *c, void *arg)
{
	(void)arg;
	server_reset(c);
}

static void test_connections_reset_at_once_end_the_call(void **state)
{
	struct server *server = server_start(play_reset_at_once, NULL, NULL);
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	for (int i = 0; i < 200; i++) {
		unsigned before = server_counts(server)->connections;

		fixture_posted(&f, "/v1/x", BODY, strlen(BODY), &result);
		assert_true(result.outcome == HTTP_BROKEN || (result.outcome == HTTP_CONNECT && !result.sent));
		/* There is one attempt if something may have been sent, and at most a second one if not. */
		assert_true(server_counts(server)->connections - before <= 2);
	}
	fixture_free(&f);
	server_stop(server);
}

/* -- addresses -- */

struct two {
	struct fixture f;
	struct server *good;
	struct result result;
};

static void open_two(struct two *two, unsigned first_port)
{
	memset(two, 0, sizeof(*two));
	two->good = server_start(server_play_ok, NULL, NULL);
	fixture_init(&two->f);
	fixture_url(&two->f, "http", "127.0.0.1", first_port);
	fixture_url(&two->f, "http", "127.0.0.1", server_port(two->good));
	two->f.options.connect_timeout_ms = 150;
	fixture_open(&two->f);
}

static void close_two(struct two *two)
{
	fixture_free(&two->f);
	server_stop(two->good);
	result_free(&two->result);
}

static void test_refused_address_is_followed_by_the_next_and_remembered(void **state)
{
	unsigned port;
	int refusing = fixture_refusing(&port), fd;
	struct two two;

	(void)state;
	open_two(&two, port);
	fixture_posted(&two.f, "/v1/x", BODY, strlen(BODY), &two.result);
	assert_int_equal(two.result.outcome, HTTP_REPLY);
	/* The node would take connections now, but it is not asked yet. */
	assert_int_equal(listen(refusing, 8), 0);
	for (int i = 0; i < 5; i++) {
		fixture_got(&two.f, "/v1/x", &two.result);
		assert_int_equal(two.result.outcome, HTTP_REPLY);
	}
	assert_int_equal(server_counts(two.good)->requests, 6);
	fd = accept4(refusing, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd < 0);
	close_two(&two);
	close(refusing);
}

static void test_address_that_does_not_answer_is_followed_by_the_next_after_the_connect_timeout(void **state)
{
	struct blackhole hole;
	uint64_t begun;
	struct two two;

	(void)state;
	open_two(&two, fixture_blackhole(&hole));
	begun = clock_now_ms();
	fixture_posted(&two.f, "/v1/x", BODY, strlen(BODY), &two.result);
	assert_int_equal(two.result.outcome, HTTP_REPLY);
	assert_true(two.result.ended_ms >= begun + 150);
	/* The failure is remembered: the timeout is not waited for again. */
	begun = clock_now_ms();
	for (int i = 0; i < 20; i++)
		fixture_got(&two.f, "/v1/x", &two.result);
	assert_true(clock_now_ms() - begun < 20 * 150);
	assert_int_equal(server_counts(two.good)->requests, 21);
	close_two(&two);
	fixture_blackhole_close(&hole);
}

static void test_deadline_while_connecting_is_told_as_such(void **state)
{
	struct blackhole hole;
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_url(&f, "http", "127.0.0.1", fixture_blackhole(&hole));
	fixture_open(&f);
	fixture_post(&f, "/v1/x", BODY, strlen(BODY), 100, &result);
	fixture_until_ended(&f, &result);
	assert_int_equal(result.outcome, HTTP_DEADLINE);
	assert_false(result.sent);
	fixture_free(&f);
	fixture_blackhole_close(&hole);
}

static void test_connect_timeout_is_no_deadline(void **state)
{
	struct blackhole hole;
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_url(&f, "http", "127.0.0.1", fixture_blackhole(&hole));
	f.options.connect_timeout_ms = 100;
	fixture_open(&f);
	fixture_posted(&f, "/v1/x", BODY, strlen(BODY), &result);
	assert_int_equal(result.outcome, HTTP_CONNECT);
	assert_false(result.sent);
	fixture_free(&f);
	fixture_blackhole_close(&hole);
}

static void test_only_address_is_asked_again_though_it_failed(void **state)
{
	struct result result = { 0 };
	unsigned port;
	int refusing = fixture_refusing(&port), fd;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_url(&f, "http", "127.0.0.1", port);
	fixture_open(&f);
	fixture_got(&f, "/v1/x", &result);
	assert_int_equal(result.outcome, HTTP_CONNECT);
	assert_false(result.sent);
	assert_int_equal(result.status, 0);
	assert_int_equal(listen(refusing, 8), 0);
	fixture_get(&f, "/v1/x", 300, &result);
	result.ended = 0;
	fixture_until_ended(&f, &result);
	fd = accept4(refusing, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
	close(refusing);
	fixture_free(&f);
}

static void play_silent(struct server_connection *c, void *arg)
{
	(void)arg;
	if (server_read(c))
		server_hold(c);
}

static void test_address_that_takes_requests_and_is_silent_is_tried_last_afterwards(void **state)
{
	struct server *silent = server_start(play_silent, NULL, NULL);
	struct two two;

	(void)state;
	open_two(&two, server_port(silent));
	fixture_post(&two.f, "/v1/x", BODY, strlen(BODY), 300, &two.result);
	fixture_until_ended(&two.f, &two.result);
	assert_int_equal(two.result.outcome, HTTP_DEADLINE);
	assert_true(two.result.sent);
	assert_int_equal(server_counts(two.good)->requests, 0);
	fixture_got(&two.f, "/v1/x", &two.result);
	assert_int_equal(two.result.outcome, HTTP_REPLY);
	assert_int_equal(server_counts(silent)->requests, 1);
	close_two(&two);
	server_stop(silent);
}

static void play_slow(struct server_connection *c, void *arg)
{
	(void)arg;
	while (server_read(c)) {
		server_hold(c);
		server_reply(c, 200, "", "slow");
	}
}

static void test_address_that_answers_after_all_is_tried_first_again(void **state)
{
	struct server *slow = server_start(play_slow, NULL, NULL);
	struct result patient = { 0 };
	struct two two;

	(void)state;
	open_two(&two, server_port(slow));
	fixture_get(&two.f, "/v1/x", LONG_MS, &patient);
	fixture_get(&two.f, "/v1/x", 300, &two.result);
	fixture_until_ended(&two.f, &two.result);
	assert_int_equal(two.result.outcome, HTTP_DEADLINE);
	server_release(slow);
	fixture_until_ended(&two.f, &patient);
	fixture_got(&two.f, "/v1/x", &two.result);
	assert_string_equal(two.result.body, "slow");
	assert_int_equal(server_counts(two.good)->requests, 0);
	close_two(&two);
	server_stop(slow);
	result_free(&patient);
}

static void test_address_that_failed_is_tried_again_by_a_request_that_goes_there(void **state)
{
	struct server *failed = server_start(server_play_ok, NULL, NULL);
	struct http_request to_good = { .method = HTTP_GET, .path = "/v1/x" };
	struct two two;

	(void)state;
	open_two(&two, server_port(failed));
	to_good.node = two.f.urls[1];
	http_address_failed(two.f.http, 0);
	fixture_got(&two.f, "/v1/x", &two.result);
	fixture_run(&two.f, HTTP_ADDRESSES_MEMORY_MS);
	assert_int_equal(server_counts(failed)->requests, 0);
	two.result.ended = 0;
	to_good.deadline_ms = clock_now_ms() + LONG_MS;
	assert_non_null(http_start(two.f.http, &to_good, fixture_done, &two.result));
	fixture_until_ended(&two.f, &two.result);
	assert_int_equal(server_counts(two.good)->requests, 2);
	fixture_got(&two.f, "/v1/x", &two.result);
	assert_int_equal(server_counts(failed)->requests, 1);
	close_two(&two);
	server_stop(failed);
}

static void test_sent_post_does_not_go_to_the_next_address(void **state)
{
	struct cutter cutter = { .cut = CUT_AFTER_BODY };
	struct server *cutting = server_start(play_cut, &cutter, NULL);
	struct two two;

	(void)state;
	open_two(&two, server_port(cutting));
	fixture_posted(&two.f, "/v1/x", BODY, strlen(BODY), &two.result);
	assert_int_equal(two.result.outcome, HTTP_BROKEN);
	assert_true(two.result.sent);
	assert_int_equal(server_counts(two.good)->connections, 0);
	close_two(&two);
	server_stop(cutting);
}

static void test_unknown_name_is_no_connection(void **state)
{
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_url(&f, "http", "bao.invalid", 8200);
	fixture_open(&f);
	/* Where there is no name server at all, the resolver may take its time; the connect timeout ends that. */
	fixture_posted(&f, "/v1/x", BODY, strlen(BODY), &result);
	assert_int_equal(result.outcome, HTTP_CONNECT);
	assert_false(result.sent);
	fixture_free(&f);
}

/* -- a name server that does not answer -- */

#define NOT_POSSIBLE 77

/* Enters a network namespace of its own, where the name server is a socket that nobody reads. */
static bool enter_black_hole(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(53),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct ifreq request = { .ifr_name = "lo" };
	char path[] = "/tmp/resolv.XXXXXX";
	int fd, file;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		return false;
	file = mkstemp(path);
	if (file < 0 || dprintf(file, "nameserver 127.0.0.1\n") < 0)
		return false;
	close(file);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0)
		return false;
	unlink(path);
	return true;
}

static void in_black_hole(void)
{
	struct result timed_out = { 0 }, late = { 0 }, gone = { 0 };
	uint64_t last, longest = 0, now;
	struct http_call *call;
	struct fixture f;

	fixture_init(&f);
	fixture_url(&f, "http", "bao.example.org", 8200);
	f.options.connect_timeout_ms = 400;
	fixture_open(&f);
	fixture_post(&f, "/v1/x", BODY, strlen(BODY), LONG_MS, &timed_out);
	fixture_get(&f, "/v1/x", 100, &late);
	call = fixture_get(&f, "/v1/x", LONG_MS, &gone);
	last = clock_now_ms();
	while (timed_out.ended == 0) {
		fixture_run(&f, 1);
		now = clock_now_ms();
		longest = now - last > longest ? now - last : longest;
		last = now;
		if (call != NULL && late.ended != 0) {
			http_cancel(call);
			call = NULL;
		}
	}
	assert_int_equal(timed_out.outcome, HTTP_CONNECT);
	assert_false(timed_out.sent);
	assert_int_equal(late.outcome, HTTP_DEADLINE);
	assert_int_equal(gone.ended, 0);
	fixture_free(&f);
	now = clock_now_ms();
	longest = now - last > longest ? now - last : longest;
	/*
	 * Without CURLOPT_QUICK_EXIT the loop stands still until the resolver has given up, which takes it 10 s.
	 */
	assert_true(longest < 2000);
}

static void test_black_holed_name_server_does_not_hold_up_the_loop(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		if (!enter_black_hole())
			_exit(NOT_POSSIBLE);
		in_black_hole();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_POSSIBLE)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int set_up(void **state)
{
	(void)state;
	return http_global_init();
}

static int tear_down(void **state)
{
	(void)state;
	http_global_cleanup();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_post_cut_after_its_body_on_a_used_connection_is_made_once),
		cmocka_unit_test(test_post_cut_after_its_body_on_a_new_connection_is_made_once),
		cmocka_unit_test(test_post_cut_after_its_head_is_made_at_most_once),
		cmocka_unit_test(test_post_whose_reply_is_cut_is_made_once),
		cmocka_unit_test(test_post_without_body_is_made_once),
		cmocka_unit_test(test_post_on_a_connection_that_the_server_had_closed_succeeds_on_another),
		cmocka_unit_test(test_get_cut_on_a_used_connection_is_asked_again),
		cmocka_unit_test(test_get_cut_on_a_new_connection_is_broken),
		cmocka_unit_test(test_what_is_not_http_is_broken),
		cmocka_unit_test(test_connections_reset_at_once_end_the_call),
		cmocka_unit_test(test_refused_address_is_followed_by_the_next_and_remembered),
		cmocka_unit_test(
		    test_address_that_does_not_answer_is_followed_by_the_next_after_the_connect_timeout),
		cmocka_unit_test(test_deadline_while_connecting_is_told_as_such),
		cmocka_unit_test(test_connect_timeout_is_no_deadline),
		cmocka_unit_test(test_only_address_is_asked_again_though_it_failed),
		cmocka_unit_test(test_address_that_takes_requests_and_is_silent_is_tried_last_afterwards),
		cmocka_unit_test(test_address_that_answers_after_all_is_tried_first_again),
		cmocka_unit_test(test_address_that_failed_is_tried_again_by_a_request_that_goes_there),
		cmocka_unit_test(test_sent_post_does_not_go_to_the_next_address),
		cmocka_unit_test(test_unknown_name_is_no_connection),
		cmocka_unit_test(test_black_holed_name_server_does_not_hold_up_the_loop),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
