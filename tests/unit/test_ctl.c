/*
 * secretstorectl as a program, against a scripted daemon: what it sends, prints, and ends with. It is the one that
 * was built beside this test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/client_fake.h"

#define ARGS 16

static struct client_fake fake;
static char program[PATH_MAX];

/* The fake daemon's only secret. */
static char stored[1 << 20];
static unsigned version;
static atomic_bool ready;

/* The user that the program runs as; 0: the one that runs the test. */
static uid_t run_as;

/* The process of the run under way, or 0. */
static atomic_int running;

/* How a run ended. */
static struct {
	int status;
	char out[1 << 20];
	size_t out_len;
	char err[8192];
} ran;

/* -- the daemon ----------------------------------------------------------------------------------------------- */

static void answer(struct client_fake *f, int fd)
{
	static char body[sizeof(stored) + 512];

	if (f->reply != NULL) {
		client_fake_say(f, fd, f->reply);
		return;
	}
	switch (f->request.op) {
	case OP_KV_PUT:
		snprintf(stored, sizeof(stored), "%.*s", (int)f->request.data.len, f->request.data.p);
		snprintf(body, sizeof(body),
		    "{\"id\":%%,\"ok\":true,\"version\":%u,\"created_time\":\"now\",\"metadata\":null}",
		    ++version);
		break;
	case OP_KV_GET:
		snprintf(body, sizeof(body),
		    "{\"id\":%%,\"ok\":true,\"version\":%u,\"created_time\":\"a\\\"b\","
		    "\"metadata\":{\"o\":\"me\"},\"data\":%s}",
		    version > 0 ? version : 1, stored);
		break;
	case OP_PING:
		snprintf(body, sizeof(body),
		    "{\"id\":%%,\"ok\":true,\"ready\":%s,\"state\":\"%s\",\"version\":\"0.1.0\"}",
		    ready ? "true" : "false", ready ? "serving" : "logging_in\\u001b[31m");
		break;
	case OP_PROBE:
		snprintf(body, sizeof(body), "{\"id\":%%,\"ok\":true,\"name\":\"secretstore\"}");
		break;
	default:
		snprintf(body, sizeof(body),
		    "{\"id\":%%,\"ok\":true,\"version\":\"0.1.0\",\"uptime_ms\":3723000,\"ready\":true,"
		    "\"token\":{\"state\":\"serving\",\"lease_left_ms\":null,\"next_renewal_ms\":900},"
		    "\"rules\":[\"web\" , \"\\u001b[31m\"],\"newer\":{\"list\":[1,{}]},\"none\":[]}");
	}
	client_fake_say(f, fd, body);
}

static void serve(struct client_fake *f)
{
	while (f->stage == 0) {
		int fd = client_fake_accept(f);

		while (client_fake_read(f, fd)) {
			if (strcmp(secret_path(&f->request.name), "hang") != 0)
				answer(f, fd);
		}
		close(fd);
	}
}

static int start(void **state)
{
	(void)state;
	version = 0;
	ready = true;
	strcpy(stored, "{}");
	client_fake_start(&fake, serve);
	setenv("SECRETSTORE_SOCKET", fake.path, 1);
	return 0;
}

static int stop_fake(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	fake.reply = NULL;
	fake.stage = 1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fake.path);
	/* This lets the script return from accept(). */
	(void)connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	client_fake_stop(&fake);
	return 0;
}

/* -- running the program -------------------------------------------------------------------------------------- */

static int file_with(const char *content, size_t n)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, n), n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static size_t read_back(int fd, char *into, size_t cap)
{
	ssize_t n = pread(fd, into, cap - 1, 0);

	assert_true(n >= 0);
	into[n] = '\0';
	close(fd);
	return (size_t)n;
}

/* Runs the program. out is its standard output; -1: a file whose content the test looks at. */
static void run_to(int out, const char *input, size_t input_len, const char *const *args)
{
	const char *argv[ARGS + 2] = { program };
	int in = file_with(input, input_len), err = file_with("", 0), captured = file_with("", 0);
	size_t n = 1;
	pid_t child;

	for (; args[n - 1] != NULL; n++)
		argv[n] = args[n - 1];
	child = fork();
	if (child == 0) {
		dup2(in, STDIN_FILENO);
		dup2(err, STDERR_FILENO);
		dup2(out >= 0 ? out : captured, STDOUT_FILENO);
		if (out == INT_MAX)
			close(STDOUT_FILENO);
		if (run_as != 0 && setuid(run_as) != 0)
			_exit(126);
		execv(program, (char **)(uintptr_t)argv);
		_exit(127);
	}
	running = child;
	assert_int_equal(waitpid(child, &ran.status, 0), child);
	running = 0;
	assert_true(WIFEXITED(ran.status));
	ran.status = WEXITSTATUS(ran.status);
	close(in);
	ran.out_len = read_back(captured, ran.out, sizeof(ran.out));
	(void)read_back(err, ran.err, sizeof(ran.err));
}

