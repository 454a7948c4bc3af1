/*
 * Saving raft snapshots with the client library, from a daemon that answers as it should, breaks off, hangs or
 * talks nonsense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "client-lib/client.h"
#include "client-lib/secretstore.h"
#include "daemon/store/sha256_openssl.h"
#include "proto/frame.h"
#include "tests/unit/client_fake.h"
#include "tests/unit/client_stream.h"

#define ERROR(code, status) \
	"{\"id\":%,\"ok\":false,\"error\":{\"code\":\"" code "\",\"message\":\"so it is\",\"status\":" status \
	",\"retryable\":false}}"

static struct client_fake fake;
static struct client_stream stream;
static struct ss_client *client;
static struct ss_snapshot snapshot;

/* The bytes that the sink has got, and what it has to do. */
static struct {
	uint64_t bytes;
	size_t largest;
	bool wrong;
	unsigned calls, refuse_at;
	unsigned sleep_ms;
	void (*meanwhile)(void);
} got;

static void play(struct client_fake *f)
{
	client_stream_play(f, &stream);
}

static void start_with(void (*script)(struct client_fake *), const char *steps)
{
	memset(&stream, 0, sizeof(stream));
	memset(&got, 0, sizeof(got));
	memset(&snapshot, 0, sizeof(snapshot));
	stream.steps = steps;
	client_fake_start(&fake, script);
	assert_int_equal(ss_open(&client, fake.path), SS_OK);
}

static void start(const char *steps)
{
	start_with(play, steps);
}

static void stop_fixture(void)
{
	ss_close(client);
	client_fake_stop(&fake);
	fake.reply = NULL;
}

static int sink(void *arg, const void *p, size_t n)
{
	const unsigned char *bytes = p;

	assert_ptr_equal(arg, &got);
	for (size_t i = 0; i < n; i++)
		got.wrong |= bytes[i] != client_stream_byte(got.bytes + i);
	got.bytes += n;
	got.largest = n > got.largest ? n : got.largest;
	if (got.sleep_ms != 0)
		usleep(got.sleep_ms * 1000);
	if (got.meanwhile != NULL)
		got.meanwhile();
	return ++got.calls == got.refuse_at ? 7 : 0;
}

static int save_within(uint32_t timeout_ms)
{
	return ss_snapshot_save(client, timeout_ms, sink, &got, &snapshot);
}

static int save(void)
{
	return save_within(0);
}

static void assert_error(int code, const char *text)
{
	const struct ss_error *error = ss_last_error(client);

	if (error->code != code || strstr(error->message, text) == NULL)
		print_error("%s: %s\n", ss_code_name(error->code), error->message);
	assert_int_equal(error->code, code);
	assert_non_null(strstr(error->message, text));
}

/* -- how it goes ---------------------------------------------------------------------------------------------- */

