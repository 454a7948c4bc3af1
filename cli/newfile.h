/*
 * newfile: a file that has its name only when it is whole. Until then it stands beside its place as
 * ".NAME.xxxxxx", for its owner alone, and is removed if it is abandoned, or a signal ends the program.
 *
 * Functions that give an int give 0, or -1 with errno set. One at a time.
 */
#ifndef NEWFILE_H
#define NEWFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define NEWFILE_RANDOM 6 /* letters and digits at the end of its first name */

struct newfile {
	int directory;    /* where it stands; not owned */
	const char *name; /* not owned */
	int fd;
	char temporary[NAME_MAX + 1];
};

int newfile_begin(struct newfile *f, int directory, const char *name);
int newfile_write(const struct newfile *f, const void *p, size_t n);

/*
 * Brings it to the disk and gives it its name, in place of a file that has it now; if that is not wanted, EEXIST.
 * On failure it is abandoned. newfile_settle() then brings the name to the disk, too.
 */
int newfile_finish(struct newfile *f, bool replace);
int newfile_settle(const struct newfile *f);

/* Removes it, whatever errno is. */
void newfile_abandon(struct newfile *f);

#endif
