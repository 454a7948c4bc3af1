/*
 * callers: calls the client library as the tests want it, and prints one line per call: the code's name, and for
 * a get or put that succeeded the version. COUNT 0: until standard input ends.
 * callers SOCKET get|put|events MOUNT PATH COUNT PAUSE_MS TIMEOUT_MS
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client-lib/secretstore.h"

/* Pauses; false: standard input has ended meanwhile. */
static bool pause_ms(int ms)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	return poll(&input, 1, ms) == 0;
}

static void say(int code, unsigned long long version)
{
	printf("%s %llu\n", ss_code_name(code), version);
	fflush(stdout);
}

static void get(struct ss_client *client, char **argv, uint32_t timeout_ms)
{
	struct ss_secret *secret;
	int code = ss_get(client, argv[3], argv[4], 0, timeout_ms, &secret);
	say(code, code == SS_OK ? secret->version : 0);
	if (code == SS_OK)
		ss_secret_free(secret);
}

/* Each put says which it is, so that one made twice would be seen. */
static void put(struct ss_client *client, char **argv, int n, uint32_t timeout_ms)
{
	char json[64];
	uint64_t version = 0;
	int len = snprintf(json, sizeof(json), "{\"n\":%d}", n);
	int code = ss_put(client, argv[3], argv[4], json, (size_t)len, NULL, timeout_ms, &version);
	say(code, version);
}

static void on_result(struct ss_client *client, const struct ss_result *result, void *arg)
{
	(void)client;
	(void)arg;
	say(result->code, result->code == SS_OK ? result->secret->version : 0);
}

/* count gets at once, driven by a loop of our own */
static void events(struct ss_client *client, char **argv, int count, uint32_t timeout_ms)
{
	for (int i = 0; i < count; i++) {
		int code = ss_submit_get(client, argv[3], argv[4], 0, timeout_ms, on_result, NULL);
		if (code != SS_OK)
			say(code, 0);
	}
	ss_process(client);
	while (ss_pending(client) > 0) {
		struct pollfd p = { .fd = ss_fd(client), .events = (short)ss_events(client) };
		poll(&p, p.fd >= 0, ss_timeout_ms(client));
		ss_process(client);
	}
}

int main(int argc, char **argv)
{
	struct ss_client *client;
	if (argc != 8 || ss_open(&client, argv[1]) != SS_OK)
		return 2;
	int count = atoi(argv[5]);
	int pause = atoi(argv[6]);
	uint32_t timeout_ms = (uint32_t)atol(argv[7]);
	if (strcmp(argv[2], "events") == 0) {
		events(client, argv, count, timeout_ms);
		count = -1;
	}
	for (int n = 0; count == 0 || n < count; n++) {
		if (strcmp(argv[2], "get") == 0)
			get(client, argv, timeout_ms);
		else
			put(client, argv, n, timeout_ms);
		if (!pause_ms(pause) && count == 0)
			break;
	}
	ss_close(client);
	return 0;
}
