/*
 * environment: takes secrets out of the environment in which they were passed. Each is taken once, and one copy
 * with a count of holders serves all who need it.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include "base/error.h"

struct environment_secret {
	unsigned holds; /* the number of holders */
	char text[];    /* not empty; without control bytes */
};

/*
 * Takes a variable out of the environment, and wipes its bytes there, which /proc/PID/environ shows. White space
 * at its end is dropped, as it is of a file. 0 with *ret, of which the caller is a holder, or NULL if the variable
 * is not set or empty. -1 with error set and *ret NULL; the variable is wiped all the same.
 */
int environment_take(const char *name, struct environment_secret **ret, struct error *error);

/*
 * Looks for a credential that systemd passed to this process (systemd.exec(5), CREDENTIALS_DIRECTORY). 0 with its
 * path in *ret, which is the caller's to give to secmem_free(), or NULL if there is none; -1: no memory.
 */
int environment_credential(const char *name, char **ret);

/* Counts one more holder, and gives secret. NULL gives NULL. */
struct environment_secret *environment_hold(struct environment_secret *secret);

/* Uncounts a holder. With the last one the secret is wiped and freed. NULL does nothing. */
void environment_drop(struct environment_secret *secret);

#endif
