/*
 * The socket's file has its mode from the first moment on, and what somebody puts in its place is left alone. The
 * bind() here is what the daemon calls: it tells what was bound, and may swap it.
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/callers/socket.h"

static char folder[64], path[96], other[96];
static mode_t mode_at_bind;
static bool swaps;

int bind(int fd, const struct sockaddr *address, socklen_t size)
{
	int rc = (int)syscall(SYS_bind, fd, address, size);
	struct stat st;

	if (rc == 0 && lstat(path, &st) == 0)
		mode_at_bind = st.st_mode & 07777;
	if (rc == 0 && swaps) {
		assert_int_equal(unlink(path), 0);
		assert_int_equal(symlink(other, path), 0);
	}
	return rc;
}

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(folder, "/tmp/test_socket.XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s.sock", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	swaps = false;
	mode_at_bind = 0;
	return 0;
}

static int teardown(void **state)
{
	char lock[128];

	(void)state;
	snprintf(lock, sizeof(lock), "%s.lock", path);
	(void)unlink(path);
	(void)unlink(lock);
	(void)unlink(other);
	return rmdir(folder);
}

static int listens(mode_t mode, gid_t group, struct error *error)
{
	int fd, lock;

	if (socket_listen(path, mode, group, &fd, &lock, error) != 0)
		return -1;
	close(fd);
	close(lock);
	return 0;
}

static void test_the_mode_is_right_from_the_first_moment_on(void **state)
{
	static const mode_t modes[] = { 0600, 0660, 0666, 0640, 0777, 0 };
	struct error error;
	struct stat st;

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		mode_t before = umask(027);

		assert_int_equal(listens(modes[i], (gid_t)-1, &error), 0);
		assert_int_equal(umask(before), 027);
		assert_int_equal(mode_at_bind, modes[i]);
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode, S_IFSOCK | modes[i]);
	}
}

static void test_what_is_put_in_the_sockets_place_is_left_alone(void **state)
{
	struct error error;
	struct stat st;

	(void)state;
	swaps = true;
	(void)listens(0666, (gid_t)-1, &error);
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	if (geteuid() != 0)
		skip();
	assert_int_equal(unlink(path), 0);
	assert_int_equal(listens(0666, 1, &error), -1);
	assert_non_null(strstr(error.text, "somebody has put something else in the place of the socket"));
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_gid, 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_gid, 0);
}

static void test_the_group_gets_the_socket(void **state)
{
	struct error error;
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(listens(0660, 1, &error), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_gid, 1);
	assert_int_equal(st.st_mode, S_IFSOCK | 0660);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_the_mode_is_right_from_the_first_moment_on),
		TEST(test_what_is_put_in_the_sockets_place_is_left_alone),
		TEST(test_the_group_gets_the_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
