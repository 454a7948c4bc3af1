/*
 * The client library driven from an event loop of one's own: many requests on one connection, callbacks, deadlines
 * of their own, and what becomes of them when the connection or the handle goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "client-lib/client.h"
#include "client-lib/secretstore.h"
#include "proto/frame.h"
#include "tests/unit/client_fake.h"

#define MANY 1000

static struct client_fake fake;
static struct ss_client *client;

/* How one request ended. */
struct outcome {
	unsigned calls;
	int code;
	uint64_t version;
	char data[64];
};

static void start(void (*script)(struct client_fake *))
{
	client_fake_start(&fake, script);
	assert_int_equal(ss_open(&client, fake.path), SS_OK);
}

static void stop_fixture(void)
{
	ss_close(client);
	client_fake_stop(&fake);
}

static void note(struct ss_client *c, const struct ss_result *result, void *arg)
{
	struct outcome *outcome = arg;

	(void)c;
	outcome->calls++;
	outcome->code = result->code;
	assert_int_equal(result->error->code, result->code);
	if (result->secret == NULL)
		return;
	outcome->version = result->secret->version;
	if (result->secret->data != NULL)
		snprintf(outcome->data, sizeof(outcome->data), "%.*s", (int)result->secret->data_len,
		    result->secret->data);
}

/* Makes one turn of an application's loop. */
static void turn(void)
{
	struct pollfd p = { .fd = ss_fd(client), .events = (short)ss_events(client) };
	int timeout_ms = ss_timeout_ms(client);

	poll(&p, 1, timeout_ms < 0 || timeout_ms > 100 ? 100 : timeout_ms);
	ss_process(client);
}

static void run_until_done(void)
{
	uint64_t deadline_ms = clock_now_ms() + 20000;

	while (ss_pending(client) > 0) {
		assert_true(clock_now_ms() < deadline_ms);
		turn();
	}
}

static void submit_get(const char *path, uint32_t timeout_ms, struct outcome *outcome)
{
	assert_int_equal(ss_submit_get(client, "secret", path, 0, timeout_ms, note, outcome), SS_OK);
}

static void submit_put(uint32_t timeout_ms, struct outcome *outcome)
{
	assert_int_equal(ss_submit_put(client, "secret", "p", "{}", 2, NULL, timeout_ms, note, outcome), SS_OK);
}

/* -- many ----------------------------------------------------------------------------------------------------- */

static void test_a_thousand_requests_share_one_connection(void **state)
{
	static struct outcome outcome[MANY];
	char path[32], data[64];
	size_t slots = 0;

	(void)state;
	start(client_fake_serve_one);
	for (int round = 0; round < 3; round++) {
		memset(outcome, 0, sizeof(outcome));
		for (int i = 0; i < MANY; i++) {
			snprintf(path, sizeof(path), "p%d", i);
			submit_get(path, 20000, &outcome[i]);
		}
		assert_int_equal(ss_pending(client), MANY);
		run_until_done();
		for (int i = 0; i < MANY; i++) {
			snprintf(data, sizeof(data), "{\"path\":\"p%d\"}", i);
			assert_int_equal(outcome[i].calls, 1);
			assert_int_equal(outcome[i].code, SS_OK);
			assert_string_equal(outcome[i].data, data);
		}
		/* After the first round, slots and frames are used again. */
		assert_true(round == 0 || client->exchanges.nslots == slots);
		slots = client->exchanges.nslots;
	}
	assert_int_equal(slots, MANY);
	assert_int_equal(fake.connections, 1);
	assert_int_equal(ss_connection(client), 1);
	stop_fixture();
}

#define CHAIN 5000

static unsigned chained;

static void submit_next(struct ss_client *c, const struct ss_result *result, void *arg)
{
	assert_int_equal(result->code, SS_OK);
	if (++chained < CHAIN)
		assert_int_equal(ss_submit_get(c, "secret", "a", 0, 20000, submit_next, arg), SS_OK);
}

static void test_callbacks_may_submit(void **state)
{
	(void)state;
	chained = 0;
	start(client_fake_serve_one);
	for (int i = 0; i < 10; i++)
		assert_int_equal(ss_submit_get(client, "secret", "a", 0, 20000, submit_next, NULL), SS_OK);
	run_until_done();
	assert_int_equal(chained, CHAIN + 9);
	assert_int_equal(client->exchanges.nslots, 10);
	stop_fixture();
}