static void expected_sum(uint64_t bytes, char ret[65])
{
	unsigned char digest[32];
	void *sum = sha256_openssl.begin();

	assert_non_null(sum);
	for (uint64_t at = 0; at < bytes; at++)
		sha256_openssl.add(sum, &(unsigned char){ client_stream_byte(at) }, 1);
	sha256_openssl.end(sum, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

static void test_a_snapshot_comes_piece_by_piece_and_whole(void **state)
{
	char sum[65];

	(void)state;
	start("rsdDDdefw");
	assert_int_equal(save(), SS_OK);
	assert_false(got.wrong);
	assert_int_equal(got.bytes, 2000 + 2 * 65536);
	assert_int_equal(got.largest, 65536);
	assert_int_equal(got.calls, 4);
	assert_int_equal(snapshot.bytes, got.bytes);
	assert_string_equal(snapshot.state_sha256, CLIENT_STREAM_DIGEST);
	/* The sum is the one that sha256sum(1) gives for these bytes. */
	expected_sum(got.bytes, sum);
	assert_string_equal(snapshot.file_sha256, sum);
	assert_int_equal(ss_last_error(client)->code, SS_OK);
	stop_fixture();
	assert_int_equal(fake.request.op, OP_SNAPSHOT_SAVE);
	assert_int_equal(fake.request.timeout_ms, 0);
	assert_int_equal(fake.connections, 1);
}

static void test_what_became_of_it_need_not_be_asked(void **state)
{
	(void)state;
	start("rsdef");
	assert_int_equal(ss_snapshot_save(client, 0, sink, &got, NULL), SS_OK);
	stop_fixture();
}

static void test_the_daemon_is_told_a_little_less_than_the_timeout(void **state)
{
	(void)state;
	start("rsef");
	assert_int_equal(save_within(1000), SS_OK);
	stop_fixture();
	assert_in_range(fake.request.timeout_ms, 450, 900);
	start("rsef");
	assert_int_equal(save_within(SS_MAX_TIMEOUT_MS), SS_OK);
	stop_fixture();
	assert_in_range(fake.request.timeout_ms, SS_MAX_TIMEOUT_MS - 5000, SS_MAX_TIMEOUT_MS - 250);
}

static void test_arguments_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	start("");
	assert_int_equal(ss_snapshot_save(client, 0, NULL, NULL, NULL), SS_INVALID_REQUEST);
	assert_int_equal(save_within(SS_MAX_TIMEOUT_MS + 1), SS_INVALID_REQUEST);
	assert_int_equal(fake.connections, 0);
	assert_int_equal(save(), SS_NO_DAEMON); /* this lets the script end */
	stop_fixture();
}

static uint64_t resident_bytes(void)
{
	unsigned long long size, resident;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llu %llu", &size, &resident), 2);
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void test_memory_does_not_grow_with_the_snapshot(void **state)
{
	char steps[1500] = "rs";
	uint64_t before;

	(void)state;
	memset(steps + 2, 'D', 1024); /* frames of 64 KiB each: 64 MiB */
	strcat(steps, "ef");
	start(steps);
	before = resident_bytes();
	assert_int_equal(save(), SS_OK);
	assert_int_equal(got.bytes, 1024 * 65536);
	assert_false(got.wrong);
	assert_true(resident_bytes() < before + (8 << 20));
	stop_fixture();
}

/* -- the handle meanwhile ------------------------------------------------------------------------------------- */

static void serve_beside(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	assert_true(client_fake_read(f, fd));
	client_fake_answer(f, fd);
	client_stream_play(f, &stream);
	while (client_fake_read(f, fd))
		client_fake_answer(f, fd);
	close(fd);
}

static void test_the_handles_own_connection_stays(void **state)
{
	uint64_t connection;

	(void)state;
	start_with(serve_beside, "rsdef");
	assert_int_equal(ss_ping(client, 5000, NULL), SS_OK);
	connection = ss_connection(client);
	assert_int_equal(save(), SS_OK);
	assert_int_equal(ss_ping(client, 5000, NULL), SS_OK);
	assert_int_equal(ss_connection(client), connection);
	assert_int_equal(fake.connections, 2);
	stop_fixture();
}

static unsigned callbacks;

static void count(struct ss_client *c, const struct ss_result *result, void *arg)
{
	(void)arg;
	(void)result;
	callbacks++;
	assert_int_equal(ss_snapshot_save(c, 0, sink, &got, NULL), SS_INVALID_REQUEST);
	assert_int_equal(ss_snapshot_check(c, NULL, NULL), SS_INVALID_REQUEST);
	assert_int_equal(ss_snapshot_restore(c, false, 0, NULL, NULL, NULL), SS_INVALID_REQUEST);
	assert_non_null(strstr(ss_last_error(c)->message, "callback"));
}

static void test_a_callback_may_not_wait_for_a_snapshot(void **state)
{
	(void)state;
	callbacks = 0;
	start_with(client_fake_serve_one, "");
	assert_int_equal(ss_submit_ping(client, 5000, count, NULL), SS_OK);
	assert_int_equal(ss_ping(client, 5000, NULL), SS_OK);
	assert_int_equal(callbacks, 1);
	stop_fixture();
}

static void try_to_wait(void)
{
	assert_int_equal(ss_ping(client, 100, NULL), SS_INVALID_REQUEST);
	assert_int_equal(save(), SS_INVALID_REQUEST);
	ss_process(client);
}

static void test_a_sink_may_not_wait_for_its_handle(void **state)
{
	(void)state;
	start("rsdef");
	got.meanwhile = try_to_wait;
	assert_int_equal(save(), SS_OK);
	assert_int_equal(ss_last_error(client)->code, SS_OK);
	assert_int_equal(got.calls, 1);
	stop_fixture();
}

static void close_it(void)
{
	ss_close(client);
	client = NULL;
}

static void test_a_sink_may_close_the_handle_which_ends_the_transfer(void **state)
{
	(void)state;
	start("rsdw");
	got.meanwhile = close_it;
	assert_int_equal(save(), SS_CLOSED);
	assert_int_equal(got.calls, 1);
	stop_fixture();
}

static void test_a_child_may_save_with_a_handle_it_inherited(void **state)
{
	pid_t child;
	int status;

	(void)state;
	start("rsdef");
	child = fork();
	if (child == 0) {
		if (save() != SS_OK || got.bytes != 1000)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	stop_fixture();
}

/* -- errors of the daemon ------------------------------------------------------------------------------------- */

static void test_an_error_may_come_in_place_of_anything(void **state)
{
	static const char *const steps[] = { "rRw", "rsRw", "rsdRw", "rsdDDRw", "rsdeRw", "rsddR", "rR" };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		fake.reply = ERROR("raft_unsupported", "404");
		start(steps[i]);
		assert_int_equal(save(), SS_RAFT_UNSUPPORTED);
		assert_int_equal(snapshot.bytes, 0);
		assert_error(SS_RAFT_UNSUPPORTED, "so it is");
		assert_int_equal(ss_last_error(client)->status, 404);
		assert_false(ss_last_error(client)->retryable);
		stop_fixture();
		assert_int_equal(fake.connections, 1);
	}
}

static void test_an_error_that_may_pass_says_so(void **state)
{
	(void)state;
	fake.reply = ERROR("unavailable", "0");
	start("rsdRw");
	assert_int_equal(save(), SS_UNAVAILABLE);
	assert_true(ss_last_error(client)->retryable);
	stop_fixture();
}

/* At its limits the daemon answers a connection before it has read anything, and closes. */
static void test_an_error_without_an_id_counts_too(void **state)
{
	(void)state;
	fake.reply = "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"overloaded\",\"message\":\"full\"}}";
	start("R");
	assert_int_equal(save(), SS_OVERLOADED);
	assert_error(SS_OVERLOADED, "full");
	stop_fixture();
}

/* -- a daemon that cannot be understood ----------------------------------------------------------------------- */

#define BYTES "\"bytes\":1000,"
#define SUM "\"sha256\":\"" CLIENT_STREAM_DIGEST "\","

static void test_a_last_reply_that_does_not_say_all_proves_nothing(void **state)
{
	static const char *const last[] = {
		"{\"id\":%,\"ok\":true}",
		"{\"id\":%,\"ok\":true," BYTES SUM "\"verified\":false}",
		"{\"id\":%,\"ok\":true," BYTES "\"sha256\":\"" CLIENT_STREAM_DIGEST "\"}",
		"{\"id\":%,\"ok\":true," BYTES "\"verified\":true}",
		"{\"id\":%,\"ok\":true," SUM "\"verified\":true}",
		"{\"id\":%,\"ok\":true,\"bytes\":999," SUM "\"verified\":true}",
		"{\"id\":%,\"ok\":true,\"bytes\":1001," SUM "\"verified\":true}",
		"{\"id\":%,\"ok\":true," BYTES "\"sha256\":\"\",\"verified\":true}",
		"{\"id\":%,\"ok\":true," BYTES "\"sha256\":\"0" CLIENT_STREAM_DIGEST "\",\"verified\":true}",
		"{\"id\":%,\"ok\":true," BYTES
		"\"sha256\":\"x123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
		"\"verified\":true}",
		"{\"id\":%,\"ok\":true,\"stream\":true}",
		"{\"id\":7,\"ok\":true," BYTES SUM "\"verified\":true}",
		"{\"id\":null,\"ok\":true," BYTES SUM "\"verified\":true}",
		"{\"id\":\"1\",\"ok\":true," BYTES SUM "\"verified\":true}",
		"[]",
		"{",
		"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		fake.reply = last[i];
		start("rsdeRw");
		assert_int_equal(save(), SS_PROTOCOL);
		assert_int_equal(snapshot.bytes, 0);
		stop_fixture();
	}
	fake.reply = "{\"id\":%,\"newer\":[{}],\"ok\":true," BYTES SUM "\"verified\":true}";
	start("rsdeRw");
	assert_int_equal(save(), SS_OK);
	stop_fixture();
}

static void test_what_comes_out_of_turn_ends_the_transfer(void **state)
{
	static const char *const steps[] = { "rfw", "rcw", "rdw", "rew", "rssw", "rsdsw", "rsdfw", "rsdedw",
		"rsdeew", "rLw", "rJw", "rKw", "rsLw", "rsJw", "rsKw", "rsdeLw", "rsdeJw" };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		start(steps[i]);
		if (save() != SS_PROTOCOL)
			fail_msg("%s: %s", steps[i], ss_last_error(client)->message);
		assert_int_equal(snapshot.bytes, 0);
		stop_fixture();
	}
}

/* -- a daemon that goes, or hangs ----------------------------------------------------------------------------- */

static void test_without_a_daemon_it_fails_at_once(void **state)
{
	(void)state;
	assert_int_equal(ss_open(&client, "/nonexistent/socket"), SS_OK);
	assert_int_equal(save(), SS_NO_DAEMON);
	assert_error(SS_NO_DAEMON, "cannot connect to /nonexistent/socket");
	assert_true(ss_last_error(client)->retryable);
	ss_close(client);
}

static void test_a_connection_that_breaks_is_told_and_nothing_sent_again(void **state)
{
	static const char *const steps[] = { "", "r", "rs", "rsd", "rsdD", "rsde" };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		start(steps[i]);
		assert_int_equal(save(), SS_NO_DAEMON);
		assert_error(SS_NO_DAEMON, "broke in the middle of the snapshot");
		assert_int_equal(snapshot.bytes, 0);
		stop_fixture();
		assert_int_equal(fake.connections, 1);
	}
}

