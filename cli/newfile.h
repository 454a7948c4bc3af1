/*
 * newfile: a file that gets its name only when it is whole. Until then it stands in the same directory as
 * ".NAME.xxxxxx", readable for its owner alone, and is removed if it is abandoned or a signal ends the program.
 *
 * Functions that return an int return 0, or -1 with errno set. There can be only one such file at a time.
 */
#ifndef NEWFILE_H
#define NEWFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define NEWFILE_RANDOM 6 /* letters and digits at the end of the first name */

struct newfile {
	int directory;    /* the directory it stands in; not owned */
	const char *name; /* the final name; not owned */
	int fd;
	char temporary[NAME_MAX + 1];
};

int newfile_begin(struct newfile *f, int directory, const char *name);
int newfile_write(const struct newfile *f, const void *p, size_t n);

/*
 * newfile_finish() syncs the file to the disk and gives it its name. With replace it takes the place of a file of
 * that name; without, such a file is the error EEXIST. On failure the new file is abandoned. newfile_settle() then
 * syncs the directory, so that the name is on the disk, too.
 */
int newfile_finish(struct newfile *f, bool replace);
int newfile_settle(const struct newfile *f);

/* Removes the file. errno stays as it is. */
void newfile_abandon(struct newfile *f);

#endif