#define ctl(...) run_to(-1, "", 0, (const char *const[]){ __VA_ARGS__, NULL })
#define ctl_with(input, ...) run_to(-1, input, strlen(input), (const char *const[]){ __VA_ARGS__, NULL })

static void assert_ran(int status, const char *out)
{
	if (ran.status != status)
		print_error("exit status %d, said: %s\n", ran.status, ran.err);
	assert_int_equal(ran.status, status);
	assert_string_equal(ran.out, out);
	assert_int_equal(ran.err[0] == '\0', status == 0);
}

/* -- get ------------------------------------------------------------------------------------------------------ */

#define SECRET "{\"s\":\"a\\n\\u00e9\\u0000z\",  \"n\":12345678901234567000, \"o\":{\"x\":[1.50]}, \"e\":\"\"}"

static void test_get_prints_the_object_byte_for_byte_and_a_newline(void **state)
{
	(void)state;
	strcpy(stored, SECRET);
	ctl("get", "secret/app/db");
	assert_ran(0, SECRET "\n");
	assert_string_equal(secret_mount(&fake.request.name), "secret");
	assert_string_equal(secret_path(&fake.request.name), "app/db");
	assert_int_equal(fake.request.version, 0);
	assert_int_equal(fake.request.timeout_ms, 9750);
}

static void test_get_of_a_field_is_raw(void **state)
{
	(void)state;
	strcpy(stored, SECRET);
	ctl("get", "-f", "s", "secret/a");
	assert_int_equal(ran.status, 0);
	assert_int_equal(ran.out_len, 6);
	assert_memory_equal(ran.out, "a\n\xc3\xa9\0z", 6);
	ctl("get", "secret/a", "--field=n");
	assert_ran(0, "12345678901234567000");
	ctl("get", "secret/a", "-fo");
	assert_ran(0, "{\"x\":[1.50]}");
	ctl("get", "secret/a", "-f", "e");
	assert_ran(0, "");
}

static void test_a_missing_field_has_a_status_of_its_own(void **state)
{
	(void)state;
	strcpy(stored, SECRET);
	ctl("get", "-f", "x", "secret/a");
	assert_ran(34, "");
	assert_string_equal(ran.err, "secretstorectl: get secret/a: no_field: the secret has no field \"x\"\n");
}

/* bao's options have one dash: -field=password. getopt takes that for -f with the value ield=password. */
static void test_a_long_option_with_one_dash_is_told_and_nothing_done(void **state)
{
	static const struct {
		const char *args[4], *said;
	} cases[] = {
		{ { "get", "-field=s", "secret/a" },
		    "-field: an option with one dash is one letter: say --field" },
		{ { "get", "-field", "s", "secret/a" }, "say --field" },
		{ { "get", "-mount=secret", "a" }, "say --mount" },
		{ { "get", "secret/a", "-version=1" }, "say --version" },
		{ { "get", "secret/a", "-full" }, "say --full" },
		{ { "get", "secret/a", "-timeout=1s" }, "say --timeout" },
		{ { "-socket=/s", "get", "secret/a" }, "say --socket" },
		{ { "put", "-cas=0", "secret/a", "a=b" }, "say --cas" },
		{ { "ping", "-ready" }, "say --ready" },
		{ { "ping", "-quiet" }, "say --quiet" },
	};

	(void)state;
	strcpy(stored, SECRET);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const args[] = { cases[i].args[0], cases[i].args[1], cases[i].args[2],
			cases[i].args[3], NULL };

		run_to(-1, "", 0, args);
		if (ran.status != 2 || strstr(ran.err, cases[i].said) == NULL)
			fail_msg("%s %s: status %d: %s", args[0], args[1], ran.status, ran.err);
	}
	assert_int_equal(fake.connections, 0);
	ctl("get", "secret/a", "-fs");
	assert_int_equal(ran.status, 0);
	ctl("get", "-help");
	assert_int_equal(ran.status, 0);
}

