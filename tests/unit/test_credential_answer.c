/*
 * What is written to systemd: a value and nothing else, or more than it takes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/callers/credential_answer.h"

static int ours, theirs;

static int setup(void **state)
{
	int pair[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
		return -1;
	ours = pair[0];
	theirs = pair[1];
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(ours);
	close(theirs);
	return 0;
}

/* Reads what is there. Returns the number of bytes, and adds to *ret_like how many of them are in text. */
static size_t drain(const char *text, size_t *ret_like)
{
	char piece[4096];
	size_t total = 0;
	ssize_t n;

	while ((n = read(theirs, piece, sizeof(piece))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			*ret_like += strchr(text, piece[i]) != NULL;
		total += (size_t)n;
	}
	return total;
}

static void put(struct credential_answer *a, size_t n, char byte)
{
	assert_int_equal(buf_reserve(&a->value, n), 0);
	memset(buf_tail(&a->value), byte, n);
	buf_commit(&a->value, n);
}

/* Sends everything, while the other side reads. Returns the number of bytes that it got. */
static size_t all(struct credential_answer *a, const char *text, size_t *ret_like)
{
	enum credential_sent sent;
	size_t total = 0;

	do {
		sent = credential_answer_send(a, ours);
		assert_int_not_equal(sent, CREDENTIAL_GONE);
		total += drain(text, ret_like);
	} while (sent == CREDENTIAL_WAITING);
	return total;
}

static void test_a_value_is_sent_and_wiped(void **state)
{
	struct credential_answer a;
	unsigned char *at;
	size_t like = 0;

	(void)state;
	credential_answer_init(&a);
	put(&a, 100, 'v');
	at = buf_data(&a.value);
	assert_int_equal(credential_answer_send(&a, ours), CREDENTIAL_SENT);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(at[i], 0);
	assert_int_equal(drain("v", &like), 100);
	assert_int_equal(like, 100);
	credential_answer_clear(&a);
}

static void test_an_empty_value_is_no_bytes(void **state)
{
	struct credential_answer a;
	size_t like = 0;

	(void)state;
	credential_answer_init(&a);
	assert_int_equal(all(&a, "", &like), 0);
	credential_answer_clear(&a);
}

static void test_the_largest_value(void **state)
{
	struct credential_answer a;
	size_t like = 0;

	(void)state;
	credential_answer_init(&a);
	put(&a, CREDENTIAL_VALUE_MAX, 'v');
	assert_int_equal(credential_answer_send(&a, ours), CREDENTIAL_WAITING);
	assert_int_equal(all(&a, "v", &like), CREDENTIAL_VALUE_MAX);
	assert_int_equal(like, CREDENTIAL_VALUE_MAX);
	credential_answer_clear(&a);
}

static void test_a_refusal_is_one_byte_too_many(void **state)
{
	struct credential_answer a;
	size_t like = 0;

	(void)state;
	credential_answer_init(&a);
	put(&a, 100, '\1');
	credential_answer_refuse(&a);
	assert_int_equal(all(&a, "\1", &like), 1024 * 1024 + 1);
	assert_int_equal(like, 0);
	credential_answer_clear(&a);
}

static void test_a_value_that_was_begun_becomes_a_refusal(void **state)
{
	struct credential_answer a;
	size_t like = 0, sent, total;

	(void)state;
	credential_answer_init(&a);
	put(&a, CREDENTIAL_VALUE_MAX, '\1');
	assert_int_equal(credential_answer_send(&a, ours), CREDENTIAL_WAITING);
	sent = a.sent;
	assert_in_range(sent, 1, CREDENTIAL_VALUE_MAX - 1);
	credential_answer_refuse(&a);
	assert_null(a.value.data);
	total = drain("\1", &like);
	assert_int_equal(total + all(&a, "\1", &like), CREDENTIAL_REFUSAL_BYTES);
	assert_int_equal(like, sent);
	credential_answer_clear(&a);
}

static void test_whoever_is_gone_is_noticed(void **state)
{
	struct credential_answer a;

	(void)state;
	credential_answer_init(&a);
	put(&a, 1, 'v');
	shutdown(theirs, SHUT_RDWR);
	assert_int_equal(credential_answer_send(&a, ours), CREDENTIAL_GONE);
	credential_answer_refuse(&a);
	assert_int_equal(credential_answer_send(&a, ours), CREDENTIAL_GONE);
	credential_answer_clear(&a);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_value_is_sent_and_wiped),
		TEST(test_an_empty_value_is_no_bytes),
		TEST(test_the_largest_value),
		TEST(test_a_refusal_is_one_byte_too_many),
		TEST(test_a_value_that_was_begun_becomes_a_refusal),
		TEST(test_whoever_is_gone_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