static void test_a_daemon_that_says_nothing_is_given_up(void **state)
{
	static const char *const steps[] = { "rw", "rsw", "rsdw", "rsdew" };
	uint64_t began_ms;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		start(steps[i]);
		assert_int_equal(client->silence_ms, 90000);
		client->silence_ms = 200;
		began_ms = clock_now_ms();
		assert_int_equal(save(), SS_TIMEOUT);
		assert_true(clock_now_ms() - began_ms >= 200);
		assert_error(SS_TIMEOUT, "nothing came from the daemon");
		stop_fixture();
	}
}

static void test_the_timeout_is_for_all_of_it(void **state)
{
	static const char *const steps[] = { "rw", "rsw", "rsdw", "rsdew" };
	uint64_t began_ms;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		start(steps[i]);
		began_ms = clock_now_ms();
		assert_int_equal(save_within(200), SS_TIMEOUT);
		assert_true(clock_now_ms() - began_ms >= 200);
		assert_error(SS_TIMEOUT, "the time for the snapshot is over");
		stop_fixture();
	}
}

static void health_stage_1(void)
{
	fake.stage = 1;
}

static void test_a_slow_sink_is_no_silence_of_the_daemon(void **state)
{
	(void)state;
	start("rsdSdef");
	client->silence_ms = 1000;
	got.sleep_ms = 1200;
	got.meanwhile = health_stage_1;
	assert_int_equal(save(), SS_OK);
	assert_int_equal(got.calls, 2);
	stop_fixture();
}

