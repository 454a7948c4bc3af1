/*
 * snapshot: finds the command below "secretstorectl snapshot", and runs it.
 */
#include "cli/snapshot.h"

#include <string.h>

static int snapshot_run(struct cli *cli, int argc, char **argv);

static const struct command command = {
	.name = "snapshot",
	.arguments = "save | restore | check ...",
	.summary = "back up and restore all of OpenBao",
	.help = "A raft snapshot is all that OpenBao stores, encrypted with its own keys.\n"
		"Whoever has the file and those keys has every secret; without the keys the file\n"
		"is of no use.\n\n"
		"  snapshot save FILE     fetch one from the leader, check it, and only then\n"
		"                         call it FILE\n"
		"  snapshot save --dir DIR [--keep N]\n"
		"                         the same for a timer: dated names, and the oldest are\n"
		"                         removed\n"
		"  snapshot restore FILE  replace all that OpenBao stores by what FILE holds\n"
		"  snapshot check FILE    is FILE whole? Without daemon or OpenBao\n\n"
		"Each has a help of its own: secretstorectl snapshot save --help.\n",
	.run = snapshot_run,
};

static int snapshot_run(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON, OPTION_PROGRAM_VERSION, OPTIONS_END };
	const struct command *found = NULL;

	if (option_next(&command, cli, argc, argv, "+:" OPTIONS_COMMON_SHORT, longs) == OPTION_STOP)
		return cli->status;
	argc -= optind;
	argv += optind;
	if (argc == 0)
		return say_usage(&command, "which of them? save, restore or check");
	if (strcmp(argv[0], "save") == 0)
		found = snapshot_save_command();
	else if (strcmp(argv[0], "restore") == 0)
		found = snapshot_restore_command();
	else if (strcmp(argv[0], "check") == 0)
		found = snapshot_check_command();
	if (found == NULL)
		return say_usage(&command, "there is no command \"snapshot %s\"", argv[0]);
	optind = 0; /* with 0, getopt starts anew */
	return found->run(cli, argc, argv);
}

const struct command *snapshot_command(void)
{
	return &command;
}
