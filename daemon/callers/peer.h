/*
 * peer: who is at the other end of a connection, by the kernel's word. It is the process that connected; a
 * socket passed on carries that identity with it.
 */
#ifndef PEER_H
#define PEER_H

#include "daemon/access/rules.h"

/*
 * Fills in ret for the connected socket fd, the units too where the process lives still: also if no rule asks for
 * them, since one may when the configuration is reloaded, and then it is too late to ask. 0, or -1 with errno set
 * and ret untouched. Release with peer_clear.
 */
int peer_read(int fd, struct peer *ret);

/* Reads the uid only, which costs less. 0, or -1 with errno set and ret untouched. */
int peer_read_uid(int fd, uid_t *ret);

void peer_clear(struct peer *peer);

#endif
