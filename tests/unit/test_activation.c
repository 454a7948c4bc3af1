/*
 * Descriptors that systemd passes on. Each test is a process of its own, since they have fixed numbers.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/host/activation.h"

/* Makes them the descriptors from 3 on, with these names, as systemd does. */
static void pass(const int *fds, int count, const char *names)
{
	char number[16];

	for (int i = 0; i < count; i++) /* to numbers that are not in the way */
		assert_true(dup2(fds[i], 40 + i) >= 0);
	for (int i = 0; i < count; i++)
		assert_true(dup2(40 + i, 3 + i) >= 0);
	snprintf(number, sizeof(number), "%d", count);
	setenv("LISTEN_FDS", number, 1);
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

static int unix_socket(int type, bool listens)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX }; /* bound to a name of the kernel's choice */
	int fd = socket(AF_UNIX, type, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	if (listens)
		assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void take_all(void)
{
	int fds[] = { unix_socket(SOCK_STREAM, true), open("/dev/null", O_RDONLY),
		unix_socket(SOCK_STREAM, true) },
	    fd;
	struct error error;
	struct activation *a;

	assert_false(activation_passed_any());
	pass(fds, 3, ACTIVATION_CREDENTIALS ":kept:" ACTIVATION_CALLERS);
	assert_true(activation_passed_any());
	a = activation_new(&error);
	assert_non_null(a);
	assert_null(getenv("LISTEN_FDS"));
	assert_false(activation_passed_any());
	assert_int_equal(activation_socket(a, ACTIVATION_CALLERS, &fd, &error), 0);
	assert_int_equal(fd, 5);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(activation_socket(a, ACTIVATION_CALLERS, &fd, &error), 0);
	assert_int_equal(fd, -1); /* there was one only */
	assert_int_equal(activation_take(a, "kept"), 4);
	assert_int_equal(activation_take(a, "nothing"), -1);
	activation_free(a);
	assert_false(is_open(3)); /* nobody has taken it */
	assert_true(is_open(4) && is_open(5));
}

static void refuse(int fd)
{
	struct error error = { .text = "" };
	struct activation *a;
	int ret = 77;

	pass(&fd, 1, ACTIVATION_CALLERS);
	a = activation_new(&error);
	assert_non_null(a);
	assert_int_equal(activation_socket(a, ACTIVATION_CALLERS, &ret, &error), -1);
	assert_int_equal(ret, 77);
	assert_non_null(strstr(error.text, "is no listening Unix stream socket"));
	assert_false(is_open(3));
	activation_free(a);
}

static void refuse_datagrams(void)
{
	refuse(unix_socket(SOCK_DGRAM, false));
}

static void refuse_one_that_does_not_listen(void)
{
	refuse(unix_socket(SOCK_STREAM, false));
}

static void refuse_a_network_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(listen(fd, 5), 0);
	refuse(fd);
}

static void refuse_a_file(void)
{
	refuse(open("/dev/null", O_RDONLY));
}

static void take_none(void)
{
	struct error error;
	struct activation *a;
	int fd;

	unsetenv("LISTEN_FDS");
	a = activation_new(&error);
	assert_non_null(a);
	assert_int_equal(activation_socket(a, ACTIVATION_CALLERS, &fd, &error), 0);
	assert_int_equal(fd, -1);
	activation_free(a);
}

static void leave_those_of_another_process(void)
{
	int fds[] = { unix_socket(SOCK_STREAM, true) }, fd;
	struct error error;
	struct activation *a;

	pass(fds, 1, ACTIVATION_CALLERS);
	setenv("LISTEN_PID", "1", 1);
	a = activation_new(&error);
	assert_non_null(a);
	assert_int_equal(activation_socket(a, ACTIVATION_CALLERS, &fd, &error), 0);
	assert_int_equal(fd, -1);
	activation_free(a);
	assert_true(is_open(3));
}

/* An assertion that fails ends the process with another status. */
static void in_child(void (*test)(void))
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		test();
		_exit(42);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

#define TEST(name, function) \
	static void name(void **state) \
	{ \
		(void)state; \
		in_child(function); \
	}

TEST(test_each_is_taken_by_its_name, take_all)
TEST(test_a_datagram_socket_is_refused, refuse_datagrams)
TEST(test_a_socket_that_does_not_listen_is_refused, refuse_one_that_does_not_listen)
TEST(test_a_network_socket_is_refused, refuse_a_network_socket)
TEST(test_a_file_is_refused, refuse_a_file)
TEST(test_without_systemd_there_are_none, take_none)
TEST(test_those_of_another_process_are_left_alone, leave_those_of_another_process)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_is_taken_by_its_name),
		cmocka_unit_test(test_a_datagram_socket_is_refused),
		cmocka_unit_test(test_a_socket_that_does_not_listen_is_refused),
		cmocka_unit_test(test_a_network_socket_is_refused),
		cmocka_unit_test(test_a_file_is_refused),
		cmocka_unit_test(test_without_systemd_there_are_none),
		cmocka_unit_test(test_those_of_another_process_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
