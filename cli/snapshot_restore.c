/*
 * snapshot restore: replaces everything that OpenBao stores, after a check and a question, and reports what
 * OpenBao was seen to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/snapshot.h"

#define CONFIRMATION "restore"

struct restore {
	bool force;
	bool yes;
	bool quiet;
	int terminal; /* where the question is asked; -1: nowhere */
};

static int snapshot_restore_run(struct cli *cli, int argc, char **argv);

static const struct command command = {
	.name = "snapshot restore",
	.arguments = "[--force] [--yes] [-q] FILE",
	.summary = "replace all of OpenBao by a snapshot",
	.help = "Replaces all that OpenBao stores (secrets, policies, logins, tokens,\n"
		"everything) by what FILE holds. What was written since the snapshot was taken\n"
		"is gone, and tokens made since are void: the daemon logs in anew.\n\n"
		"FILE is checked here before any of it is sent. Then you are asked to type the\n"
		"word " CONFIRMATION ", on the terminal. The daemon sends it to the leader, and lets go of\n"
		"the last part only when all of it has come and was whole: if anything fails or\n"
		"is interrupted before, nothing is restored.\n\n"
		"      --yes    do not ask. Needed where there is no terminal.\n"
		"      --force  also a snapshot of another cluster: skip OpenBao's check that it\n"
		"               belongs to the same keys\n"
		"  -q, --quiet  no progress, also on a terminal\n"
		"  -t TIMEOUT   at most that long; without it only a minute without any progress\n"
		"               ends it\n\n"
		"With --force, the cluster from then on uses the keyring of the cluster the\n"
		"snapshot was taken from. It must be unsealed with the unseal keys (or the seal)\n"
		"of that cluster as they were when the snapshot was taken, not with its present\n"
		"ones. If those keys are lost, everything in it is lost. Have them at hand\n"
		"before.\n\n"
		"Afterwards it tells what OpenBao was seen to do:\n"
		"  status 0   it is active again, on the snapshot's state\n"
		"  status 21  it is sealed: unseal it, with the keys of the snapshot's cluster.\n"
		"             (The message tells if it was sealed before, and nothing was\n"
		"             restored.)\n"
		"  status 28  it has taken the snapshot, or may have, and was not seen to end:\n"
		"             look at it with \"secretstorectl probe\" and \"status\" before you do\n"
		"             anything else\n"
		"If it fails in another way, nothing was restored.\n\n"
		"It needs a rule of the daemon that names it, since no group of operations holds\n"
		"it, and a policy in OpenBao that lets the daemon restore (docs/OPERATIONS.md\n"
		"has both; --force needs one more):\n\n"
		"  disaster: { uid: 0, ops: snapshot.restore }\n\n"
		"Examples:\n"
		"  secretstorectl snapshot restore \\\n"
		"    /var/lib/secretstore-snapshots/openbao-20261124T153000Z.snap\n"
		"  secretstorectl snapshot restore --yes openbao.snap && secretstorectl probe\n",
	.run = snapshot_restore_run,
};

/* -- asking --------------------------------------------------------------------------------------------------- */

/*
 * Reads a line from the terminal. Returns false if the terminal is closed, or the line is too long to be the word.
 */
