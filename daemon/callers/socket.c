/*
 * socket: binds with care. The lock decides between several secretstored; a connect() finds out whether any other
 * process listens at the path.
 */
#include "daemon/callers/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/host/log.h"

/* Sets an error that comes from an errno. what: "", or what could not be done, and ": ". */
static int socket_failed(const char *path, const char *what, int number, struct error *error)
{
	(void)error_set(error, "%s: %s%s", path, what, strerror(number));
	return error_set_kind_of(error, number);
}

/* Sets an error for a socket that somebody else serves, who may end. */
static int socket_taken(const char *path, const char *what, struct error *error)
{
	(void)error_set(error, "%s: %s", path, what);
	return error_set_kind(error, ERROR_PASSING);
}

/* Takes the lock. Its file is never removed: else two processes could each lock a file of that name. */
static int lock_socket(const char *path, struct error *error)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + sizeof(".lock")];
	snprintf(name, sizeof(name), "%s.lock", path);
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return socket_failed(name, "", errno, error);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		char holds[sizeof(name) + 64];
		snprintf(holds, sizeof(holds), "another secretstored serves this socket (it holds %s)", name);
		if (errno == EWOULDBLOCK)
			(void)socket_taken(path, holds, error);
		else
			(void)socket_failed(name, "", errno, error);
		close(fd);
		return -1;
	}
	return fd;
}

/* Removes a dead socket. Fails if a socket on which somebody listens is there, or something that is no socket. */
static int remove_dead_socket(const char *path, const struct sockaddr_un *address, struct error *error)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : socket_failed(path, "", errno, error);
	if (!S_ISSOCK(st.st_mode)) {
		(void)error_set(error, "%s: is there already and is no socket", path);
		return error_set_kind(error, ERROR_LASTING);
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return socket_failed(path, "", errno, error);
	int rc = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	int why = errno;
	close(fd);
	if (rc == 0 || why == EAGAIN)
		return socket_taken(path, "another process listens on this socket", error);
	if (why != ECONNREFUSED)
		return socket_failed(path, "cannot tell whether somebody listens: ", why, error);
	if (unlink(path) != 0 && errno != ENOENT)
		return socket_failed(path, "cannot remove the dead socket: ", errno, error);
	return 0;
}

/*
 * Gives the socket that was bound to the path to the group. Where others may write in the folder, something else
 * may be there by now: only a socket of this user that has this one name is changed, by a descriptor of that very
 * file.
 */
static int give_to_group(const char *path, gid_t group, struct error *error)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc = -1;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		(void)socket_failed(path, "cannot give it to the group: ", errno, error);
	else if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1)
		(void)error_set(error, "%s: somebody has put something else in the place of the socket", path);
	else if (fchownat(fd, "", (uid_t)-1, group, AT_EMPTY_PATH) != 0)
		(void)socket_failed(path, "cannot give it to the group: ", errno, error);
	else
		rc = 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Linux gives a socket's file the mode of the socket, less the umask (unix_bind() in net/unix/af_unix.c). */
static int bind_and_listen(int fd, const char *path, const struct sockaddr_un *address, mode_t mode, gid_t group,
    struct error *error)
{
	if (fchmod(fd, mode) != 0)
		return socket_failed(path, "cannot set its mode: ", errno, error);
	mode_t before = umask(0);
	int rc = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int why = errno;
	umask(before);
	if (rc != 0)
		return socket_failed(path, "cannot bind: ", why, error);
	/* The daemon's own group is right already, and a sandbox may refuse the call. */
	if (group != (gid_t)-1 && group != getegid() && give_to_group(path, group, error) != 0)
		return -1;
	if (listen(fd, SOMAXCONN) != 0)
		return socket_failed(path, "cannot listen: ", errno, error);
	return 0;
}

/* Who may write in the folder can put a socket of his own there, and is then told every secret that is put. */
static void warn_of_folder(const char *folder)
{
	struct stat st;

	if (stat(folder, &st) != 0)
		return;
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		log_warning(
		    "%s: others than its owner may write there (mode %04o), and put a socket of their own in "
		    "the place of the daemon's: chmod go-w it",
		    folder, st.st_mode & 07777);
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		log_warning("%s: belongs to uid %u, who may put a socket of his own in the place of the daemon's",
		    folder, st.st_uid);
}

int socket_listen(const char *path, mode_t mode, gid_t group, int *ret_fd, int *ret_lock_fd, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(error, "%s: the path of a socket may have at most %zu bytes", path,
		    sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	const char *slash = strrchr(path, '/');
	char directory[sizeof(address.sun_path)];
	snprintf(directory, sizeof(directory), "%.*s", slash != NULL ? (int)(slash - path) : 0, path);
	if (directory[0] != '\0' && mkdir(directory, 0755) != 0 && errno != EEXIST)
		return socket_failed(directory, "cannot make the directory: ", errno, error);
	warn_of_folder(directory[0] != '\0' ? directory : "/");
	int lock_fd = lock_socket(path, error);
	if (lock_fd < 0)
		return -1;
	int fd = -1;
	if (remove_dead_socket(path, &address, error) != 0)
		goto fail;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		(void)socket_failed(path, "", errno, error);
		goto fail;
	}
	if (bind_and_listen(fd, path, &address, mode, group, error) != 0)
		goto fail;
	*ret_fd = fd;
	*ret_lock_fd = lock_fd;
	return 0;
fail:
	if (fd >= 0)
		close(fd);
	close(lock_fd);
	return -1;
}
