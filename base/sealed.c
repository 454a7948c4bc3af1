/*
 * sealed: makes memfds with memfd_create(2) and all seals of fcntl(2), and tells them from other descriptors.
 */
#include "base/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int make_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	return fd < 0 && errno == EINVAL ? memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

static bool pwrite_all(int fd, const void *p, size_t n, off_t at)
{
	ssize_t written = pwrite(fd, p, n, at);

	if (written >= 0 && (size_t)written < n)
		errno = ENOSPC;
	return written >= 0 && (size_t)written == n;
}

int sealed_new(const char *name, const void *head, size_t head_len, const void *rest, size_t rest_len,
    struct error *error)
{
	int fd = make_memfd(name);

	if (fd >= 0 && pwrite_all(fd, head, head_len, 0) && pwrite_all(fd, rest, rest_len, (off_t)head_len) &&
	    fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
	(void)error_set(error, "memfd: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

size_t sealed_size(int fd, size_t min, size_t max, struct error *error)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS)
		(void)error_set(error, "it is no sealed memfd");
	else if (fstat(fd, &st) != 0)
		(void)error_set(error, "it cannot be looked at: %s", strerror(errno));
	else if (st.st_size < (off_t)min || st.st_size > (off_t)max)
		(void)error_set(error, "it has an odd size");
	else
		return (size_t)st.st_size;
	return 0;
}
