/*
 * snapshot_fd: saves, restores and checks raft snapshots in files.
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
	int error;     /* errno of the operation that failed; 0: none did */
	bool changed;  /* the file changed between the check and the restore */
	bool seekable; /* it is read at an offset, so that the descriptor's position does not move */
	off_t at;
	uint64_t bytes; /* bytes that were read */
};

/* Replaces SS_ABORTED, which the caller cannot have caused, by SS_IO with the reason why the file failed. */
static int explain_file(struct ss_client *c, const struct file *file, int code, const char *what)
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

/*
 * Writing to a pipe without a reader raises SIGPIPE, which the library must not do to its caller. The signal is
 * blocked while a snapshot is saved, and taken back if it was raised.
 */
struct sigpipe_block {
	sigset_t mask;
	bool was_pending;
};

static void make_sigpipe_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGPIPE);
}

static void block_sigpipe(struct sigpipe_block *block)
{
	sigset_t set, pending;

	make_sigpipe_set(&set);
	(void)pthread_sigmask(SIG_BLOCK, &set, &block->mask);
	block->was_pending = sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static void unblock_sigpipe(const struct sigpipe_block *block, bool raised)
{
	static const struct timespec now;
	sigset_t set;

	make_sigpipe_set(&set);
	while (raised && !block->was_pending && sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR)
		;
	(void)pthread_sigmask(SIG_SETMASK, &block->mask, NULL);
}

/*
 * Waits if the operation that has just failed with errno can be tried again later. Returns false with errno set if
 * it cannot.
 */
static bool wait_to_retry(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	if (errno == EINTR)
		return true;
	if (errno != EAGAIN)
		return false;
	return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

static int write_piece(void *arg, const void *p, size_t n)
{
	struct file *file = arg;
	const char *at = p;

	while (n > 0) {
		ssize_t put = write(file->fd, at, n);

		if (put < 0 && wait_to_retry(file->fd, POLLOUT))
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
	struct sigpipe_block sigpipe;
	int code;

	block_sigpipe(&sigpipe);
	code = ss_snapshot_save(c, timeout_ms, write_piece, &file, ret_snapshot);
	unblock_sigpipe(&sigpipe, file.error == EPIPE);
	return explain_file(c, &file, code, "the snapshot cannot be written");
}

/* -- check and restore ---------------------------------------------------------------------------------------- */

static void note_position(struct file *file)
{
	file->at = lseek(file->fd, 0, SEEK_CUR);
	file->seekable = file->at >= 0;
}

static long read_piece(void *arg, void *p, size_t size)
{
	struct file *file = arg;
	ssize_t n;

	do
		n = file->seekable ? pread(file->fd, p, size, file->at) : read(file->fd, p, size);
	while (n < 0 && wait_to_retry(file->fd, POLLIN));
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

	note_position(&file);
	return explain_file(c, &file, ss_snapshot_check(c, read_piece, &file), "the snapshot cannot be read");
}

static const char unreadable[] = "nothing was restored, since the snapshot cannot be read";

/* A file that may be read only as far as it was checked. */
struct checked_file {
	struct file file;
	uint64_t bytes;
};

static long read_checked(void *arg, void *p, size_t size)
{
	struct checked_file *checked = arg;
	long n = read_piece(&checked->file, p, size);

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
		return explain_file(c, &file, SS_ABORTED, unreadable);
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
	struct checked_file again = { .file = { .fd = fd } };
	int code = client_may_wait(c);

	if (code == SS_OK)
		code = refuse_unless_regular(c, fd);
	if (code != SS_OK)
		return code;
	note_position(&first);
	again.file.seekable = first.seekable;
	again.file.at = first.at;
	code = ss_snapshot_check(c, read_piece, &first);
	if (code != SS_OK)
		return explain_file(c, &first, code, unreadable);
	again.bytes = first.bytes;
	code = ss_snapshot_restore(c, force, timeout_ms, read_checked, &again, ret_restored);
	return explain_file(c, &again.file, code, unreadable);
}
