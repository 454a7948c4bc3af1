/*
 * snapshot_fd: the same for snapshots in files.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client-lib/client.h"

struct file {
	int fd;
	int error;     /* errno of what failed */
	bool changed;  /* between the check and the restore */
	bool seekable; /* read at, without moving the descriptor's position */
	off_t at;
	uint64_t bytes; /* that were read, or written */
};

/* The transfer ended because of the file, and not of the caller, who has no function here. */
static int blame(struct ss_client *c, const struct file *file, int code, const char *what)
{
	char text[CLIENT_TEXT];

	if (code != SS_ABORTED)
		return code;
	if (file->changed)
		snprintf(text, sizeof(text), "%s: it changed while it was read", what);
	else
		snprintf(text, sizeof(text), "%s: %s", what, strerror(file->error));
	return client_fail(c, SS_IO, text);
}

/* -- save ----------------------------------------------------------------------------------------------------- */

/* A pipe without a reader raises a signal, which the library never does to its caller. */
struct quiet {
	sigset_t mask;
	bool was_pending;
};

static void set_to_sigpipe(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGPIPE);
}

static void quiet_begin(struct quiet *quiet)
{
	sigset_t set, pending;

	set_to_sigpipe(&set);
	(void)pthread_sigmask(SIG_BLOCK, &set, &quiet->mask);
	quiet->was_pending = sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static void quiet_end(const struct quiet *quiet, bool raised)
{
	static const struct timespec now;
	sigset_t set;

	set_to_sigpipe(&set);
	while (raised && !quiet->was_pending && sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR)
		;
	(void)pthread_sigmask(SIG_SETMASK, &quiet->mask, NULL);
}

/* errno says why it is not, if it is not. */
static bool may_try_again(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	if (errno == EINTR)
		return true;
	if (errno != EAGAIN)
		return false;
	return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

static int write_all(void *arg, const void *p, size_t n)
{
	struct file *file = arg;
	const char *at = p;

	while (n > 0) {
		ssize_t put = write(file->fd, at, n);

		if (put < 0 && may_try_again(file->fd, POLLOUT))
			continue;
		if (put < 0) {
			file->error = errno;
			return -1;
		}
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

int ss_snapshot_save_fd(struct ss_client *c, uint32_t timeout_ms, int fd, struct ss_snapshot *ret_snapshot)
{
	struct file file = { .fd = fd };
	struct quiet quiet;
	int code;

	quiet_begin(&quiet);
	code = ss_snapshot_save(c, timeout_ms, write_all, &file, ret_snapshot);
	quiet_end(&quiet, file.error == EPIPE);
	return blame(c, &file, code, "the snapshot cannot be written");
}

/* -- check and restore ---------------------------------------------------------------------------------------- */

static void place(struct file *file)
{
	file->at = lseek(file->fd, 0, SEEK_CUR);
	file->seekable = file->at >= 0;
}

static long read_next(void *arg, void *p, size_t size)
{
	struct file *file = arg;
	ssize_t n;

	do
		n = file->seekable ? pread(file->fd, p, size, file->at) : read(file->fd, p, size);
	while (n < 0 && may_try_again(file->fd, POLLIN));
	if (n < 0) {
		file->error = errno;
		return -1;
	}
	file->at += n;
	file->bytes += (uint64_t)n;
	return n;
}

int ss_snapshot_check_fd(struct ss_client *c, int fd)
{
	struct file file = { .fd = fd };

	place(&file);
	return blame(c, &file, ss_snapshot_check(c, read_next, &file), "the snapshot cannot be read");
}

static const char unreadable[] = "nothing was restored, since the snapshot cannot be read";

/* What was checked, and that alone. */
struct checked {
	struct file file;
	uint64_t bytes;
};

static long read_checked(void *arg, void *p, size_t size)
{
	struct checked *checked = arg;
	long n = read_next(&checked->file, p, size);

	if (n < 0)
		return -1;
	checked->file.changed = checked->file.bytes > checked->bytes ||
	    (n == 0 && checked->file.bytes < checked->bytes);
	return checked->file.changed ? -1 : n;
}

static int refuse_unless_regular(struct ss_client *c, int fd)
{
	struct file file = { .fd = fd };
	struct stat status;

	if (fstat(fd, &status) != 0) {
		file.error = errno;
		return blame(c, &file, SS_ABORTED, unreadable);
	}
	if (S_ISREG(status.st_mode))
		return SS_OK;
	return client_fail(c, SS_INVALID_REQUEST,
	    "a snapshot is read twice, to be checked before any of it is sent: "
	    "it must be a regular file");
}

int ss_snapshot_restore_fd(struct ss_client *c, bool force, uint32_t timeout_ms, int fd,
    enum ss_restored *ret_restored)
{
	struct file first = { .fd = fd };
	struct checked again = { .file = { .fd = fd } };
	int code = client_may_wait(c);

	if (code == SS_OK)
		code = refuse_unless_regular(c, fd);
	if (code != SS_OK)
		return code;
	place(&first);
	again.file.seekable = first.seekable;
	again.file.at = first.at;
	code = ss_snapshot_check(c, read_next, &first);
	if (code != SS_OK)
		return blame(c, &first, code, unreadable);
	again.bytes = first.bytes;
	code = ss_snapshot_restore(c, force, timeout_ms, read_checked, &again, ret_restored);
	return blame(c, &again.file, code, unreadable);
}