static void test_get_takes_a_version_and_a_mount_with_slashes(void **state)
{
	(void)state;
	ctl("get", "-v", "3", "-m", "team/kv", "app/db");
	assert_int_equal(ran.status, 0);
	assert_string_equal(secret_mount(&fake.request.name), "team/kv");
	assert_string_equal(secret_path(&fake.request.name), "app/db");
	assert_int_equal(fake.request.version, 3);
	ctl("get", "--version", "4", "--mount", "kv", "a");
	assert_int_equal(fake.request.version, 4);
	assert_string_equal(secret_mount(&fake.request.name), "kv");
}

static void test_get_full_gives_version_and_metadata_too(void **state)
{
	(void)state;
	strcpy(stored, SECRET);
	version = 7;
	ctl("get", "--full", "secret/a");
	assert_ran(0,
	    "{\"version\":7,\"created_time\":\"a\\\"b\",\"metadata\":{\"o\":\"me\"},\"data\":" SECRET "}\n");
}

/* -- put ------------------------------------------------------------------------------------------------------ */

static void test_put_makes_an_object_of_its_operands_and_prints_the_version(void **state)
{
	(void)state;
	ctl("put", "secret/a", "user=app", "eq=a=b", "at=@@x", "empty=", "q\"k=\"\\\n\x01");
	assert_ran(0, "1\n");
	assert_string_equal(stored,
	    "{\"user\":\"app\",\"eq\":\"a=b\",\"at\":\"@x\",\"empty\":\"\",\"q\\\"k\":\"\\\"\\\\\\n\\u0001\"}");
	assert_false(fake.request.has_cas);
	ctl("put", "--cas", "1", "-m", "team/kv", "a", "k=v");
	assert_ran(0, "2\n");
	assert_true(fake.request.has_cas);
	assert_int_equal(fake.request.cas, 1);
	assert_string_equal(secret_mount(&fake.request.name), "team/kv");
}

static void test_put_takes_values_from_files_and_standard_input(void **state)
{
	char file[128], operand[160];
	FILE *f;

	(void)state;
	snprintf(file, sizeof(file), "%s/file", fake.directory);
	snprintf(operand, sizeof(operand), "a=@%s", file);
	f = fopen(file, "w");
	assert_non_null(f);
	fputs("of a file\n", f);
	fclose(f);
	ctl_with("of stdin", "put", "secret/a", operand, "b=@-");
	assert_ran(0, "1\n");
	assert_string_equal(stored, "{\"a\":\"of a file\\n\",\"b\":\"of stdin\"}");
	unlink(file);
	ctl("put", "secret/a", operand);
	assert_ran(1, "");
	ctl("put", "secret/a", "a=@/");
	assert_ran(1, "");
	ctl_with("\xff", "put", "secret/a", "a=@-");
	assert_ran(1, "");
	assert_non_null(strstr(ran.err, "not valid UTF-8"));
	ctl("put", "secret/a", "a=\xff");
	assert_ran(1, "");
	run_to(-1, "nul\0", 4, (const char *const[]){ "put", "secret/a", "a=@-", NULL });
	assert_ran(0, "2\n");
	assert_string_equal(stored, "{\"a\":\"nul\\u0000\"}");
}

/* In "make-password | secretstorectl put secret/a password=@-" the first command may have failed. */
static void test_put_takes_no_empty_file_or_input_for_a_value(void **state)
{
	(void)state;
	ctl("put", "secret/a", "b=c", "a=@-");
	assert_ran(1, "");
	assert_string_equal(ran.err, "secretstorectl: standard input is empty; an empty value is written as a=\n");
	ctl("put", "secret/a", "a=@/dev/null");
	assert_ran(1, "");
	assert_non_null(strstr(ran.err, "/dev/null is empty"));
	assert_int_equal(fake.connections, 0);
	ctl("put", "secret/a", "a=");
	assert_ran(0, "1\n");
}

static void test_put_takes_a_whole_object_as_it_is(void **state)
{
	(void)state;
	ctl_with(" {\"a\" : 1.50, \"a\":12345678901234567000}\n", "put", "secret/a", "-");
	assert_ran(0, "1\n");
	assert_string_equal(stored, "{\"a\" : 1.50, \"a\":12345678901234567000}");
}

