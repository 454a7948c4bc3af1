/*
 * snapshot save: fetches a snapshot into a file that gets its name only when the snapshot is there and was
 * checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/backups.h"
#include "cli/newfile.h"
#include "cli/snapshot.h"

#define KEEP_MAX 1000000u

struct save {
	const char *dir; /* --dir */
	uint64_t keep;   /* how many to keep; 0: all */
	bool quiet;
	char path[PATH_MAX]; /* path of the new file, for messages */
	struct newfile file;
	int error; /* errno of the write that failed */
	struct progress progress;
};

static int snapshot_save_run(struct cli *cli, int argc, char **argv);

static const struct command command = {
	.name = "snapshot save",
	.arguments = "[-q] FILE | --dir DIR [--keep N]",
	.summary = "save all of OpenBao to a file",
	.help = "Has the daemon fetch a raft snapshot from OpenBao's leader. FILE appears only\n"
		"when the snapshot is whole, was checked by the sums that it carries, and is on\n"
		"the disk; it is readable for its owner alone (mode 0600), and takes the place\n"
		"of an older FILE. If anything fails, or a signal ends the command, an older\n"
		"FILE stays as it was, and nothing is left behind. FILE is a regular file or not\n"
		"there yet; a symbolic link is not followed. It prints the size, the\n"
		"file's SHA-256 sum (as sha256sum does), and that of the state in it, which is\n"
		"the same for every snapshot of the same state.\n\n"
		"      --dir DIR   into that directory, as openbao-20261124T153000Z.snap (the\n"
		"                  time is UTC)\n"
		"      --keep N    then remove the oldest of such files, so that N are left;\n"
		"                  others are never touched, and those with a later time than\n"
		"                  now in their names are not counted\n"
		"  -q, --quiet     no progress, also on a terminal\n"
		"  -t TIMEOUT      at most that long; without it only a minute without any\n"
		"                  progress ends it\n\n"
		"It needs a rule of the daemon that names it, since no group of operations holds\n"
		"it, and a policy in OpenBao that lets the daemon read snapshots\n"
		"(docs/OPERATIONS.md has both):\n\n"
		"  backup: { uid: secretstore-snapshot, ops: snapshot.save }\n\n"
		"The snapshot is encrypted with OpenBao's own keys. Keep those, the unseal keys\n"
		"or the seal's, as they are now, in another place: without them it cannot be\n"
		"used.\n\n"
		"Status 24: this OpenBao does not run on raft storage; 37: the file cannot be\n"
		"written.\n\n"
		"Examples:\n"
		"  secretstorectl snapshot save openbao.snap\n\n"
		"  # what the timer does\n"
		"  secretstorectl snapshot save --dir /var/lib/secretstore-snapshots --keep 14\n",
	.run = snapshot_save_run,
};

/* -- fetching ------------------------------------------------------------------------------------------------- */

static int say_not_saved(const struct save *save, const char *what, int error)
{
	char message[PATH_MAX + 256];

	snprintf(message, sizeof(message), "%s: %s: %s", save->path, what, strerror(error));
	return say_failure(command.name, &(struct ss_error){ .code = SS_IO, .message = message });
}

static int save_piece(void *arg, const void *p, size_t n)
{
	struct save *save = arg;

	if (newfile_write(&save->file, p, n) != 0) {
		save->error = errno;
		return -1;
	}
	progress_add(&save->progress, n);
	return 0;
}

static int say_saved(const struct save *save, const struct ss_snapshot *snapshot)
{
	char line[PATH_MAX + 256];
	int n = snprintf(line, sizeof(line), "%s: %llu bytes, sha256 %s, sha256 of the state in it %s\n",
	    save->path, (unsigned long long)snapshot->bytes, snapshot->file_sha256, snapshot->state_sha256);

	if (say_end(say_out(line, (size_t)n), 0) == 0)
		return 0;
	return say_trouble("%s: the snapshot is saved nevertheless", save->path);
}

/* Fetches a snapshot into a file of that name in the directory. Returns 0, or an exit status after a message. */
static int save_as(struct save *save, struct cli *cli, int directory, const char *name, struct ss_snapshot *ret)
{
	int code;

	if (newfile_begin(&save->file, directory, name) != 0)
		return say_not_saved(save, "cannot be made", errno);
	progress_begin(&save->progress, save->quiet, "saving", 0);
	code = ss_snapshot_save(cli->client, snapshot_timeout_ms(cli), save_piece, save, ret);
	progress_end(&save->progress);
	if (code != SS_OK) {
		newfile_abandon(&save->file);
		return code == SS_ABORTED ? say_not_saved(save, "cannot be written", save->error)
					  : say_failure(command.name, ss_last_error(cli->client));
	}
	/* A dated name is new; a name that the caller chose is taken over from an older file. */
	if (newfile_finish(&save->file, save->dir == NULL) != 0)
		return say_not_saved(save, "cannot be written", errno);
	if (newfile_settle(&save->file) != 0)
		return say_not_saved(save, "is written, but its directory cannot be brought to the disk", errno);
	return 0;
}

