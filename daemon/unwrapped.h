/*
 * unwrapped: brings the SecretID that came out of a wrapping token over a restart of the daemon. It is left in
 * systemd's fd store when the token is opened, and taken back at the next start. Without systemd, or with a unit
 * that has no FileDescriptorStoreMax=, a restart needs a new wrapping token.
 */
#ifndef UNWRAPPED_H
#define UNWRAPPED_H

struct auth;

#define UNWRAPPED_NAME "secret-id" /* in systemd's fd store */

/* Leaves the SecretIDs that this auth unwraps from now on with systemd. Sets auth_on_unwrapped. */
void unwrapped_watch(struct auth *auth);

/*
 * Gives auth the SecretID that systemd had, in fd, which is closed; -1: systemd had none. To be called before the
 * first login. A SecretID that cannot be read is not used, and a warning is logged. If auth has no use for it
 * systemd is told to forget it.
 */
void unwrapped_take(struct auth *auth, int fd);

#endif
