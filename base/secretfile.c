/*
 * secretfile: reads a small file that holds a credential, without ever waiting for one that is no regular file.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secmem.h"
#include "base/secretfile.h"

/* A file's name is cut in an error's text, so that there is room for the reason. */
#define NAME "%.300s"
#define READ_SIZE 65537u /* one more than SECRETFILE_MAX, so that one read takes a credential's file */

static int secretfile_failed(const char *path, int number, struct error *error)
{
	(void)error_set(error, NAME ": %s", path, strerror(number));
	return error_set_kind_of(error, number);
}

/* With O_NONBLOCK the open of a FIFO returns at once; with O_NOCTTY a terminal does not become the daemon's. */
static int open_regular(const char *path, struct stat *ret, struct error *error)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return secretfile_failed(path, errno, error);
	if (fstat(fd, ret) < 0)
		(void)secretfile_failed(path, errno, error);
	else if (!S_ISREG(ret->st_mode))
		error_set(error, NAME ": not a regular file", path);
	else
		return fd;
	close(fd);
	return -1;
}

/* The size that fstat() gives is not relied on: it may change at any time, and is 0 for files in /proc. */
static int read_all(int fd, const char *path, size_t max, struct buf *content, struct error *error)
{
	ssize_t n;

	for (;;) {
		size_t some = max + 1 - buf_len(content);

		some = some < READ_SIZE ? some : READ_SIZE;
		if (buf_reserve(content, some) < 0)
			return secretfile_failed(path, ENOMEM, error);
		n = read(fd, buf_tail(content), some);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return secretfile_failed(path, errno, error);
		if (n == 0)
			return 0;
		buf_commit(content, (size_t)n);
		if (buf_len(content) > max)
			return error_set(error, NAME ": larger than %zu bytes", path, max);
	}
}

static void strip(struct buf *content)
{
	size_t len = buf_len(content);

	while (len > 0 && strchr(" \t\n\v\f\r", buf_data(content)[len - 1]) != NULL &&
	    buf_data(content)[len - 1] != '\0')
		len--;
	buf_truncate(content, len);
}

bool secretfile_has_mark(const void *bytes, size_t n)
{
	return (n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) ||
	    (n >= 2 && (memcmp(bytes, "\xfe\xff", 2) == 0 || memcmp(bytes, "\xff\xfe", 2) == 0));
}

const char *secretfile_doubt(const char *path, bool is_private)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return NULL;
	if (is_private && (st.st_mode & S_IROTH) != 0)
		return "every user of this host may read it: chmod 600 it, and replace what is in it";
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others than its owner may write it, and choose the login: chmod go-w it";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "belongs to another user than root and the daemon's, who may choose the login: chown it";
	return NULL;
}

static bool is_same(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

int secretfile_read_whole(const char *path, size_t max, struct buf *ret, struct stat *ret_status,
    struct error *error)
{
	struct stat after;
	struct buf content;
	int fd = open_regular(path, ret_status, error), r;

	if (fd < 0)
		return -1;
	buf_init(&content, max + 1);
	r = read_all(fd, path, max, &content, error);
	if (r == 0 && fstat(fd, &after) < 0)
		r = secretfile_failed(path, errno, error);
	/* The time of the last change of status cannot be set by anybody, as the other one can. */
	if (r == 0 &&
	    (!is_same(&after.st_mtim, &ret_status->st_mtim) || !is_same(&after.st_ctim, &ret_status->st_ctim) ||
		after.st_size != ret_status->st_size))
		r = 1;
	if (r == 0)
		buf_move(ret, &content);
	buf_free(&content);
	close(fd);
	return r;
}

int secretfile_read(const char *path, size_t max, struct buf *ret, struct error *error)
{
	struct buf content, copy;
	struct stat st;
	int fd, r = -1;

	fd = open_regular(path, &st, error);
	if (fd < 0)
		return -1;
	buf_init(&content, max + 1);
	buf_init(&copy, ret->limit);
	if (read_all(fd, path, max, &content, error) < 0)
		goto out;
	strip(&content);
	if (buf_len(&content) == 0)
		error_set(error, NAME ": empty", path);
	else if (secretfile_has_mark(buf_data(&content), buf_len(&content)))
		error_set(error, NAME ": begins with a byte order mark, which must go", path);
	else if (memchr(buf_data(&content), '\0', buf_len(&content)) != NULL)
		error_set(error, NAME ": holds a NUL byte", path);
	else if (buf_len(&content) > ret->limit)
		error_set(error, NAME ": longer than %zu bytes", path, ret->limit);
	else if (buf_put(&copy, buf_data(&content), buf_len(&content)) < 0)
		error_set(error, NAME ": %s", path, strerror(ENOMEM));
	else
		r = 0;
	if (r == 0)
		buf_move(ret, &copy);
out:
	buf_free(&content);
	buf_free(&copy);
	close(fd);
	return r;
}
