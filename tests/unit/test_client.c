/*
 * The client library's blocking calls: what is sent, what comes back, and how failures are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "client-lib/secretstore.h"
#include "proto/codes.h"
#include "proto/frame.h"
#include "tests/unit/client_fake.h"

#define SECRET \
	"{\"password\":\"p\\u00e4ss\\n\\\"w\\\"\",\"port\":5432,\"big\":12345678901234567000," \
	"\"nul\":\"a\\u0000b\",\"face\":\"\\ud83d\\ude00\",\"twice\":\"first\",\"twice\":\"last\"," \
	"\"p\\u0061th\":\"escaped name\", \"f\" : 1e-7 }"

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

static int get(struct ss_secret **secret)
{
	return ss_get(client, "secret", "app/db", 0, 5000, secret);
}

/* -- getting -------------------------------------------------------------------------------------------------- */

static void give_secret(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	while (client_fake_read(f, fd))
		client_fake_say(f, fd,
		    "{\"id\":%,\"ok\":true,\"version\":3,\"created_time\":\"2026-11-23T22:30:00.5Z\","
		    "\"metadata\":{\"owner\":\"me\"},\"data\":" SECRET
		    ",\"age_ms\":1200,\"stale\":true,\"newer\":[1]}");
	close(fd);
}

static void test_get_gives_the_secret_byte_for_byte(void **state)
{
	struct ss_secret *secret = NULL;

	(void)state;
	start(give_secret);
	assert_int_equal(get(&secret), SS_OK);
	assert_int_equal(secret->data_len, strlen(SECRET));
	assert_string_equal(secret->data, SECRET);
	assert_int_equal(secret->version, 3);
	assert_string_equal(secret->created_time, "2026-11-23T22:30:00.5Z");
	assert_string_equal(secret->metadata, "{\"owner\":\"me\"}");
	assert_int_equal(secret->metadata_len, strlen(secret->metadata));
	assert_true(secret->cached && secret->stale);
	assert_int_equal(secret->age_ms, 1200);
	assert_int_equal(ss_last_error(client)->code, SS_OK);
	assert_string_equal(ss_last_error(client)->message, "");
	ss_secret_free(secret);
	stop_fixture();
}

static void test_get_says_what_is_wanted(void **state)
{
	struct ss_secret *secret;

	(void)state;
	start(give_secret);
	assert_int_equal(ss_get(client, "team/kv", "a b/\"c\"", 12, 4000, &secret), SS_OK);
	assert_int_equal(fake.request.op, OP_KV_GET);
	assert_string_equal(secret_mount(&fake.request.name), "team/kv");
	assert_string_equal(secret_path(&fake.request.name), "a b/\"c\"");
	assert_int_equal(fake.request.version, 12);
	ss_secret_free(secret);
	stop_fixture();
}

static void test_the_daemon_is_told_a_little_less_time(void **state)
{
	struct ss_secret *secret;

	(void)state;
	start(client_fake_serve_one);
	assert_int_equal(ss_get(client, "secret", "a", 0, 600000, &secret), SS_OK);
	ss_secret_free(secret);
	assert_in_range(fake.request.timeout_ms, 598000, 600000 - 250);
	assert_int_equal(ss_get(client, "secret", "a", 0, 1000, &secret), SS_OK);
	ss_secret_free(secret);
	assert_in_range(fake.request.timeout_ms, 500, 900);
	assert_int_equal(ss_get(client, "secret", "a", 0, 0, &secret), SS_OK);
	ss_secret_free(secret);
	assert_in_range(fake.request.timeout_ms, SS_DEFAULT_TIMEOUT_MS - 2000, SS_DEFAULT_TIMEOUT_MS - 250);
	stop_fixture();
}

static void test_a_string_field_comes_unescaped(void **state)
{
	struct ss_secret *secret;
	char *value;
	size_t len = 0;

	(void)state;
	start(give_secret);
	assert_int_equal(get(&secret), SS_OK);
	assert_int_equal(ss_secret_string(secret, "password", &value, &len), SS_OK);
	assert_string_equal(value, "p\xc3\xa4ss\n\"w\"");
	assert_int_equal(len, strlen(value));
	ss_free(value);
	assert_int_equal(ss_secret_string(secret, "nul", &value, &len), SS_OK);
	assert_int_equal(len, 3);
	assert_memory_equal(value, "a\0b", 4);
	ss_free(value);
	assert_int_equal(ss_secret_string(secret, "face", &value, NULL), SS_OK);
	assert_string_equal(value, "\xf0\x9f\x98\x80");
	ss_free(value);
	assert_int_equal(ss_secret_string(secret, "twice", &value, NULL), SS_OK);
	assert_string_equal(value, "last");
	ss_free(value);
	assert_int_equal(ss_secret_string(secret, "path", &value, NULL), SS_OK);
	assert_string_equal(value, "escaped name");
	ss_free(value);
	ss_secret_free(secret);
	stop_fixture();
}

