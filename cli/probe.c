/*
 * probe: asks whether OpenBao is fit to serve secrets, for readiness checks.
 */
#include <string.h>

#include "cli/cli.h"

static int probe_run(struct cli *cli, int argc, char **argv);

static const struct command command = {
	.name = "probe",
	.arguments = "[-q]",
	.summary = "is OpenBao fit to serve secrets",
	.help = "Has the daemon ask OpenBao, now, and succeeds if OpenBao is initialized and\n"
		"unsealed (a standby will do), and the daemon has logged in to it since its\n"
		"start. It needs a rule that allows the operation \"probe\".\n\n"
		"  -q, --quiet  say nothing; the exit status tells\n\n"
		"It fails with 18 (no login yet, or the daemon is stopping), 19 (OpenBao does\n"
		"not answer), 20 (not before the timeout), 21 (sealed), 22 (not initialized),\n"
		"23 (an empty answer), 27 (an answer that is an error). Whether the daemon holds\n"
		"a live token just now is what \"ping --ready\" tells.\n\n"
		"Examples:\n"
		"  secretstorectl -t 2s probe\n\n"
		"  # systemd: while there are no secrets to be had, a unit neither starts nor\n"
		"  # counts as failed\n"
		"  [Service]\n"
		"  ExecCondition=/usr/local/bin/secretstorectl -t 5s probe\n\n"
		"  # Kubernetes\n"
		"  readinessProbe:\n"
		"    exec: { command: [secretstorectl, -t, 2s, probe] }\n"
		"    periodSeconds: 10\n"
		"    timeoutSeconds: 3\n",
	.run = probe_run,
};

static int probe_run(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON, OPTION_PROGRAM_VERSION,
		{ "quiet", no_argument, NULL, 'q' }, OPTIONS_END };
	static const char healthy[] = "healthy: secretstore\n";
	bool quiet = false;
	int option, status;

	while ((option = option_next(&command, cli, argc, argv, ":" OPTIONS_COMMON_SHORT "q", longs)) != -1) {
		if (option == OPTION_STOP)
			return cli->status;
		quiet = true;
	}
	if (argc != optind)
		return say_usage(&command, "probe takes no operand");
	status = option_open(&command, cli, false);
	if (status != 0)
		return status;
	status = ss_probe(cli->client, cli->timeout_ms);
	if (quiet)
		return status;
	if (status != SS_OK)
		return say_failure(command.name, ss_last_error(cli->client));
	return say_end(say_out(healthy, strlen(healthy)), 0);
}

const struct command *probe_command(void)
{
	return &command;
}
