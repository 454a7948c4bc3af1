/*
 * trusted_file: checks owner, mode and age of files and folders, and reads them.
 */
#include "daemon/host/trusted_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/secretfile.h"

#define NAME "%.200s"

/*
 * Is it a folder that nobody can write, whatever its mode, since it is what a read-only mount holds? That of a
 * Kubernetes ConfigMap has mode 0777. A folder somewhere in a mount is none: ProtectSystem= of systemd makes whole
 * file systems read-only for the daemon alone, while others can write them.
 */
static bool is_read_only(const char *path, const struct stat *st)
{
	struct statvfs fs;
	struct statx x;

	return S_ISDIR(st->st_mode) && statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &x) == 0 &&
	    (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0 && x.stx_ino == st->st_ino &&
	    statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0;
}

static int check_writers(const char *path, const struct stat *st, struct error *error)
{
	static const char why[] = "since who writes it says who gets secrets";

	if (st->st_uid != 0 && st->st_uid != geteuid())
		return error_set(error, NAME ": belongs to uid %u: it must be root's or this user's, %s", path,
		    st->st_uid, why);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !is_read_only(path, st))
		return error_set(error,
		    NAME ": can be written by others than its owner (mode %04o): chmod go-w it, %s", path,
		    st->st_mode & 07777, why);
	return 0;
}

/*
 * Refuses a file that was changed just now. A time far in the future is ignored: the clock was set back, or
 * another machine wrote it.
 */
static int check_age(const char *path, const struct stat *st, unsigned *ret_again_ms, struct error *error)
{
	struct timespec now;
	int64_t age_ms;

	clock_gettime(CLOCK_REALTIME, &now);
	age_ms = (now.tv_sec - st->st_mtim.tv_sec) * (int64_t)1000 + (now.tv_nsec - st->st_mtim.tv_nsec) / 1000000;
	if (age_ms >= TRUSTED_FILE_AGE_MS || age_ms <= -TRUSTED_FILE_AGE_MS)
		return 0;
	*ret_again_ms = age_ms <= 0 ? TRUSTED_FILE_AGE_MS : (unsigned)(TRUSTED_FILE_AGE_MS - age_ms);
	(void)error_set(error, NAME ": was changed less than a second ago, and may be half written", path);
	return error_set_kind(error, ERROR_PASSING);
}

int trusted_file_read(const char *path, size_t max, struct buf *ret, unsigned *ret_again_ms, struct error *error)
{
	struct stat st;
	int r = secretfile_read_whole(path, max, ret, &st, error);

	*ret_again_ms = 0;
	if (r < 0 || check_writers(path, &st, error) != 0)
		return -1;
	if (r > 0) {
		*ret_again_ms = TRUSTED_FILE_AGE_MS;
		(void)error_set(error, NAME ": was changed while it was read", path);
		return error_set_kind(error, ERROR_PASSING);
	}
	return check_age(path, &st, ret_again_ms, error);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Reads all names but "." and "..". 0, or -1 with errno set. */
static int read_names(DIR *dir, struct texts *ret)
{
	struct dirent *entry;

	for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
		bool is_own = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;

		if (!is_own && texts_add(ret, entry->d_name) != 0) {
			errno = ENOMEM;
			return -1;
		}
	}
	return errno == 0 ? 0 : -1;
}

static int folder_failed(const char *folder, int number, struct error *error)
{
	(void)error_set(error, NAME ": %s", folder, strerror(number));
	return error_set_kind_of(error, number);
}

int trusted_file_list(const char *folder, struct texts *ret, unsigned *ret_again_ms, struct error *error)
{
	DIR *dir = opendir(folder);
	struct stat st;
	int failed = 0;

	*ret_again_ms = 0;
	if (dir == NULL && errno == ENOENT)
		return 0;
	if (dir == NULL || fstat(dirfd(dir), &st) != 0)
		failed = folder_failed(folder, errno, error);
	else if (check_writers(folder, &st, error) != 0 || check_age(folder, &st, ret_again_ms, error) != 0)
		failed = -1;
	else if (read_names(dir, ret) != 0)
		failed = folder_failed(folder, errno, error);
	if (dir != NULL)
		closedir(dir);
	if (failed)
		texts_clear(ret);
	else if (ret->count > 0)
		qsort(ret->item, ret->count, sizeof(*ret->item), compare_names);
	return failed;
}
