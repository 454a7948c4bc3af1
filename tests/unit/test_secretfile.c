/*
 * Reading credential files: what is accepted, and that nothing that is no regular file can hold the reader up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secretfile.h"

static char dir[] = "/tmp/secretfile-test-XXXXXX";
static char path[sizeof(dir) + 32];
static struct buf content;
static struct error error;

static int make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/secret", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static int setup(void **state)
{
	(void)state;
	buf_init(&content, SECRETFILE_MAX);
	error.text[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&content);
	unlink(path);
	return 0;
}

static void write_file(const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

static void assert_reads(const char *text)
{
	error.text[0] = '\0';
	assert_int_equal(secretfile_read(path, SECRETFILE_MAX, &content, &error), 0);
	assert_int_equal(buf_len(&content), strlen(text));
	assert_memory_equal(buf_data(&content), text, strlen(text));
	assert_string_equal(error.text, "");
}

/* The error must name the file and the reason, and the buffer must be as it was. */
static void assert_refused(const char *name, const char *reason)
{
	buf_free(&content);
	assert_int_equal(buf_puts(&content, "as before"), 0);
	assert_int_equal(secretfile_read(name, SECRETFILE_MAX, &content, &error), -1);
	assert_non_null(strstr(error.text, name));
	assert_non_null(strstr(error.text, reason));
	assert_int_equal(buf_len(&content), 9);
	assert_memory_equal(buf_data(&content), "as before", 9);
}

