/*
 * Log lines: their form for people and for journald, that none can be forged, and that nobody reading them stops
 * nothing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/host/log.h"
#include "daemon/host/log_limit.h"

/* Standard error as it was, and the two ends of what stands in for it. */
static int before, reader;

/* SOCK_SEQPACKET keeps writes apart, so that one read is one line. */
static int setup(void **state)
{
	int ends[2];

	(void)state;
	unsetenv("JOURNAL_STREAM");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	fflush(stderr);
	before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reader = ends[0];
	log_init(LOG_LEVEL_INFO);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dup2(before, STDERR_FILENO);
	close(before);
	close(reader);
	return 0;
}

/* The next line written, or "". */
static const char *next(void)
{
	static char line[4096];
	ssize_t n = read(reader, line, sizeof(line) - 1);

	line[n < 0 ? 0 : n] = '\0';
	return line;
}

/* Returns the next line without its time, which is checked here. */
static const char *next_text(void)
{
	const char *form = "dddd-dd-ddTdd:dd:dd.dddZ ", *line = next(), *p = line;

	for (; *form != '\0'; form++, p++)
		if (*form == 'd' ? *p < '0' || *p > '9' : *p != *form)
			fail_msg("no time at the start: %s", line);
	return p;
}

static void test_a_line_is_one_write_with_time_level_and_text(void **state)
{
	(void)state;
	log_error("%s %d", "number", 1);
	assert_string_equal(next_text(), "error: number 1\n");
	log_warning("careful");
	assert_string_equal(next_text(), "warning: careful\n");
	log_info("fyi");
	assert_string_equal(next_text(), "info: fyi\n");
	assert_string_equal(next(), "");
}

static void test_levels_beyond_the_chosen_one_are_left_out(void **state)
{
	(void)state;
	log_debug("detail");
	assert_string_equal(next(), "");
	log_init(LOG_LEVEL_DEBUG);
	log_debug("detail");
	assert_string_equal(next_text(), "debug: detail\n");
	log_init(LOG_LEVEL_ERROR);
	log_warning("careful");
	assert_string_equal(next(), "");
}

static void test_the_level_can_be_changed_later(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("detail");
	assert_string_equal(next_text(), "debug: detail\n");
	log_set_level(LOG_LEVEL_WARNING);
	log_info("fyi");
	assert_string_equal(next(), "");
}

static void set_journal(long inode_off)
{
	struct stat st;
	char stream[64];

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino + (uintmax_t)inode_off);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init(LOG_LEVEL_DEBUG);
}

static void test_journald_gets_a_priority_in_place_of_time_and_level(void **state)
{
	(void)state;
	set_journal(0);
	log_error("a");
	assert_string_equal(next(), "<3>a\n");
	log_warning("b");
	assert_string_equal(next(), "<4>b\n");
	log_info("c");
	assert_string_equal(next(), "<6>c\n");
	log_debug("d");
	assert_string_equal(next(), "<7>d\n");
}

/* JOURNAL_STREAM is inherited by programs whose standard error somebody redirected since. */
static void test_another_stream_than_stderr_is_no_journal(void **state)
{
	(void)state;
	set_journal(1);
	log_info("c");
	assert_string_equal(next_text(), "info: c\n");
	setenv("JOURNAL_STREAM", "", 1);
	log_init(LOG_LEVEL_INFO);
	log_info("c");
	assert_string_equal(next_text(), "info: c\n");
}

static void test_a_text_cannot_pass_for_a_line_of_its_own(void **state)
{
	(void)state;
	log_info("%s",
	    "a\n2026-01-01T00:00:00.000Z error: b\r\t\x1b[31m\x7f\xc2\x9b"
	    "31mc\xc2\xa0\xc3\xa9");
	assert_string_equal(next_text(),
	    "info: a?2026-01-01T00:00:00.000Z error: b???[31m???31mc\xc2\xa0\xc3\xa9\n");
	assert_string_equal(next(), "");
	set_journal(0);
	log_info("a\n<0>b");
	assert_string_equal(next(), "<6>a?<0>b\n");
	assert_string_equal(next(), "");
}

