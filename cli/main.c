/*
 * main: secretstorectl, the command for people, scripts and health checks. It finds the command that was asked
 * for, and runs it.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/cli.h"

/*
 * If a standard descriptor is closed, the next file or socket that is opened gets its number, and what is meant
 * for standard output would go there. So each closed one is opened, in a way that allows neither reading nor
 * writing.
 */
static int occupy_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_PATH);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return say_trouble("/dev/null: %m");
	close(fd);
	return 0;
}

/*
 * Secrets pass through this process, so it leaves no core file, and other processes of its user cannot look into
 * it.
 */
static int harden(void)
{
	const struct rlimit none = { .rlim_cur = 0, .rlim_max = 0 };

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return say_trouble("cannot turn off core dumps: %m");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return say_trouble("cannot make the process undumpable: %m");
	return 0;
}

/* Returns the commands in the order of the help; NULL after the last. */
static const struct command *command_at(size_t i)
{
	static const struct command *(*const commands[])(
	    void) = { get_command, put_command, ping_command, probe_command, status_command, snapshot_command };

	return i < sizeof(commands) / sizeof(commands[0]) ? commands[i]() : NULL;
}

/* Says what to do instead of a command that bao has. The word after "kv" counts if it is one of bao's. */
static int say_no_command(int argc, char **argv)
{
	static const char other_work[] = "the daemon only reads and writes secrets: use bao";
	static const struct {
		const char *name, *advice;
	} habits[] = {
		{ "kv", "say secretstorectl get or put" },
		{ "read", "say get" },
		{ "write", "say put" },
		{ "patch", "say put, which writes the whole secret; get --help changes one field" },
		{ "list", other_work },
		{ "delete", other_work },
		{ "undelete", other_work },
		{ "destroy", other_work },
		{ "rollback", other_work },
		{ "metadata", other_work },
	};
	bool kv = strcmp(argv[0], "kv") == 0 && argc > 1;

	if (kv && (strcmp(argv[1], "get") == 0 || strcmp(argv[1], "put") == 0))
		return say_usage(NULL, "there is no command \"kv\": say secretstorectl %s, without kv", argv[1]);
	for (size_t i = 0; kv && i < sizeof(habits) / sizeof(habits[0]); i++)
		if (strcmp(habits[i].name, argv[1]) == 0)
			return say_usage(NULL, "there is no command \"kv %s\": %s", argv[1], habits[i].advice);
	for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++)
		if (strcmp(habits[i].name, argv[0]) == 0)
			return say_usage(NULL, "there is no command \"%s\": %s", argv[0], habits[i].advice);
	return say_usage(NULL, "there is no command \"%s\"", argv[0]);
}

static int run_command(struct cli *cli, int argc, char **argv)
{
	const struct command *command;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		if (strcmp(command->name, argv[0]) == 0) {
			optind = 0; /* with 0, getopt starts anew */
			return command->run(cli, argc, argv);
		}
	}
	return say_no_command(argc, argv);
}

/* "help" and "help COMMAND" are not documented, but people try them: they do what --help does. */
static int run_help(struct cli *cli, int argc, char **argv)
{
	static char option[] = "--help";

	if (argc == 1)
		return say_help(NULL, cli);
	for (int i = 1; i < argc; i++)
		argv[i - 1] = argv[i];
	argv[argc - 1] = option;
	return run_command(cli, argc, argv);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON, OPTION_PROGRAM_VERSION, OPTIONS_END };
	struct cli cli = { .timeout_ms = SS_DEFAULT_TIMEOUT_MS, .command_at = command_at };
	int status;

	if (occupy_descriptors() != 0 || harden() != 0)
		return EXIT_LOCAL;
	/* "+" ends the options at the command's name: what follows is for the command. */
	if (option_next(NULL, &cli, argc, argv, "+:" OPTIONS_COMMON_SHORT, longs) == OPTION_STOP)
		return cli.status;
	argc -= optind;
	argv += optind;
	if (argc == 0)
		return say_usage(NULL, "which command? get, put, ping, probe, status or snapshot");
	status = strcmp(argv[0], "help") == 0 ? run_help(&cli, argc, argv) : run_command(&cli, argc, argv);
	ss_close(cli.client);
	return status;
}
