/*
 * peer: who a caller is, as the kernel says. callers/peer.c fills it in for a connection.
 */
#ifndef ACCESS_PEER_H
#define ACCESS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The kernel shows this in place of any uid or gid that has no number in this user namespace: it stands for many
 * users or groups.
 */
#define PEER_NOBODY 65534u

struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;     /* 0: the process is in a PID namespace that this daemon cannot see into; it has no units */
	gid_t *groups; /* supplementary groups, ngroups of them */
	size_t ngroups;
	/*
	 * The systemd unit of the process: that of the system's manager and, if it runs under one, that of the
	 * user's manager. NULL: none.
	 */
	char *unit, *user_unit;
	/*
	 * The units are certain to be those of the process that connected, not of a later process that got its
	 * pid.
	 */
	bool unit_is_sure;
	/*
	 * The process is in the daemon's own user and PID namespaces, and so in no container, unless the daemon is
	 * in the same one. False also if nobody wanted to know.
	 */
	bool on_host;
};

#endif