static void test_a_field_that_is_no_string_or_not_there_is_told_apart(void **state)
{
	static const char json[] = "{\"port\":5432,\"none\":null,\"o\":{\"password\":\"inner\"}}";
	char *value = NULL;
	const char *raw = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(ss_json_string(json, strlen(json), "port", &value, &len), SS_NOT_A_STRING);
	assert_int_equal(ss_json_string(json, strlen(json), "password", &value, &len), SS_NO_FIELD);
	assert_int_equal(ss_json_string("{\"a\":\"b\"", 8, "a", &value, &len), SS_PROTOCOL);
	assert_int_equal(ss_json_string("[\"a\"]", 5, "a", &value, &len), SS_PROTOCOL);
	assert_null(value);
	assert_int_equal(ss_json_field(json, strlen(json), "port", &raw, &len), SS_OK);
	assert_int_equal(len, 4);
	assert_memory_equal(raw, "5432", 4);
	assert_int_equal(ss_json_field(json, strlen(json), "none", &raw, &len), SS_OK);
	assert_memory_equal(raw, "null", 4);
	assert_int_equal(ss_json_field(json, strlen(json), "o", &raw, &len), SS_OK);
	assert_memory_equal(raw, "{\"password\":\"inner\"}", len);
	assert_int_equal(ss_json_field(json, strlen(json), "", &raw, &len), SS_NO_FIELD);
}

static void give_large(struct client_fake *f)
{
	size_t size = FRAME_BODY_MAX - 200;
	char *body = malloc(size + 200);
	int n, fd = client_fake_accept(f);

	n = sprintf(body, "{\"id\":%%,\"ok\":true,\"version\":1,\"data\":{\"a\":\"");
	memset(body + n, 'x', size);
	strcpy(body + (size_t)n + size - 60, "\"}}");
	while (client_fake_read(f, fd))
		client_fake_say(f, fd, body);
	close(fd);
	free(body);
}

static void test_a_reply_of_nearly_16_mib_is_taken(void **state)
{
	struct ss_secret *secret;

	(void)state;
	start(give_large);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(get(&secret), SS_OK);
		assert_true(secret->data_len > FRAME_BODY_MAX - 1000);
		assert_int_equal(secret->data[secret->data_len - 1], '}');
		ss_secret_free(secret);
	}
	stop_fixture();
}

/* -- putting -------------------------------------------------------------------------------------------------- */

static void test_put_sends_the_object_byte_for_byte(void **state)
{
	uint64_t version = 0, cas = 7;

	(void)state;
	start(client_fake_serve_one);
	assert_int_equal(ss_put(client, "secret", "app/db", SECRET, strlen(SECRET), &cas, 5000, &version), SS_OK);
	assert_int_equal(version, 8);
	assert_int_equal(fake.request.op, OP_KV_PUT);
	assert_int_equal(fake.request.data.len, strlen(SECRET));
	assert_memory_equal(fake.request.data.p, SECRET, strlen(SECRET));
	assert_true(fake.request.has_cas);
	assert_int_equal(fake.request.cas, 7);
	stop_fixture();
}

static void test_put_without_cas_names_none_and_cas_0_is_one(void **state)
{
	uint64_t cas = 0;

	(void)state;
	start(client_fake_serve_one);
	assert_int_equal(ss_put(client, "secret", "a", "{}", 2, NULL, 5000, NULL), SS_OK);
	assert_false(fake.request.has_cas);
	assert_int_equal(ss_put(client, "secret", "a", "{}", 2, &cas, 5000, NULL), SS_OK);
	assert_true(fake.request.has_cas);
	assert_int_equal(fake.request.cas, 0);
	stop_fixture();
}

