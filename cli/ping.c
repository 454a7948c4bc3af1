/*
 * ping: is the daemon there, and is it ready? For health checks, and for waiting until it is.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/cli.h"

#define TRY_MS 5000u   /* most for one of the tries of --wait */
#define PAUSE_MS 100u  /* between them at first … */
#define PAUSE_MOST_MS 1000u /* … and after some seconds, for it may take days */

struct ping {
	bool ready;
	bool wait;
	bool quiet;
};

static int run(struct cli *cli, int argc, char **argv);

static const struct command command = {
	.name = "ping",
	.arguments = "[--ready] [--wait] [-q]",
	.summary = "is the daemon there, is it ready",
	.help =
	    "Succeeds if the daemon answers. It does so from its memory, at once, whatever OpenBao does.\n\n"
	    "      --ready  only if it is ready too, which means logged in at OpenBao; else status 18 (not_ready)\n"
	    "      --wait   go on trying until the timeout (-t), also while there is no socket yet;\n"
	    "               -t infinity: for as long as it takes\n"
	    "  -q, --quiet  say nothing; the exit status tells\n\n"
	    "Examples:\n"
	    "  secretstorectl ping -q                         # a liveness check\n"
	    "  secretstorectl -t 2s ping --ready              # a readiness check\n"
	    "  secretstorectl ping --ready --wait -t 1m       # before a program that needs its secrets to start\n",
	.run = run,
};

static int parse(struct ping *ping, struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON, OPTION_PROGRAM_VERSION, { "ready", no_argument, NULL, 'r' },
		{ "wait", no_argument, NULL, 'w' }, { "quiet", no_argument, NULL, 'q' }, OPTIONS_END };
	int what;

	while ((what = option_next(&command, cli, argc, argv, ":" OPTIONS_COMMON_SHORT "q", longs)) != -1) {
		if (what == OPTION_STOP)
			return -1;
		ping->ready |= what == 'r';
		ping->wait |= what == 'w';
		ping->quiet |= what == 'q';
	}
	return 0;
}

/* Asks once. What is wanted but not so is a failure like any other. */
static int ask(struct cli *cli, const struct ping *ping, uint32_t timeout_ms, struct ss_ping *answer,
    struct ss_error *error)
{
	static char message[96];
	char state[sizeof(answer->state)];

	if (ss_ping(cli->client, timeout_ms, answer) != SS_OK) {
		*error = *ss_last_error(cli->client);
		return -1;
	}
	if (!ping->ready || answer->ready)
		return 0;
	say_clean(state, sizeof(state), answer->state, strlen(answer->state));
	snprintf(message, sizeof(message), "the daemon has no login at OpenBao yet; its state is %s", state);
	*error = (struct ss_error){ .code = SS_NOT_READY, .retryable = true, .message = message };
	return -1;
}

static uint64_t left_until(uint64_t deadline_ms)
{
	uint64_t now_ms = clock_now_ms();

	return deadline_ms > now_ms ? deadline_ms - now_ms : 0;
}

static void pause_for(uint64_t ms)
{
	const struct timespec pause = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&pause, NULL);
}

static uint64_t next_pause(uint64_t waited_ms, uint64_t left_ms)
{
	uint64_t ms = waited_ms / 10 < PAUSE_MS ? PAUSE_MS : waited_ms / 10 < PAUSE_MOST_MS ? waited_ms / 10 : PAUSE_MOST_MS;

	return ms < left_ms ? ms : left_ms;
}

static int ask_until(struct cli *cli, const struct ping *ping, struct ss_ping *answer, struct ss_error *error)
{
	uint64_t began_ms = clock_now_ms();
	uint64_t deadline_ms = cli->timeout_ms == DURATION_INFINITE ? CLOCK_NEVER : began_ms + cli->timeout_ms;
	uint64_t left_ms = cli->timeout_ms;

	for (;;) {
		if (ask(cli, ping, left_ms < TRY_MS ? (uint32_t)left_ms : TRY_MS, answer, error) == 0)
			return 0;
		left_ms = left_until(deadline_ms);
		if (!error->retryable || left_ms == 0)
			return -1;
		pause_for(next_pause(clock_now_ms() - began_ms, left_ms));
		left_ms = left_until(deadline_ms);
		if (left_ms == 0)
			return -1;
	}
}

static int say_answer(const struct ss_ping *answer)
{
	char state[sizeof(answer->state)], version[sizeof(answer->version)], line[128];
	int n;

	say_clean(state, sizeof(state), answer->state, strlen(answer->state));
	say_clean(version, sizeof(version), answer->version, strlen(answer->version));
	n = snprintf(line, sizeof(line), "%s: secretstored %s, %s\n", answer->ready ? "ready" : "not ready", version, state);
	return say_end(say_out(line, (size_t)n), 0);
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct ping ping = { .ready = false };
	struct ss_ping answer;
	struct ss_error error;
	int status;

	if (parse(&ping, cli, argc, argv) != 0)
		return cli->status;
	if (argc != optind)
		return say_usage(&command, "ping takes no operand");
	status = option_open(&command, cli, ping.wait);
	if (status != 0)
		return status;
	if ((ping.wait ? ask_until(cli, &ping, &answer, &error) : ask(cli, &ping, cli->timeout_ms, &answer, &error)) != 0)
		return ping.quiet ? error.code : say_failure(command.name, &error);
	return ping.quiet ? 0 : say_answer(&answer);
}

const struct command *ping_command(void)
{
	return &command;
}
