/*
 * cli: what the commands of secretstorectl share.
 */
#ifndef CLI_H
#define CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client-lib/secretstore.h"

/* Exit statuses beside the codes of enum ss_code. */
#define EXIT_LOCAL 1 /* trouble on this side: a file that cannot be read, output that cannot be written */
#define EXIT_USAGE 2

struct command;

struct cli {
	const char *socket; /* NULL: the library's default */
	uint32_t timeout_ms;
	bool timed; /* the timeout was given, and is not the default */
	struct ss_client *client;
	int status; /* after OPTION_STOP */
	/* all there are, in the order of the help; NULL after the last */
	const struct command *(*command_at)(size_t i);
};

struct command {
	const char *name;
	const char *arguments;
	const char *summary;
	const char *help; /* what --help says beyond these and the options that all commands have */
	/* argv[0] is the command's name; gives the exit status */
	int (*run)(struct cli *cli, int argc, char **argv);
};

const struct command *get_command(void);
const struct command *put_command(void);
const struct command *ping_command(void);
const struct command *probe_command(void);
const struct command *status_command(void);
const struct command *snapshot_command(void);

/* -- options -------------------------------------------------------------------------------------------------- */

#define OPTION_STOP (-2)

/* clang-format off */
#define OPTIONS_COMMON \
	{ "socket", required_argument, NULL, 's' }, \
	{ "timeout", required_argument, NULL, 't' }, \
	{ "help", no_argument, NULL, 'h' }
#define OPTIONS_COMMON_SHORT "s:t:h"
#define OPTION_PROGRAM_VERSION { "version", no_argument, NULL, 'V' }
#define OPTIONS_END { NULL, 0, NULL, 0 }
/* clang-format on */

/*
 * The next option, as getopt_long gives it: its letter, or -1 after the last. Those that all commands have are
 * dealt with here. OPTION_STOP: the command is to end with cli->status; all has been said. command is NULL before
 * one is known.
 */
int option_next(const struct command *command, struct cli *cli, int argc, char **argv, const char *shorts,
    const struct option *longs);

/* A number as the protocol has them, 0 to 9999999999, or -1. */
int option_number(const char *text, uint64_t *ret);

#define DURATION_INFINITE UINT32_MAX

/*
 * "500ms", "10s", "2m", "1h"; a bare number is seconds; "infinity", for who waits, is DURATION_INFINITE. 0, or -1.
 */
int option_duration(const char *text, uint32_t *ret_ms);

/* Opens cli->client. may_wait: the timeout is for more than one request. 0, or an exit status. */
int option_open(const struct command *command, struct cli *cli, bool may_wait);

/* -- addresses ------------------------------------------------------------------------------------------------ */

struct address {
	const char *path;
	char mount[264]; /* a longer one is cut, and then still too long for the library */
	char what[1500]; /* "get MOUNT/PATH", for messages */
};

/*
 * Takes the operand MOUNT/PATH apart at its first slash; with a mount given, the operand is the path. path points
 * into the operand. 0, or an exit status.
 */
int address_parse(struct address *ret, const struct command *command, const char *mount, const char *operand);

/* -- saying things -------------------------------------------------------------------------------------------- */

/* "secretstorectl: ..." on stderr; gives EXIT_LOCAL, or EXIT_USAGE with a hint at --help. */
int say_trouble(const char *format, ...) __attribute__((format(printf, 1, 2)));
int say_usage(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "secretstorectl: WHAT: not_found: ..."; gives the code's exit status. */
int say_failure(const char *what, const struct ss_error *error);

/* Says a failure that only has a code, by the code's meaning. Gives the code's exit status. */
int say_code(const char *what, int code);

/* Writes to stdout, unbuffered since it may be a secret. 0, or -1 with errno set. */
int say_out(const void *p, size_t n);

/*
 * After the last say_out: what may go wrong late. Gives result, or EXIT_LOCAL, having said why, if failed or late.
 */
int say_end(int failed, int result);

/* Text for people: --help (command is NULL: the program's), --version. Gives 0 or EXIT_LOCAL. */
int say_help(const struct command *command, const struct cli *cli);
int say_version(void);

/* Copies text without control bytes, which a terminal might obey. */
void say_clean(char *out, size_t cap, const char *text, size_t n);

#endif
