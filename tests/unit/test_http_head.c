/*
 * What stands around a reply's body: heads that do not end, and fields that come after the last chunk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/http_fixture.h"
#include "tests/unit/http_server.h"

#define BODY "{\"data\":{}}"
#define CHUNKED \
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Server-Timing\r\n\r\n5\r\nhello\r\n0\r\n"

static void play_text(struct server_connection *c, void *arg)
{
	const char *text = arg;

	while (server_read(c))
		server_write(c, text, strlen(text));
}

static void test_fields_after_the_last_chunk_belong_to_a_whole_reply(void **state)
{
	static char text[] = CHUNKED "Server-Timing: mesh;dur=1\r\nRetry-After: 9\r\n\r\n";
	struct server *server = server_start(play_text, text, NULL);
	struct result result = { 0 };
	struct fixture f;

	(void)state;
	fixture_server(&f, server);
	for (unsigned i = 0; i < 3; i++) {
		fixture_got(&f, "/v1/x", &result);
		assert_int_equal(result.outcome, HTTP_REPLY);
		assert_int_equal(result.status, 200);
		assert_string_equal(result.body, "hello");
		assert_int_equal(result.retry_after_ms, 0);
		fixture_posted(&f, "/v1/x", BODY, strlen(BODY), &result);
		assert_int_equal(result.outcome, HTTP_REPLY);
	}
	assert_int_equal(server_counts(server)->connections, 1);
	fixture_free(&f);
	server_stop(server);
	result_free(&result);
}

static void play_once(struct server_connection *c, void *arg)
{
	const char *text = arg;

	if (server_read(c))
		server_write(c, text, strlen(text));
}

static void test_a_reply_that_is_cut_after_its_last_chunk_is_broken(void **state)
{
	static char texts[][160] = { CHUNKED, CHUNKED "Server-Ti", CHUNKED "Server-Timing: mesh\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct server *server = server_start(play_once, texts[i], NULL);
		struct result result = { 0 };
		struct fixture f;

		fixture_server(&f, server);
		fixture_got(&f, "/v1/x", &result);
		assert_int_equal(result.outcome, HTTP_BROKEN);
		fixture_free(&f);
		server_stop(server);
		result_free(&result);
	}
}

/* Writes a text, and then the same piece of 1 KiB again and again until the client has gone. */
struct endless {
	const char *start, *piece;
};

static void play_endless(struct server_connection *c, void *arg)
{
	const struct endless *endless = arg;
	char piece[1024];
	size_t len = strlen(endless->piece);

	for (size_t i = 0; i < sizeof(piece); i += len)
		memcpy(piece + i, endless->piece, len);
	if (!server_read(c))
		return;
	server_write(c, endless->start, strlen(endless->start));
	for (unsigned i = 0; i < 2048; i++)
		server_write(c, piece, sizeof(piece));
}

static void test_a_head_without_end_is_given_up(void **state)
{
	static struct endless ways[] = {
		{ "HTTP/1.1 200 ", "x" },
		{ "HTTP/1.1 200 OK\r\nX-Long: ", "x" },
		{ "HTTP/1.1 200 OK\r\n", "X-Many: 012345\r\n" },
		{ "", "HTTP/1.1 102 Processing it  \r\n\r\n" },
		{ CHUNKED, "X-Many: 012345\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct server *server = server_start(play_endless, &ways[i], NULL);
		struct result get = { 0 }, post = { 0 };
		struct fixture f;

		fixture_server(&f, server);
		fixture_got(&f, "/v1/x", &get);
		fixture_posted(&f, "/v1/x", BODY, strlen(BODY), &post);
		assert_int_equal(get.outcome, HTTP_HEAD_TOO_LONG);
		assert_int_equal(post.outcome, HTTP_HEAD_TOO_LONG);
		assert_true(post.sent);
		fixture_free(&f);
		server_stop(server);
		result_free(&get);
		result_free(&post);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_after_the_last_chunk_belong_to_a_whole_reply),
		cmocka_unit_test(test_a_reply_that_is_cut_after_its_last_chunk_is_broken),
		cmocka_unit_test(test_a_head_without_end_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
