/*
 * texts: a list of texts in wiped memory. A zeroed one is empty.
 */
#ifndef TEXTS_H
#define TEXTS_H

#include <stddef.h>

struct texts {
	char **item; /* secmem, each of them too */
	size_t count;
};

/* Adds a copy. 0; or -1: no memory, and the list is as it was. */
int texts_add(struct texts *texts, const char *text);

/* Wipes and frees all of them; the list is empty then. */
void texts_clear(struct texts *texts);

#endif
