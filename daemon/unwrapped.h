/*
 * unwrapped: the SecretID out of a wrapping token, over a restart: left with systemd when it was unwrapped, and
 * taken back at the next start. Without systemd, or with a unit that has no FileDescriptorStoreMax=, a restart
 * needs a new wrapping token.
 */
#ifndef UNWRAPPED_H
#define UNWRAPPED_H

struct auth;

#define UNWRAPPED_NAME "secret-id" /* in systemd's fd store */

/* Leaves with systemd what this login unwraps from now on. */
void unwrapped_watch(struct auth *auth);

/*
 * Gives the login what systemd had kept, before it logs in for the first time. fd is taken over; -1: systemd had
 * nothing. A SecretID that cannot be read is not used, with a warning; systemd is told to forget one for which
 * this login has no use.
 */
void unwrapped_take(struct auth *auth, int fd);

#endif
