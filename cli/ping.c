/*
 * ping: asks whether the daemon is there, and whether it is ready: for health checks, and for waiting until it is.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/cli.h"

#define TRY_MAX_MS 5000u   /* for one of the tries of --wait */
#define PAUSE_MIN_MS 100u  /* the pause between tries at first … */
#define PAUSE_MAX_MS 1000u /* … and after some seconds, since it may take days */
#define QUIET_MS 1000u     /* a wait that takes longer says what it waits for */
#define WAITING_MAX 512    /* of what a wait has said last, enough to tell it from another reason */
#define DENIED_MS 1000u    /* systemd gives a new socket its group a moment after the socket is there */

static int ping_run(struct cli *cli, int argc, char **argv);

static const struct command command = {
	.name = "ping",
	.arguments = "[--ready] [--wait] [-q]",
	.summary = "is the daemon there, is it ready",
	.help = "Succeeds if the daemon answers. It does so from its memory, at once, whatever\n"
		"OpenBao does.\n\n"
		"      --ready  only if it is ready too, which means logged in at OpenBao; else\n"
		"               status 18 (not_ready)\n"
		"      --wait   go on trying until the timeout (-t), also while there is no\n"
		"               socket yet; -t infinity: for as long as it takes. What it waits\n"
		"               for is said, again only if it has changed. A socket that is not\n"
		"               for this user ends it: status 38 (no_access)\n"
		"  -q, --quiet  say nothing; the exit status tells\n\n"
		"Examples:\n"
		"  secretstorectl ping -q                    # a liveness check\n"
		"  secretstorectl -t 2s ping --ready         # a readiness check\n\n"
		"  # before a program that needs its secrets to start\n"
		"  secretstorectl ping --ready --wait -t 1m\n",
	.run = ping_run,
};

/* Asks once. Returns 0, or -1 with the failure; if ready is set, a daemon that is not ready is a failure, too. */
static int ping_once(struct cli *cli, bool ready, uint32_t timeout_ms, struct ss_ping *answer,
    struct ss_error *error)
{
	static char message[96];
	char state[sizeof(answer->state)];

	if (ss_ping(cli->client, timeout_ms, answer) != SS_OK) {
		*error = *ss_last_error(cli->client);
		return -1;
	}
	if (!ready || answer->ready)
		return 0;
	say_clean(state, sizeof(state), answer->state, strlen(answer->state));
	snprintf(message, sizeof(message), "the daemon has no login at OpenBao yet; its state is %s", state);
	*error = (struct ss_error){ .code = SS_NOT_READY, .retryable = true, .message = message };
	return -1;
}

static uint64_t ms_until(uint64_t deadline_ms)
{
	uint64_t now_ms = clock_now_ms();

	return deadline_ms > now_ms ? deadline_ms - now_ms : 0;
}

/* Says what is waited for, unless that is what was said last. said: the code and text of that, or "". */
static void say_waiting(const struct ss_error *error, char said[WAITING_MAX])
{
	char now[WAITING_MAX];

	snprintf(now, sizeof(now), "%d %s", (int)error->code, error->message);
	if (strcmp(now, said) == 0)
		return;
	(void)say_failure("ping: waiting", error);
	strcpy(said, now);
}

/* Asks until it succeeds, fails for good, or the timeout is over. Returns 0 or -1 as ping_once() does. */
static int ping_until(struct cli *cli, bool ready, bool quiet, struct ss_ping *answer, struct ss_error *error)
{
	uint64_t began_ms = clock_now_ms(), now_ms, denied_at_ms = 0;
	uint64_t deadline_ms = cli->timeout_ms == DURATION_INFINITE ? CLOCK_NEVER : began_ms + cli->timeout_ms;
	uint64_t left_ms = cli->timeout_ms, pause_ms;
	struct timespec pause;
	char said[WAITING_MAX] = "";

	do {
		if (ping_once(cli, ready, left_ms < TRY_MAX_MS ? (uint32_t)left_ms : TRY_MAX_MS, answer, error) ==
		    0)
			return 0;
		now_ms = clock_now_ms();
		left_ms = ms_until(deadline_ms);
		if (error->code != SS_NO_ACCESS)
			denied_at_ms = 0;
		else if (denied_at_ms == 0)
			denied_at_ms = now_ms;
		if (left_ms == 0 || (denied_at_ms != 0 ? now_ms - denied_at_ms >= DENIED_MS : !error->retryable))
			return -1;
		if (!quiet && now_ms - began_ms >= QUIET_MS && denied_at_ms == 0)
			say_waiting(error, said);
		pause_ms = (now_ms - began_ms) / 10;
		if (pause_ms < PAUSE_MIN_MS)
			pause_ms = PAUSE_MIN_MS;
		if (pause_ms > PAUSE_MAX_MS)
			pause_ms = PAUSE_MAX_MS;
		if (pause_ms > left_ms)
			pause_ms = left_ms;
		pause = (struct timespec){ .tv_sec = (time_t)(pause_ms / 1000),
			.tv_nsec = (long)(pause_ms % 1000) * 1000000 };
		nanosleep(&pause, NULL);
		left_ms = ms_until(deadline_ms);
	} while (left_ms > 0);
	return -1;
}

static int ping_run(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON, OPTION_PROGRAM_VERSION,
		{ "ready", no_argument, NULL, 'r' }, { "wait", no_argument, NULL, 'w' },
		{ "quiet", no_argument, NULL, 'q' }, OPTIONS_END };
	bool ready = false, wait = false, quiet = false;
	struct ss_ping answer;
	struct ss_error error;
	char state[sizeof(answer.state)], version[sizeof(answer.version)], line[128];
	int option, status, n;

	while ((option = option_next(&command, cli, argc, argv, ":" OPTIONS_COMMON_SHORT "q", longs)) != -1) {
		if (option == OPTION_STOP)
			return cli->status;
		ready |= option == 'r';
		wait |= option == 'w';
		quiet |= option == 'q';
	}
	if (argc != optind)
		return say_usage(&command, "ping takes no operand");
	status = option_open(&command, cli, wait);
	if (status != 0)
		return status;
	if ((wait ? ping_until(cli, ready, quiet, &answer, &error)
		  : ping_once(cli, ready, cli->timeout_ms, &answer, &error)) != 0)
		return quiet ? error.code : say_failure(command.name, &error);
	if (quiet)
		return 0;
	say_clean(state, sizeof(state), answer.state, strlen(answer.state));
	say_clean(version, sizeof(version), answer.version, strlen(answer.version));
	n = snprintf(line, sizeof(line), "%s: secretstored %s, %s\n", answer.ready ? "ready" : "not ready",
	    version, state);
	return say_end(say_out(line, (size_t)n), 0);
}

const struct command *ping_command(void)
{
	return &command;
}
