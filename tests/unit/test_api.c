/*
 * What each call of the API sends, seen by a server, and that its answer comes back read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/upstream/api.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/http_server.h"

#define LONG_MS 20000

/* The server's answer, and the latest request. */
struct script {
	int status;
	const char *answer;
	char head[8192];
	char *body;
	size_t body_len;
};

static void play_script(struct server_connection *c, void *arg)
{
	struct script *script = arg;

	while (server_read(c)) {
		if (strstr(c->head, "Transfer-Encoding") != NULL) {
			while (server_read_chunk(c))
				;
		}
		memcpy(script->head, c->head, sizeof(script->head));
		free(script->body);
		script->body = c->body;
		script->body_len = c->body_len;
		c->body = NULL;
		server_reply(c, script->status, "", script->answer);
	}
}

/* How a call ended: a copy of what is looked at. */
struct ended {
	atomic_uint times;
	enum verdict verdict;
	enum code code;
	uint64_t version;
	char data[256];
	enum control_result result;
	char text[256]; /* the string the control document was asked for */
	uint64_t lease_ms;
};

struct bench {
	struct fixture f;
	struct server *server;
	struct api *api;
	struct script script;
	struct ended ended;
};

static void on_answer(void *arg, const struct answer *answer)
{
	struct ended *ended = arg;

	ended->times++;
	ended->verdict = answer->verdict;
	ended->code = answer->failure.code;
	ended->version = answer->version;
	if (answer->data.len > 0 && answer->data.len < sizeof(ended->data))
		memcpy(ended->data, answer->data.p, answer->data.len);
}

static void on_control(void *arg, const struct control *control)
{
	struct ended *ended = arg;
	const char *text = control->client_token != NULL ? control->client_token
	    : control->secret_id != NULL                 ? control->secret_id
							 : control->creation_path;

	ended->times++;
	ended->result = control->result;
	ended->lease_ms = control->lease_ms;
	if (text != NULL)
		strncpy(ended->text, text, sizeof(ended->text) - 1);
}

static void bench_open(struct bench *b, const char *vault_namespace)
{
	memset(b, 0, sizeof(*b));
	b->server = server_start(play_script, &b->script, NULL);
	fixture_server(&b->f, b->server);
	b->api = api_new(b->f.http, vault_namespace);
	assert_non_null(b->api);
}

static void bench_close(struct bench *b)
{
	fixture_free(&b->f);
	api_free(b->api);
	server_stop(b->server);
	free(b->script.body);
}

static void bench_answers(struct bench *b, int status, const char *answer)
{
	memset(&b->ended, 0, sizeof(b->ended));
	b->script.status = status;
	b->script.answer = answer;
}

/* Checks that the call has ended by an answer, and that the server saw this request. */
static void expect_sent(struct bench *b, struct http_call *call, const char *line, const char *token,
    const char *body)
{
	char header[256];

	assert_non_null(call);
	assert_int_equal(b->ended.times, 0);
	fixture_until_count(&b->f, &b->ended.times, 1);
	assert_int_equal(b->ended.times, 1);
	assert_ptr_equal(strstr(b->script.head, line), b->script.head);
	if (token == NULL) {
		assert_null(strstr(b->script.head, "X-Vault-Token"));
	} else {
		snprintf(header, sizeof(header), "\r\nX-Vault-Token: %s\r\n", token);
		assert_non_null(strstr(b->script.head, header));
	}
	assert_int_equal(b->script.body_len, strlen(body));
	assert_memory_equal(b->script.body, body, strlen(body));
}

static void expect_namespace(struct bench *b, bool there)
{
	assert_true((strstr(b->script.head, "\r\nX-Vault-Namespace: team\r\n") != NULL) == there);
	assert_true((strstr(b->script.head, "X-Vault-Namespace") != NULL) == there);
}

static uint64_t soon(void)
{
	return clock_now_ms() + LONG_MS;
}

/* Sends a request with the token, and with a deadline unless the test gives one. */
static struct http_call *ask(struct bench *b, enum api_row row, struct api_request request)
{
	request.token = "s.t";
	if (request.deadline_ms == 0)
		request.deadline_ms = soon();
	return api_ask(b->api, row, &request, on_answer, &b->ended);
}

static struct http_call *ask_control(struct bench *b, enum api_row row, struct api_request request)
{
	request.deadline_ms = soon();
	return api_ask_control(b->api, row, &request, on_control, &b->ended);
}

static struct http_call *put(struct bench *b, const char *data, size_t data_len, const uint64_t *cas)
{
	struct buf body;

	assert_int_equal(api_put_body(&body, data, data_len, cas), 0);
	return ask(b, API_KV_PUT, (struct api_request){ .mount = "secret", .path = "a", .body = &body });
}

