/*
 * forked: notices that this process is a child of the process that made a handle, at the cost of reading one byte.
 * The kernel clears one page of memory in every child, however the child was made. Where it cannot do that, the
 * process's id is compared.
 */
#ifndef FORKED_H
#define FORKED_H

#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

struct forked {
	volatile unsigned char *here; /* the page's first byte: 1, and 0 in a child; NULL: pid decides */
	pid_t pid;
};

/* forked_init() makes this process the owner. It cannot fail: without the page, the id is used. */
void forked_init(struct forked *f);
void forked_free(struct forked *f);

/* Makes this process, a child, the owner. */
void forked_adopt(struct forked *f);

/* Says whether this process is not the owner. */
static inline bool forked(const struct forked *f)
{
	return f->here != NULL ? *f->here == 0 : f->pid != getpid();
}

#endif
