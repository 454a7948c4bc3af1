/*
 * option: parses the command line: the options that all commands have and the forms of their values. It also opens
 * the handle that these options ask for.
 */
#include <ctype.h>
#include <string.h>

#include "base/quantity.h"
#include "cli/cli.h"
#include "proto/jscan.h"

#define DURATION_MAX_MS UINT64_C(604800000) /* a week, for waiting; a request has its own limit */

int option_number(const char *text, uint64_t *ret)
{
	return jspan_number((struct jspan){ text, strlen(text), JSON_NUMBER }, ret);
}

int option_duration(const char *text, uint32_t *ret_ms)
{
	uint64_t ms, s;

	if (strcmp(text, "infinity") == 0) {
		*ret_ms = DURATION_INFINITE;
		return 0;
	}
	if (quantity_count(text, &s) == 0)
		ms = s <= DURATION_MAX_MS / 1000 ? s * 1000 : 0;
	else if (quantity_time(text, &ms) != 0)
		return -1;
	if (ms == 0 || ms > DURATION_MAX_MS)
		return -1;
	*ret_ms = (uint32_t)ms;
	return 0;
}

static int stop(struct cli *cli, int status)
{
	cli->status = status;
	return OPTION_STOP;
}

/*
 * Gives the name of the long option that a word spells with one dash, as bao's options are written: "-field=x".
 * NULL: it spells none. getopt takes such a word for -f with the value "ield=x".
 */
static const char *name_with_one_dash(const char *word, const struct option *longs)
{
	if (word == NULL || word[0] != '-' || word[1] == '-')
		return NULL;
	for (; longs->name != NULL; longs++) {
		size_t len = strlen(longs->name);

		if (strncmp(word + 1, longs->name, len) == 0 && (word[1 + len] == '=' || word[1 + len] == '\0'))
			return longs->name;
	}
	return NULL;
}

int option_next(const struct command *command, struct cli *cli, int argc, char **argv, const char *shorts,
    const struct option *longs)
{
	const char *given, *name;
	int option;

	opterr = 0; /* getopt's own messages would not point to --help. */
	while ((option = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		/* The letter's word is the one before optind; if the letter is unknown it may be the one at it. */
		name = optarg != NULL || option == '?' ? name_with_one_dash(argv[optind - 1], longs) : NULL;
		if (name == NULL && option == '?')
			name = name_with_one_dash(argv[optind], longs);
		if (name != NULL && optarg != argv[optind - 1])
			return stop(cli,
			    say_usage(command, "-%s: an option with one dash is one letter: say --%s", name,
				name));
		switch (option) {
		case 's':
			cli->socket = optarg;
			break;
		case 't':
			cli->timed = true;
			if (option_duration(optarg, &cli->timeout_ms) != 0)
				return stop(cli,
				    say_usage(command, "%s: a timeout looks like 500ms, 10s, 2m or 1h", optarg));
			break;
		case 'h':
			return stop(cli, say_help(command, cli));
		case 'V':
			return stop(cli, say_version());
		case ':':
			return stop(cli, say_usage(command, "%s needs a value", argv[optind - 1]));
		case '?':
			given = argv[optind - 1];
			if (optopt != 0 && given[1] != '-')
				return stop(cli,
				    say_usage(command, "there is no option -%c", isprint(optopt) ? optopt : '?'));
			return stop(cli, say_usage(command, "there is no option %s, or it takes no value", given));
		default:
			return option;
		}
	}
	return -1;
}

int option_open(const struct command *command, struct cli *cli, bool may_wait)
{
	int code;

	if (!may_wait && cli->timeout_ms > SS_MAX_TIMEOUT_MS)
		return say_usage(command, "a timeout is at most %dm", SS_MAX_TIMEOUT_MS / 60000);
	code = ss_open(&cli->client, cli->socket);
	if (code == SS_OK)
		return 0;
	if (code == SS_INVALID_REQUEST)
		return say_usage(command, "the socket's path is empty or too long");
	return say_code(command->name, code);
}