static void test_a_slow_sink_uses_up_the_timeout(void **state)
{
	(void)state;
	start("rsddefw");
	got.sleep_ms = 300;
	assert_int_equal(save_within(250), SS_TIMEOUT);
	assert_int_equal(got.calls, 1);
	stop_fixture();
}

static void test_a_sink_that_refuses_ends_the_transfer(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 3; i++) {
		start("rsddddefw");
		got.refuse_at = i;
		assert_int_equal(save(), SS_ABORTED);
		assert_int_equal(got.calls, i);
		assert_int_equal(ss_last_error(client)->code, SS_ABORTED);
		assert_false(ss_last_error(client)->retryable);
		stop_fixture();
	}
}

static void on_signal(int number)
{
	(void)number;
}

static void *send_signals(void *arg)
{
	pthread_t *to = arg;

	for (int i = 0; i < 20; i++) {
		usleep(5000);
		pthread_kill(*to, SIGUSR1);
	}
	fake.stage = 1;
	return NULL;
}

static void test_a_signal_does_not_end_it(void **state)
{
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t self = pthread_self(), thread;

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	start("rsdSdef");
	assert_int_equal(pthread_create(&thread, NULL, send_signals, &self), 0);
	assert_int_equal(save(), SS_OK);
	assert_int_equal(got.bytes, 2000);
	pthread_join(thread, NULL);
	stop_fixture();
}

/* -- into a file ---------------------------------------------------------------------------------------------- */

static void test_a_file_gets_it_from_its_position_on(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	unsigned char bytes[1100];

	(void)state;
	assert_int_equal(write(fd, "before", 6), 6);
	start("rsdef");
	assert_int_equal(ss_snapshot_save_fd(client, 0, fd, &snapshot), SS_OK);
	assert_int_equal(snapshot.bytes, 1000);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), 1006);
	assert_memory_equal(bytes, "before", 6);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(bytes[6 + i], client_stream_byte(i));
	close(fd);
	stop_fixture();
}

