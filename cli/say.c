/*
 * say: everything that secretstorectl prints. What may be a secret is written without stdio, whose buffers nobody
 * wipes.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/texts.h"
#include "cli/cli.h"

#define MESSAGE 2048

/* -- stderr --------------------------------------------------------------------------------------------------- */

void say_clean(char *out, size_t cap, const char *text, size_t n)
{
	size_t len = n < cap - 1 ? n : cap - 1;

	for (size_t i = 0; i < len; i++)
		out[i] = text[i] != '\0' ? text[i] : '?';
	out[len] = '\0';
	texts_replace_controls(out);
}

__attribute__((format(printf, 1, 0))) static void complain(const char *format, va_list args)
{
	char text[MESSAGE], clean[MESSAGE];

	vsnprintf(text, sizeof(text), format, args);
	say_clean(clean, sizeof(clean), text, strlen(text));
	fprintf(stderr, "secretstorectl: %s\n", clean);
}

int say_trouble(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
	return EXIT_LOCAL;
}

int say_usage(const struct command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
	fprintf(stderr, "Try: secretstorectl %s%s--help\n", command != NULL ? command->name : "",
	    command != NULL ? " " : "");
	return EXIT_USAGE;
}

int say_failure(const char *what, const struct ss_error *error)
{
	(void)say_trouble("%s: %s: %s", what, ss_code_name(error->code), error->message);
	return error->code;
}

int say_code(const char *what, int code)
{
	(void)say_trouble("%s: %s: %s", what, ss_code_name(code), ss_code_meaning(code));
	return code;
}

/* -- stdout --------------------------------------------------------------------------------------------------- */

int say_out(const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t put = write(STDOUT_FILENO, at, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

int say_end(int failed, int result)
{
	/* Some file systems report only when a file is closed that there was no room. */
	if (failed != 0 || close(STDOUT_FILENO) != 0)
		return say_trouble("cannot write to standard output: %m");
	return result;
}

static int say_text_end(void)
{
	return say_end(fflush(stdout), 0);
}

int say_version(void)
{
	printf("secretstorectl %s\n", ss_version());
	return say_text_end();
}

int say_help(const struct command *command, const struct cli *cli)
{
	if (command != NULL) {
		printf("Usage: secretstorectl %s %s\n\n%s\n"
		       "Also -s SOCKET, -t TIMEOUT, --help; secretstorectl --help tells of them and of\n"
		       "the exit statuses.\n",
		    command->name, command->arguments, command->help);
		return say_text_end();
	}
	printf("Usage: secretstorectl [-s SOCKET] [-t TIMEOUT] COMMAND ...\n\n"
	       "Asks secretstored, this host's daemon for OpenBao's secrets.\n\n"
	       "Commands (secretstorectl COMMAND --help tells more):\n");
	for (size_t i = 0; (command = cli->command_at(i)) != NULL; i++)
		printf("  %-8s %s\n           %s\n", command->name, command->arguments, command->summary);
	printf("\nA secret that is typed on the command line can be seen with ps and stays in\n"
	       "the shell's history; secretstorectl put --help shows how to do without.\n\n"
	       "Options, before or after the command:\n"
	       "  -s, --socket SOCKET    the daemon's socket; else $SECRETSTORE_SOCKET, else\n"
	       "                         " SS_DEFAULT_SOCKET "\n"
	       "  -t, --timeout TIMEOUT  how long to wait: 500ms, 10s, 2m; a bare number is\n"
	       "                         seconds (default 10s; none for snapshots)\n"
	       "  -h, --help\n"
	       "      --version\n\n"
	       "Exit status:\n"
	       "   0  it succeeded\n"
	       "  %2d  trouble on this side: a file that cannot be read, output that cannot\n"
	       "      be written\n"
	       "  %2d  wrong usage\n",
	    EXIT_LOCAL, EXIT_USAGE);
	for (int code = EXIT_USAGE + 1; code < 64; code++) {
		if (ss_code_meaning(code) != NULL)
			printf("  %2d  %s: %s\n", code, ss_code_name(code), ss_code_meaning(code));
	}
	return say_text_end();
}