static void test_put_sends_nothing_that_is_no_object(void **state)
{
	static const struct {
		const char *input, *why;
	} bad[] = {
		{ "", "line 1, column 1: it ends too early" },
		{ "[]", "line 1, column 1: an object is expected" },
		{ "{\n", "line 2, column 1: it ends too early" },
		{ "{\"hunter2\":1} x", "line 1, column 15: something follows the value" },
		{ "{\"hunter2\":\"\xff\"}", "line 1, column 13: a string is not valid UTF-8" },
		{ "{\n\t\"\u00e4\": \"hunter2\", \"k\": nul }\n",
		    "line 2, column 26: a word is neither true, false nor null" },
		{ "hunter2", "line 1, column 1: an object is expected" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char said[256];

		snprintf(said, sizeof(said),
		    "secretstorectl: put secret/a: invalid_request: the secret is not a JSON object: %s\n",
		    bad[i].why);
		ctl_with(bad[i].input, "put", "secret/a", "-");
		assert_string_equal(ran.err, said);
		assert_ran(10, "");
		assert_null(strstr(ran.err, "hunter2"));
	}
	assert_int_equal(fake.connections, 0);
}

static void test_the_command_line_is_blanked_of_values(void **state)
{
	char line[4096] = "", path[64];
	const char *const args[] = { program, "put", "secret/hang", "user=hunter2", NULL };
	uint64_t deadline_ms = clock_now_ms() + CLIENT_FAKE_PATIENCE_MS;
	pid_t child = fork();
	ssize_t n;
	int fd;

	(void)state;
	if (child == 0) {
		execv(program, (char **)(uintptr_t)args);
		_exit(127);
	}
	while (fake.frames == 0 && clock_now_ms() < deadline_ms)
		usleep(1000);
	assert_int_equal(fake.frames, 1);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)child);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(n > 0);
	assert_non_null(memmem(line, (size_t)n, "secret/hang", 11));
	assert_null(memmem(line, (size_t)n, "hunter2", 7));
}

static void test_an_operand_that_may_be_a_secret_is_not_repeated(void **state)
{
	(void)state;
	ctl("put", "password=hunter2", "a=b");
	assert_ran(2, "");
	assert_null(strstr(ran.err, "hunter2"));
	ctl("put", "password=hunter2/x", "a=b");
	assert_ran(2, "");
	assert_null(strstr(ran.err, "hunter2"));
	ctl("put", "secret/a", "hunter2");
	assert_ran(2, "");
	assert_null(strstr(ran.err, "hunter2"));
	assert_int_equal(fake.connections, 0);
}

/* -- ping, probe and status ----------------------------------------------------------------------------------- */

static void test_ping_succeeds_if_the_daemon_answers_and_with_ready_only_if_it_is_that(void **state)
{
	(void)state;
	ctl("ping");
	assert_ran(0, "ready: secretstored 0.1.0, serving\n");
	ctl("ping", "--ready", "-q");
	assert_ran(0, "");
	ctl("ping", "--ready", "--wait", "-q", "-t", "infinity");
	assert_ran(0, "");
	ready = false;
	ctl("ping");
	assert_ran(0, "not ready: secretstored 0.1.0, logging_in?[31m\n");
	ctl("ping", "--ready");
	assert_ran(18, "");
	assert_non_null(strstr(ran.err, "not_ready"));
	ctl("ping", "--ready", "--quiet");
	assert_int_equal(ran.status, 18);
	assert_string_equal(ran.err, "");
}

static void test_ping_without_a_daemon(void **state)
{
	uint64_t began_ms = clock_now_ms();

	(void)state;
	ctl("-s", "/nonexistent/socket", "ping");
	assert_ran(30, "");
	assert_true(clock_now_ms() - began_ms < 5000);
	ctl("ping", "-q", "-s", "/nonexistent/socket");
	assert_int_equal(ran.status, 30);
	assert_string_equal(ran.err, "");
}

/* Root may connect to any socket, so a test that runs as root has another user try. */
static void forbid_to_connect(void)
{
	assert_int_equal(chmod(fake.path, 0), 0);
	if (geteuid() == 0)
		run_as = 4242;
}

