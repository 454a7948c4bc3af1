/*
 * harden: what the process gives up at start, so that an intruder finds less.
 */
#ifndef HARDEN_H
#define HARDEN_H

#include "base/error.h"

/* No core dumps, no tracing or reading of memory by others, no new privileges. 0 or -1 with error set. */
int harden_process(struct error *error);

/* As many file descriptors as the hard limit allows. */
void harden_raise_file_limit(void);

#endif