static void test_long_lines_are_cut_and_say_so(void **state)
{
	static const char end[] = "...\n";
	char text[3000];
	const char *line;
	size_t n;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	line = next();
	n = strlen(line);
	assert_int_equal(n, 1000);
	assert_string_equal(line + n - strlen(end), end);
	assert_string_equal(next(), "");
}

static void test_a_line_that_just_fits_is_whole(void **state)
{
	char text[3000];
	const char *line;
	size_t longest;

	(void)state;
	set_journal(0);
	memset(text, 'x', sizeof(text));
	longest = 1000 - strlen("<6>") - strlen("\n");
	text[longest] = '\0';
	log_info("%s", text);
	line = next();
	assert_int_equal(strlen(line), 1000);
	assert_string_equal(line + 998, "x\n");
	text[longest] = 'x';
	text[longest + 1] = '\0';
	log_info("%s", text);
	line = next();
	assert_int_equal(strlen(line), 1000);
	assert_string_equal(line + 995, "x...\n");
}

static void test_a_cut_does_not_split_a_character(void **state)
{
	char text[2001];

	(void)state;
	set_journal(0);
	for (int shift = 0; shift < 2; shift++) {
		const char *line;
		size_t n;

		memset(text, 'x', 2);
		for (size_t i = (size_t)shift; i + 2 < sizeof(text); i += 2)
			memcpy(text + i, "\xc3\xa9", 2);
		text[2000] = '\0';
		log_info("%s", text);
		line = next();
		n = strlen(line);
		assert_in_range(n, 998, 1000);
		assert_memory_equal(line + n - 6, "\xc3\xa9...\n", 6);
	}
}

/* Logs a line of one of so many kinds that none is left out because of the limit for a kind. */
static void log_of_many_kinds(unsigned long i, const char *text)
{
	static const char formats[4 * LOG_LIMIT_KINDS][3] = { [0 ... 4 * LOG_LIMIT_KINDS - 1] = "%s" };

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	log_info(formats[i % (sizeof(formats) / sizeof(*formats))], text);
#pragma GCC diagnostic pop
}

static void fill(char *text, size_t n)
{
	memset(text, 'x', n - 1);
	text[n - 1] = '\0';
}

static void block_writes(void)
{
	fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) & ~O_NONBLOCK);
}

static void test_a_reader_that_stopped_stops_nothing_and_learns_what_it_missed(void **state)
{
	unsigned long written = 0, lines = 20000;
	char text[1000], last[100];

	(void)state;
	block_writes();
	fill(text, sizeof(text));
	for (unsigned long i = 0; i < lines; i++)
		log_of_many_kinds(i, text);
	while (next()[0] != '\0')
		written++;
	assert_in_range(written, 1, lines - 1);
	log_info("again");
	snprintf(last, sizeof(last), "warning: %lu log lines were dropped: nobody read them\n", lines - written);
	assert_string_equal(next_text(), last);
	assert_string_equal(next_text(), "info: again\n");
	log_info("and on");
	assert_string_equal(next_text(), "info: and on\n");
}

static void test_one_kind_of_line_does_not_flood(void **state)
{
	unsigned long lines = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		log_info("the same %d", i);
	log_info("another");
	while (strncmp(next_text(), "info: the same", 14) == 0)
		lines++;
	assert_int_equal(lines, LOG_LIMIT_LINES); /* the loop ended because it read "another" */
	log_stop(0);
	assert_string_equal(next_text(), "info: 980 more lines like this one were left out: the same 999\n");
}

