/*
 * The guard refuses what a process leaves behind. It runs this very program, which main sends its way.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/callers/credential_answer.h"
#include "daemon/callers/credential_guard.h"

struct ends {
	int ours, theirs;
};

static struct event_base *base;

static int make_base(void **state)
{
	(void)state;
	base = event_base_new();
	return base != NULL ? 0 : -1;
}

static int free_base(void **state)
{
	(void)state;
	event_base_free(base);
	return 0;
}

static struct ends connection(void)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	return (struct ends){ pair[0], pair[1] };
}

/* Reads until the end, which comes only when no process has the other side open any more. */
static size_t read_all(int fd)
{
	char piece[65536];
	size_t total = 0;
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0)
		total += (size_t)n;
	assert_int_equal(n, 0);
	close(fd);
	return total;
}

/* A daemon with two connections, of which it has done the second and sent a part on the first; then it dies. */
static void die_in_the_middle(struct ends first, struct ends second)
{
	struct error error;
	struct credential_guard *guard = credential_guard_new(base, &error);

	if (guard == NULL)
		_exit(1);
	credential_guard_watch(guard, 0, first.ours);
	credential_guard_watch(guard, CREDENTIAL_GUARD_MAX - 1, second.ours);
	if (write(first.ours, "part", 4) != 4 || write(second.ours, "whole", 5) != 5)
		_exit(1);
	credential_guard_done(guard, CREDENTIAL_GUARD_MAX - 1);
	kill(getpid(), SIGKILL);
}

static void test_a_process_that_dies_leaves_a_refusal(void **state)
{
	struct ends first = connection(), second = connection();
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		die_in_the_middle(first, second);
	close(first.ours);
	close(second.ours);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(read_all(second.theirs), 5);
	assert_int_equal(read_all(first.theirs), 4 + CREDENTIAL_REFUSAL_BYTES);
}

static void test_what_is_done_ends_while_the_guard_lives(void **state)
{
	struct credential_guard *guard;
	struct error error;

	(void)state;
	guard = credential_guard_new(base, &error);
	assert_non_null(guard);
	for (unsigned i = 0; i < 100; i++) {
		struct ends c = connection();

		credential_guard_watch(guard, i % 3, c.ours);
		credential_guard_done(guard, i % 3);
		close(c.ours);
		assert_int_equal(read_all(c.theirs), 0);
	}
	credential_guard_free(guard);
	assert_true(wait(NULL) > 0);
}

static void test_freeing_refuses_what_is_not_done(void **state)
{
	struct ends c = connection();
	struct credential_guard *guard;
	struct error error;

	(void)state;
	guard = credential_guard_new(base, &error);
	assert_non_null(guard);
	credential_guard_watch(guard, 0, c.ours);
	close(c.ours);
	credential_guard_free(guard);
	assert_int_equal(read_all(c.theirs), CREDENTIAL_REFUSAL_BYTES);
	assert_true(wait(NULL) > 0);
}

/* 0: there is none. */
static pid_t only_child(void)
{
	char path[64];
	FILE *children;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	children = fopen(path, "re");
	assert_non_null(children);
	if (fscanf(children, "%d", &pid) != 1)
		pid = 0;
	fclose(children);
	return pid;
}

static void turn_until_another_child_than(pid_t before)
{
	uint64_t end_ms = clock_now_ms() + 20000;

	while (only_child() == before || only_child() == 0) {
		assert_true(clock_now_ms() < end_ms);
		assert_true(event_base_loop(base, EVLOOP_ONCE) >= 0);
	}
}

/* The next one is started by the loop, and holds what is to be guarded then. */
static void test_a_guard_that_dies_is_started_again(void **state)
{
	struct ends c = connection(), done = connection(), later = connection();
	struct credential_guard *guard;
	struct error error;
	pid_t first;

	(void)state;
	guard = credential_guard_new(base, &error);
	assert_non_null(guard);
	credential_guard_watch(guard, 0, c.ours);
	credential_guard_watch(guard, 1, done.ours);
	first = only_child();
	assert_int_equal(kill(first, SIGKILL), 0);
	credential_guard_done(guard, 1);
	close(done.ours);
	turn_until_another_child_than(first);
	credential_guard_watch(guard, 2, later.ours);
	close(c.ours);
	close(later.ours);
	assert_int_equal(read_all(done.theirs), 0);
	credential_guard_free(guard);
	assert_int_equal(read_all(c.theirs), CREDENTIAL_REFUSAL_BYTES);
	assert_int_equal(read_all(later.theirs), CREDENTIAL_REFUSAL_BYTES);
	while (wait(NULL) > 0)
		;
}

/* What a library has opened without CLOEXEC does not stay open in the guard. */
static void test_the_guard_has_its_own_socket_only(void **state)
{
	struct credential_guard *guard;
	struct ends c = connection();
	int pair[2];
	struct error error;

	(void)state;
	assert_int_equal(pipe(pair), 0);
	guard = credential_guard_new(base, &error);
	assert_non_null(guard);
	credential_guard_watch(guard, 0, c.ours);
	close(pair[1]);
	assert_int_equal(read_all(pair[0]), 0);
	credential_guard_done(guard, 0);
	close(c.ours);
	assert_int_equal(read_all(c.theirs), 0);
	credential_guard_free(guard);
	assert_true(wait(NULL) > 0);
}

static void test_signals_for_the_service_do_not_end_it(void **state)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT };
	struct ends c = connection(), started = connection();
	struct credential_guard *guard;
	struct error error;
	pid_t pid;

	(void)state;
	guard = credential_guard_new(base, &error);
	assert_non_null(guard);
	/* When this connection is taken, the guard ignores those signals already. */
	credential_guard_watch(guard, 0, started.ours);
	credential_guard_done(guard, 0);
	close(started.ours);
	assert_int_equal(read_all(started.theirs), 0);
	credential_guard_watch(guard, 0, c.ours);
	close(c.ours);
	pid = only_child();
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		assert_int_equal(kill(pid, numbers[i]), 0);
	credential_guard_free(guard);
	assert_int_equal(read_all(c.theirs), CREDENTIAL_REFUSAL_BYTES);
	assert_true(wait(NULL) > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_process_that_dies_leaves_a_refusal),
		cmocka_unit_test(test_what_is_done_ends_while_the_guard_lives),
		cmocka_unit_test(test_freeing_refuses_what_is_not_done),
		cmocka_unit_test(test_a_guard_that_dies_is_started_again),
		cmocka_unit_test(test_the_guard_has_its_own_socket_only),
		cmocka_unit_test(test_signals_for_the_service_do_not_end_it),
	};

	if (argc == 2 && strcmp(argv[1], CREDENTIAL_GUARD_OPTION) == 0)
		return credential_guard_main();
	return cmocka_run_group_tests(tests, make_base, free_base);
}
