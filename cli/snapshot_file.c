/*
 * snapshot_file: a snapshot's file as a source for the library, with progress.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/snapshot.h"

static int say_unreadable(const struct command *command, const char *path, const char *why)
{
	char what[512], message[512];

	snprintf(what, sizeof(what), "%s %.400s", command->name, path);
	snprintf(message, sizeof(message), "the file cannot be read: %s", why);
	return say_failure(what, &(struct ss_error){ .code = SS_IO, .message = message });
}

int snapshot_file_open(struct snapshot_file *f, const struct command *command, const char *path, bool only_regular)
{
	struct stat status;

	*f = (struct snapshot_file){ .path = path, .fd = -1 };
	if (!only_regular && strcmp(path, "-") == 0)
		f->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	else
		f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (only_regular ? O_NONBLOCK : 0));
	if (f->fd < 0 || fstat(f->fd, &status) != 0)
		return say_unreadable(command, path, strerror(errno));
	if (only_regular && !S_ISREG(status.st_mode))
		return say_unreadable(command, path, "it is no regular file, and it must be read twice");
	f->size = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
	return 0;
}

void snapshot_file_close(struct snapshot_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
}

long snapshot_file_read(void *file, void *p, size_t size)
{
	struct snapshot_file *f = file;
	ssize_t n;

	do
		n = read(f->fd, p, size);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		f->error = errno;
		return -1;
	}
	f->bytes += (uint64_t)n;
	/* The file may be longer or shorter now than when it was checked. */
	if (f->whole > 0 && (f->bytes > f->whole || (n == 0 && f->bytes < f->whole)))
		return -1;
	progress_add(&f->progress, (size_t)n);
	return n;
}

int snapshot_file_say(const struct snapshot_file *f, const struct command *command, const struct ss_error *error)
{
	char what[512];

	if (error->code == SS_ABORTED)
		return say_unreadable(command, f->path,
		    f->error != 0 ? strerror(f->error) : "it has changed since it was checked");
	snprintf(what, sizeof(what), "%s %.400s", command->name, f->path);
	return say_failure(what, error);
}

int snapshot_file_check(struct snapshot_file *f, const struct command *command, struct cli *cli, bool quiet)
{
	int code;

	progress_begin(&f->progress, quiet, "checking", f->size);
	code = ss_snapshot_check(cli->client, snapshot_file_read, f);
	progress_end(&f->progress);
	if (code != SS_OK)
		return snapshot_file_say(f, command, ss_last_error(cli->client));
	f->whole = f->bytes;
	f->bytes = 0;
	return 0;
}
