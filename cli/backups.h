/*
 * backups: a directory of snapshots with dated names, openbao-20261124T153000Z.snap, of which the latest are kept.
 *
 * Functions that return an int return 0, or an exit status after printing what went wrong.
 */
#ifndef BACKUPS_H
#define BACKUPS_H

#include <stddef.h>

#define BACKUPS_NAME 64

struct backups {
	const char *path;
	int directory;
	char name[BACKUPS_NAME]; /* the new snapshot's name */
};

/* Opens the directory and locks it, so that no other save to it runs until this program ends. */
int backups_open(struct backups *b, const char *path);

/* Chooses b->name by the present second, or by the next one if there is a snapshot of this second already. */
int backups_choose_name(struct backups *b);

/* Removes unfinished files that killed runs have left, if they are older than a day. */
int backups_sweep(const struct backups *b);

/*
 * Removes the oldest snapshots until `keep` are left (at least 1), but never the new one. Those that are named
 * after a later time than the new one are neither counted nor removed, but said: a clock was ahead, or is behind
 * now, or they are no snapshots.
 */
int backups_prune(const struct backups *b, size_t keep);

#endif
