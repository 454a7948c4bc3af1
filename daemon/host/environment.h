/*
 * environment: secrets that were passed in the environment. Each is taken out of it once, and one copy serves all
 * who hold it.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include "base/error.h"

struct environment_secret {
	unsigned holds;
	char text[]; /* not empty; without control bytes */
};

/*
 * Takes a variable out of the environment and wipes its bytes there, which /proc/PID/environ shows. As in a file,
 * white space at its end is not part of it. *ret: a hold for the caller, or NULL if it is not set or empty. 0; or
 * -1 with error set, *ret NULL, and the variable wiped all the same.
 */
int environment_take(const char *name, struct environment_secret **ret, struct error *error);

/* Counts one more holder. Gives secret; both may be NULL. */
struct environment_secret *environment_hold(struct environment_secret *secret);

/* The last holder's call wipes and frees it. NULL is allowed. */
void environment_drop(struct environment_secret *secret);

#endif
