/*
 * What the client library held of a secret is gone from the process's memory once the application has freed it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secmem.h"
#include "client-lib/client.h"
#include "client-lib/secretstore.h"
#include "tests/unit/client_fake.h"

static struct client_fake fake;
static struct ss_client *client;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_SEARCH_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CAN_SEARCH_MEMORY 0
#endif
#endif
#ifndef CAN_SEARCH_MEMORY
#define CAN_SEARCH_MEMORY 1
#endif

#define CANARY 48

/* The canary is computed, so that memory holds it as a whole only where the test puts it. */
static char canary_byte(size_t i)
{
	return (char)('a' + (i * 7 + i / 5) % 26);
}

static void make_canary(char *out)
{
	for (size_t i = 0; i < CANARY; i++)
		out[i] = canary_byte(i);
}

/* Counts copies of the canary in one writable mapping of this process. */
static size_t count_in(FILE *memory, unsigned long from, unsigned long to)
{
	size_t len = to - from, n = 0;
	char *copy = malloc(len);

	if (copy == NULL || fseek(memory, (long)from, SEEK_SET) != 0 || fread(copy, 1, len, memory) != len)
		len = 0;
	for (size_t i = 0; i + CANARY <= len; i++) {
		size_t same = 0;

		while (same < CANARY && copy[i + same] == canary_byte(same))
			same++;
		n += same == CANARY;
	}
	if (copy != NULL)
		secmem_wipe(copy, to - from);
	free(copy);
	return n;
}

static size_t count_canaries(void)
{
	FILE *maps = fopen("/proc/self/maps", "r"), *memory = fopen("/proc/self/mem", "r");
	unsigned long range[256][2];
	char line[512], mode[8];
	size_t ranges = 0, n = 0;

	assert_non_null(maps);
	assert_non_null(memory);
	setvbuf(memory, NULL, _IONBF, 0);
	while (ranges < 256 && fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%lx-%lx %7s", &range[ranges][0], &range[ranges][1], mode) == 3 && mode[1] == 'w')
			ranges++;
	}
	for (size_t i = 0; i < ranges; i++)
		n += count_in(memory, range[i][0], range[i][1]);
	fclose(maps);
	fclose(memory);
	return n;
}

/* Runs a fake daemon in another process, so that its copies do not count. */
static pid_t fork_daemon(void)
{
	pid_t child = fork();

	if (child == 0) {
		char body[256], canary[CANARY + 1];
		int fd = client_fake_accept(&fake);

		make_canary(canary);
		canary[CANARY] = '\0';
		snprintf(body, sizeof(body), "{\"id\":%%,\"ok\":true,\"version\":1,\"data\":{\"a\":\"%s\"}}",
		    canary);
		while (client_fake_read(&fake, fd)) {
			if (fake.request.op == OP_KV_GET)
				client_fake_say(&fake, fd, body);
			else
				client_fake_answer(&fake, fd);
		}
		_exit(0);
	}
	return child;
}

static void idle_script(struct client_fake *f)
{
	(void)f;
}

static void test_a_secret_that_was_freed_is_gone_from_memory(void **state)
{
	struct ss_secret *secret;
	char *value, json[CANARY + 16];
	pid_t daemon;

	(void)state;
	if (!CAN_SEARCH_MEMORY)
		skip();
	client_fake_start(&fake, idle_script);
	daemon = fork_daemon();
	assert_int_equal(ss_open(&client, fake.path), SS_OK);
	assert_int_equal(ss_get(client, "secret", "a", 0, 5000, &secret), SS_OK);
	assert_int_equal(ss_secret_string(secret, "a", &value, NULL), SS_OK);
	assert_int_equal(count_canaries(), 2); /* what the application holds, and nothing else */
	ss_free(value);
	ss_secret_free(secret);
	assert_int_equal(count_canaries(), 0);

	memcpy(json, "{\"a\":\"", 6);
	make_canary(json + 6);
	memcpy(json + 6 + CANARY, "\"}", 3);
	assert_int_equal(ss_put(client, "secret", "a", json, strlen(json), NULL, 5000, NULL), SS_OK);
	assert_int_equal(count_canaries(), 1); /* the application's own copy */
	secmem_wipe(json, sizeof(json));
	assert_int_equal(count_canaries(), 0);

	ss_close(client);
	assert_int_equal(waitpid(daemon, NULL, 0), daemon);
	client_fake_stop(&fake);
}

/* Counts copies in the whole allocation of one of the handle's buffers. */
static size_t count_in_buffer(const struct buf *buffer)
{
	size_t n = 0;

	for (size_t i = 0; i + CANARY <= buffer->cap; i++) {
		size_t same = 0;

		while (same < CANARY && (char)buffer->data[i + same] == canary_byte(same))
			same++;
		n += same == CANARY;
	}
	return n;
}

static void test_a_handle_keeps_no_secret_in_its_buffers(void **state)
{
	struct ss_secret *secret;
	char json[CANARY + 16];
	pid_t daemon;

	(void)state;
	client_fake_start(&fake, idle_script);
	daemon = fork_daemon();
	assert_int_equal(ss_open(&client, fake.path), SS_OK);
	memcpy(json, "{\"a\":\"", 6);
	make_canary(json + 6);
	memcpy(json + 6 + CANARY, "\"}", 3);
	assert_int_equal(ss_put(client, "secret", "a", json, strlen(json), NULL, 5000, NULL), SS_OK);
	assert_int_equal(ss_get(client, "secret", "a", 0, 5000, &secret), SS_OK);
	assert_int_equal(client->exchanges.nslots, 1);
	assert_true(client->link.in.cap > 0 && client->exchanges.slot[0]->frame.cap > 0);
	assert_int_equal(count_in_buffer(&client->link.in), 0);
	assert_int_equal(count_in_buffer(&client->exchanges.slot[0]->frame), 0);
	ss_secret_free(secret);
	ss_close(client);
	assert_int_equal(waitpid(daemon, NULL, 0), daemon);
	client_fake_stop(&fake);
}

static void read_and_wait(struct client_fake *f)
{
	int fd = client_fake_accept(f);

	(void)client_fake_read(f, fd);
	client_fake_reach(f, 1);
	client_fake_expect_end(f, fd);
	close(fd);
}

static void ignore(struct ss_client *c, const struct ss_result *result, void *arg)
{
	(void)c;
	(void)result;
	(void)arg;
}

static void test_a_put_is_wiped_once_it_is_written_not_only_when_it_is_answered(void **state)
{
	char json[CANARY + 16];

	(void)state;
	client_fake_start(&fake, read_and_wait);
	assert_int_equal(ss_open(&client, fake.path), SS_OK);
	memcpy(json, "{\"a\":\"", 6);
	make_canary(json + 6);
	memcpy(json + 6 + CANARY, "\"}", 3);
	assert_int_equal(ss_submit_put(client, "secret", "a", json, strlen(json), NULL, 5000, ignore, NULL),
	    SS_OK);
	assert_int_equal(count_in_buffer(&client->exchanges.slot[0]->frame), 1);
	ss_process(client);
	assert_int_equal(ss_pending(client), 1);
	assert_int_equal(client->exchanges.slot[0]->state, EXCHANGE_SENT);
	assert_int_equal(count_in_buffer(&client->exchanges.slot[0]->frame), 0);
	fake.stage = 1;
	ss_close(client);
	client_fake_stop(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_secret_that_was_freed_is_gone_from_memory),
		cmocka_unit_test(test_a_handle_keeps_no_secret_in_its_buffers),
		cmocka_unit_test(test_a_put_is_wiped_once_it_is_written_not_only_when_it_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