static void test_get_asks_for_the_secret(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "team");
	bench_answers(&b, 200, "{\"data\":{\"data\":{\"k\":1.10},\"metadata\":{\"version\":4}}}");
	expect_sent(&b,
	    ask(&b, API_KV_GET, (struct api_request){ .mount = "team/kv", .path = "a b", .version = 4 }),
	    "GET /v1/team/kv/data/a%20b?version=4 HTTP/1.1\r\n", "s.t", "");
	expect_namespace(&b, true);
	assert_int_equal(b.ended.verdict, VERDICT_OK);
	assert_int_equal(b.ended.version, 4);
	assert_string_equal(b.ended.data, "{\"k\":1.10}");
	bench_close(&b);
}

static void test_put_wraps_the_payload_byte_for_byte(void **state)
{
	static const char data[] = "{\"big\":12345678901234567000, \"a\":\"\\u0000\xc3\xa9\"}";
	struct bench b;

	(void)state;
	bench_open(&b, "");
	bench_answers(&b, 200, "{\"data\":{\"version\":5}}");
	expect_sent(&b, put(&b, data, strlen(data), NULL), "POST /v1/secret/data/a HTTP/1.1\r\n", "s.t",
	    "{\"data\":{\"big\":12345678901234567000, \"a\":\"\\u0000\xc3\xa9\"}}");
	expect_namespace(&b, false);
	assert_int_equal(b.ended.verdict, VERDICT_OK);
	assert_int_equal(b.ended.version, 5);
	bench_close(&b);
}

static void test_put_with_cas_says_so_for_0_too(void **state)
{
	static const struct {
		uint64_t cas;
		const char *body;
	} cases[] = { { 0, "{\"data\":{},\"options\":{\"cas\":0}}" },
		{ 9999999999, "{\"data\":{},\"options\":{\"cas\":9999999999}}" } };
	struct bench b;

	(void)state;
	bench_open(&b, NULL);
	for (size_t i = 0; i < 2; i++) {
		bench_answers(&b, 400,
		    "{\"errors\":[\"check-and-set parameter did not match the current version\"]}");
		expect_sent(&b, put(&b, "{}", 2, &cases[i].cas), "POST /v1/secret/data/a HTTP/1.1\r\n", "s.t",
		    cases[i].body);
		assert_int_equal(b.ended.verdict, VERDICT_FAILED);
		assert_int_equal(b.ended.code, CODE_CAS_MISMATCH);
	}
	bench_close(&b);
}

static void test_put_of_a_large_payload_arrives_whole(void **state)
{
	size_t len = 1 << 20;
	char *data = malloc(len + 1), *body = malloc(len + 16);
	struct bench b;

	(void)state;
	assert_true(data != NULL && body != NULL);
	memset(data, 'x', len);
	memcpy(data, "{\"a\":\"", 6);
	memcpy(data + len - 2, "\"}", 3);
	strcpy(body, "{\"data\":");
	strcat(body, data);
	strcat(body, "}");
	bench_open(&b, NULL);
	bench_answers(&b, 200, "{\"data\":{\"version\":1}}");
	expect_sent(&b, put(&b, data, len, NULL), "POST /v1/secret/data/a HTTP/1.1\r\n", "s.t", body);
	assert_int_equal(b.ended.verdict, VERDICT_OK);
	bench_close(&b);
	free(data);
	free(body);
}

static void test_mount_is_compared_with_the_answer(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "team");
	bench_answers(&b, 200, "{\"data\":{\"path\":\"a b/\",\"type\":\"kv\",\"options\":{\"version\":\"2\"}}}");
	expect_sent(&b, ask(&b, API_MOUNT, (struct api_request){ .mount = "a b" }),
	    "GET /v1/sys/internal/ui/mounts/a%20b HTTP/1.1\r\n", "s.t", "");
	expect_namespace(&b, true);
	assert_int_equal(b.ended.verdict, VERDICT_OK);
	b.ended.times = 0;
	expect_sent(&b, ask(&b, API_MOUNT, (struct api_request){ .mount = "a b/data/c" }),
	    "GET /v1/sys/internal/ui/mounts/a%20b/data/c HTTP/1.1\r\n", "s.t", "");
	assert_int_equal(b.ended.code, CODE_NOT_KV_V2);
	bench_close(&b);
}