/* -- to a file of the caller's name --------------------------------------------------------------------------- */

/* Refuses to replace anything but a regular file, before anything is fetched. */
static int check_place(const struct save *save, int directory, const char *name)
{
	struct stat status;

	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : say_not_saved(save, "cannot be written", errno);
	if (S_ISREG(status.st_mode))
		return 0;
	return say_trouble("%s: is %s", save->path,
	    S_ISDIR(status.st_mode)       ? "a directory (for which there is --dir)"
		: S_ISLNK(status.st_mode) ? "a symbolic link, which would be replaced: name the file itself"
					  : "no regular file, but a device, pipe or socket");
}

static int save_to_file(struct save *save, struct cli *cli, const char *path)
{
	/* "a/b" is the file b in the directory a. */
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
	char directory_path[PATH_MAX];
	struct ss_snapshot snapshot;
	int directory, status;

	if (strlen(path) >= PATH_MAX)
		return say_usage(&command, "the file's name is too long");
	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return say_usage(&command, "%s: is no file's name (for a directory there is --dir)", path);
	snprintf(directory_path, sizeof(directory_path), "%.*s", len > 0 ? (int)len : 1, len > 0 ? path : ".");
	snprintf(save->path, sizeof(save->path), "%s", path);
	directory = open(directory_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return say_not_saved(save, "its directory cannot be opened", errno);
	status = check_place(save, directory, name);
	if (status == 0)
		status = save_as(save, cli, directory, name, &snapshot);
	close(directory);
	return status == 0 ? say_saved(save, &snapshot) : status;
}

/* -- to a directory ------------------------------------------------------------------------------------------- */

static int save_to_directory(struct save *save, struct cli *cli)
{
	struct ss_snapshot snapshot;
	struct backups backups;
	int status = backups_open(&backups, save->dir), swept;

	if (status != 0)
		return status;
	/* This comes first, since the unfinished files may be why there is no room. */
	swept = backups_sweep(&backups);
	status = backups_choose_name(&backups);
	if (status != 0)
		return status;
	if ((size_t)snprintf(save->path, sizeof(save->path), "%s/%s", save->dir, backups.name) >=
	    sizeof(save->path))
		return say_usage(&command, "the directory's name is too long");
	status = save_as(save, cli, backups.directory, backups.name, &snapshot);
	if (status == 0)
		status = say_saved(save, &snapshot);
	if (status == 0 && save->keep != 0)
		status = backups_prune(&backups, (size_t)save->keep);
	return status != 0 ? status : swept;
}

static int snapshot_save_run(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON, OPTION_PROGRAM_VERSION,
		{ "dir", required_argument, NULL, 'd' }, { "keep", required_argument, NULL, 'k' },
		{ "quiet", no_argument, NULL, 'q' }, OPTIONS_END };
	struct save save = { .dir = NULL };
	int option, status;

	while ((option = option_next(&command, cli, argc, argv, ":" OPTIONS_COMMON_SHORT "q", longs)) != -1) {
		if (option == OPTION_STOP)
			return cli->status;
		if (option == 'q')
			save.quiet = true;
		else if (option == 'd')
			save.dir = optarg;
		else if (option_number(optarg, &save.keep) != 0 || save.keep == 0 || save.keep > KEEP_MAX)
			return say_usage(&command, "%s: --keep takes a number from 1", optarg);
	}
	if (save.dir != NULL && argc > optind)
		return say_usage(&command, "--dir names the file itself: there is no FILE");
	if (save.dir == NULL && save.keep != 0)
		return say_usage(&command, "--keep is for --dir");
	if (save.dir == NULL && argc - optind != 1)
		return say_usage(&command, "snapshot save takes one FILE, or --dir DIR");
	if (save.dir == NULL && strcmp(argv[optind], "-") == 0)
		return say_usage(&command,
		    "a snapshot is known to be whole only at its end, when standard output could not be "
		    "taken back: give it a file");
	status = option_open(&command, cli, false);
	if (status != 0)
		return status;
	return save.dir != NULL ? save_to_directory(&save, cli) : save_to_file(&save, cli, argv[optind]);
}

const struct command *snapshot_save_command(void)
{
	return &command;
}