static void test_too_many_requests_are_refused(void **state)
{
	static struct outcome all, extra;

	(void)state;
	assert_int_equal(ss_open(&client, "/nonexistent/socket"), SS_OK);
	for (int i = 0; i < EXCHANGE_MAX; i++)
		assert_int_equal(ss_submit_ping(client, 1000, note, &all), SS_OK);
	assert_int_equal(ss_submit_ping(client, 1000, note, &extra), SS_OVERLOADED);
	assert_int_equal(extra.calls, 0);
	ss_process(client);
	assert_int_equal(all.calls, EXCHANGE_MAX);
	assert_int_equal(all.code, SS_NO_DAEMON);
	assert_int_equal(ss_submit_ping(client, 1000, note, &extra), SS_OK);
	ss_close(client);
	assert_int_equal(extra.calls, 1);
}

/* -- order ---------------------------------------------------------------------------------------------------- */

#define SCRAMBLED 20

/* Reads some requests, and answers them in reverse order, one byte at a time. */
static void answer_backwards(struct client_fake *f)
{
	char path[SCRAMBLED][32], id[SCRAMBLED][32], body[256];
	int fd = client_fake_accept(f);

	for (int i = 0; i < SCRAMBLED; i++) {
		(void)client_fake_read(f, fd);
		snprintf(path[i], sizeof(path[i]), "%.31s", secret_path(&f->request.name));
		snprintf(id[i], sizeof(id[i]), "%.*s", (int)f->request.id.len, f->request.id.p);
	}
	for (int i = SCRAMBLED - 1; i >= 0; i--) {
		unsigned char frame[512];
		int n = snprintf(body, sizeof(body),
		    "{\"data\":{\"path\":\"%s\"},\"version\":%d,\"ok\":true,\"id\":%s}", path[i], i + 1, id[i]);

		frame_header(frame, FRAME_JSON, (size_t)n);
		memcpy(frame + FRAME_HEADER, body, (size_t)n);
		for (int at = 0; at < n + FRAME_HEADER; at++)
			client_fake_send(fd, frame + at, 1);
	}
	client_fake_expect_end(f, fd);
	close(fd);
}

static void test_replies_out_of_order_and_in_pieces_find_their_requests(void **state)
{
	struct outcome outcome[SCRAMBLED] = { { 0 } };
	char path[32], data[64];

	(void)state;
	start(answer_backwards);
	for (int i = 0; i < SCRAMBLED; i++) {
		snprintf(path, sizeof(path), "p%d", i);
		submit_get(path, 10000, &outcome[i]);
	}
	run_until_done();
	for (int i = 0; i < SCRAMBLED; i++) {
		snprintf(data, sizeof(data), "{\"path\":\"p%d\"}", i);
		assert_int_equal(outcome[i].calls, 1);
		assert_int_equal(outcome[i].version, i + 1);
		assert_string_equal(outcome[i].data, data);
	}
	stop_fixture();
}

/*
 * The sizes lie around what is read at a time, what a socket's buffer holds, and what is kept for the next reply.
 */
static const size_t large_sizes[] = { 300000, 65000, 65536, 1, 262144, 1040000, 270000, 1100000, 66000, 500000, 10,
	900000 };
#define LARGE (sizeof(large_sizes) / sizeof(large_sizes[0]))

static void serve_large(struct client_fake *f)
{
	static char body[1200000];
	int fd = client_fake_accept(f), n;

	for (size_t i = 0; client_fake_read(f, fd); i++) {
		n = sprintf(body, "{\"id\":%%,\"ok\":true,\"version\":1,\"data\":{\"a\":\"");
		memset(body + n, 'a' + (int)(i % LARGE), large_sizes[i % LARGE]);
		strcpy(body + (size_t)n + large_sizes[i % LARGE], "\"}}");
		client_fake_say(f, fd, body);
	}
	close(fd);
}