static void test_no_permission_on_the_socket_is_no_access_and_ends_a_wait(void **state)
{
	uint64_t began_ms = clock_now_ms();

	(void)state;
	forbid_to_connect();
	ctl("get", "secret/a");
	assert_ran(38, "");
	assert_non_null(strstr(ran.err, "get secret/a: no_access: cannot connect to "));
	assert_non_null(strstr(ran.err, "Permission denied"));
	ctl("ping", "--ready", "--wait", "-t", "30s");
	assert_ran(38, "");
	assert_non_null(strstr(ran.err, "ping: no_access: "));
	assert_true(clock_now_ms() - began_ms < 15000);
	ctl("ping", "-q", "--wait", "-t", "30s");
	assert_int_equal(ran.status, 38);
	assert_string_equal(ran.err, "");
	run_as = 0;
	assert_int_equal(chmod(fake.path, 0600), 0);
}

/* The program sleeps nowhere before its first try, if that is denied, but in the pause after it. */
static bool pauses(void)
{
	char path[40], text[80] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)running);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 && strstr(text, "(secretstorectl) S ") != NULL;
}

static void *permit(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 20000 && !pauses(); i++)
		usleep(1000);
	(void)chmod(fake.path, 0666);
	(void)chmod(fake.directory, 0755);
	return NULL;
}

/* systemd gives a new socket its group a moment after the socket is there. */
static void test_ping_wait_bears_a_denial_that_passes_at_once(void **state)
{
	pthread_t thread;

	(void)state;
	forbid_to_connect();
	assert_int_equal(pthread_create(&thread, NULL, permit, NULL), 0);
	ctl("-t", "30s", "ping", "--wait");
	run_as = 0;
	assert_ran(0, "ready: secretstored 0.1.0, serving\n");
	pthread_join(thread, NULL);
}

static void test_a_long_wait_says_its_reason_once(void **state)
{
	const char *first;

	(void)state;
	ctl("ping", "--wait", "-t", "2500ms", "-s", "/nonexistent/socket");
	assert_ran(30, "");
	first = strstr(ran.err,
	    "ping: waiting: no_daemon: cannot connect to /nonexistent/socket: No such file or directory\n");
	assert_non_null(first);
	assert_null(strstr(first + strlen("ping: waiting"), "waiting"));
	ready = false;
	ctl("ping", "--wait", "--ready", "-t", "2500ms");
	assert_ran(18, "");
	first = strstr(ran.err, "ping: waiting: not_ready: the daemon has no login");
	assert_non_null(first);
	assert_null(strstr(first + strlen("ping: waiting"), "waiting"));
	ctl("ping", "--wait", "-q", "--ready", "-t", "1500ms");
	assert_string_equal(ran.err, "");
}

static void test_ping_wait_waits_until_the_timeout(void **state)
{
	uint64_t began_ms = clock_now_ms();

	(void)state;
	ctl("ping", "--wait", "-t", "400ms", "-s", "/nonexistent/socket");
	assert_ran(30, "");
	assert_in_range(clock_now_ms() - began_ms, 400, 5000);
	ready = false;
	began_ms = clock_now_ms();
	ctl("ping", "--wait", "--ready", "-t", "400ms");
	assert_ran(18, "");
	assert_in_range(clock_now_ms() - began_ms, 400, 5000);
	ctl("ping", "--wait", "-t", "400ms");
	assert_int_equal(ran.status, 0);
}

static void *get_ready(void *arg)
{
	(void)arg;
	while (fake.frames < 2)
		usleep(1000);
	ready = true;
	return NULL;
}

static void test_ping_wait_ends_when_the_daemon_is_ready(void **state)
{
	pthread_t thread;

	(void)state;
	ready = false;
	assert_int_equal(pthread_create(&thread, NULL, get_ready, NULL), 0);
	ctl("-t", "1h", "ping", "--wait", "--ready");
	assert_ran(0, "ready: secretstored 0.1.0, serving\n");
	pthread_join(thread, NULL);
	assert_true(fake.frames > 1);
}

static void test_probe_says_what_the_daemon_says_and_quietly_only_by_its_status(void **state)
{
	static const char *const codes[][2] = { { "not_ready", "18" }, { "unavailable", "19" },
		{ "timeout", "20" }, { "sealed", "21" }, { "not_initialized", "22" }, { "empty_response", "23" },
		{ "upstream_error", "27" } };
	char reply[200];

	(void)state;
	ctl("probe");
	assert_ran(0, "healthy: secretstore\n");
	ctl("probe", "-q");
	assert_ran(0, "");
	fake.reply = reply;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		snprintf(reply, sizeof(reply),
		    "{\"id\":%%,\"ok\":false,"
		    "\"error\":{\"code\":\"%s\",\"message\":\"so (REQ-006, PX-0003)\"}}",
		    codes[i][0]);
		ctl("probe");
		assert_ran(atoi(codes[i][1]), "");
		assert_non_null(strstr(ran.err, codes[i][0]));
		assert_non_null(strstr(ran.err, "so (REQ-006, PX-0003)\n"));
		ctl("probe", "--quiet");
		assert_int_equal(ran.status, atoi(codes[i][1]));
		assert_string_equal(ran.err, "");
	}
	ctl("-s", "/nonexistent/socket", "probe", "-q");
	assert_int_equal(ran.status, 30);
	assert_string_equal(ran.err, "");
}

