/*
 * forked: notices that this process is a child of the one that a handle belongs to, for the price of reading a
 * byte. The kernel clears a page of memory in every child, however that was made; where it cannot, the process's
 * id is asked for.
 */
#ifndef FORKED_H
#define FORKED_H

#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

struct forked {
	volatile unsigned char *here; /* the page: 1, and 0 in a child; NULL: the id tells */
	pid_t pid;
};

/* The handle is this process's. It cannot fail. */
void forked_init(struct forked *f);
void forked_free(struct forked *f);

/* In a child: the handle is now this process's. */
void forked_adopt(struct forked *f);

/* Is this another process than the one that the handle belongs to? */
static inline bool forked(const struct forked *f)
{
	return f->here != NULL ? *f->here == 0 : f->pid != getpid();
}

#endif
