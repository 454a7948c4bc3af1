/*
 * audit_file: a file that only grows, and that others may rename away. For one thread.
 */
#ifndef AUDIT_FILE_H
#define AUDIT_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct audit_file {
	char *path; /* the file's own; NULL: not open */
	int fd;     /* -1: none */
	bool torn;  /* the last line lacks its end */
	int unsafe; /* 0; or the errno with which a file renamed away could not be synced */
};

/* Opens path, or makes it with mode 0600. 0, or an errno with file untouched: also where it is no regular file. */
int audit_file_open(struct audit_file *file, const char *path);
void audit_file_close(struct audit_file *file);

/*
 * Appends a line; to a new file, if there is none by that path any more, or another one. 0, or an errno: then the
 * line is not there, or not whole, and the next one begins on a line of its own.
 */
int audit_file_write(struct audit_file *file, const char *line, size_t n);

/* Gives 0 when all that was written is on the disk, else an errno. */
int audit_file_sync(struct audit_file *file);

#endif
