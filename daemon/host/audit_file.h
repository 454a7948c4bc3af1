/*
 * audit_file: a file that is only appended to, and that others may rename away, as logrotate does. Not
 * thread-safe.
 */
#ifndef AUDIT_FILE_H
#define AUDIT_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct audit_file {
	char *path; /* a copy; NULL: not open */
	int fd;     /* -1: the last attempt to open it failed */
	bool torn;  /* the last line lacks its end */
	int unsafe; /* the errno with which a file that was renamed away could not be synced; 0: none */
};

/* Opens path, or makes it with mode 0600. 0, or an errno with file untouched; EINVAL: it is no regular file. */
int audit_file_open(struct audit_file *file, const char *path);

/* Looks whether audit_file_open() would work, and makes nothing. 0, or the errno that it would give. */
int audit_file_check(const char *path);

/* Closes and frees what is in file, which must have been opened, or be all zero. */
void audit_file_close(struct audit_file *file);

/*
 * Appends a line. If the path leads to no file or another one by now, that is made or opened first. 0, or an
 * errno: the line is missing or not whole, and the next one begins on a new line.
 */
int audit_file_write(struct audit_file *file, const char *line, size_t n);

/* Waits until all that was written is on the disk, in files renamed away as well. 0, or an errno. */
int audit_file_sync(struct audit_file *file);

#endif