static void check_large(struct ss_client *c, const struct ss_result *result, void *arg)
{
	size_t i = *(size_t *)arg, other = 0;

	(void)c;
	assert_int_equal(result->code, SS_OK);
	assert_int_equal(result->secret->data_len, large_sizes[i] + strlen("{\"a\":\"\"}"));
	for (size_t k = 0; k < large_sizes[i]; k++)
		other += result->secret->data[strlen("{\"a\":\"") + k] != 'a' + (int)i;
	assert_int_equal(other, 0);
}

/* Counts runs of one letter, which the replies are full of. */
static size_t left_in(const struct buf *buffer)
{
	size_t n = 0, same = 0;

	for (size_t i = 1; i < buffer->cap; i++) {
		bool letter = buffer->data[i] >= 'a' && buffer->data[i] < 'a' + LARGE;

		same = letter && buffer->data[i] == buffer->data[i - 1] ? same + 1 : 0;
		n += same > 8;
	}
	return n;
}

static void test_large_replies_behind_each_other_are_taken_whole_and_wiped(void **state)
{
	size_t which[LARGE];

	(void)state;
	start(serve_large);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < LARGE; i++) {
			which[i] = i;
			assert_int_equal(ss_submit_get(client, "secret", "a", 0, 20000, check_large, &which[i]),
			    SS_OK);
		}
		run_until_done();
		assert_int_equal(buf_len(&client->link.in), 0);
		assert_true(client->link.in.cap <= 1 << 20);
	}
	assert_int_equal(ss_submit_get(client, "secret", "a", 0, 20000, check_large, &which[0]), SS_OK);
	run_until_done();
	assert_true(client->link.in.cap >= large_sizes[0]);
	assert_int_equal(left_in(&client->link.in), 0);
	stop_fixture();
}

/* -- a connection that breaks --------------------------------------------------------------------------------- */

/* Takes four requests, answers the second, and closes. */
static void break_off_in_the_midst(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	for (int i = 0; i < 4; i++) {
		(void)client_fake_read(f, fd);
		if (i == 1)
			client_fake_answer(f, fd);
	}
	close(fd);
	client_fake_serve_one(f);
}

/* Takes no more requests after the first, which it answers late, and ends: so does a daemon that stops. */
static void take_no_more(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	(void)client_fake_read(f, fd);
	(void)shutdown(fd, SHUT_RD);
	f->stage = 1;
	client_fake_reach(f, 2);
	usleep(50000);
	client_fake_answer(f, fd);
	close(fd);
	client_fake_serve_one(f);
}

static void test_a_daemon_that_takes_no_more_still_answers_what_it_has_taken(void **state)
{
	struct outcome outcome[3] = { { 0 } };

	(void)state;
	start(take_no_more);
	submit_put(10000, &outcome[0]);
	ss_process(client);
	client_fake_reach(&fake, 1);
	submit_get("a", 10000, &outcome[1]);
	submit_put(10000, &outcome[2]);
	ss_process(client);
	assert_int_equal(outcome[0].calls, 0);
	assert_int_equal(ss_events(client), POLLIN); /* it would be writable for ever */
	fake.stage = 2;
	run_until_done();
	assert_int_equal(outcome[0].code, SS_OK);
	assert_int_equal(outcome[1].code, SS_OK);
	assert_int_equal(outcome[2].code, SS_OK);
	assert_int_equal(fake.connections, 2);
	assert_int_equal(fake.frames, 3);
	stop_fixture();
}

static void test_of_requests_cut_off_only_puts_are_not_sent_again(void **state)
{
	struct outcome outcome[4] = { { 0 } };

	(void)state;
	start(break_off_in_the_midst);
	submit_get("a", 10000, &outcome[0]);
	submit_put(10000, &outcome[1]);
	submit_put(10000, &outcome[2]);
	submit_get("d", 10000, &outcome[3]);
	run_until_done();
	assert_int_equal(outcome[0].code, SS_OK);
	assert_int_equal(outcome[1].code, SS_OK);
	assert_int_equal(outcome[1].version, 8);
	assert_int_equal(outcome[2].code, SS_UNKNOWN_OUTCOME);
	assert_int_equal(outcome[3].code, SS_OK);
	assert_string_equal(outcome[3].data, "{\"path\":\"d\"}");
	/* The two gets come again, in their order. */
	assert_int_equal(fake.frames, 6);
	assert_string_equal(secret_path(&fake.request.name), "d");
	for (int i = 0; i < 4; i++)
		assert_int_equal(outcome[i].calls, 1);
	assert_int_equal(ss_connection(client), 2);
	stop_fixture();
}