static void test_status_is_for_people_and_shows_what_it_does_not_know(void **state)
{
	(void)state;
	ctl("status");
	assert_ran(0,
	    "version     0.1.0\n"
	    "uptime      1 h 2 m\n"
	    "ready       yes\n"
	    "token       state serving, lease left unlimited, next renewal 900 ms\n"
	    "rules       web, ?[31m\n"
	    "newer       list [1,{}]\n"
	    "none        none\n");
	ctl("status", "--json");
	assert_int_equal(ran.status, 0);
	assert_memory_equal(ran.out, "{\"id\":", 6);
	assert_int_equal(ran.out[ran.out_len - 1], '\n');
}

/* -- failures ------------------------------------------------------------------------------------------------- */

static void test_a_failure_is_told_with_its_name_and_status(void **state)
{
	(void)state;
	fake.reply =
	    "{\"id\":%,\"ok\":false,\"error\":{\"code\":\"cas_mismatch\",\"message\":\"mismatch\\u001b\xc2\x9b "
	    "(REQ-004)\",\"status\":400,\"retryable\":false}}";
	ctl("put", "secret/app/db", "--cas", "0", "a=b");
	assert_ran(15, "");
	assert_string_equal(ran.err, "secretstorectl: put secret/app/db: cas_mismatch: mismatch??? (REQ-004)\n");
}

static void test_a_path_as_in_openbaos_api_is_doubted_if_it_fails(void **state)
{
	static const char *const failures[] = { "not_found", "forbidden", "permission_denied" };
	char reply[160];

	(void)state;
	fake.reply = reply;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		snprintf(reply, sizeof(reply),
		    "{\"id\":%%,\"ok\":false,\"error\":{\"code\":\"%s\",\"message\":\"m\",\"status\":0,"
		    "\"retryable\":false}}",
		    failures[i]);
		ctl("get", "secret/data/app/db");
		assert_non_null(strstr(ran.err,
		    "secretstorectl: a path has no data/ as in OpenBao's API: did you mean secret/app/db?\n"));
		ctl("put", "-m", "team/kv", "metadata/db", "a=b");
		assert_non_null(strstr(ran.err, " no metadata/ as in OpenBao's API: did you mean team/kv/db?\n"));
		ctl("get", "secret/database/db");
		assert_null(strstr(ran.err, "did you mean"));
	}
	fake.reply = "{\"id\":%,\"ok\":false,\"error\":{\"code\":\"sealed\",\"message\":\"m\",\"status\":0}}";
	ctl("get", "secret/data/app/db");
	assert_int_not_equal(ran.status, 0);
	assert_null(strstr(ran.err, "did you mean"));
	fake.reply = NULL;
	ctl("get", "secret/data/app/db");
	assert_ran(0, "{}\n");
}

static void test_baos_commands_are_known(void **state)
{
	static const struct {
		const char *args[4], *said;
	} cases[] = {
		{ { "kv", "get", "secret/a" }, "there is no command \"kv\": say secretstorectl get, without kv" },
		{ { "kv", "put", "secret/a", "a=b" }, "say secretstorectl put, without kv" },
		{ { "kv" }, "there is no command \"kv\": say secretstorectl get or put" },
		{ { "kv", "list", "secret/" }, "\"kv list\": the daemon only reads and writes secrets: use bao" },
		{ { "list", "secret/" },
		    "there is no command \"list\": the daemon only reads and writes secrets: use bao" },
		{ { "delete", "secret/a" }, "use bao" },
		{ { "kv", "undelete", "secret/a" }, "use bao" },
		{ { "metadata", "get", "secret/a" }, "use bao" },
		{ { "patch", "secret/a", "a=b" },
		    "say put, which writes the whole secret; get --help changes one field" },
		{ { "read", "secret/a" }, "there is no command \"read\": say get" },
		{ { "write", "secret/a", "a=b" }, "there is no command \"write\": say put" },
		{ { "help", "kv" }, "there is no command \"kv\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const args[] = { cases[i].args[0], cases[i].args[1], cases[i].args[2],
			cases[i].args[3], NULL };

		run_to(-1, "", 0, args);
		if (ran.status != 2 || strstr(ran.err, cases[i].said) == NULL)
			fail_msg("%s: status %d: %s", args[0], ran.status, ran.err);
	}
	assert_int_equal(fake.connections, 0);
}

