/*
 * The audit's file: who may read it, what others may do to it, and what is said when it cannot be written.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "daemon/host/audit_file.h"

static char directory[64], path[96], other[96];
static struct audit_file file;

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/test_audit.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/audit.log", directory);
	snprintf(other, sizeof(other), "%s/other", directory);
	file = (struct audit_file){ .fd = -1 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	audit_file_close(&file);
	unlink(path);
	unlink(other);
	rmdir(directory);
	return 0;
}

static void assert_holds(const char *name, const char *text)
{
	char found[4096];
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, found, sizeof(found) - 1);

	assert_true(n >= 0);
	found[n] = '\0';
	close(fd);
	assert_string_equal(found, text);
}

static int put(const char *line)
{
	return audit_file_write(&file, line, strlen(line));
}

static void test_a_new_file_is_for_its_owner_only(void **state)
{
	struct stat st;
	mode_t before = umask(0);

	(void)state;
	assert_int_equal(audit_file_open(&file, path), 0);
	umask(before);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fcntl(file.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void test_lines_are_added_to_what_is_there(void **state)
{
	(void)state;
	assert_int_equal(audit_file_open(&file, path), 0);
	assert_int_equal(put("one\n"), 0);
	audit_file_close(&file);
	assert_int_equal(audit_file_open(&file, path), 0);
	assert_int_equal(put("two\n"), 0);
	assert_int_equal(audit_file_sync(&file), 0);
	assert_holds(path, "one\ntwo\n");
}

static void test_what_is_no_file_is_refused(void **state)
{
	(void)state;
	assert_int_equal(symlink("other", path), 0);
	assert_int_equal(audit_file_open(&file, path), ELOOP);
	assert_int_not_equal(access(other, F_OK), 0);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(audit_file_open(&file, path), ENXIO);
	unlink(path);
	assert_int_equal(audit_file_open(&file, "/dev/full"), EINVAL);
	assert_int_equal(audit_file_open(&file, directory), EISDIR);
	assert_int_equal(audit_file_open(&file, "/tmp/no-such-directory/x"), ENOENT);
	assert_null(file.path);
}

static void test_a_renamed_file_is_followed_by_a_new_one(void **state)
{
	(void)state;
	assert_int_equal(audit_file_open(&file, path), 0);
	assert_int_equal(put("one\n"), 0);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(put("two\n"), 0);
	assert_int_equal(put("three\n"), 0);
	assert_int_equal(audit_file_sync(&file), 0);
	assert_holds(other, "one\n");
	assert_holds(path, "two\nthree\n");
}

static void test_a_file_put_in_its_place_is_taken(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(audit_file_open(&file, path), 0);
	assert_int_equal(put("one\n"), 0);
	fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(put("two\n"), 0);
	assert_holds(path, "two\n");
}

/*
 * logrotate's copytruncate loses what is written in between, so it is not recommended; but a hole must not come
 * before the lines.
 */
static void test_a_file_cut_to_nothing_goes_on_at_its_beginning(void **state)
{
	(void)state;
	assert_int_equal(audit_file_open(&file, path), 0);
	assert_int_equal(put("one\n"), 0);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(put("two\n"), 0);
	assert_holds(path, "two\n");
}

static void test_a_directory_that_vanished_is_an_error_until_it_is_back(void **state)
{
	(void)state;
	assert_int_equal(audit_file_open(&file, path), 0);
	assert_int_equal(put("one\n"), 0);
	unlink(path);
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(put("two\n"), ENOENT);
	assert_int_equal(put("two\n"), ENOENT);
	assert_int_equal(audit_file_sync(&file), EBADF);
	assert_int_equal(mkdir(directory, 0700), 0);
	assert_int_equal(put("three\n"), 0);
	assert_int_equal(audit_file_sync(&file), 0);
	assert_holds(path, "three\n");
}

static void limit_file_size(rlim_t most)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = most;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The beginning of a line may get in although its end does not, as on a full disk. */
static void test_after_a_line_that_was_cut_short_the_next_begins_on_its_own(void **state)
{
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(audit_file_open(&file, path), 0);
	assert_int_equal(put("first\n"), 0);
	limit_file_size(10);
	assert_int_equal(put("second\n"), EFBIG);
	assert_int_equal(put("third\n"), EFBIG);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(put("fourth\n"), 0);
	assert_holds(path, "first\nseco\nfourth\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_new_file_is_for_its_owner_only),
		TEST(test_lines_are_added_to_what_is_there),
		TEST(test_what_is_no_file_is_refused),
		TEST(test_a_renamed_file_is_followed_by_a_new_one),
		TEST(test_a_file_put_in_its_place_is_taken),
		TEST(test_a_file_cut_to_nothing_goes_on_at_its_beginning),
		TEST(test_a_directory_that_vanished_is_an_error_until_it_is_back),
		TEST(test_after_a_line_that_was_cut_short_the_next_begins_on_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