static void test_trailing_white_space_is_stripped(void **state)
{
	static const struct {
		const char *file, *read;
	} cases[] = {
		{ "s3cr3t", "s3cr3t" },
		{ "s3cr3t\n", "s3cr3t" },
		{ "s3cr3t\r\n", "s3cr3t" },
		{ "s3cr3t \t\n\v\f\r\n\n", "s3cr3t" },
		{ " in front\n", " in front" },
		{ "two\nlines\n", "two\nlines" },
		{ "x", "x" },
		{ "\xc3\xa9\xa0\n", "\xc3\xa9\xa0" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_file(cases[i].file, strlen(cases[i].file));
		assert_reads(cases[i].read);
	}
}

static void test_the_content_replaces_what_the_buffer_held(void **state)
{
	(void)state;
	assert_int_equal(buf_puts(&content, "a longer secret than the new one"), 0);
	write_file("new", 3);
	assert_reads("new");
	assert_int_equal(content.limit, SECRETFILE_MAX);
}

static void test_empty_files_are_refused(void **state)
{
	(void)state;
	write_file("", 0);
	assert_refused(path, "empty");
	write_file(" \n\n", 3);
	assert_refused(path, "empty");
}

static void test_a_byte_order_mark_is_refused(void **state)
{
	(void)state;
	write_file("\xef\xbb\xbfs3cr3t", 9);
	assert_refused(path, "byte order mark");
	write_file("\xff\xfes\0", 4);
	assert_refused(path, "byte order mark");
	write_file("\xfe\xff\0s", 4);
	assert_refused(path, "byte order mark");
	write_file("\xef\xbb", 2);
	assert_reads("\xef\xbb");
}

static void test_a_nul_byte_is_refused_wherever_it_stands(void **state)
{
	(void)state;
	write_file("p4ss\0word", 9);
	assert_refused(path, "NUL");
	assert_null(strstr(error.text, "p4ss"));
	write_file("\0secret", 7);
	assert_refused(path, "NUL");
	write_file("secret\0", 7);
	assert_refused(path, "NUL");
	write_file("secret\0\n", 8);
	assert_refused(path, "NUL");
	write_file("\0", 1);
	assert_refused(path, "NUL");
}

static void test_the_size_is_bounded(void **state)
{
	static char bytes[SECRETFILE_MAX + 1];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	write_file(bytes, SECRETFILE_MAX);
	assert_int_equal(secretfile_read(path, SECRETFILE_MAX, &content, &error), 0);
	assert_int_equal(buf_len(&content), SECRETFILE_MAX);
	write_file(bytes, SECRETFILE_MAX + 1);
	assert_refused(path, "larger than 65536 bytes");
}

/* Files under /proc say that they are empty: only the bound of the reading itself can stop such a one. */
static void test_a_file_larger_than_its_size_says_is_bounded_too(void **state)
{
	static char bytes[SECRETFILE_MAX + 2];
	FILE *f = fopen("/proc/kallsyms", "re");
	size_t n = f == NULL ? 0 : fread(bytes, 1, sizeof(bytes), f);

	(void)state;
	if (f != NULL)
		fclose(f);
	if (n < sizeof(bytes))
		skip();
	assert_refused("/proc/kallsyms", "larger than");
}

static void test_a_buffer_with_a_lower_limit_is_respected(void **state)
{
	(void)state;
	content.limit = 9;
	write_file("0123456789\n", 11);
	assert_refused(path, "longer than 9 bytes");
	write_file("012345678\n", 10);
	assert_reads("012345678");
}

static void test_a_missing_file_is_named(void **state)
{
	(void)state;
	assert_refused(path, "No such file");
	assert_refused("", "No such file");
}

static void test_a_long_name_does_not_push_out_the_reason(void **state)
{
	char name[1000];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(secretfile_read(name, SECRETFILE_MAX, &content, &error), -1);
	assert_non_null(strstr(error.text, "too long"));
}

static void test_a_symbolic_link_is_followed(void **state)
{
	char target[sizeof(path) + 8];

	(void)state;
	write_file("projected\n", 10);
	snprintf(target, sizeof(target), "%s.target", path);
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	assert_reads("projected");
	unlink(target);
}

/* Nobody writes to the FIFO: an open or read that waits would wait for ever. */
static void test_a_fifo_is_refused_at_once(void **state)
{
	uint64_t began = clock_now_ms();

	(void)state;
	alarm(10);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(path, "not a regular file");
	alarm(0);
	assert_true(clock_now_ms() - began < 5000);
}

static void test_directories_devices_and_sockets_are_refused(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_refused(dir, "not a regular file");
	assert_refused("/dev/null", "not a regular file");
	assert_refused("/dev/zero", "not a regular file");
	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_refused(path, "");
	close(fd);
}

static void test_no_descriptor_is_left_open(void **state)
{
	int before = dup(0), after;

	(void)state;
	close(before);
	write_file("secret", 6);
	assert_reads("secret");
	assert_refused(dir, "");
	write_file("", 0);
	assert_refused(path, "");
	after = dup(0);
	close(after);
	assert_int_equal(after, before);
}

static void assert_doubt(mode_t mode, bool is_private, const char *wanted)
{
	const char *doubt;

	assert_int_equal(chmod(path, mode), 0);
	doubt = secretfile_doubt(path, is_private);
	if (wanted == NULL)
		assert_null(doubt);
	else
		assert_non_null(strstr(doubt, wanted));
}

static void test_a_file_that_others_may_read_or_write_is_doubtful(void **state)
{
	(void)state;
	assert_null(secretfile_doubt(path, true));
	write_file("secret", 6);
	assert_null(secretfile_doubt(path, true));
	assert_doubt(0640, true, NULL);
	assert_doubt(0604, true, "every user of this host may read it");
	assert_doubt(0604, false, NULL);
	assert_doubt(0620, true, "others than its owner may write it");
	assert_doubt(0622, false, "others than its owner may write it");
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(path, 12345, 0), 0);
	assert_doubt(0600, false, "belongs to another user");
	assert_int_equal(chown(path, 0, 0), 0);
	assert_doubt(0600, true, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_file_that_others_may_read_or_write_is_doubtful),
		TEST(test_trailing_white_space_is_stripped),
		TEST(test_the_content_replaces_what_the_buffer_held),
		TEST(test_empty_files_are_refused),
		TEST(test_a_byte_order_mark_is_refused),
		TEST(test_a_nul_byte_is_refused_wherever_it_stands),
		TEST(test_the_size_is_bounded),
		TEST(test_a_file_larger_than_its_size_says_is_bounded_too),
		TEST(test_a_buffer_with_a_lower_limit_is_respected),
		TEST(test_a_missing_file_is_named),
		TEST(test_a_long_name_does_not_push_out_the_reason),
		TEST(test_a_symbolic_link_is_followed),
		TEST(test_a_fifo_is_refused_at_once),
		TEST(test_directories_devices_and_sockets_are_refused),
		TEST(test_no_descriptor_is_left_open),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
