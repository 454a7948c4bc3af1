/*
 * The client library and a daemon that breaks off, hangs, restarts or talks nonsense: what is sent again, what is
 * never sent again, and what is said of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "client-lib/client.h"
#include "client-lib/secretstore.h"
#include "proto/frame.h"
#include "tests/unit/client_fake.h"

static struct client_fake fake;
static struct ss_client *client;

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

static int get_within(uint32_t timeout_ms)
{
	struct ss_secret *secret;
	int code = ss_get(client, "secret", "a", 0, timeout_ms, &secret);

	if (code == SS_OK)
		ss_secret_free(secret);
	return code;
}

static int put_within(uint32_t timeout_ms)
{
	return ss_put(client, "secret", "a", "{\"a\":\"b\"}", 9, NULL, timeout_ms, NULL);
}

/* Puts a secret that is larger than the socket's buffers. */
static int put_large(void)
{
	size_t len = 4 << 20;
	char *json = malloc(len);
	int code;

	assert_non_null(json);
	memset(json, ' ', len);
	json[0] = '{';
	json[len - 1] = '}';
	code = ss_put(client, "secret", "a", json, len, NULL, 5000, NULL);
	free(json);
	return code;
}

/* -- connections that break ----------------------------------------------------------------------------------- */

static void break_off_once(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	(void)client_fake_read(f, fd);
	close(fd);
	client_fake_serve_one(f);
}

static void test_a_get_is_sent_again_when_the_connection_breaks(void **state)
{
	(void)state;
	start(break_off_once);
	assert_int_equal(get_within(5000), SS_OK);
	assert_int_equal(fake.frames, 2);
	assert_int_equal(fake.connections, 2);
	stop_fixture();
}

static void test_a_probe_is_sent_again_when_the_connection_breaks(void **state)
{
	(void)state;
	start(break_off_once);
	assert_int_equal(ss_probe(client, 5000), SS_OK);
	assert_int_equal(fake.frames, 2);
	stop_fixture();
}

static void test_a_put_that_was_written_is_never_sent_again(void **state)
{
	(void)state;
	start(break_off_once);
	assert_int_equal(put_within(5000), SS_UNKNOWN_OUTCOME);
	assert_false(ss_last_error(client)->retryable);
	assert_int_equal(fake.frames, 1);
	assert_int_equal(get_within(5000), SS_OK);
	assert_int_equal(fake.request.op, OP_KV_GET);
	assert_int_equal(fake.frames, 2);
	stop_fixture();
}

static void break_off_in_the_reply(struct client_fake *f)
{
	unsigned char half[] = { 0, 0, 0, 60, '{', '"', 'i', 'd', '"' };
	int fd = client_fake_accept(f);

	(void)client_fake_read(f, fd);
	client_fake_send(fd, half, sizeof(half));
	close(fd);
	client_fake_serve_one(f);
}

static void test_a_reply_cut_off_is_as_none_at_all(void **state)
{
	(void)state;
	start(break_off_in_the_reply);
	assert_int_equal(get_within(5000), SS_OK);
	assert_int_equal(fake.frames, 2);
	stop_fixture();
	start(break_off_in_the_reply);
	assert_int_equal(put_within(5000), SS_UNKNOWN_OUTCOME);
	assert_int_equal(get_within(5000), SS_OK);
	assert_int_equal(fake.frames, 2);
	stop_fixture();
}

static void test_a_put_that_finds_the_connection_closed_is_made_on_a_new_one(void **state)
{
	(void)state;
	start(client_fake_close_after_one);
	assert_int_equal(get_within(5000), SS_OK);
	client_fake_reach(&fake, 1);
	assert_int_equal(put_within(5000), SS_OK);
	assert_int_equal(fake.connections, 2);
	assert_int_equal(fake.frames, 2);
	stop_fixture();
}

/* Takes a part of a frame that is larger than the socket's buffers, and closes. */
static void close_within_the_frame(struct client_fake *f)
{
	char some[100];
	int fd = client_fake_accept(f);

	if (recv(fd, some, sizeof(some), MSG_WAITALL) != sizeof(some))
		abort();
	close(fd);
	client_fake_serve_one(f);
}