static void test_a_file_that_cannot_be_written_is_named_by_its_error(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	start("rsdw");
	assert_int_equal(ss_snapshot_save_fd(client, 0, fd, NULL), SS_IO);
	assert_error(SS_IO, "No space left on device");
	close(fd);
	stop_fixture();
	start("rsdw");
	assert_int_equal(ss_snapshot_save_fd(client, 0, -1, NULL), SS_IO);
	assert_error(SS_IO, "Bad file descriptor");
	stop_fixture();
}

static void test_a_pipe_without_a_reader_raises_no_signal(void **state)
{
	sigset_t pending;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	start("rsdw");
	assert_int_equal(ss_snapshot_save_fd(client, 0, fds[1], NULL), SS_IO);
	assert_error(SS_IO, "Broken pipe");
	assert_int_equal(sigpending(&pending), 0);
	assert_int_equal(sigismember(&pending, SIGPIPE), 0);
	close(fds[1]);
	stop_fixture();
}

static int slow_pipe[2];

static void *drain(void *arg)
{
	unsigned char bytes[3000];
	size_t *total = arg;
	ssize_t n;

	while ((n = read(slow_pipe[0], bytes, sizeof(bytes))) > 0) {
		*total += (size_t)n;
		usleep(100);
	}
	return NULL;
}

static void test_a_pipe_that_does_not_block_is_waited_for(void **state)
{
	pthread_t thread;
	size_t total = 0;

	(void)state;
	assert_int_equal(pipe2(slow_pipe, O_CLOEXEC), 0);
	assert_int_equal(fcntl(slow_pipe[1], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(pthread_create(&thread, NULL, drain, &total), 0);
	start("rsDDDDef");
	assert_int_equal(ss_snapshot_save_fd(client, 0, slow_pipe[1], NULL), SS_OK);
	close(slow_pipe[1]);
	pthread_join(thread, NULL);
	assert_int_equal(total, 4 * 65536);
	close(slow_pipe[0]);
	stop_fixture();
}

static void test_a_failure_of_the_daemon_stays_one_with_a_file(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	(void)state;
	fake.reply = ERROR("upstream_error", "500");
	start("rsdRw");
	assert_int_equal(ss_snapshot_save_fd(client, 0, fd, NULL), SS_UPSTREAM_ERROR);
	close(fd);
	stop_fixture();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_snapshot_comes_piece_by_piece_and_whole),
		cmocka_unit_test(test_what_became_of_it_need_not_be_asked),
		cmocka_unit_test(test_the_daemon_is_told_a_little_less_than_the_timeout),
		cmocka_unit_test(test_arguments_that_make_no_sense_are_refused),
		cmocka_unit_test(test_memory_does_not_grow_with_the_snapshot),
		cmocka_unit_test(test_the_handles_own_connection_stays),
		cmocka_unit_test(test_a_callback_may_not_wait_for_a_snapshot),
		cmocka_unit_test(test_a_sink_may_not_wait_for_its_handle),
		cmocka_unit_test(test_a_sink_may_close_the_handle_which_ends_the_transfer),
		cmocka_unit_test(test_a_child_may_save_with_a_handle_it_inherited),
		cmocka_unit_test(test_an_error_may_come_in_place_of_anything),
		cmocka_unit_test(test_an_error_that_may_pass_says_so),
		cmocka_unit_test(test_an_error_without_an_id_counts_too),
		cmocka_unit_test(test_a_last_reply_that_does_not_say_all_proves_nothing),
		cmocka_unit_test(test_what_comes_out_of_turn_ends_the_transfer),
		cmocka_unit_test(test_without_a_daemon_it_fails_at_once),
		cmocka_unit_test(test_a_connection_that_breaks_is_told_and_nothing_sent_again),
		cmocka_unit_test(test_a_daemon_that_says_nothing_is_given_up),
		cmocka_unit_test(test_the_timeout_is_for_all_of_it),
		cmocka_unit_test(test_a_slow_sink_is_no_silence_of_the_daemon),
		cmocka_unit_test(test_a_slow_sink_uses_up_the_timeout),
		cmocka_unit_test(test_a_sink_that_refuses_ends_the_transfer),
		cmocka_unit_test(test_a_signal_does_not_end_it),
		cmocka_unit_test(test_a_file_gets_it_from_its_position_on),
		cmocka_unit_test(test_a_file_that_cannot_be_written_is_named_by_its_error),
		cmocka_unit_test(test_a_pipe_without_a_reader_raises_no_signal),
		cmocka_unit_test(test_a_pipe_that_does_not_block_is_waited_for),
		cmocka_unit_test(test_a_failure_of_the_daemon_stays_one_with_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
