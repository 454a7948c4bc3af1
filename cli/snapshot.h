/*
 * snapshot: the commands below "secretstorectl snapshot", and what they share.
 */
#ifndef CLI_SNAPSHOT_H
#define CLI_SNAPSHOT_H

#include "cli/cli.h"
#include "cli/progress.h"

const struct command *snapshot_save_command(void);
const struct command *snapshot_restore_command(void);
const struct command *snapshot_check_command(void);

/* Returns the timeout of a transfer: none, unless there is a -t. */
static inline uint32_t snapshot_timeout_ms(const struct cli *cli)
{
	return cli->timed ? cli->timeout_ms : 0;
}

/* -- a snapshot's file that is read --------------------------------------------------------------------------- */

struct snapshot_file {
	const char *path;
	int fd;
	uint64_t size;  /* in bytes; 0: not known */
	uint64_t whole; /* how many bytes of it were checked; 0: it was not checked yet */
	uint64_t bytes; /* how many bytes were read so far */
	int error;      /* errno of the read that failed; 0: none did */
	struct progress progress;
};

/*
 * Opens the file. only_regular: it must be a regular file, since it will be read twice. Returns 0, or an exit
 * status after a message. snapshot_file_close() must follow in any case.
 */
int snapshot_file_open(struct snapshot_file *f, const struct command *command, const char *path,
    bool only_regular);
void snapshot_file_close(struct snapshot_file *f);

/*
 * A source for the library (ss_snapshot_source). After a check it gives only what was checked, and fails if the
 * file is longer or shorter now.
 */
long snapshot_file_read(void *file, void *p, size_t size);

/* Checks the file with the library, and shows the progress. Returns 0, or an exit status after a message. */
int snapshot_file_check(struct snapshot_file *f, const struct command *command, struct cli *cli, bool quiet);

/* Prints why a call of the library that read from the file failed. Returns the exit status. */
int snapshot_file_say(const struct snapshot_file *f, const struct command *command, const struct ss_error *error);

#endif