static void test_what_is_no_object_is_refused_before_anything_is_sent(void **state)
{
	static const char *const bad[] = { "", " ", "[]", "\"a\"", "null", "{", "{}}", "{},\"cas\":1",
		"{\"a\":1},\"x\":{}", "{'a':1}", "{\"a\":\"\xff\"}", "{\"a\":01}", "{} {}",
		"{\"a\":\"\\ud800\"}" };

	(void)state;
	start(client_fake_serve_one);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ss_put(client, "secret", "a", bad[i], strlen(bad[i]), NULL, 5000, NULL),
		    SS_INVALID_REQUEST);
	assert_int_equal(ss_put(client, "secret", "a", "{\0}", 3, NULL, 5000, NULL), SS_INVALID_REQUEST);
	assert_string_equal(ss_last_error(client)->message,
	    "the secret is not a JSON object: line 1, column 2: a member's name is not a string");
	assert_int_equal(fake.connections, 0);
	assert_int_equal(ss_ping(client, 5000, NULL), SS_OK);
	assert_int_equal(fake.frames, 1);
	stop_fixture();
}

static void test_bad_arguments_are_refused_before_anything_is_sent(void **state)
{
	static const char *const bad[] = { "", "/a", "a/", "a//b", ".", "..", "a/../b", "a\nb", "\x80" };
	char long_path[SECRET_PATH_MAX + 2];
	struct ss_secret *secret = NULL;

	(void)state;
	start(client_fake_serve_one);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(ss_get(client, "secret", bad[i], 0, 5000, &secret), SS_INVALID_REQUEST);
		assert_int_equal(ss_get(client, bad[i], "a", 0, 5000, &secret), SS_INVALID_REQUEST);
	}
	memset(long_path, 'a', sizeof(long_path));
	long_path[SECRET_PATH_MAX + 1] = '\0';
	assert_int_equal(ss_get(client, "secret", long_path, 0, 5000, &secret), SS_INVALID_REQUEST);
	assert_int_equal(ss_get(client, "secret", NULL, 0, 5000, &secret), SS_INVALID_REQUEST);
	assert_int_equal(ss_get(client, NULL, "a", 0, 5000, &secret), SS_INVALID_REQUEST);
	assert_int_equal(ss_get(client, "secret", "a", 0, SS_MAX_TIMEOUT_MS + 1, &secret), SS_INVALID_REQUEST);
	assert_int_equal(ss_put(client, "secret", "a", NULL, 0, NULL, 5000, NULL), SS_INVALID_REQUEST);
	assert_null(secret);
	assert_int_equal(fake.connections, 0);
	assert_int_equal(ss_ping(client, 5000, NULL), SS_OK);
	stop_fixture();
}

static void test_a_secret_that_no_frame_can_hold_is_too_large(void **state)
{
	size_t len = FRAME_BODY_MAX;
	char *json = malloc(len);

	(void)state;
	memset(json, 'x', len);
	memcpy(json, "{\"a\":\"", 6);
	memcpy(json + len - 2, "\"}", 2);
	assert_int_equal(ss_open(&client, "/nonexistent/socket"), SS_OK);
	assert_int_equal(ss_put(client, "secret", "a", json, len, NULL, 5000, NULL), SS_TOO_LARGE);
	ss_close(client);
	free(json);
}

/* -- ping, status and probe ----------------------------------------------------------------------------------- */

static void test_ping_tells_whether_the_daemon_is_ready(void **state)
{
	struct ss_ping ping;

	(void)state;
	start(client_fake_serve_one);
	assert_int_equal(ss_ping(client, 5000, &ping), SS_OK);
	assert_true(ping.ready);
	assert_string_equal(ping.state, "serving");
	assert_string_equal(ping.version, "0.1.0");
	stop_fixture();
}

static void test_status_gives_the_whole_reply(void **state)
{
	char *json;
	const char *value;
	size_t len, value_len;

	(void)state;
	start(client_fake_serve_one);
	assert_int_equal(ss_status(client, 5000, &json, &len), SS_OK);
	assert_int_equal(len, strlen(json));
	assert_int_equal(ss_json_field(json, len, "uptime_ms", &value, &value_len), SS_OK);
	assert_memory_equal(value, "5", 1);
	ss_free(json);
	stop_fixture();
}

static void test_probe_succeeds_and_tells_the_daemon_its_time(void **state)
{
	(void)state;
	start(client_fake_serve_one);
	assert_int_equal(ss_probe(client, 2000), SS_OK);
	assert_int_equal(fake.request.op, OP_PROBE);
	assert_in_range(fake.request.timeout_ms, 1000, 1800);
	assert_int_equal(ss_last_error(client)->code, SS_OK);
	stop_fixture();
}

/* -- failures ------------------------------------------------------------------------------------------------- */

static void refuse(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	while (client_fake_read(f, fd))
		client_fake_say(f, fd, f->reply);
	close(fd);
}

