/*
 * The audit as a whole, with a loop: what the levels write, what is lost and told, and changes that wait.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/host/audit.h"
#include "daemon/host/audit_repeats.h"
#include "daemon/host/log.h"

#define PATIENCE_MS 60000

static char directory[64], path[96];
static struct event_base *base;
static struct audit *audit;
static struct peer peer;
static struct audit_record record;
static int before = -1, reader = -1; /* standard error as it was, and the end from which the test reads */

static char said[1 << 21]; /* what was written to standard error and read by the test */
static size_t nsaid;

/* The results that those who wait were told, in order. */
static struct told {
	char text[32];
	size_t n;
} told;

static void start(enum audit_level level, enum audit_sink sink, enum audit_on_failure on_failure)
{
	const struct audit_options options = { .level = level,
		.sink = sink,
		.on_failure = on_failure,
		.file = path };
	struct error error = { .text = "" };

	audit = audit_new(base, &options, &error);
	if (audit == NULL)
		fail_msg("%s", error.text);
}

static void stop_audit(void)
{
	audit_free(audit, PATIENCE_MS);
	audit = NULL;
}

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/test_audit.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/audit.log", directory);
	memset(&told, 0, sizeof(told));
	nsaid = 0;
	log_init(LOG_LEVEL_INFO);
	peer = (struct peer){ .uid = 33, .gid = 33, .pid = 100 };
	record =
	    (struct audit_record){ .op = "kv.get", .peer = &peer, .mount = "secret", .path = "a", .rule = "web" };
	base = event_base_new();
	return base != NULL ? 0 : -1;
}

static void give_stderr_back(void)
{
	if (before < 0)
		return;
	dup2(before, STDERR_FILENO);
	close(before);
	before = -1;
}

static int teardown(void **state)
{
	(void)state;
	stop_audit();
	log_stop(PATIENCE_MS);
	give_stderr_back();
	if (reader >= 0)
		close(reader);
	reader = -1;
	event_base_free(base);
	unlink(path);
	rmdir(directory);
	return 0;
}

static void take_stderr(void)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reader = ends[0];
}

static void read_said(void)
{
	ssize_t got;

	fcntl(reader, F_SETFL, O_NONBLOCK);
	while ((got = read(reader, said + nsaid, sizeof(said) - nsaid - 1)) > 0)
		nsaid += (size_t)got;
	said[nsaid] = '\0';
}

/* Runs the loop until that text has come to standard error. */
static void run_until_said(const char *text)
{
	uint64_t end = clock_now_ms() + PATIENCE_MS;

	for (read_said(); strstr(said, text) == NULL; read_said()) {
		if (clock_now_ms() > end)
			fail_msg("not said: %s", text);
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	}
}

static void put(const char *op, const char *name, enum code code)
{
	record.op = op;
	record.path = name;
	record.code = code;
	audit_write(audit, &record, clock_now_ms());
}

static char *written(void)
{
	static char text[1 << 22];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, part)) != NULL; p += strlen(part))
		n++;
	return n;
}

static void some_of_everything(void)
{
	for (unsigned i = 0; i < 5; i++) {
		put("kv.get", "a", CODE_NONE);
		put("kv.get", "b", CODE_FORBIDDEN);
		put("kv.get", "c", CODE_NOT_FOUND);
		put("kv.put", "d", CODE_NONE);
		put("kv.put", "e", CODE_CAS_MISMATCH);
		put("kv.put", "f", CODE_FORBIDDEN);
		put("credential", "g", CODE_NONE);
		put("snapshot.save", NULL, CODE_NONE);
		put("status", NULL, CODE_NONE);
		put("probe", NULL, CODE_SEALED);
	}
}

static void test_level_changes_counts_what_changes_nothing(void **state)
{
	const char *text;

	(void)state;
	start(AUDIT_CHANGES, AUDIT_FILE, AUDIT_CONTINUE);
	some_of_everything();
	stop_audit();
	text = written();
	assert_int_equal(count(text, "\"path\":\"d\""), 5);
	assert_int_equal(count(text, "\"path\":\"e\""), 5);
	assert_int_equal(count(text, "\"path\":\"g\""), 5);
	assert_int_equal(count(text, "snapshot.save"), 5);
	assert_int_equal(count(text, "status"), 0);
	for (const char *const *p = (const char *const[]){ "\"path\":\"a\"", "\"path\":\"b\"", "\"path\":\"c\"",
		 "\"path\":\"f\"", "\"code\":\"sealed\"", NULL };
	     *p != NULL; p++)
		assert_int_equal(count(text, *p), 2);
	assert_int_equal(count(text, "\"count\":1,"), 5);
	assert_int_equal(count(text, "\"count\":4,"), 5);
	assert_int_equal(count(text, "\n"), 30);
}