static void test_timeouts_are_kept(void **state)
{
	static const char *const forms[][2] = { { "250ms", "225" }, { "1", "900" }, { "1s", "900" } };
	uint64_t began_ms = clock_now_ms();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		ctl("get", "secret/hang", "-t", forms[i][0]);
		assert_ran(20, "");
		assert_in_range(fake.request.timeout_ms, (uint64_t)atoi(forms[i][1]) / 2,
		    (uint64_t)atoi(forms[i][1]));
	}
	assert_in_range(clock_now_ms() - began_ms, 2250, 9000);
	ctl("--timeout=300ms", "put", "secret/hang", "a=b");
	assert_ran(28, "");
	ctl("get", "secret/a", "-t", "9m");
	assert_int_equal(fake.request.timeout_ms, 9 * 60000 - 250);
}

static void test_a_wrong_command_line_is_told_and_nothing_done(void **state)
{
	static const char *const bad[][6] = { { NULL }, { "gut" }, { "--nonsense" }, { "get" },
		{ "get", "secret" }, { "get", "/a" }, { "get", "secret/" }, { "get", "secret/a", "b" },
		{ "get", "-x", "secret/a" }, { "get", "secret/a", "-f" }, { "get", "-v", "0", "secret/a" },
		{ "get", "-v", "1x", "secret/a" }, { "get", "--full", "-f", "x", "secret/a" },
		{ "get", "--full=1", "secret/a" }, { "get", "secret/a", "-t", "11m" },
		{ "get", "secret/a", "-t", "0" }, { "get", "secret/a", "-t", "1d" },
		{ "ping", "--wait", "-t", "0ms" }, { "ping", "--wait", "-t", "604801" },
		{ "ping", "--wait", "-t", "169h" }, { "ping", "--wait", "-t", "18446744073709551616" },
		{ "ping", "--wait", "-t", "18446744073709551615h" }, { "ping", "--wait", "-t", "1 s" },
		{ "get", "secret/a", "-t", "infinity" }, { "get", "secret/a", "-t", "" },
		{ "-t", "-1s", "get", "secret/a" }, { "-s", "", "get", "secret/a" }, { "put" },
		{ "put", "secret/a" }, { "put", "secret/a", "=v" }, { "put", "secret/a", "k=1", "k=2" },
		{ "put", "secret/a", "-", "k=2" }, { "put", "secret/a", "k=@-", "l=@-" },
		{ "put", "secret/a", "--cas", "-1", "k=v" }, { "put", "secret/a", "--cas", "", "k=v" },
		{ "ping", "x" }, { "probe", "x" }, { "probe", "--wait" }, { "probe", "-t", "11m" },
		{ "status", "x" }, { "status", "-q" }, { "help", "gut" }, { "snapshot" }, { "snapshot", "gut" },
		{ "snapshot", "-x", "save" }, { "help", "snapshot", "gut" }, { "snapshot", "save" },
		{ "snapshot", "-s", "", "save", "x" }, { "snapshot", "restore", "-t", "0", "x" } };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		run_to(-1, "", 0, bad[i]);
		assert_ran(2, "");
		assert_non_null(strstr(ran.err, "--help"));
	}
	assert_int_equal(fake.connections, 0);
}

static void test_output_that_cannot_be_written_is_a_failure(void **state)
{
	static const char *const commands[][4] = { { "get", "secret/a" }, { "get", "secret/a", "-fs" },
		{ "get", "secret/a", "--full" }, { "put", "secret/a", "a=b" }, { "ping" }, { "probe" },
		{ "status" }, { "status", "--json" }, { "--help" }, { "--version" } };
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(full >= 0);
	strcpy(stored, SECRET);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		run_to(full, "", 0, commands[i]);
		assert_ran(1, "");
		if (strcmp(commands[i][0], "put") == 0)
			assert_non_null(strstr(ran.err, "version 1 is written nevertheless"));
		strcpy(stored, SECRET);
		/* Closed, it must not become the number of the connection to the daemon. */
		run_to(INT_MAX, "", 0, commands[i]);
		assert_ran(1, "");
		strcpy(stored, SECRET);
	}
	close(full);
}