static void test_a_failure_is_told_in_full(void **state)
{
	struct ss_secret *secret = NULL;
	const struct ss_error *error;

	(void)state;
	fake.reply =
	    "{\"id\":%,\"ok\":false,\"error\":{\"code\":\"not_found\",\"message\":\"version 4 is deleted\","
	    "\"status\":404,"
	    "\"retryable\":false,\"deleted\":true,\"version\":4}}";
	start(refuse);
	assert_int_equal(get(&secret), SS_NOT_FOUND);
	error = ss_last_error(client);
	assert_int_equal(error->code, SS_NOT_FOUND);
	assert_int_equal(error->status, 404);
	assert_true(error->deleted);
	assert_false(error->retryable);
	assert_int_equal(error->version, 4);
	assert_string_equal(error->message, "version 4 is deleted");
	assert_null(secret);
	stop_fixture();
}

static void test_a_refused_put_keeps_the_daemons_word(void **state)
{
	(void)state;
	fake.reply =
	    "{\"id\":%,\"ok\":false,\"error\":{\"code\":\"timeout\",\"message\":\"nothing was sent\",\"status\":0,"
	    "\"retryable\":true}}";
	start(refuse);
	assert_int_equal(ss_put(client, "secret", "a", "{}", 2, NULL, 5000, NULL), SS_TIMEOUT);
	assert_true(ss_last_error(client)->retryable);
	assert_int_equal(ss_put(client, "secret", "a", "{}", 2, NULL, 5000, NULL), SS_TIMEOUT);
	assert_int_equal(fake.connections, 1);
	stop_fixture();
}

static void test_a_probe_that_fails_keeps_the_daemons_word(void **state)
{
	(void)state;
	fake.reply = "{\"id\":%,\"ok\":false,\"error\":{\"code\":\"sealed\","
		     "\"message\":\"OpenBao is sealed (REQ-006, PX-0003)\",\"status\":299,\"retryable\":true}}";
	start(refuse);
	assert_int_equal(ss_probe(client, 5000), SS_SEALED);
	assert_int_equal(ss_last_error(client)->status, 299);
	assert_true(ss_last_error(client)->retryable);
	assert_string_equal(ss_last_error(client)->message, "OpenBao is sealed (REQ-006, PX-0003)");
	assert_int_equal(ss_probe(client, SS_MAX_TIMEOUT_MS + 1), SS_INVALID_REQUEST);
	assert_int_equal(fake.frames, 1);
	stop_fixture();
}

static void test_a_code_of_a_newer_daemon_is_internal(void **state)
{
	(void)state;
	fake.reply =
	    "{\"id\":%,\"ok\":false,\"error\":{\"code\":\"moonphase\",\"message\":\"wait for it\",\"status\":0,"
	    "\"retryable\":true}}";
	start(refuse);
	assert_int_equal(ss_ping(client, 5000, NULL), SS_INTERNAL);
	assert_string_equal(ss_last_error(client)->message, "wait for it");
	stop_fixture();
}

static void test_no_daemon_is_told_at_once(void **state)
{
	uint64_t began_ms = clock_now_ms();

	(void)state;
	assert_int_equal(ss_open(&client, "/nonexistent/socket"), SS_OK);
	for (int i = 0; i < 20; i++)
		assert_int_equal(ss_put(client, "secret", "a", "{}", 2, NULL, 60000, NULL), SS_NO_DAEMON);
	assert_true(clock_now_ms() - began_ms < 8000);
	assert_true(ss_last_error(client)->retryable);
	assert_string_equal(ss_last_error(client)->message,
	    "cannot connect to /nonexistent/socket: No such file or directory");
	ss_close(client);
}

/*
 * Root may connect to any socket, so as root the thread that tests becomes another user for a while. seteuid()
 * would change the thread of the fake daemon, too.
 */
static void become(uid_t uid)
{
	if (getuid() == 0)
		assert_int_equal(syscall(SYS_setresuid, -1, uid, -1), 0);
}

static void test_no_permission_on_the_socket_is_told_apart_and_is_final(void **state)
{
	uid_t uid = geteuid();
	int code;

	(void)state;
	client_fake_start(&fake, client_fake_serve_one);
	assert_int_equal(chmod(fake.path, 0), 0);
	assert_int_equal(ss_open(&client, fake.path), SS_OK);
	become(4242);
	assert_int_equal(ss_snapshot_save_fd(client, 5000, STDERR_FILENO, NULL), SS_NO_ACCESS);
	code = ss_ping(client, 5000, NULL);
	become(uid);
	assert_string_equal(ss_code_name(code), "no_access");
	assert_int_equal(code, SS_NO_ACCESS);
	assert_false(ss_last_error(client)->retryable);
	assert_non_null(strstr(ss_last_error(client)->message, "Permission denied"));
	/* The handle is as good as before. */
	assert_int_equal(chmod(fake.path, 0600), 0);
	assert_int_equal(ss_ping(client, 5000, NULL), SS_OK);
	stop_fixture();
}

