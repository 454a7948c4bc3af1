/*
 * harden: gives up rights and abilities of the process at its start, so that an intruder finds less.
 */
#ifndef HARDEN_H
#define HARDEN_H

#include <stdint.h>

#include "base/error.h"

/*
 * Gives up new privileges, core dumps, and that processes of the same user may trace it or read its memory. A
 * build for developers keeps the last two and warns of it. 0, or -1 with error set.
 */
int harden_process(struct error *error);

/*
 * Keeps all memory from being swapped, also what is allocated later; pages that are never touched still take no
 * memory. 0; or -1 with error set and nothing locked. It fails if a limit of locked memory binds the process,
 * since an allocation beyond that would fail later.
 */
int harden_lock_memory(struct error *error);

/*
 * Gives freed memory that the allocator still keeps back to the kernel. Locked memory is unlocked while that is
 * done, and locked again.
 */
void harden_give_memory_back(void);

/* Marks all descriptors but the first three CLOEXEC, since a library may have opened some without it. */
void harden_descriptors(void);

/* Raises the limit of open files to the hard limit. */
void harden_raise_file_limit(void);

/* Gives how many descriptors the process may have open; UINT64_MAX: there is no limit. */
uint64_t harden_file_limit(void);

#endif