static void test_replies_sent_before_the_daemon_closed_are_not_lost(void **state)
{
	struct outcome first = { 0 }, second = { 0 };

	(void)state;
	start(client_fake_close_after_one);
	submit_put(10000, &first);
	client_step(client, false); /* connects and writes, and reads nothing */
	client_fake_reach(&fake, 1);
	submit_put(10000, &second);
	client_step(client, false); /* writing fails now, but the replies that have come must still be read */
	run_until_done();
	assert_int_equal(first.code, SS_OK);
	assert_int_equal(second.code, SS_OK);
	assert_int_equal(fake.frames, 2);
	stop_fixture();
}

static void close_idle(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	(void)client_fake_read(f, fd);
	client_fake_answer(f, fd);
	client_fake_reach(f, 1);
	close(fd);
}

static void test_an_idle_connection_that_ends_is_let_go(void **state)
{
	struct outcome outcome = { 0 };

	(void)state;
	start(close_idle);
	assert_int_equal(ss_fd(client), -1);
	assert_int_equal(ss_timeout_ms(client), -1);
	submit_get("a", 10000, &outcome);
	assert_int_equal(ss_timeout_ms(client), 0);
	run_until_done();
	assert_true(ss_fd(client) >= 0);
	assert_int_equal(ss_events(client), POLLIN);
	assert_int_equal(ss_timeout_ms(client), -1);
	fake.stage = 1;
	for (int i = 0; i < 100 && ss_fd(client) >= 0; i++)
		turn();
	assert_int_equal(ss_fd(client), -1);
	assert_int_equal(ss_events(client), 0);
	assert_int_equal(ss_timeout_ms(client), -1);
	stop_fixture();
}

/* -- deadlines ------------------------------------------------------------------------------------------------ */

/* Answers the second request, answers the first when told to, and then serves on. */
static void answer_the_second_first(struct client_fake *f)
{
	char id[32];
	int fd = client_fake_accept(f);

	(void)client_fake_read(f, fd);
	snprintf(id, sizeof(id), "%.*s", (int)f->request.id.len, f->request.id.p);
	(void)client_fake_read(f, fd);
	client_fake_reach(f, 1);
	client_fake_say_for(fd, "{\"id\":%,\"ok\":true,\"version\":666,\"data\":{}}", id, strlen(id));
	client_fake_answer(f, fd);
	while (client_fake_read(f, fd))
		client_fake_answer(f, fd);
	close(fd);
}

static void test_one_that_times_out_does_not_take_the_others_along(void **state)
{
	struct outcome slow = { 0 }, other = { 0 }, later = { 0 };
	uint64_t deadline_ms = clock_now_ms() + 5000;

	(void)state;
	start(answer_the_second_first);
	submit_get("slow", 100, &slow);
	submit_put(10000, &other);
	while (slow.calls == 0 && clock_now_ms() < deadline_ms)
		turn();
	assert_int_equal(slow.code, SS_TIMEOUT);
	assert_int_equal(other.calls, 0);
	submit_get("later", 10000, &later);
	fake.stage = 1;
	run_until_done();
	assert_int_equal(slow.calls, 1);
	assert_int_equal(other.code, SS_OK);
	assert_string_equal(later.data, "{\"path\":\"later\"}");
	assert_int_equal(fake.connections, 1);
	stop_fixture();
}

/* Reads nothing until told to, and then reads everything. */
static void read_late(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	client_fake_reach(f, 1);
	while (client_fake_read(f, fd))
		client_fake_answer(f, fd);
	close(fd);
}

