/*
 * peer: reads SO_PEERCRED and SO_PEERGROUPS, once, at accept.
 */
#include "daemon/callers/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* The kernel says how much room it needs when there is too little (unix(7)), so the second try fits. */
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
	*ret = (struct peer){ .uid = cred.uid, .gid = cred.gid, .pid = cred.pid, .groups = groups, .ngroups = ngroups };
	return 0;
}

void peer_clear(struct peer *peer)
{
	free(peer->groups);
	*peer = (struct peer){ .uid = (uid_t)-1, .gid = (gid_t)-1 };
}