static void test_level_all_writes_each(void **state)
{
	(void)state;
	start(AUDIT_ALL, AUDIT_FILE, AUDIT_CONTINUE);
	some_of_everything();
	stop_audit();
	assert_int_equal(count(written(), "\n"), 50);
	assert_int_equal(count(written(), "\"count\""), 0);
}

/* Sums up the counts of the records in text. */
static unsigned requests(const char *text)
{
	unsigned sum = count(text, "\n") - count(text, "\"count\":");

	for (const char *p = text; (p = strstr(p, "\"count\":")) != NULL; p++)
		sum += (unsigned)strtoul(p + strlen("\"count\":"), NULL, 10);
	return sum;
}

static void flood(const char *op, unsigned n, enum code code)
{
	char name[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "p%06u", i);
		put(op, name, code);
	}
}

static void test_a_flood_of_denials_is_bounded_in_each_sink_and_level(void **state)
{
	static const struct {
		enum audit_level level;
		enum audit_sink sink;
	} ways[] = { { AUDIT_ALL, AUDIT_FILE }, { AUDIT_CHANGES, AUDIT_FILE }, { AUDIT_ALL, AUDIT_STDERR },
		{ AUDIT_CHANGES, AUDIT_STDERR } };

	(void)state;
	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (ways[i].sink == AUDIT_STDERR)
			take_stderr();
		start(ways[i].level, ways[i].sink, AUDIT_CONTINUE);
		flood("kv.get", 5000, CODE_FORBIDDEN);
		stop_audit();
		if (ways[i].sink == AUDIT_STDERR)
			read_said();
		const char *text = ways[i].sink == AUDIT_STDERR ? said : written();
		assert_int_equal(count(text, "\n"), AUDIT_REPEATS_FAILED + 1);
		assert_int_equal(requests(text), 5000);
		unlink(path);
		nsaid = 0;
		give_stderr_back();
		if (reader >= 0)
			close(reader);
		reader = -1;
	}
}

/* A write that failed and did nothing is written each, until there are too many. */
static void test_failed_writes_are_bounded_and_others_never(void **state)
{
	(void)state;
	start(AUDIT_CHANGES, AUDIT_FILE, AUDIT_CONTINUE);
	flood("kv.put", 100, CODE_CAS_MISMATCH);
	flood("kv.put", 100, CODE_UNKNOWN_OUTCOME);
	flood("kv.put", 100, CODE_NONE);
	stop_audit();
	assert_int_equal(count(written(), "\"code\":\"cas_mismatch\""), AUDIT_REPEATS_FAILED + 1);
	assert_int_equal(count(written(), "\"code\":\"unknown_outcome\""), 100);
	assert_int_equal(count(written(), "\"code\":\"ok\""), 100);
	assert_int_equal(requests(written()), 300);
}

/* At the end there is more to write than the queue can hold. */
static void test_nothing_that_was_counted_is_lost_at_the_end(void **state)
{
	(void)state;
	start(AUDIT_CHANGES, AUDIT_FILE, AUDIT_CONTINUE);
	for (unsigned i = 0; i < 10; i++) {
		for (peer.uid = 1; peer.uid <= AUDIT_REPEATS_ALL_WORKED / AUDIT_REPEATS_WORKED; peer.uid++)
			flood("kv.get", AUDIT_REPEATS_WORKED, CODE_NONE);
		assert_int_equal(audit_dropped(audit), 0);
	}
	stop_audit();
	assert_int_equal(requests(written()), 10 * AUDIT_REPEATS_ALL_WORKED);
}

static void test_the_level_can_be_changed(void **state)
{
	(void)state;
	start(AUDIT_CHANGES, AUDIT_FILE, AUDIT_CONTINUE);
	audit_set_level(audit, AUDIT_ALL);
	some_of_everything();
	stop_audit();
	assert_int_equal(count(written(), "\n"), 50);
}