static void test_a_put_that_was_written_in_part_is_never_sent_again(void **state)
{
	(void)state;
	start(close_within_the_frame);
	assert_int_equal(put_large(), SS_UNKNOWN_OUTCOME);
	assert_int_equal(get_within(5000), SS_OK);
	assert_int_equal(fake.frames, 1);
	stop_fixture();
}

static void restart(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	(void)client_fake_read(f, fd);
	client_fake_unlisten(f);
	close(fd);
	usleep(200000);
	client_fake_listen(f);
	client_fake_serve_one(f);
}

static void test_a_get_under_way_waits_for_the_daemon_to_return(void **state)
{
	(void)state;
	start(restart);
	assert_int_equal(get_within(5000), SS_OK);
	assert_int_equal(fake.frames, 2);
	stop_fixture();
}

static void go_for_good(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	(void)client_fake_read(f, fd);
	client_fake_unlisten(f);
	close(fd);
	client_fake_reach(f, 1);
	client_fake_listen(f);
}

static void test_a_daemon_that_does_not_return_in_time_is_no_daemon(void **state)
{
	uint64_t began_ms = clock_now_ms();

	(void)state;
	start(go_for_good);
	assert_int_equal(get_within(300), SS_NO_DAEMON);
	assert_in_range(clock_now_ms() - began_ms, 300, 8000);
	/* A new request does not wait. */
	began_ms = clock_now_ms();
	assert_int_equal(get_within(10000), SS_NO_DAEMON);
	assert_true(clock_now_ms() - began_ms < 8000);
	fake.stage = 1;
	stop_fixture();
}

static void accept_and_close(struct client_fake *f)
{
	while (f->stage == 0) {
		int fd = client_fake_accept(f);

		close(fd);
	}
}

static void test_a_daemon_that_closes_every_connection_is_not_hammered(void **state)
{
	int code;

	(void)state;
	start(accept_and_close);
	code = get_within(600);
	assert_true(code == SS_TIMEOUT || code == SS_NO_DAEMON);
	assert_in_range(fake.connections, 3, 12);
	fake.stage = 1;
	(void)get_within(50); /* this lets the script return from accept() */
	stop_fixture();
}

static void fill_the_backlog(struct client_fake *f)
{
	client_fake_reach(f, 1);
	while (f->stage < 2) {
		struct timeval patience = { .tv_sec = 1 };
		int fd = client_fake_accept(f);

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		if (client_fake_read(f, fd)) {
			client_fake_answer(f, fd);
			f->stage = 2;
		}
		close(fd);
	}
}

static void test_a_daemon_slow_to_accept_is_waited_for(void **state)
{
	struct ss_client *other[40];
	size_t n = 0;

	(void)state;
	start(fill_the_backlog);
	/*
	 * The connections are made until the kernel takes no more, and then closed, so that the client finds them
	 * closed.
	 */
	for (; n < sizeof(other) / sizeof(other[0]); n++) {
		assert_int_equal(ss_open(&other[n], fake.path), SS_OK);
		if (link_connect(&other[n]->link, fake.path) != LINK_CONNECTED)
			break;
	}
	assert_in_range(n, 1, 39);
	assert_int_equal(put_within(100), SS_NO_DAEMON);
	assert_non_null(strstr(ss_last_error(client)->message, "too many connections waiting"));
	for (size_t i = 0; i <= n; i++)
		ss_close(other[i]);
	fake.stage = 1;
	assert_int_equal(put_within(5000), SS_OK);
	assert_int_equal(fake.frames, 1);
	stop_fixture();
}

/* -- deadlines ------------------------------------------------------------------------------------------------ */

/*
 * Does not answer the first connection's request until the client has left, and then sends the answer after all.
 */
static void answer_late(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	(void)client_fake_read(f, fd);
	client_fake_reach(f, 1);
	client_fake_say(f, fd, "{\"id\":%,\"ok\":true,\"version\":666,\"data\":{}}");
	client_fake_expect_end(f, fd);
	close(fd);
	client_fake_serve_one(f);
}

static void test_a_get_times_out_and_its_late_reply_answers_nothing(void **state)
{
	uint64_t began_ms = clock_now_ms();
	struct ss_secret *secret;

	(void)state;
	start(answer_late);
	assert_int_equal(get_within(200), SS_TIMEOUT);
	assert_in_range(clock_now_ms() - began_ms, 200, 8000);
	assert_true(ss_last_error(client)->retryable);
	fake.stage = 1;
	assert_int_equal(ss_get(client, "secret", "a", 0, 5000, &secret), SS_OK);
	assert_int_equal(secret->version, 7);
	ss_secret_free(secret);
	assert_int_equal(fake.connections, 2);
	stop_fixture();
}

