/*
 * peer: reads SO_PEERCRED, SO_PEERGROUPS and SO_PEERPIDFD, and asks libsystemd for the unit and /proc for the
 * namespaces, once, at accept.
 */
#include "daemon/callers/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5; glibc's headers of 2023 do not have it */
#endif

/* The first call only asks for the size, which the kernel gives with ERANGE (unix(7)). */
static int read_groups(int fd, gid_t **ret, size_t *ret_count)
{
	socklen_t size = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || size == 0) {
		*ret = NULL;
		*ret_count = 0;
		return 0;
	}
	if (errno != ERANGE)
		return -1;
	gid_t *groups = malloc(size);
	if (groups == NULL)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0) {
		free(groups);
		return -1;
	}
	*ret = groups;
	*ret_count = size / sizeof(gid_t);
	return 0;
}

/* Reads a file of /proc, cut at size - 1 bytes, as a text. False: it cannot be read. */
static bool read_proc(const char *pid, const char *name, char *ret, size_t size)
{
	char path[64];
	size_t n = 0;
	ssize_t some;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (n < size - 1 && (some = read(fd, ret + n, size - 1 - n)) > 0)
		n += (size_t)some;
	close(fd);
	ret[n] = '\0';
	return n > 0;
}

/*
 * Counts the PID namespaces that a process is in, from that of /proc on downwards: its status has its pid in each
 * (proc_pid_status(5)). 0: not known.
 */
static unsigned count_pid_namespaces(const char *pid)
{
	char status[8192];
	unsigned n = 0;

	if (!read_proc(pid, "status", status, sizeof(status)))
		return 0;
	const char *line = strstr(status, "\nNSpid:");
	for (const char *p = line != NULL ? line + 1 : ""; *p != '\0' && *p != '\n'; p++)
		n += *p == '\t';
	return n;
}

/*
 * Tells whether a process is in this one's user and PID namespaces. /proc/PID/ns would say it, but only to who may
 * trace the process. A user namespace that maps all ids to themselves cannot be told; only root can make one.
 */
static bool is_on_host(pid_t pid)
{
	char number[16], own[512], other[512];

	/* Where /proc is that of another PID namespace its numbers are not those that SO_PEERCRED gives. */
	snprintf(number, sizeof(number), "%d", pid);
	return count_pid_namespaces("self") == 1 && count_pid_namespaces(number) == 1 &&
	    read_proc("self", "uid_map", own, sizeof(own)) && read_proc(number, "uid_map", other, sizeof(other)) &&
	    strcmp(own, other) == 0;
}

/*
 * Once a process has ended another may get its pid. So what is known by its pid is looked up first, and believed
 * only if the process is found alive afterwards. It is sure with SO_PEERPIDFD, which the kernel took when the
 * process connected. Without it the pidfd is opened by the pid now, which might be another process's already.
 */
void peer_read_process(int fd, bool with_host, struct peer *peer)
{
	if (peer->pid <= 0)
		return; /* it is in another PID namespace, of which uid and groups are right nevertheless */
	int pidfd = -1;
	socklen_t size = sizeof(pidfd);
	peer->unit_is_sure = getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0;
	if (!peer->unit_is_sure && errno == ENOPROTOOPT)
		pidfd = (int)syscall(SYS_pidfd_open, peer->pid, 0);
	if (pidfd < 0)
		return; /* the process has ended */
	if (sd_pid_get_unit(peer->pid, &peer->unit) < 0)
		peer->unit = NULL;
	if (sd_pid_get_user_unit(peer->pid, &peer->user_unit) < 0)
		peer->user_unit = NULL;
	peer->on_host = with_host && is_on_host(peer->pid);
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	if (poll(&ended, 1, 0) != 0) {
		free(peer->unit);
		free(peer->user_unit);
		peer->unit = peer->user_unit = NULL;
		peer->on_host = false;
	}
	close(pidfd);
}

bool peer_is_vouched_for(void)
{
	int pair[2], pidfd = -1;
	socklen_t size = sizeof(pidfd);

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	bool vouched = getsockopt(pair[0], SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0;
	if (pidfd >= 0)
		close(pidfd);
	close(pair[0]);
	close(pair[1]);
	return vouched;
}

int peer_read(int fd, struct peer *ret)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0)
		return -1;
	gid_t *groups = NULL;
	size_t ngroups = 0;
	if (read_groups(fd, &groups, &ngroups) != 0)
		return -1;
	*ret = (struct peer){ .uid = cred.uid,
		.gid = cred.gid,
		.pid = cred.pid,
		.groups = groups,
		.ngroups = ngroups };
	return 0;
}

void peer_clear(struct peer *peer)
{
	free(peer->groups);
	free(peer->unit);
	free(peer->user_unit);
	*peer = (struct peer){ .uid = (uid_t)-1, .gid = (gid_t)-1 };
}
