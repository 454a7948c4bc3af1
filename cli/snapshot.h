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

/* A transfer takes as long as it takes, unless there is a -t. */
static inline uint32_t snapshot_timeout_ms(const struct cli *cli)
{
	return cli->timed ? cli->timeout_ms : 0;
}

/* -- a snapshot's file that is read --------------------------------------------------------------------------- */

struct snapshot_file {
	const char *path;
	int fd;
	uint64_t size;  /* 0: not known */
	uint64_t whole; /* bytes of it that were checked; 0: not yet */
	uint64_t bytes; /* read so far */
	int error;      /* errno of reading */
	struct progress progress;
};

/* Opens it. only_regular: it is to be read twice. 0, or an exit status when all has been said. */
int snapshot_file_open(struct snapshot_file *f, const struct command *command, const char *path,
    bool only_regular);
void snapshot_file_close(struct snapshot_file *f);

/* A source for the library. After a check it gives what was checked, or fails if there is more or less now. */
long snapshot_file_read(void *file, void *p, size_t size);

/* Checks it here, with progress. 0, or an exit status when all has been said. */
int snapshot_file_check(struct snapshot_file *f, const struct command *command, struct cli *cli, bool quiet);

/* Why a call of the library that read from it failed. Gives the exit status. */
int snapshot_file_say(const struct snapshot_file *f, const struct command *command, const struct ss_error *error);

#endif
