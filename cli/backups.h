/*
 * backups: a directory of snapshots with dated names, openbao-20261124T153000Z.snap, of which the latest are kept.
 *
 * Functions that give an int give 0, or an exit status when all has been said.
 */
#ifndef BACKUPS_H
#define BACKUPS_H

#include <stddef.h>

#define BACKUPS_NAME 64

struct backups {
	const char *path;
	int directory;
	char name[BACKUPS_NAME]; /* the new one's */
};

/* Opens the directory, and keeps others of this command out until the program ends. */
int backups_open(struct backups *b, const char *path);

/* Names the new one after this second, or the next if that has one already. */
int backups_choose_name(struct backups *b);

/* Removes what runs that were killed have left, if it is older than a day. */
int backups_sweep(const struct backups *b);

/* Removes the oldest beyond keep, at least 1, but never the new one. */
int backups_prune(const struct backups *b, size_t keep);

#endif