static void test_a_put_without_an_answer_in_time_is_unknown(void **state)
{
	uint64_t began_ms = clock_now_ms();

	(void)state;
	start(answer_late);
	assert_int_equal(put_within(200), SS_UNKNOWN_OUTCOME);
	assert_in_range(clock_now_ms() - began_ms, 200, 8000);
	fake.stage = 1;
	assert_int_equal(get_within(5000), SS_OK);
	assert_int_equal(fake.frames, 2);
	stop_fixture();
}

static void drip(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	(void)client_fake_read(f, fd);
	for (char c = 0; f->stage == 0; c = ' ') {
		client_fake_send(fd, c == 0 ? "\0\1\0\0" : &c, c == 0 ? 4 : 1);
		usleep(20000);
	}
	close(fd);
	client_fake_serve_one(f);
}

static void test_a_reply_that_drips_does_not_stretch_the_deadline(void **state)
{
	uint64_t began_ms = clock_now_ms();

	(void)state;
	start(drip);
	assert_int_equal(get_within(300), SS_TIMEOUT);
	assert_in_range(clock_now_ms() - began_ms, 300, 8000);
	fake.stage = 1;
	assert_int_equal(get_within(5000), SS_OK);
	stop_fixture();
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
	(void)number;
	alarms++;
}

static void answer_after_a_while(struct client_fake *f)
{
	int fd;

	signal(SIGPIPE, SIG_DFL);
	fd = client_fake_accept(f);
	(void)client_fake_read(f, fd);
	usleep(200000);
	client_fake_answer(f, fd);
	client_fake_expect_end(f, fd);
	close(fd);
}

static void test_a_signal_does_not_end_a_call(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm }; /* there is no SA_RESTART */
	struct itimerval every = { .it_interval = { .tv_usec = 5000 }, .it_value = { .tv_usec = 5000 } };
	sigset_t set;

	(void)state;
	alarms = 0;
	/* The signal must not reach the fake daemon's thread. */
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	start(answer_after_a_while);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	assert_int_equal(get_within(5000), SS_OK);
	memset(&every, 0, sizeof(every));
	setitimer(ITIMER_REAL, &every, NULL);
	assert_true(alarms > 5);
	stop_fixture();
}

static void test_a_daemon_that_left_raises_no_sigpipe(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm }, before;

	(void)state;
	alarms = 0;
	sigaction(SIGPIPE, &action, &before);
	start(client_fake_close_after_one);
	assert_int_equal(get_within(5000), SS_OK);
	client_fake_reach(&fake, 1);
	assert_int_equal(get_within(5000), SS_OK);
	assert_int_equal(fake.connections, 2);
	assert_int_equal(alarms, 0);
	sigaction(SIGPIPE, &before, NULL);
	stop_fixture();
}

/* -- nonsense ------------------------------------------------------------------------------------------------- */

struct nonsense {
	const char *bytes;
	size_t len;
};

static struct nonsense nonsense;

static void say_nonsense(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	(void)client_fake_read(f, fd);
	client_fake_send(fd, nonsense.bytes, nonsense.len);
	client_fake_expect_end(f, fd);
	close(fd);
	client_fake_serve_one(f);
}

static void check_nonsense(const char *bytes, size_t len)
{
	nonsense = (struct nonsense){ bytes, len };
	start(say_nonsense);
	assert_int_equal(get_within(5000), SS_PROTOCOL);
	assert_int_equal(get_within(5000), SS_OK);
	assert_int_equal(fake.connections, 2);
	assert_int_equal(fake.frames, 2);
	stop_fixture();
	start(say_nonsense);
	assert_int_equal(put_within(5000), SS_UNKNOWN_OUTCOME);
	assert_int_equal(get_within(5000), SS_OK);
	assert_int_equal(fake.frames, 2);
	stop_fixture();
}