static void test_standard_error_takes_lines_too(void **state)
{
	(void)state;
	take_stderr();
	start(AUDIT_CHANGES, AUDIT_STDERR, AUDIT_CONTINUE);
	put("kv.put", "a", CODE_NONE);
	stop_audit();
	read_said();
	assert_int_equal(count(said, "\n"), 1);
	assert_int_equal(strncmp(said, "{\"time\":", 8), 0);
}

/* The name does not exist on any machine that runs the tests, and root cannot create it either. */
static void test_a_file_that_cannot_be_opened_is_an_error_at_the_start(void **state)
{
	struct audit_options options = { .sink = AUDIT_FILE, .file = "/no/such/directory" };
	struct error error = { .text = "" };

	(void)state;
	assert_null(audit_new(base, &options, &error));
	assert_string_equal(error.text, "audit.file: cannot be opened: No such file or directory");
	options.file = directory;
	assert_null(audit_new(base, &options, &error));
	options.file = "/dev/null";
	assert_null(audit_new(base, &options, &error));
	assert_string_equal(error.text, "audit.file: cannot be opened: it is no regular file");
}

/* -- waits --------------------------------------------------------------------------------------------------- */

static void on_done(void *arg, bool ok)
{
	told.text[told.n++] = ok ? *(const char *)arg : '-';
	if (strlen(told.text) < told.n)
		told.text[told.n] = '\0';
}

static void run_until(size_t n)
{
	uint64_t end = clock_now_ms() + PATIENCE_MS;

	while (told.n < n) {
		assert_true(clock_now_ms() < end);
		event_base_loop(base, EVLOOP_ONCE);
	}
}

static uint64_t later(void)
{
	return clock_now_ms() + PATIENCE_MS;
}

static void test_waits_end_in_order_when_their_record_is_on_file(void **state)
{
	(void)state;
	start(AUDIT_CHANGES, AUDIT_FILE, AUDIT_DENY);
	assert_true(audit_denies(audit));
	record.op = "kv.put";
	record.request = 7;
	assert_non_null(audit_intent(audit, &record, later(), on_done, (void *)(uintptr_t) "a"));
	assert_non_null(audit_intent(audit, &record, CLOCK_NEVER, on_done, (void *)(uintptr_t) "b"));
	assert_non_null(audit_result(audit, &record, later(), on_done, (void *)(uintptr_t) "c"));
	assert_int_equal(told.n, 0); /* a callback never runs from within */
	run_until(3);
	assert_string_equal(told.text, "abc");
	assert_int_equal(count(written(), "\"stage\":\"intent\",\"request\":7,"), 2);
	assert_int_equal(count(written(), "\"stage\":\"result\",\"request\":7,\"code\":\"ok\""), 1);
}

static void test_nobody_needs_to_wait(void **state)
{
	(void)state;
	start(AUDIT_CHANGES, AUDIT_FILE, AUDIT_DENY);
	assert_null(audit_result(audit, &record, 0, NULL, NULL));
	stop_audit();
	assert_int_equal(count(written(), "\"stage\":\"result\""), 1);
}

static void test_an_abandoned_wait_is_not_told_but_written(void **state)
{
	struct audit_wait *wait;

	(void)state;
	start(AUDIT_CHANGES, AUDIT_FILE, AUDIT_DENY);
	wait = audit_intent(audit, &record, later(), on_done, (void *)(uintptr_t) "a");
	audit_abandon(wait);
	assert_non_null(audit_intent(audit, &record, later(), on_done, (void *)(uintptr_t) "b"));
	run_until(1);
	assert_string_equal(told.text, "b");
	assert_int_equal(count(written(), "\n"), 2);
}

