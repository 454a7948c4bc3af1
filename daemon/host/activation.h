/*
 * activation: the descriptors that systemd passes on at the start: listening sockets of socket units, and
 * descriptors that the daemon has left in its fd store, which systemd keeps over a restart
 * (FileDescriptorStoreMax= in the unit). Each has a name, by which it is taken.
 */
#ifndef ACTIVATION_H
#define ACTIVATION_H

#include <stdbool.h>

#include "base/error.h"

/* The names of the sockets, which FileDescriptorName= in their units gives. */
#define ACTIVATION_CALLERS "secretstored"
#define ACTIVATION_CREDENTIALS "credentials"

struct activation;

/* Tells whether systemd passed on descriptors. To be asked before activation_new(). */
bool activation_passed_any(void);

/*
 * Collects the descriptors that came, none without systemd. To be called once, as it clears systemd's variables in
 * the environment. NULL with error set.
 */
struct activation *activation_new(struct error *error);

/* Warns of each descriptor that nobody took, by its name. */
void activation_warn(const struct activation *activation);

/* Closes the descriptors that nobody took. NULL does nothing. */
void activation_free(struct activation *activation);

/*
 * Gives the first descriptor of this name that was not taken yet. It is CLOEXEC, and the caller's from then on.
 * -1: there is none.
 */
int activation_take(struct activation *activation, const char *name);

/*
 * Takes the descriptor of this name, which must be a listening Unix stream socket, and makes it non-blocking. The
 * socket's path belongs to systemd and must not be removed. 0 with *ret_fd, which is the caller's, or -1 if there
 * is none; -1 with error set.
 */
int activation_socket(struct activation *activation, const char *name, int *ret_fd, struct error *error);

/*
 * Leaves a copy of fd in systemd's fd store, in place of one of the same name. 1: it was sent, but whether the
 * unit has room for it is not known. 0: no systemd listens. -1 with error set.
 */
int activation_leave(const char *name, int fd, struct error *error);

/* Has systemd close the descriptor of this name in its fd store. Returns as activation_leave() does. */
int activation_forget(const char *name, struct error *error);

#endif
