/*
 * snapshot check: checks whether a snapshot's file is whole, for backups that were copied. It does not need the
 * daemon.
 */
#include <stdio.h>

#include "cli/snapshot.h"

static int snapshot_check_run(struct cli *cli, int argc, char **argv);

static const struct command command = {
	.name = "snapshot check",
	.arguments = "[-q] FILE",
	.summary = "is a snapshot's file whole",
	.help = "Looks through FILE, or standard input if it is -, and succeeds if it is a whole\n"
		"raft snapshot by the sums that it carries: for backups that were copied about.\n"
		"It asks neither the daemon nor OpenBao. What the snapshot holds is encrypted,\n"
		"and whose unseal keys it belongs to cannot be seen.\n\n"
		"  -q, --quiet  no progress, also on a terminal\n\n"
		"Status 10: it is not whole; 37: it cannot be read.\n\n"
		"Examples:\n"
		"  secretstorectl snapshot check \\\n"
		"    /var/lib/secretstore-snapshots/openbao-20261124T153000Z.snap\n"
		"  ssh backup cat openbao.snap | secretstorectl snapshot check -\n",
	.run = snapshot_check_run,
};

static int snapshot_check_run(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON, OPTION_PROGRAM_VERSION,
		{ "quiet", no_argument, NULL, 'q' }, OPTIONS_END };
	struct snapshot_file file;
	bool quiet = false;
	char line[512];
	int option, status, n;

	while ((option = option_next(&command, cli, argc, argv, ":" OPTIONS_COMMON_SHORT "q", longs)) != -1) {
		if (option == OPTION_STOP)
			return cli->status;
		quiet = true;
	}
	if (argc - optind != 1)
		return say_usage(&command, "snapshot check takes one FILE");
	status = option_open(&command, cli, true);
	if (status != 0)
		return status;
	status = snapshot_file_open(&file, &command, argv[optind], false);
	if (status == 0)
		status = snapshot_file_check(&file, &command, cli, quiet);
	snapshot_file_close(&file);
	if (status != 0)
		return status;
	n = snprintf(line, sizeof(line), "%.400s: whole, %llu bytes\n", file.path, (unsigned long long)file.whole);
	return say_end(say_out(line, (size_t)n), 0);
}

const struct command *snapshot_check_command(void)
{
	return &command;
}