static void test_too_long_a_path_is_an_error_and_the_longest_is_not(void **state)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	client = NULL;
	assert_int_equal(ss_open(&client, path), SS_INVALID_REQUEST);
	assert_int_equal(ss_open(&client, ""), SS_INVALID_REQUEST);
	assert_null(client);
	path[sizeof(path) - 2] = '\0';
	assert_int_equal(ss_open(&client, path), SS_OK);
	ss_close(client);
}

static void test_the_environment_names_the_socket(void **state)
{
	(void)state;
	client_fake_start(&fake, client_fake_serve_one);
	setenv("SECRETSTORE_SOCKET", fake.path, 1);
	assert_int_equal(ss_open(&client, NULL), SS_OK);
	assert_int_equal(ss_ping(client, 5000, NULL), SS_OK);
	stop_fixture();
	setenv("SECRETSTORE_SOCKET", "", 1);
	assert_int_equal(ss_open(&client, NULL), SS_OK);
	assert_int_equal(ss_ping(client, 5000, NULL), SS_NO_DAEMON);
	assert_non_null(strstr(ss_last_error(client)->message, SS_DEFAULT_SOCKET));
	unsetenv("SECRETSTORE_SOCKET");
	ss_close(client);
}

static void test_codes_have_the_names_of_the_wire(void **state)
{
	(void)state;
#define X(enumerator, name, number, may_retry, meaning) \
	assert_string_equal(ss_code_name(SS_##enumerator), name); \
	assert_string_equal(ss_code_meaning(number), meaning); \
	assert_int_equal(ss_code_retryable(number), may_retry);
	CODE_TABLE(X)
#undef X
	assert_string_equal(ss_code_name(SS_NO_DAEMON), "no_daemon");
	assert_true(ss_code_retryable(SS_NO_DAEMON));
	assert_string_equal(ss_code_name(99), "unknown");
	assert_null(ss_code_meaning(99));
	assert_string_equal(ss_version(), SECRETSTORE_VERSION);
}

static void test_closing_nothing_is_allowed(void **state)
{
	(void)state;
	ss_close(NULL);
	ss_free(NULL);
	ss_secret_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get_gives_the_secret_byte_for_byte),
		cmocka_unit_test(test_get_says_what_is_wanted),
		cmocka_unit_test(test_the_daemon_is_told_a_little_less_time),
		cmocka_unit_test(test_a_string_field_comes_unescaped),
		cmocka_unit_test(test_a_field_that_is_no_string_or_not_there_is_told_apart),
		cmocka_unit_test(test_a_reply_of_nearly_16_mib_is_taken),
		cmocka_unit_test(test_put_sends_the_object_byte_for_byte),
		cmocka_unit_test(test_put_without_cas_names_none_and_cas_0_is_one),
		cmocka_unit_test(test_what_is_no_object_is_refused_before_anything_is_sent),
		cmocka_unit_test(test_bad_arguments_are_refused_before_anything_is_sent),
		cmocka_unit_test(test_a_secret_that_no_frame_can_hold_is_too_large),
		cmocka_unit_test(test_ping_tells_whether_the_daemon_is_ready),
		cmocka_unit_test(test_status_gives_the_whole_reply),
		cmocka_unit_test(test_probe_succeeds_and_tells_the_daemon_its_time),
		cmocka_unit_test(test_a_failure_is_told_in_full),
		cmocka_unit_test(test_a_refused_put_keeps_the_daemons_word),
		cmocka_unit_test(test_a_probe_that_fails_keeps_the_daemons_word),
		cmocka_unit_test(test_a_code_of_a_newer_daemon_is_internal),
		cmocka_unit_test(test_no_daemon_is_told_at_once),
		cmocka_unit_test(test_no_permission_on_the_socket_is_told_apart_and_is_final),
		cmocka_unit_test(test_too_long_a_path_is_an_error_and_the_longest_is_not),
		cmocka_unit_test(test_the_environment_names_the_socket),
		cmocka_unit_test(test_codes_have_the_names_of_the_wire),
		cmocka_unit_test(test_closing_nothing_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
