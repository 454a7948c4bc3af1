/*
 * audit_file: before each line it checks that the path still leads to the open file. That costs a microsecond, and
 * saves logrotate and administrators from having to send a signal.
 */
#include "daemon/host/audit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Gives the name of the directory of path, to be freed. NULL: no memory. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Syncs the directory of path: a new file is safe on the disk only when its directory entry is. */
static int sync_directory(const char *path)
{
	char *name = directory_of(path);
	if (name == NULL)
		return ENOMEM;
	int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = fd < 0 || fsync(fd) != 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	free(name);
	return error == EACCES ? 0 : error; /* the directory may be writable without being readable */
}

/*
 * Opens path, non-blocking since the open of a FIFO would wait for a reader. Gives the descriptor, or -1 with
 * errno.
 */
static int open_path(const char *path)
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
	if (fd < 0)
		return -1;
	int error = fstat(fd, &st) != 0 ? errno : !S_ISREG(st.st_mode) ? EINVAL : sync_directory(path);
	if (error == 0)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

int audit_file_open(struct audit_file *file, const char *path)
{
	char *copy = strdup(path);
	int fd = copy != NULL ? open_path(path) : -1;
	if (fd < 0) {
		free(copy);
		return errno;
	}
	*file = (struct audit_file){ .path = copy, .fd = fd };
	return 0;
}

int audit_file_check(const char *path)
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	int error = fd >= 0 && fstat(fd, &st) == 0 ? (S_ISREG(st.st_mode) ? 0 : EINVAL) : errno;
	if (fd >= 0)
		close(fd);
	if (error != ENOENT)
		return error;
	char *directory = directory_of(path);
	error = directory == NULL ? ENOMEM : access(directory, W_OK | X_OK) != 0 ? errno : 0;
	free(directory);
	return error;
}

void audit_file_close(struct audit_file *file)
{
	if (file->path == NULL)
		return;
	if (file->fd >= 0)
		close(file->fd);
	free(file->path);
	*file = (struct audit_file){ .fd = -1 };
}

static int append_to_file(struct audit_file *file, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(file->fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? errno : EIO;
		file->torn = true;
		p += done;
		n -= (size_t)done;
	}
	file->torn = false;
	return 0;
}

int audit_file_write(struct audit_file *file, const char *line, size_t n)
{
	struct stat there, own;
	if (file->fd < 0 || stat(file->path, &there) != 0 || fstat(file->fd, &own) != 0 ||
	    there.st_dev != own.st_dev || there.st_ino != own.st_ino) {
		/* The lines in the old file were reported as written, so they must be safe as well. */
		if (file->fd >= 0) {
			if (fdatasync(file->fd) != 0)
				file->unsafe = errno;
			close(file->fd);
		}
		file->torn = false;
		file->fd = open_path(file->path);
		if (file->fd < 0)
			return errno;
	}
	int error = file->torn ? append_to_file(file, "\n", 1) : 0;
	return error == 0 ? append_to_file(file, line, n) : error;
}

int audit_file_sync(struct audit_file *file)
{
	int error = file->fd < 0 ? EBADF : fdatasync(file->fd) != 0 ? errno : file->unsafe;
	file->unsafe = 0;
	return error;
}