static void test_a_put_that_timed_out_unwritten_is_never_written(void **state)
{
	struct outcome large = { 0 }, unwritten = { 0 }, last = { 0 };
	size_t len = 4 << 20;
	char *json = malloc(len);
	uint64_t deadline_ms = clock_now_ms() + 5000;

	(void)state;
	memset(json, ' ', len);
	json[0] = '{';
	json[len - 1] = '}';
	start(read_late);
	assert_int_equal(ss_submit_put(client, "secret", "large", json, len, NULL, 10000, note, &large), SS_OK);
	submit_put(100, &unwritten);
	submit_get("last", 10000, &last);
	while (unwritten.calls == 0 && clock_now_ms() < deadline_ms)
		turn();
	assert_int_equal(unwritten.code, SS_TIMEOUT);
	fake.stage = 1;
	run_until_done();
	assert_int_equal(large.code, SS_OK);
	assert_int_equal(last.code, SS_OK);
	assert_int_equal(fake.frames, 2);
	assert_int_equal(fake.connections, 1);
	stop_fixture();
	free(json);
}

static unsigned order;

static void note_order(struct ss_client *c, const struct ss_result *result, void *arg)
{
	(void)c;
	(void)result;
	*(unsigned *)arg = ++order;
}

static void test_deadlines_pass_in_their_order_not_in_that_of_submission(void **state)
{
	static const uint32_t timeout_ms[] = { 300, 100, 200, 100 };
	unsigned place[4] = { 0 };

	(void)state;
	order = 0;
	start(read_late);
	for (int i = 0; i < 4; i++)
		assert_int_equal(ss_submit_ping(client, timeout_ms[i], note_order, &place[i]), SS_OK);
	run_until_done();
	assert_int_equal(place[1], 1);
	assert_int_equal(place[3], 2);
	assert_int_equal(place[2], 3);
	assert_int_equal(place[0], 4);
	/* Nobody waits for this connection any more. */
	assert_int_equal(ss_fd(client), -1);
	fake.stage = 1;
	stop_fixture();
}

/* -- closing and nesting -------------------------------------------------------------------------------------- */

static void check_probe(struct ss_client *c, const struct ss_result *result, void *arg)
{
	assert_null(result->secret);
	assert_null(result->ping);
	assert_non_null(strstr(result->reply, "\"secretstore\""));
	note(c, result, arg);
}

static void test_a_probe_may_be_submitted(void **state)
{
	struct outcome outcome = { 0 };

	(void)state;
	start(client_fake_serve_one);
	assert_int_equal(ss_submit_probe(client, 10000, check_probe, &outcome), SS_OK);
	assert_int_equal(ss_pending(client), 1);
	run_until_done();
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(outcome.code, SS_OK);
	stop_fixture();
}

static void test_closing_ends_every_request_once_and_says_what_is_known(void **state)
{
	struct outcome sent = { 0 }, get = { 0 }, queued = { 0 };

	(void)state;
	start(read_late);
	submit_put(10000, &sent);
	submit_get("a", 10000, &get);
	ss_process(client);
	submit_put(10000, &queued);
	ss_close(client);
	assert_int_equal(sent.calls, 1);
	assert_int_equal(sent.code, SS_UNKNOWN_OUTCOME);
	assert_int_equal(get.calls, 1);
	assert_int_equal(get.code, SS_CLOSED);
	assert_int_equal(queued.calls, 1);
	assert_int_equal(queued.code, SS_CLOSED);
	fake.stage = 1;
	client_fake_stop(&fake);
	assert_int_equal(fake.frames, 2);
}

static void close_it(struct ss_client *c, const struct ss_result *result, void *arg)
{
	note(c, result, arg);
	ss_close(c);
	assert_int_equal(ss_submit_ping(c, 1000, note, arg), SS_INVALID_REQUEST);
}

static void test_a_callback_may_close_the_handle(void **state)
{
	struct outcome first = { 0 }, second = { 0 };
	int code;

	(void)state;
	start(client_fake_serve_one);
	assert_int_equal(ss_submit_get(client, "secret", "a", 0, 10000, close_it, &first), SS_OK);
	submit_get("b", 10000, &second);
	while (first.calls == 0)
		turn();
	assert_int_equal(second.calls, 1);
	client_fake_stop(&fake);

	/* Closing must have the same effect when a call that waits runs the callback. */
	memset(&first, 0, sizeof(first));
	start(client_fake_serve_one);
	assert_int_equal(ss_submit_get(client, "secret", "a", 0, 10000, close_it, &first), SS_OK);
	code = ss_ping(client, 10000, NULL);
	assert_true(code == SS_CLOSED || code == SS_OK);
	assert_int_equal(first.calls, 1);
	client_fake_stop(&fake);
}

