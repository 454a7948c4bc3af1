/*
 * peer: who asks, by the kernel's word. callers/peer.c fills it in for a connection.
 */
#ifndef ACCESS_PEER_H
#define ACCESS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The uid that the kernel shows for one that has no name in this user namespace: it may be anybody's. */
#define PEER_NOBODY 65534u

struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;     /* 0: the process lives in a PID namespace that this one cannot see into */
	gid_t *groups; /* supplementary groups, ngroups of them */
	size_t ngroups;
	/*
	 * The systemd unit of the process: of the system's manager, and of the user's if it runs under one. NULL:
	 * none.
	 */
	char *unit, *user_unit;
	/*
	 * The kernel vouches that the units are those of the process that connected, not of a later one with its
	 * pid.
	 */
	bool unit_is_sure;
};

#endif