static void test_debug_lines_are_all_written_with_the_request_they_are_about(void **state)
{
	char expected[64];

	(void)state;
	log_request(7, "not written");
	assert_string_equal(next(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	for (unsigned i = 0; i <= 3 * LOG_LIMIT_LINES; i++) {
		log_request(i, "the %s", "same");
		snprintf(expected, sizeof(expected), "debug: request %u: the same\n", i);
		assert_string_equal(next_text(), i == 0 ? "debug: the same\n" : expected);
	}
}

static void test_a_thread_writes_once_started_and_all_of_it_by_the_end(void **state)
{
	(void)state;
	block_writes();
	assert_int_equal(log_start(), 0);
	for (int i = 0; i < 10; i++)
		log_info("line %d", i);
	log_stop(60000);
	for (int i = 0; i < 10; i++) {
		char line[32];

		snprintf(line, sizeof(line), "info: line %d\n", i);
		assert_string_equal(next_text(), line);
	}
	log_info("afterwards");
	assert_string_equal(next_text(), "info: afterwards\n");
}

static void test_the_thread_says_what_was_dropped_once_it_is_read_again(void **state)
{
	unsigned long lines = 5000, written = 0, dropped = 0;
	char text[1000], line[200];

	(void)state;
	block_writes();
	fill(text, sizeof(text));
	assert_int_equal(log_start(), 0);
	for (unsigned long i = 0; i < lines; i++)
		log_of_many_kinds(i, text);
	/* By now every line went into the queue or was dropped, and none was read. */
	/*
	 * It may tell of them in parts: it can come to its queue's end while lines are still being dropped. It
	 * tells of the last ones with the next line.
	 */
	while (written + dropped < lines) {
		struct pollfd in = { .fd = reader, .events = POLLIN };
		unsigned long some;
		ssize_t n;

		if (poll(&in, 1, 500) == 0) {
			log_info("one more");
			assert_true(++lines < 5100);
			continue;
		}
		n = recv(reader, line, sizeof(line) - 1, 0);
		assert_true(n > 0);
		line[n] = '\0';
		if (sscanf(line, "%*s warning: %lu log lines were dropped", &some) == 1)
			dropped += some;
		else
			written++;
	}
	assert_true(dropped > 0);
	assert_int_equal(written + dropped, lines);
	log_stop(60000);
}

/*
 * This runs in a process of its own, since the thread stays stuck. The process ends with status 7 if log_stop
 * returned.
 */
static void test_a_reader_that_never_comes_back_does_not_hold_up_the_end(void **state)
{
	char text[1000];
	int status;
	pid_t child;

	(void)state;
	block_writes();
	fill(text, sizeof(text));
	child = fork();
	if (child == 0) {
		alarm(60);
		if (log_start() != 0)
			_exit(1);
		for (unsigned long i = 0; i < 2000; i++)
			log_of_many_kinds(i, text);
		log_stop(50);
		for (unsigned long i = 0; i < 2000; i++)
			log_of_many_kinds(i, "after the end");
		_exit(7);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_errno_is_left_as_it_was(void **state)
{
	(void)state;
	dup2(before, 100);
	close(STDERR_FILENO);
	errno = 77;
	log_info("to nobody");
	assert_int_equal(errno, 77);
	dup2(100, STDERR_FILENO);
	close(100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_line_is_one_write_with_time_level_and_text),
		TEST(test_levels_beyond_the_chosen_one_are_left_out),
		TEST(test_journald_gets_a_priority_in_place_of_time_and_level),
		TEST(test_another_stream_than_stderr_is_no_journal),
		TEST(test_a_text_cannot_pass_for_a_line_of_its_own),
		TEST(test_long_lines_are_cut_and_say_so),
		TEST(test_a_line_that_just_fits_is_whole),
		TEST(test_a_cut_does_not_split_a_character),
		TEST(test_a_reader_that_stopped_stops_nothing_and_learns_what_it_missed),
		TEST(test_the_level_can_be_changed_later),
		TEST(test_one_kind_of_line_does_not_flood),
		TEST(test_debug_lines_are_all_written_with_the_request_they_are_about),
		TEST(test_errno_is_left_as_it_was),
		TEST(test_a_thread_writes_once_started_and_all_of_it_by_the_end),
		TEST(test_the_thread_says_what_was_dropped_once_it_is_read_again),
		TEST(test_a_reader_that_never_comes_back_does_not_hold_up_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
