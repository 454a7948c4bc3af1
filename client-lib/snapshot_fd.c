/*
 * snapshot_fd: the same for snapshots in files.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client-lib/client.h"

struct file {
	int fd;
	int error; /* errno of what failed */
};

/* The transfer ended because of the file, and not of the caller, who has no function here. */
static int blame(struct ss_client *c, const struct file *file, int code, const char *what)
{
	char text[CLIENT_TEXT];

	if (code != SS_ABORTED)
		return code;
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