static void test_login_sends_the_body_without_a_token(void **state)
{
	struct buf body;
	struct bench b;

	(void)state;
	buf_init(&body, 100);
	assert_int_equal(buf_puts(&body, "{\"role_id\":\"r\"}"), 0);
	bench_open(&b, "team");
	bench_answers(&b, 200, "{\"auth\":{\"client_token\":\"s.new\",\"lease_duration\":6,\"renewable\":true}}");
	expect_sent(&b, ask_control(&b, API_LOGIN, (struct api_request){ .mount = "app role", .body = &body }),
	    "POST /v1/auth/app%20role/login HTTP/1.1\r\n", NULL, "{\"role_id\":\"r\"}");
	expect_namespace(&b, true);
	assert_int_equal(buf_len(&body), 0);
	assert_int_equal(b.ended.result, CONTROL_OK);
	assert_string_equal(b.ended.text, "s.new");
	assert_int_equal(b.ended.lease_ms, 6000);
	bench_close(&b);
}

static void test_calls_of_a_token_about_itself(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "team");
	bench_answers(&b, 200, "{\"auth\":{\"client_token\":\"s.t\",\"lease_duration\":60,\"renewable\":true}}");
	expect_sent(&b, ask_control(&b, API_RENEW_SELF, (struct api_request){ .token = "s.t" }),
	    "POST /v1/auth/token/renew-self HTTP/1.1\r\n", "s.t", "{}");
	expect_namespace(&b, true);
	assert_int_equal(b.ended.lease_ms, 60000);
	bench_answers(&b, 403, "{\"errors\":[\"permission denied\"]}");
	expect_sent(&b, ask_control(&b, API_LOOKUP_SELF, (struct api_request){ .token = "s.t" }),
	    "GET /v1/auth/token/lookup-self HTTP/1.1\r\n", "s.t", "");
	expect_namespace(&b, true);
	assert_int_equal(b.ended.result, CONTROL_DENIED);
	bench_answers(&b, 204, "");
	expect_sent(&b, ask_control(&b, API_REVOKE_SELF, (struct api_request){ .token = "s.t" }),
	    "POST /v1/auth/token/revoke-self HTTP/1.1\r\n", "s.t", "{}");
	expect_namespace(&b, true);
	assert_int_equal(b.ended.result, CONTROL_OK);
	bench_close(&b);
}

static void test_calls_about_a_wrapping_token(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "team");
	bench_answers(&b, 200, "{\"data\":{\"creation_path\":\"auth/approle/role/r/secret-id\"}}");
	expect_sent(&b, ask_control(&b, API_WRAPPING_LOOKUP, (struct api_request){ .token = "s.w" }),
	    "POST /v1/sys/wrapping/lookup HTTP/1.1\r\n", "s.w", "{}");
	expect_namespace(&b, true);
	assert_string_equal(b.ended.text, "auth/approle/role/r/secret-id");
	bench_answers(&b, 200, "{\"data\":{\"secret_id\":\"sid\"}}");
	expect_sent(&b, ask_control(&b, API_UNWRAP, (struct api_request){ .token = "s.w" }),
	    "POST /v1/sys/wrapping/unwrap HTTP/1.1\r\n", "s.w", "{}");
	expect_namespace(&b, true);
	assert_string_equal(b.ended.text, "sid");
	bench_close(&b);
}

/* OpenBao answers 400 if a namespace is given there. */
static void test_health_carries_neither_token_nor_namespace(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "team");
	bench_answers(&b, 200, "{\"initialized\":true,\"sealed\":false,\"standby\":false}");
	expect_sent(&b, ask_control(&b, API_HEALTH, (struct api_request){ .node = NULL }),
	    "GET /v1/sys/health?standbyok=true&perfstandbyok=true&uninitcode=299&sealedcode=299&standbycode=299"
	    "&drsecondarycode=299&performancestandbycode=299 HTTP/1.1\r\n",
	    NULL, "");
	expect_namespace(&b, false);
	assert_int_equal(b.ended.result, CONTROL_OK);
	bench_close(&b);
}

static void test_leader_carries_neither_token_nor_namespace(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "team");
	bench_answers(&b, 200, "{\"ha_enabled\":true,\"is_self\":true,\"leader_address\":\"\"}");
	expect_sent(&b, ask_control(&b, API_LEADER, (struct api_request){ .node = b.f.urls[0] }),
	    "GET /v1/sys/leader HTTP/1.1\r\n", NULL, "");
	expect_namespace(&b, false);
	assert_int_equal(b.ended.result, CONTROL_OK);
	bench_close(&b);
}

static void take(void *arg, const void *p, size_t n)
{
	char *text = arg;

	strncat(text, p, n);
}

static size_t give(void *arg, void *p, size_t size)
{
	const char **text = arg;
	size_t n = strlen(*text);

	assert_true(n <= size);
	memcpy(p, *text, n);
	*text += n;
	return n;
}

