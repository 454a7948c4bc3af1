/*
 * newfile: see the header.
 */
#include "cli/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define TRIES_MAX 20

/* -- signals -------------------------------------------------------------------------------------------------- */

static const int endings[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* The file that a signal handler has to remove. It is changed only while these signals are blocked. */
static struct newfile *unfinished;

static void remove_and_end(int number)
{
	if (unfinished != NULL)
		(void)unlinkat(unfinished->directory, unfinished->temporary, 0);
	/*
	 * The program ends as if the signal had never been caught, as soon as this handler returns and the signal
	 * is no longer blocked.
	 */
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

static void block(sigset_t *ret_before)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		sigaddset(&set, endings[i]);
	(void)sigprocmask(SIG_BLOCK, &set, ret_before);
}

/* A signal that is ignored (nohup, a job in the background) stays ignored. */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = remove_and_end }, now;

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		if (sigaction(endings[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
			(void)sigaction(endings[i], &action, NULL);
	}
	/* With SIGXFSZ ignored, exceeding the limit for a file's size is an error of write() like any other. */
	(void)signal(SIGXFSZ, SIG_IGN);
}

/* -- the file ------------------------------------------------------------------------------------------------- */

int newfile_begin(struct newfile *f, int directory, const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	char random[NEWFILE_RANDOM + 1] = "";
	sigset_t before;

	*f = (struct newfile){ .directory = directory, .name = name, .fd = -1 };
	if (strlen(name) + strlen("..") + NEWFILE_RANDOM > NAME_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	catch_signals();
	block(&before);
	for (int i = 0; i < TRIES_MAX; i++) {
		for (size_t j = 0; j < NEWFILE_RANDOM; j++)
			random[j] = letters[clock_random(0, sizeof(letters) - 2)];
		snprintf(f->temporary, sizeof(f->temporary), ".%s.%s", name, random);
		f->fd = openat(directory, f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (f->fd >= 0 || errno != EEXIST)
			break;
	}
	unfinished = f->fd >= 0 ? f : NULL;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (f->fd < 0)
		return -1;
	/* The umask may have taken away more than the mode says. */
	if (fchmod(f->fd, 0600) == 0)
		return 0;
	newfile_abandon(f);
	return -1;
}

int newfile_write(const struct newfile *f, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t put = write(f->fd, at, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

/* Some file systems do not know RENAME_NOREPLACE; there the name is looked up before. */
static int give_name(const struct newfile *f, bool replace)
{
	struct stat status;

	if (replace)
		return renameat(f->directory, f->temporary, f->directory, f->name);
	if (renameat2(f->directory, f->temporary, f->directory, f->name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(f->directory, f->name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(f->directory, f->temporary, f->directory, f->name);
}

int newfile_finish(struct newfile *f, bool replace)
{
	int r = fsync(f->fd), error = errno;
	sigset_t before;

	/* Some file systems report only here that there was no room. */
	if (close(f->fd) != 0 && r == 0) {
		r = -1;
		error = errno;
	}
	f->fd = -1;
	errno = error;
	block(&before);
	if (r == 0)
		r = give_name(f, replace);
	if (r == 0)
		unfinished = NULL;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		newfile_abandon(f);
	return r;
}

int newfile_settle(const struct newfile *f)
{
	/* EINVAL means that this file system does not sync directories. */
	return fsync(f->directory) == 0 || errno == EINVAL ? 0 : -1;
}

void newfile_abandon(struct newfile *f)
{
	int error = errno;
	sigset_t before;

	block(&before);
	if (unfinished == f)
		(void)unlinkat(f->directory, f->temporary, 0);
	unfinished = NULL;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	errno = error;
}
