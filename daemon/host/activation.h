/*
 * activation: the descriptors that systemd has passed on: listening sockets of a socket unit, and what the service has
 * left in its fd store. Each has a name, by which it is taken.
 */
#ifndef ACTIVATION_H
#define ACTIVATION_H

#include "base/error.h"

/* FileDescriptorName= of the socket units. */
#define ACTIVATION_CALLERS "secretstored"
#define ACTIVATION_CREDENTIALS "credentials"

struct activation;

/* Once. Without systemd there are none. NULL with error set. */
struct activation *activation_new(struct error *error);

/* Those that nobody took are closed, with a warning that names them. */
void activation_free(struct activation *activation);

/* The first that is left by this name, CLOEXEC, now the caller's; -1: there is none. */
int activation_take(struct activation *activation, const char *name);

/*
 * The same for what must be a listening Unix stream socket; it is made non-blocking. Its path is systemd's: it is not to
 * be removed. 0 with *ret_fd, which is -1 if there is none; or -1 with error set.
 */
int activation_socket(struct activation *activation, const char *name, int *ret_fd, struct error *error);

#endif
