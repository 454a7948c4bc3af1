/*
 * backups: a directory of snapshots with dated names, of which the latest are kept.
 */
#include "cli/backups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/newfile.h"

#define FORM "openbao-00000000T000000Z.snap" /* 0: any digit */
#define LEFTOVER_S (24 * 60 * 60)
#define WAIT_MS 3000u /* for a second that has no snapshot yet */

/* -- names ---------------------------------------------------------------------------------------------------- */

static bool has_form(const char *name, size_t n)
{
	if (n != strlen(FORM))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (FORM[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != FORM[i])
			return false;
	}
	return true;
}

static bool is_snapshot(const char *name)
{
	return has_form(name, strlen(name));
}

/* ".openbao-….snap.xxxxxx", as newfile makes it */
static bool is_leftover(const char *name)
{
	size_t form = strlen(FORM);

	return name[0] == '.' && strlen(name) == 1 + form + 1 + NEWFILE_RANDOM && has_form(name + 1, form) && name[1 + form] == '.';
}

/* -- opening -------------------------------------------------------------------------------------------------- */

int backups_open(struct backups *b, const char *path)
{
	*b = (struct backups){ .path = path, .directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	if (b->directory < 0) {
		(void)say_trouble("%s: %m", path);
		return SS_IO;
	}
	if (flock(b->directory, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return say_trouble("%s: another snapshot is being saved there", path);
	(void)say_trouble("%s: cannot lock the directory: %m", path);
	return SS_IO;
}

/* The first second that has none. 0, or -1: the name of this second is taken, too. */
static int name_after_now(struct backups *b)
{
	time_t now = time(NULL);
	struct stat status;
	struct tm utc;

	if (gmtime_r(&now, &utc) == NULL || strftime(b->name, sizeof(b->name), "openbao-%Y%m%dT%H%M%SZ.snap", &utc) == 0)
		return -1;
	return fstatat(b->directory, b->name, &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT ? 0 : -1;
}

int backups_choose_name(struct backups *b)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	uint64_t deadline_ms = clock_now_ms() + WAIT_MS;

	while (name_after_now(b) != 0) {
		if (clock_now_ms() >= deadline_ms)
			return say_trouble("%s/%s: is there already; is the clock right?", b->path, b->name);
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* -- removing ------------------------------------------------------------------------------------------------- */

struct names {
	char (*name)[BACKUPS_NAME];
	size_t count, room;
};

static int keep_name(struct names *names, const char *name)
{
	if (names->count == names->room) {
		size_t room = names->room > 0 ? names->room * 2 : 64;
		void *more = reallocarray(names->name, room, sizeof(names->name[0]));

		if (more == NULL)
			return -1;
		names->name = more;
		names->room = room;
	}
	memcpy(names->name[names->count++], name, strlen(name) + 1);
	return 0;
}

/* The names in the directory that are wanted. 0, or -1 with errno set; the names are to be freed in any case. */
static int list(const struct backups *b, bool (*wanted)(const char *name), struct names *ret)
{
	/* A descriptor of its own: it has a position, and closedir() closes it. */
	int fd = openat(b->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	*ret = (struct names){ .count = 0 };
	if (directory == NULL) {
		error = errno;
		if (fd >= 0)
			close(fd);
		errno = error;
		return -1;
	}
	errno = 0;
	while (error == 0 && (entry = readdir(directory)) != NULL) {
		if (wanted(entry->d_name) && keep_name(ret, entry->d_name) != 0)
			error = ENOMEM;
		else
			errno = 0;
	}
	if (error == 0)
		error = errno;
	closedir(directory);
	errno = error;
	return error == 0 ? 0 : -1;
}

static int say_unremoved(const struct backups *b, const char *name)
{
	(void)say_trouble("%s/%s: cannot be removed: %m", b->path, name);
	return SS_IO;
}

static int say_unlisted(const struct backups *b)
{
	(void)say_trouble("%s: cannot look for old snapshots: %m", b->path);
	return SS_IO;
}

static bool is_file(const struct backups *b, const char *name, struct stat *ret_status)
{
	return fstatat(b->directory, name, ret_status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(ret_status->st_mode);
}

static bool is_old(const struct stat *status)
{
	time_t now = time(NULL);

	return status->st_mtime < now && now - status->st_mtime > LEFTOVER_S;
}

int backups_sweep(const struct backups *b)
{
	struct names names;
	struct stat status;
	int r = 0;

	if (list(b, is_leftover, &names) != 0)
		r = say_unlisted(b);
	for (size_t i = 0; i < names.count && r == 0; i++) {
		if (is_file(b, names.name[i], &status) && is_old(&status) && unlinkat(b->directory, names.name[i], 0) != 0)
			r = say_unremoved(b, names.name[i]);
	}
	free(names.name);
	return r;
}

/* The dates are written so that their order is that of the names. */
static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Only files count, and the new one is not for choice: with a clock that was set back it may look like the oldest. */
static void leave_older_files(const struct backups *b, struct names *names)
{
	struct stat status;
	size_t left = 0;

	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->name[i], b->name) != 0 && is_file(b, names->name[i], &status))
			memmove(names->name[left++], names->name[i], sizeof(names->name[0]));
	}
	names->count = left;
	if (left > 0)
		qsort(names->name, left, sizeof(names->name[0]), by_name);
}

int backups_prune(const struct backups *b, size_t keep)
{
	struct names names;
	int r = 0;

	if (list(b, is_snapshot, &names) != 0)
		r = say_unlisted(b);
	leave_older_files(b, &names);
	for (size_t i = 0; r == 0 && i + keep - 1 < names.count; i++) {
		if (unlinkat(b->directory, names.name[i], 0) != 0)
			r = say_unremoved(b, names.name[i]);
	}
	free(names.name);
	return r;
}
