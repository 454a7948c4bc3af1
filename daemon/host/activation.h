/*
 * activation: the descriptors that systemd has passed on: listening sockets of a socket unit, and what the service
 * has left in its fd store, which systemd holds over a restart (FileDescriptorStoreMax= in the unit). Each has a
 * name, by which it is left and taken.
 */
#ifndef ACTIVATION_H
#define ACTIVATION_H

#include "base/error.h"

/* The sockets' names, FileDescriptorName= in their units. */
#define ACTIVATION_CALLERS "secretstored"
#define ACTIVATION_CREDENTIALS "credentials"

struct activation;

/* Looks at what came; to be called once. Without systemd nothing came. NULL with error set. */
struct activation *activation_new(struct error *error);

/* Closes the descriptors that nobody took, with a warning that names them. */
void activation_free(struct activation *activation);

/*
 * Gives the first descriptor that is left by this name. It is CLOEXEC, and the caller's from then on. -1: there is
 * none.
 */
int activation_take(struct activation *activation, const char *name);

/*
 * Takes one that must be a listening Unix stream socket, and makes it non-blocking. Its path is systemd's, and is
 * not to be removed. 0 with *ret_fd, which is -1 if there is none; or -1 with error set.
 */
int activation_socket(struct activation *activation, const char *name, int *ret_fd, struct error *error);

/*
 * Leaves a copy of fd in systemd's fd store, in the place of the one that it has by this name. 1: it was sent,
 * which says nothing of whether the unit has room for it; 0: there is no systemd that listens; -1 with error set.
 */
int activation_leave(const char *name, int fd, struct error *error);

/* Has systemd close the one that it has by this name. Gives what activation_leave() gives. */
int activation_forget(const char *name, struct error *error);

#endif