/* OpenBao answers 400 if a namespace is given there. */
static void test_snapshots_are_of_no_namespace(void **state)
{
	char got[64] = "";
	const char *text = "snapshot";
	const struct http_stream sink = { .sink = take, .arg = got }, source = { .source = give, .arg = &text };
	struct bench b;

	(void)state;
	bench_open(&b, "team");
	bench_answers(&b, 200, "a snapshot");
	expect_sent(&b,
	    ask(&b, API_SNAPSHOT_SAVE,
		(struct api_request){ .node = b.f.urls[0], .stream = &sink, .deadline_ms = CLOCK_NEVER }),
	    "GET /v1/sys/storage/raft/snapshot HTTP/1.1\r\n", "s.t", "");
	expect_namespace(&b, false);
	assert_int_equal(b.ended.verdict, VERDICT_OK);
	assert_string_equal(got, "a snapshot");
	bench_answers(&b, 204, "");
	expect_sent(&b,
	    ask(&b, API_SNAPSHOT_RESTORE,
		(struct api_request){ .node = b.f.urls[0], .stream = &source, .deadline_ms = CLOCK_NEVER }),
	    "POST /v1/sys/storage/raft/snapshot HTTP/1.1\r\n", "s.t", "snapshot");
	expect_namespace(&b, false);
	assert_int_equal(b.ended.verdict, VERDICT_OK);
	text = "by force";
	bench_answers(&b, 204, "");
	expect_sent(&b,
	    ask(&b, API_SNAPSHOT_RESTORE_FORCE,
		(struct api_request){ .node = b.f.urls[0], .stream = &source, .deadline_ms = CLOCK_NEVER }),
	    "POST /v1/sys/storage/raft/snapshot-force HTTP/1.1\r\n", "s.t", "by force");
	bench_close(&b);
}

static void play_secrets_never(struct server_connection *c, void *arg)
{
	(void)arg;
	while (server_read(c)) {
		if (strstr(c->head, "/v1/secret/") != NULL)
			server_hold(c);
		server_reply(c, 204, "", "");
	}
}

static void test_calls_without_a_caller_do_not_queue_behind_secrets(void **state)
{
	enum { MANY = 100 };
	struct server *server = server_start(play_secrets_never, NULL, NULL);
	struct ended secrets = { 0 }, own = { 0 };
	const struct api_request request = { .token = "s.t", .deadline_ms = soon() };
	struct api *api;
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	api = api_new(f.http, NULL);
	for (int i = 0; i < MANY; i++)
		assert_non_null(api_ask(api, API_KV_GET,
		    &(struct api_request){ .token = "s.t", .mount = "secret", .path = "a", .deadline_ms = soon() },
		    on_answer, &secrets));
	assert_non_null(api_ask_control(api, API_REVOKE_SELF, &request, on_control, &own));
	assert_non_null(api_ask_control(api, API_LOOKUP_SELF, &request, on_control, &own));
	fixture_until_count(&f, &own.times, 2);
	assert_int_equal(secrets.times, 0);
	fixture_free(&f);
	api_free(api);
	server_stop(server);
}

static void test_cancelled_call_tells_nothing(void **state)
{
	struct http_call *calls[3];
	struct bench b;

	(void)state;
	bench_open(&b, NULL);
	bench_answers(&b, 200, "{}");
	calls[0] = ask(&b, API_KV_GET, (struct api_request){ .mount = "m", .path = "p" });
	calls[1] = put(&b, "{}", 2, NULL);
	calls[2] = ask_control(&b, API_UNWRAP, (struct api_request){ .token = "s.w" });
	for (size_t i = 0; i < 3; i++)
		http_cancel(calls[i]);
	fixture_run(&b.f, 30);
	assert_int_equal(b.ended.times, 0);
	bench_close(&b);
}

static int set_up(void **state)
{
	(void)state;
	control_global_init();
	return http_global_init();
}

static int tear_down(void **state)
{
	(void)state;
	http_global_cleanup();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get_asks_for_the_secret),
		cmocka_unit_test(test_put_wraps_the_payload_byte_for_byte),
		cmocka_unit_test(test_put_with_cas_says_so_for_0_too),
		cmocka_unit_test(test_put_of_a_large_payload_arrives_whole),
		cmocka_unit_test(test_mount_is_compared_with_the_answer),
		cmocka_unit_test(test_login_sends_the_body_without_a_token),
		cmocka_unit_test(test_calls_of_a_token_about_itself),
		cmocka_unit_test(test_calls_about_a_wrapping_token),
		cmocka_unit_test(test_health_carries_neither_token_nor_namespace),
		cmocka_unit_test(test_leader_carries_neither_token_nor_namespace),
		cmocka_unit_test(test_snapshots_are_of_no_namespace),
		cmocka_unit_test(test_calls_without_a_caller_do_not_queue_behind_secrets),
		cmocka_unit_test(test_cancelled_call_tells_nothing),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
