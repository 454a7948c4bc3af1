/*
 * peer: reads SO_PEERCRED, SO_PEERGROUPS and SO_PEERPIDFD, and asks libsystemd for the unit, once, at accept.
 */
#include "daemon/callers/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
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

/*
 * Once a process has ended another may get its pid. So the units are looked up by the pid first, and believed only
 * if the process is found alive afterwards. They are sure with SO_PEERPIDFD, which the kernel took when the
 * process connected. Without it the pidfd is opened by the pid now, which might be another process's already.
 */
static void read_units(int fd, struct peer *peer)
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
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	if (poll(&ended, 1, 0) != 0) {
		free(peer->unit);
		free(peer->user_unit);
		peer->unit = peer->user_unit = NULL;
	}
	close(pidfd);
}

int peer_read_uid(int fd, uid_t *ret)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0)
		return -1;
	*ret = cred.uid;
	return 0;
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
	read_units(fd, ret);
	return 0;
}

void peer_clear(struct peer *peer)
{
	free(peer->groups);
	free(peer->unit);
	free(peer->user_unit);
	*peer = (struct peer){ .uid = (uid_t)-1, .gid = (gid_t)-1 };
}