static void test_bytes_that_are_no_reply_end_the_connection(void **state)
{
	(void)state;
	check_nonsense("HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	check_nonsense("\xff\xff\xff\xff", 4);
	check_nonsense("\1\0\0\0", 4);
	check_nonsense("\0\0\0\0", 4);
	check_nonsense("\0\0\0\2{}", 6);
	check_nonsense("\0\0\0\2hi", 6);
	check_nonsense("\0\0\0\25{\"id\":\"7\",\"ok\":true}\n", 25);
	check_nonsense("\0\0\0\23{\"id\":7,\"ok\":true}\n", 23);
}

static void say_reply(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	(void)client_fake_read(f, fd);
	client_fake_say(f, fd, f->reply);
	client_fake_expect_end(f, fd);
	close(fd);
	client_fake_serve_one(f);
}

static void test_a_reply_that_lacks_what_it_must_have_is_no_reply(void **state)
{
	static const char *const get_replies[] = { "{\"id\":%,\"ok\":true}",
		"{\"id\":%,\"ok\":true,\"version\":1}", "{\"id\":%,\"ok\":true,\"data\":{}}",
		"{\"id\":%,\"ok\":true,\"version\":1,\"data\":[]}",
		"{\"id\":%,\"ok\":true,\"version\":1,\"data\":null}" };

	(void)state;
	for (size_t i = 0; i < sizeof(get_replies) / sizeof(get_replies[0]); i++) {
		fake.reply = get_replies[i];
		start(say_reply);
		assert_int_equal(get_within(5000), SS_PROTOCOL);
		assert_int_equal(get_within(5000), SS_OK);
		stop_fixture();
	}
	fake.reply = "{\"id\":%,\"ok\":true}";
	start(say_reply);
	assert_int_equal(put_within(5000), SS_UNKNOWN_OUTCOME);
	assert_int_equal(get_within(5000), SS_OK);
	stop_fixture();
	start(say_reply);
	assert_int_equal(ss_ping(client, 5000, NULL), SS_PROTOCOL);
	assert_int_equal(ss_ping(client, 5000, NULL), SS_OK);
	stop_fixture();
	start(say_reply);
	assert_int_equal(ss_probe(client, 5000), SS_PROTOCOL);
	assert_int_equal(ss_probe(client, 5000), SS_OK);
	stop_fixture();
}

static void answer_twice(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	(void)client_fake_read(f, fd);
	client_fake_answer(f, fd);
	client_fake_reach(f, 1);
	client_fake_answer(f, fd);
	f->stage = 2;
	while (client_fake_read(f, fd))
		;
	close(fd);
	client_fake_serve_one(f);
}

static void test_a_second_answer_never_answers_the_next_request(void **state)
{
	struct ss_secret *secret;

	(void)state;
	start(answer_twice);
	assert_int_equal(ss_get(client, "secret", "first", 0, 5000, &secret), SS_OK);
	ss_secret_free(secret);
	fake.stage = 1;
	client_fake_reach(&fake, 2);
	assert_int_equal(ss_get(client, "secret", "second", 0, 5000, &secret), SS_PROTOCOL);
	assert_int_equal(ss_get(client, "secret", "third", 0, 5000, &secret), SS_OK);
	assert_string_equal(secret->data, "{\"path\":\"third\"}");
	ss_secret_free(secret);
	assert_int_equal(fake.connections, 2);
	stop_fixture();
}

/* If no byte of a put was written yet, it would rightly be sent again on a new connection. */
static void wait_for_the_request(int fd)
{
	char first;

	if (recv(fd, &first, 1, MSG_PEEK) != 1)
		abort();
}

static void refuse_the_connection(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	wait_for_the_request(fd);
	client_fake_say_for(fd,
	    "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"overloaded\",\"message\":\"too many\","
	    "\"status\":0,\"retryable\":true}}",
	    "", 0);
	f->stage = 1;
	close(fd);
	client_fake_serve_one(f);
}

static void test_a_refused_connection_answers_the_request_with_the_daemons_word(void **state)
{
	(void)state;
	start(refuse_the_connection);
	assert_int_equal(put_within(5000), SS_OVERLOADED);
	assert_string_equal(ss_last_error(client)->message, "too many");
	assert_int_equal(put_within(5000), SS_OK);
	assert_int_equal(fake.frames, 1);
	stop_fixture();
}

static void find_too_large(struct client_fake *f)
{
	char some[1000];
	int fd = client_fake_accept(f);

	if (recv(fd, some, sizeof(some), MSG_WAITALL) != sizeof(some))
		abort();
	client_fake_say_for(fd,
	    "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"too_large\",\"message\":\"over the limit\","
	    "\"status\":0,\"retryable\":false}}",
	    "", 0);
	close(fd);
	client_fake_serve_one(f);
}

static void test_a_put_over_the_daemons_limit_is_too_large_not_unknown(void **state)
{
	(void)state;
	start(find_too_large);
	assert_int_equal(put_large(), SS_TOO_LARGE);
	assert_int_equal(get_within(5000), SS_OK);
	stop_fixture();
}

/* -- forks and descriptors ------------------------------------------------------------------------------------ */

static void serve_two(struct client_fake *f)
{
	int parent = client_fake_accept(f), child;

	(void)client_fake_read(f, parent);
	client_fake_answer(f, parent);
	child = client_fake_accept(f);
	while (client_fake_read(f, child))
		client_fake_answer(f, child);
	close(child);
	/* If the child had closed or used the parent's connection, this would not be the parent's get. */
	(void)client_fake_read(f, parent);
	if (f->request.op != OP_KV_GET)
		abort();
	client_fake_answer(f, parent);
	client_fake_expect_end(f, parent);
	close(parent);
}

static void test_a_child_leaves_its_parents_connection_alone(void **state)
{
	int status;
	pid_t child;

	(void)state;
	start(serve_two);
	assert_int_equal(get_within(5000), SS_OK);
	child = fork();
	if (child == 0) {
		bool good = ss_fd(client) == -1 && put_within(5000) == SS_OK && put_within(5000) == SS_OK;

		ss_close(client);
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(get_within(5000), SS_OK);
	assert_int_equal(fake.connections, 2);
	assert_int_equal(fake.frames, 4);
	stop_fixture();
}

static size_t descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(directory);
	while (readdir(directory) != NULL)
		n++;
	closedir(directory);
	return n;
}

static void test_no_descriptor_is_leaked_or_left_to_children(void **state)
{
	size_t before;

	(void)state;
	start(break_off_once);
	before = descriptors();
	assert_int_equal(get_within(5000), SS_OK);
	assert_int_equal(fcntl(ss_fd(client), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ss_close(client);
	client_fake_stop(&fake); /* its listener was counted, but its connections were not */
	assert_int_equal(descriptors(), before - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_get_is_sent_again_when_the_connection_breaks),
		cmocka_unit_test(test_a_probe_is_sent_again_when_the_connection_breaks),
		cmocka_unit_test(test_a_put_that_was_written_is_never_sent_again),
		cmocka_unit_test(test_a_reply_cut_off_is_as_none_at_all),
		cmocka_unit_test(test_a_put_that_finds_the_connection_closed_is_made_on_a_new_one),
		cmocka_unit_test(test_a_put_that_was_written_in_part_is_never_sent_again),
		cmocka_unit_test(test_a_get_under_way_waits_for_the_daemon_to_return),
		cmocka_unit_test(test_a_daemon_that_does_not_return_in_time_is_no_daemon),
		cmocka_unit_test(test_a_daemon_that_closes_every_connection_is_not_hammered),
		cmocka_unit_test(test_a_daemon_slow_to_accept_is_waited_for),
		cmocka_unit_test(test_a_get_times_out_and_its_late_reply_answers_nothing),
		cmocka_unit_test(test_a_put_without_an_answer_in_time_is_unknown),
		cmocka_unit_test(test_a_reply_that_drips_does_not_stretch_the_deadline),
		cmocka_unit_test(test_a_signal_does_not_end_a_call),
		cmocka_unit_test(test_a_daemon_that_left_raises_no_sigpipe),
		cmocka_unit_test(test_bytes_that_are_no_reply_end_the_connection),
		cmocka_unit_test(test_a_reply_that_lacks_what_it_must_have_is_no_reply),
		cmocka_unit_test(test_a_second_answer_never_answers_the_next_request),
		cmocka_unit_test(test_a_refused_connection_answers_the_request_with_the_daemons_word),
		cmocka_unit_test(test_a_put_over_the_daemons_limit_is_too_large_not_unknown),
		cmocka_unit_test(test_a_child_leaves_its_parents_connection_alone),
		cmocka_unit_test(test_no_descriptor_is_leaked_or_left_to_children),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
