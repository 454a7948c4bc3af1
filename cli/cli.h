/*
 * cli: what the commands of secretstorectl share: the table of commands, options, operands and output.
 */
#ifndef CLI_H
#define CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client-lib/secretstore.h"

/* Exit statuses in addition to the codes of enum ss_code. */
#define EXIT_LOCAL 1 /* a file cannot be read, output cannot be written */
#define EXIT_USAGE 2

struct command;

struct cli {
	const char *socket; /* NULL: the library's default */
	uint32_t timeout_ms;
	bool timed; /* the timeout was given, and is not the default */
	struct ss_client *client;
	int status; /* the exit status, when option_next() has returned OPTION_STOP */
	/* The commands in the order of the help; NULL after the last. */
	const struct command *(*command_at)(size_t i);
};

struct command {
	const char *name;
	const char *arguments;
	const char *summary;
	const char *help; /* what --help says beyond these and the common options */
	/* argv[0] is the command's name. Returns the exit status. */
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
 * Returns the next option as getopt_long() does: its letter, or -1 after the last. Options that all commands have
 * are dealt with here. OPTION_STOP: the command must end with cli->status; everything has been printed. command is
 * NULL before the command is known.
 */
int option_next(const struct command *command, struct cli *cli, int argc, char **argv, const char *shorts,
    const struct option *longs);

/* Parses a number as the protocol has them, 0 to 9999999999. Returns 0 or -1. */
int option_number(const char *text, uint64_t *ret);

#define DURATION_INFINITE UINT32_MAX

/*
 * Parses "500ms", "10s", "2m" or "1h"; a bare number is seconds. "infinity" gives DURATION_INFINITE, which makes
 * sense for waiting only. Returns 0 or -1.
 */
int option_duration(const char *text, uint32_t *ret_ms);

/*
 * Opens cli->client. may_wait: the timeout is for more than one request, and so may be over the limit of one.
 * Returns 0, or an exit status after a message.
 */
int option_open(const struct command *command, struct cli *cli, bool may_wait);

/* -- addresses ------------------------------------------------------------------------------------------------ */

struct address {
	const char *path;
	char mount[264]; /* a longer mount is cut, and then still too long for the library */
	char what[1500]; /* "get MOUNT/PATH", for messages */
};

/*
 * Splits the operand MOUNT/PATH at its first slash. If mount is not NULL, the whole operand is the path. ret->path
 * points into the operand. Returns 0, or an exit status after a message.
 */
int address_parse(struct address *ret, const struct command *command, const char *mount, const char *operand);

/*
 * Prints why a request for this address failed. If the path begins as one in OpenBao's API, where data/ or
 * metadata/ comes before it, the path that may be meant is printed too. Returns the code's exit status.
 */
int address_say_failure(const struct address *address, const struct ss_error *error);

/* -- saying things -------------------------------------------------------------------------------------------- */

/*
 * These print "secretstorectl: ..." to stderr. say_trouble() returns EXIT_LOCAL; say_usage() adds a hint at --help
 * and returns EXIT_USAGE.
 */
int say_trouble(const char *format, ...) __attribute__((format(printf, 1, 2)));
int say_usage(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints "secretstorectl: WHAT: not_found: ..." to stderr. Returns the code's exit status. */
int say_failure(const char *what, const struct ss_error *error);

/* Prints a failure of which only the code is known, by the code's meaning. Returns the code's exit status. */
int say_code(const char *what, int code);

/* Writes to stdout, without a buffer, since it may be a secret. Returns 0, or -1 with errno set. */
int say_out(const void *p, size_t n);

/*
 * Ends the output after the last say_out(); failed is not 0 if one of them failed. Closes stdout, since some
 * errors only show then. Returns result, or EXIT_LOCAL after a message.
 */
int say_end(int failed, int result);

/* These print --help (of the whole program if command is NULL) and --version. They return 0 or EXIT_LOCAL. */
int say_help(const struct command *command, const struct cli *cli);
int say_version(void);

/*
 * Copies text, and replaces control bytes, which a terminal might obey, by question marks. It is cut to cap - 1
 * bytes.
 */
void say_clean(char *out, size_t cap, const char *text, size_t n);

#endif
