/*
 * harden: what the process gives up at start, so that an intruder finds less.
 */
#ifndef HARDEN_H
#define HARDEN_H

#include "base/error.h"

/*
 * No new privileges, no core dumps, no tracing or reading of memory by others; the last two not in a build for
 * developers, which warns of it. 0 or -1 with error set.
 */
int harden_process(struct error *error);

/*
 * Keeps all memory from being swapped, what is allocated later too; pages that are never touched take no memory.
 * -1 with error set, and nothing locked: where memory to be locked is limited, an allocation beyond that would
 * fail later.
 */
int harden_lock_memory(struct error *error);

/*
 * Gives the kernel what the allocator keeps: what was freed below anything still in use, however little that is.
 * Locked memory is unlocked for the moment that it takes.
 */
void harden_give_memory_back(void);

/* Descriptors that a library opened and would leave to a program that is started: they are not any more. */
void harden_descriptors(void);

/* As many file descriptors as the hard limit allows. */
void harden_raise_file_limit(void);

#endif
