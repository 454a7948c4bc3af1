/*
 * peer: reads from the kernel who is at the other end of a connection: the process that connected. A socket that
 * is passed on to another process keeps that identity.
 */
#ifndef PEER_H
#define PEER_H

#include "daemon/access/rules.h"

/*
 * Reads the ids of the peer of the connected socket fd into ret: uid, gid, pid and groups. 0, or -1 with errno set
 * and ret untouched. ret is to be released by peer_clear().
 */
int peer_read(int fd, struct peer *ret);

/*
 * Reads the rest, which costs more: the units of the process, and, if with_host, whether it is on the host. Units
 * are read while the process still lives, also if no rule names one: after a reload one may, and then it could be
 * too late. What cannot be known is as if it were not so.
 */
void peer_read_process(int fd, bool with_host, struct peer *peer);

/*
 * Tells whether the kernel vouches for the process at the other end of a connection (SO_PEERPIDFD, Linux 6.5).
 * Without that another process may have got its pid by the time at which its unit is read.
 */
bool peer_is_vouched_for(void);

/* Frees what peer holds, and makes it nobody. */
void peer_clear(struct peer *peer);

#endif