static bool read_line(int fd, char *line, size_t cap)
{
	size_t n = 0;

	while (n < cap) {
		ssize_t got = read(fd, line + n, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		if (line[n] == '\n') {
			line[n] = '\0';
			return true;
		}
		n++;
	}
	return false;
}

static int confirm(const struct restore *restore, const struct snapshot_file *file)
{
	static const char forced[] =
	    "\nWith --force the cluster will use the keyring of the cluster that the snapshot was taken from. "
	    "It must then be\n"
	    "unsealed with the unseal keys (or the seal) of that cluster as of the snapshot, "
	    "not with its present ones.\n"
	    "If those keys are lost, everything is lost.\n";
	char size[32], clean[512], line[sizeof(CONFIRMATION) + 1];

	progress_size(size, sizeof(size), file->whole);
	say_clean(clean, sizeof(clean), file->path, strlen(file->path));
	if (dprintf(restore->terminal,
		"This replaces all that OpenBao stores by the snapshot %s (%s).\n"
		"What was written since it was taken is gone.\n%s\nType the word " CONFIRMATION " to go on: ",
		clean, size, restore->force ? forced : "") < 0)
		return say_trouble("the terminal cannot be written to: %m");
	if (read_line(restore->terminal, line, sizeof(line)) && strcmp(line, CONFIRMATION) == 0)
		return 0;
	return say_failure(command.name,
	    &(struct ss_error){ .code = SS_ABORTED, .message = "not confirmed; nothing was restored" });
}

/* -- restoring ------------------------------------------------------------------------------------------------ */

static int say_restored(enum ss_restored restored)
{
	static const char applied[] = "restored: OpenBao is active again, on the snapshot's state\n";

	switch (restored) {
	case SS_RESTORED_SEALED:
		(void)
		    say_trouble("%s: OpenBao has taken the snapshot and is sealed. Unseal it with the unseal keys "
				"(or the seal) of the cluster that the snapshot was taken from, as they were then",
			command.name);
		return SS_SEALED;
	case SS_RESTORED_WAITING:
		(void)say_trouble(
		    "%s: OpenBao has taken the snapshot, and was neither active nor sealed when the time was "
		    "over. Look at it before anything else: secretstorectl probe, secretstorectl status",
		    command.name);
		return SS_UNKNOWN_OUTCOME;
	default:
		if (say_end(say_out(applied, strlen(applied)), 0) == 0)
			return 0;
		return say_trouble("%s: the snapshot is restored nevertheless", command.name);
	}
}

/* A source that also says when all was sent: the restore that follows may take minutes. */
static long read_and_tell(void *arg, void *p, size_t size)
{
	struct snapshot_file *file = arg;
	long n = snapshot_file_read(file, p, size);

	if (n == 0)
		progress_note(&file->progress, "sent; waiting for OpenBao to restore it");
	return n;
}

static int check_and_restore(struct restore *restore, struct snapshot_file *file, struct cli *cli)
{
	enum ss_restored restored;
	int status, code;

	/* A missing terminal is reported before the check, which may take minutes. */
	if (!restore->yes) {
		restore->terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
		if (restore->terminal < 0 && isatty(STDIN_FILENO))
			restore->terminal = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (restore->terminal < 0)
			return say_usage(&command,
			    "there is no terminal to ask on: --yes restores without asking");
	}
	status = snapshot_file_check(file, &command, cli, restore->quiet);
	if (status == 0 && !restore->yes)
		status = confirm(restore, file);
	if (status != 0)
		return status;
	if (lseek(file->fd, 0, SEEK_SET) != 0)
		return say_trouble("%s: %m", file->path);
	progress_begin(&file->progress, restore->quiet, "sending", file->whole);
	code = ss_snapshot_restore(cli->client, restore->force, snapshot_timeout_ms(cli), read_and_tell, file,
	    &restored);
	progress_end(&file->progress);
	if (code != SS_OK)
		return snapshot_file_say(file, &command, ss_last_error(cli->client));
	return say_restored(restored);
}

static int snapshot_restore_run(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON, OPTION_PROGRAM_VERSION,
		{ "force", no_argument, NULL, 'f' }, { "yes", no_argument, NULL, 'y' },
		{ "quiet", no_argument, NULL, 'q' }, OPTIONS_END };
	struct restore restore = { .terminal = -1 };
	struct snapshot_file file;
	int option, status;

	while ((option = option_next(&command, cli, argc, argv, ":" OPTIONS_COMMON_SHORT "q", longs)) != -1) {
		if (option == OPTION_STOP)
			return cli->status;
		restore.force |= option == 'f';
		restore.yes |= option == 'y';
		restore.quiet |= option == 'q';
	}
	if (argc - optind != 1)
		return say_usage(&command, "snapshot restore takes one FILE");
	status = option_open(&command, cli, false);
	if (status != 0)
		return status;
	status = snapshot_file_open(&file, &command, argv[optind], true);
	if (status == 0)
		status = check_and_restore(&restore, &file, cli);
	snapshot_file_close(&file);
	if (restore.terminal >= 0)
		close(restore.terminal);
	return status;
}

const struct command *snapshot_restore_command(void)
{
	return &command;
}