static void assert_within_80_columns(const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len > 80)
			fail_msg("%zu columns: %.*s", len, (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void test_help_and_version(void **state)
{
	static const char *const commands[] = { "get", "put", "ping", "probe", "status", "snapshot" };
	static const char *const snapshots[] = { "save", "restore", "check" };
	char usage[64];

	(void)state;
	ctl("--help");
	assert_int_equal(ran.status, 0);
	assert_non_null(strstr(ran.out, "  28  unknown_outcome: "));
	assert_non_null(strstr(ran.out, "  34  no_field: "));
	assert_within_80_columns(ran.out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(usage, sizeof(usage), "Usage: secretstorectl %s ", commands[i]);
		ctl(commands[i], "--help");
		assert_int_equal(ran.status, 0);
		assert_within_80_columns(ran.out);
		assert_memory_equal(ran.out, usage, strlen(usage));
		ctl("help", commands[i]);
		assert_memory_equal(ran.out, usage, strlen(usage));
	}
	for (size_t i = 0; i < sizeof(snapshots) / sizeof(snapshots[0]); i++) {
		snprintf(usage, sizeof(usage), "Usage: secretstorectl snapshot %s ", snapshots[i]);
		ctl("snapshot", snapshots[i], "--help");
		assert_int_equal(ran.status, 0);
		assert_within_80_columns(ran.out);
		assert_memory_equal(ran.out, usage, strlen(usage));
		ctl("help", "snapshot", snapshots[i]);
		assert_memory_equal(ran.out, usage, strlen(usage));
	}
	ctl("--version");
	assert_ran(0, "secretstorectl " SECRETSTORE_VERSION "\n");
	assert_int_equal(fake.connections, 0);
}

/* BUILD/tests/test_ctl runs BUILD/secretstorectl. */
static int find_program(void)
{
	char self[PATH_MAX - 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return -1;
	self[n] = '\0';
	snprintf(program, sizeof(program), "%s/secretstorectl", dirname(dirname(self)));
	if (access(program, X_OK) == 0)
		return 0;
	fprintf(stderr, "%s is not there; make builds it\n", program);
	return -1;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop_fake)
	const struct CMUnitTest tests[] = {
		TEST(test_get_prints_the_object_byte_for_byte_and_a_newline),
		TEST(test_get_of_a_field_is_raw),
		TEST(test_a_missing_field_has_a_status_of_its_own),
		TEST(test_a_long_option_with_one_dash_is_told_and_nothing_done),
		TEST(test_get_takes_a_version_and_a_mount_with_slashes),
		TEST(test_get_full_gives_version_and_metadata_too),
		TEST(test_put_makes_an_object_of_its_operands_and_prints_the_version),
		TEST(test_put_takes_values_from_files_and_standard_input),
		TEST(test_put_takes_no_empty_file_or_input_for_a_value),
		TEST(test_put_takes_a_whole_object_as_it_is),
		TEST(test_put_sends_nothing_that_is_no_object),
		TEST(test_the_command_line_is_blanked_of_values),
		TEST(test_an_operand_that_may_be_a_secret_is_not_repeated),
		TEST(test_ping_succeeds_if_the_daemon_answers_and_with_ready_only_if_it_is_that),
		TEST(test_ping_without_a_daemon),
		TEST(test_no_permission_on_the_socket_is_no_access_and_ends_a_wait),
		TEST(test_ping_wait_bears_a_denial_that_passes_at_once),
		TEST(test_a_long_wait_says_its_reason_once),
		TEST(test_ping_wait_waits_until_the_timeout),
		TEST(test_ping_wait_ends_when_the_daemon_is_ready),
		TEST(test_probe_says_what_the_daemon_says_and_quietly_only_by_its_status),
		TEST(test_status_is_for_people_and_shows_what_it_does_not_know),
		TEST(test_a_failure_is_told_with_its_name_and_status),
		TEST(test_a_path_as_in_openbaos_api_is_doubted_if_it_fails),
		TEST(test_baos_commands_are_known),
		TEST(test_timeouts_are_kept),
		TEST(test_a_wrong_command_line_is_told_and_nothing_done),
		TEST(test_output_that_cannot_be_written_is_a_failure),
		TEST(test_help_and_version),
	};

	if (find_program() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
