/*
 * refusals: brings what OpenBao has refused over a restart of the daemon, in systemd's fd store, as unwrapped.h
 * does it with a SecretID. Without systemd, or with a unit that has no room for it (FileDescriptorStoreMax=), the
 * next daemon tries what was refused once more.
 */
#ifndef REFUSALS_H
#define REFUSALS_H

struct login;

#define REFUSALS_NAME "refused" /* in systemd's fd store */

/* Leaves what this login finds refused with systemd, until a login works. Sets login_on_refused. */
void refusals_watch(struct login *login);

/*
 * Has login remember what systemd had, in fd, which is closed; -1: systemd had nothing. To be called before
 * login_start.
 */
void refusals_take(struct login *login, int fd);

#endif
