/*
 * backups: see the header.
 */
#include "cli/backups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/newfile.h"

#define FORM "openbao-00000000T000000Z.snap" /* each 0 stands for any digit */
#define LEFTOVER_S (24 * 60 * 60)
#define WAIT_MAX_MS 3000u /* the wait for a second that has no snapshot yet */

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

static int is_snapshot(const struct dirent *entry)
{
	return has_form(entry->d_name, strlen(entry->d_name));
}

/* A leftover is called ".openbao-….snap.xxxxxx", the name that newfile gives to an unfinished file. */
static int is_leftover(const struct dirent *entry)
{
	const char *name = entry->d_name;
	size_t form = strlen(FORM);

	return strlen(name) == 1 + form + 1 + NEWFILE_RANDOM && name[0] == '.' && has_form(name + 1, form) &&
	    name[1 + form] == '.';
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

int backups_choose_name(struct backups *b)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	uint64_t deadline_ms = clock_now_ms() + WAIT_MAX_MS;
	struct stat status;
	struct tm utc;
	time_t now;

	for (;;) {
		now = time(NULL);
		if (gmtime_r(&now, &utc) != NULL &&
		    strftime(b->name, sizeof(b->name), "openbao-%Y%m%dT%H%M%SZ.snap", &utc) != 0 &&
		    fstatat(b->directory, b->name, &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
			return 0;
		if (clock_now_ms() >= deadline_ms)
			return say_trouble("%s/%s: is there already; is the clock right?", b->path, b->name);
		nanosleep(&pause, NULL);
	}
}

/* -- removing ------------------------------------------------------------------------------------------------- */

/*
 * Puts the names that `wanted` accepts into *ret, the oldest first: the dates are written so that the names' order
 * is theirs. Returns how many, for free_names(); or -1 with *ret untouched, after a message.
 */
static int list_names(const struct backups *b, int (*wanted)(const struct dirent *), struct dirent ***ret)
{
	int n = scandirat(b->directory, ".", ret, wanted, alphasort);

	if (n < 0)
		(void)say_trouble("%s: cannot look for old snapshots: %m", b->path);
	return n;
}

static void free_names(struct dirent **names, int n)
{
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static int remove_file(const struct backups *b, const char *name)
{
	if (unlinkat(b->directory, name, 0) == 0)
		return 0;
	(void)say_trouble("%s/%s: cannot be removed: %m", b->path, name);
	return SS_IO;
}

static bool is_file(const struct backups *b, const char *name, struct stat *ret_status)
{
	return fstatat(b->directory, name, ret_status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(ret_status->st_mode);
}

int backups_sweep(const struct backups *b)
{
	struct dirent **found = NULL;
	struct stat status;
	time_t now = time(NULL);
	int n = list_names(b, is_leftover, &found), r = n < 0 ? SS_IO : 0;

	for (int i = 0; i < n && r == 0; i++) {
		if (is_file(b, found[i]->d_name, &status) && status.st_mtime < now &&
		    now - status.st_mtime > LEFTOVER_S)
			r = remove_file(b, found[i]->d_name);
	}
	free_names(found, n);
	return r;
}

/* Only regular files count. The names of others must not make true snapshots look old. */
static bool is_older_file(const struct backups *b, const char *name)
{
	struct stat status;

	return strcmp(name, b->name) < 0 && is_file(b, name, &status);
}

int backups_prune(const struct backups *b, size_t keep)
{
	struct dirent **found = NULL;
	size_t older = 0, later = 0;
	int n = list_names(b, is_snapshot, &found), r = n < 0 ? SS_IO : 0;

	for (int i = 0; i < n; i++) {
		older += is_older_file(b, found[i]->d_name);
		later += strcmp(found[i]->d_name, b->name) > 0;
	}
	if (later > 0)
		(void)say_trouble(
		    "%s: %zu files, such as %s, are named after a time that is still to come: they were "
		    "neither counted nor removed; is the clock right?",
		    b->path, later, found[n - 1]->d_name);
	for (int i = 0; i < n && r == 0 && older >= keep; i++) {
		if (is_older_file(b, found[i]->d_name)) {
			r = remove_file(b, found[i]->d_name);
			older--;
		}
	}
	free_names(found, n);
	return r;
}