static void wait_within(struct ss_client *c, const struct ss_result *result, void *arg)
{
	struct ss_secret *secret;

	note(c, result, arg);
	ss_process(c);
	assert_int_equal(ss_ping(c, 1000, NULL), SS_INVALID_REQUEST);
	assert_int_equal(ss_probe(c, 1000), SS_INVALID_REQUEST);
	assert_int_equal(ss_get(c, "secret", "a", 0, 1000, &secret), SS_INVALID_REQUEST);
}

static void test_a_callback_may_not_wait(void **state)
{
	struct outcome outcome = { 0 };

	(void)state;
	start(client_fake_serve_one);
	assert_int_equal(ss_submit_ping(client, 10000, wait_within, &outcome), SS_OK);
	run_until_done();
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(ss_ping(client, 5000, NULL), SS_OK);
	stop_fixture();
}

static void fork_it(struct ss_client *c, const struct ss_result *result, void *arg)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct outcome outcome = { 0 };
		uint64_t deadline_ms = clock_now_ms() + 5000;

		/*
		 * The request is taken for the child. The child forgets the parent's requests, and goes on where
		 * the callback returns.
		 */
		if (ss_submit_ping(c, 5000, note, &outcome) != SS_OK || ss_pending(c) != 1)
			_exit(1);
		c->depth = 0;
		while (outcome.calls == 0 && clock_now_ms() < deadline_ms)
			turn();
		_exit(outcome.code == SS_OK && outcome.calls == 1 ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	note(c, result, arg);
}

static void serve_parent_and_child(struct client_fake *f)
{
	int parent = client_fake_accept(f), child;

	(void)client_fake_read(f, parent);
	client_fake_answer(f, parent);
	child = client_fake_accept(f);
	(void)client_fake_read(f, child);
	client_fake_answer(f, child);
	client_fake_expect_end(f, child);
	close(child);
	while (client_fake_read(f, parent))
		client_fake_answer(f, parent);
	close(parent);
}

static void test_a_child_has_none_of_its_parents_requests(void **state)
{
	struct outcome first = { 0 }, second = { 0 };

	(void)state;
	start(serve_parent_and_child);
	assert_int_equal(ss_submit_get(client, "secret", "a", 0, 10000, fork_it, &first), SS_OK);
	while (first.calls == 0)
		turn();
	submit_get("b", 10000, &second);
	run_until_done();
	assert_int_equal(first.code, SS_OK);
	assert_int_equal(second.code, SS_OK);
	assert_int_equal(fake.connections, 2);
	stop_fixture();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_thousand_requests_share_one_connection),
		cmocka_unit_test(test_callbacks_may_submit),
		cmocka_unit_test(test_too_many_requests_are_refused),
		cmocka_unit_test(test_replies_out_of_order_and_in_pieces_find_their_requests),
		cmocka_unit_test(test_large_replies_behind_each_other_are_taken_whole_and_wiped),
		cmocka_unit_test(test_a_daemon_that_takes_no_more_still_answers_what_it_has_taken),
		cmocka_unit_test(test_of_requests_cut_off_only_puts_are_not_sent_again),
		cmocka_unit_test(test_replies_sent_before_the_daemon_closed_are_not_lost),
		cmocka_unit_test(test_an_idle_connection_that_ends_is_let_go),
		cmocka_unit_test(test_one_that_times_out_does_not_take_the_others_along),
		cmocka_unit_test(test_a_put_that_timed_out_unwritten_is_never_written),
		cmocka_unit_test(test_deadlines_pass_in_their_order_not_in_that_of_submission),
		cmocka_unit_test(test_a_probe_may_be_submitted),
		cmocka_unit_test(test_closing_ends_every_request_once_and_says_what_is_known),
		cmocka_unit_test(test_a_callback_may_close_the_handle),
		cmocka_unit_test(test_a_callback_may_not_wait),
		cmocka_unit_test(test_a_child_has_none_of_its_parents_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