static void test_waits_fail_while_the_file_cannot_be_written_and_the_log_says_why(void **state)
{
	(void)state;
	take_stderr();
	start(AUDIT_CHANGES, AUDIT_FILE, AUDIT_DENY);
	unlink(path);
	rmdir(directory);
	for (unsigned i = 0; i < 3; i++)
		assert_non_null(audit_intent(audit, &record, later(), on_done, (void *)(uintptr_t) "a"));
	run_until(3);
	assert_string_equal(told.text, "---");
	assert_int_equal(audit_dropped(audit), 3);
	assert_int_equal(mkdir(directory, 0700), 0);
	assert_non_null(audit_intent(audit, &record, later(), on_done, (void *)(uintptr_t) "b"));
	run_until(4);
	assert_string_equal(told.text, "---b");
	run_until_said("info: audit: its file can be written again\n");
	run_until_said("warning: audit: 3 records were dropped, since its file did not take them\n");
	assert_int_equal(count(said,
			     "error: audit: its file cannot be written: No such file or directory; "
			     "writes are refused until it can\n"),
	    1);
}

/* A pipe that nobody reads stands for a disk that hangs. */
static void fill_the_pipe(void)
{
	char text[4096];
	int flags = fcntl(STDERR_FILENO, F_GETFL);

	memset(text, '.', sizeof(text));
	fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
	while (write(STDERR_FILENO, text, sizeof(text)) > 0)
		continue;
	fcntl(STDERR_FILENO, F_SETFL, flags);
}

static void test_a_wait_ends_at_its_deadline(void **state)
{
	(void)state;
	take_stderr();
	start(AUDIT_CHANGES, AUDIT_STDERR, AUDIT_DENY);
	fill_the_pipe();
	assert_non_null(audit_intent(audit, &record, clock_now_ms() + 20, on_done, (void *)(uintptr_t) "a"));
	run_until(1);
	assert_string_equal(told.text, "-");
	audit_abandon(audit_intent(audit, &record, later(), on_done, (void *)(uintptr_t) "b"));
	read_said();
	assert_non_null(audit_intent(audit, &record, later(), on_done, (void *)(uintptr_t) "c"));
	run_until(2);
	assert_string_equal(told.text, "-c"); /* each only once */
}

static void test_a_flood_is_counted_and_told_and_leaves_room_for_waits(void **state)
{
	char wanted[160];
	unsigned long dropped, lines;

	(void)state;
	take_stderr();
	/*
	 * The log needs its thread here: without it the warning would be dropped, since the last records fill the
	 * pipe.
	 */
	assert_int_equal(log_start(), 0);
	start(AUDIT_ALL, AUDIT_STDERR, AUDIT_DENY);
	fill_the_pipe();
	for (unsigned i = 0; i < 20000; i++)
		put("kv.get", "flood", CODE_NONE);
	dropped = audit_dropped(audit);
	assert_in_range(dropped, 1, 20000);
	assert_non_null(audit_intent(audit, &record, later(), on_done, (void *)(uintptr_t) "a"));
	snprintf(wanted, sizeof(wanted),
	    "warning: audit: %lu records were dropped, since standard error did not take them\n", dropped);
	run_until_said(wanted);
	assert_string_equal(told.text, "a");
	lines = count(said, "\"path\":\"flood\"");
	assert_int_equal(lines, 20000 - dropped + 1);
}

static void test_freeing_with_waits_left_tells_nobody(void **state)
{
	(void)state;
	start(AUDIT_CHANGES, AUDIT_FILE, AUDIT_DENY);
	assert_non_null(audit_intent(audit, &record, later(), on_done, (void *)(uintptr_t) "a"));
	stop_audit();
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(told.n, 0);
	assert_int_equal(count(written(), "\n"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_level_changes_counts_what_changes_nothing),
		TEST(test_level_all_writes_each),
		TEST(test_a_flood_of_denials_is_bounded_in_each_sink_and_level),
		TEST(test_failed_writes_are_bounded_and_others_never),
		TEST(test_nothing_that_was_counted_is_lost_at_the_end),
		TEST(test_the_level_can_be_changed),
		TEST(test_standard_error_takes_lines_too),
		TEST(test_a_file_that_cannot_be_opened_is_an_error_at_the_start),
		TEST(test_waits_end_in_order_when_their_record_is_on_file),
		TEST(test_nobody_needs_to_wait),
		TEST(test_an_abandoned_wait_is_not_told_but_written),
		TEST(test_waits_fail_while_the_file_cannot_be_written_and_the_log_says_why),
		TEST(test_a_wait_ends_at_its_deadline),
		TEST(test_a_flood_is_counted_and_told_and_leaves_room_for_waits),
		TEST(test_freeing_with_waits_left_tells_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
