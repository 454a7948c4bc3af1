/*
 * kept: the SecretID out of a wrapping token, over a restart: left with systemd when it was unwrapped, and taken back
 * at the next start. Without systemd, or with a unit that has no FileDescriptorStoreMax=, a restart needs a new
 * wrapping token.
 */
#ifndef KEPT_H
#define KEPT_H

struct auth;

#define KEPT_NAME "secret-id" /* in systemd's fd store */

/* From here on what this login unwraps is left with systemd. */
void kept_watch(struct auth *auth);

/*
 * What systemd had, if anything: fd is taken over; -1: nothing. Before the first login. One that cannot be read is not
 * used, with a warning; one for which this login has no use is taken from systemd, too.
 */
void kept_take(struct auth *auth, int fd);

#endif
