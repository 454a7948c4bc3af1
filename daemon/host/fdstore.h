/*
 * fdstore: a descriptor that systemd holds for the service over a restart (FileDescriptorStoreMax= in its unit). The
 * next start finds it by its name among those that activation has.
 */
#ifndef FDSTORE_H
#define FDSTORE_H

#include "base/error.h"

/*
 * Leaves a copy of fd with systemd, in the place of the one that it has by this name. 1: it was sent, which says
 * nothing of whether the unit has room for it; 0: there is no systemd that listens; -1 with error set.
 */
int fdstore_put(const char *name, int fd, struct error *error);

/* The same, with none in its place. */
int fdstore_remove(const char *name, struct error *error);

#endif
