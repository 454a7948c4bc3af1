/*
 * put: writes a new version of a secret. Its JSON object is made from the operands, or read from standard input.
 * All of it stays in memory that is wiped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/secmem.h"
#include "cli/cli.h"
#include "proto/frame.h"
#include "proto/jwrite.h"
#include "proto/utf8.h"

#define READ_SIZE 65536u

static int put_run(struct cli *cli, int argc, char **argv);

static const struct command command = {
	.name = "put",
	.arguments = "[--cas VERSION] MOUNT/PATH KEY=VALUE... | -",
	.summary = "write a secret",
	.help = "Writes a new version of the secret at PATH of the KV engine at MOUNT, and\n"
		"prints its number. The new version is what is given here; fields that only the\n"
		"old one has are gone.\n\n"
		"  -                  the whole secret is standard input, a JSON object, which\n"
		"                     is written as it is\n"
		"  KEY=VALUE          a string field\n"
		"  KEY=@FILE          its value is the file's content (UTF-8), including a\n"
		"                     newline at its end\n"
		"  KEY=@-             its value is standard input; neither may be empty\n"
		"  KEY=@@REST         its value is @REST: for a value that begins with @\n\n"
		"      --cas VERSION  only if the secret is at that version now, 0: if there is\n"
		"                     none yet. Else nothing is written, status 15.\n"
		"  -m, --mount MOUNT  the mount, if it has a slash in it (or always): the\n"
		"                     operand is then PATH alone\n\n"
		"Do not type a secret as KEY=VALUE. The command line is there for every user of\n"
		"this machine to see (ps), and your shell keeps it in its history. Standard\n"
		"input and files are not seen:\n\n"
		"  # type it, end with Ctrl-D twice\n"
		"  secretstorectl put secret/app/db password=@- user=app\n\n"
		"  openssl rand -base64 24 | tr -d '\\n' |\n"
		"    secretstorectl put secret/app/db password=@-\n"
		"  secretstorectl put secret/web tls.key=@key.pem tls.crt=@cert.pem\n"
		"  secretstorectl put --cas 0 secret/app/db - <secret.json\n\n"
		"Status 28 (unknown_outcome) means that the write may have happened: read the\n"
		"secret before trying again. The command never repeats it by itself.\n",
	.run = put_run,
};

/* Reads to the end of the file; the buffer's limit is the most that is accepted. name is for messages. */
static int read_to_end(struct buf *out, int fd, const char *name)
{
	for (;;) {
		ssize_t n;

		if (buf_reserve(out, READ_SIZE) != 0)
			return say_trouble("%s: too large, or out of memory", name);
		n = read(fd, buf_tail(out), READ_SIZE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return say_trouble("%s: %m", name);
		if (n == 0)
			return 0;
		buf_commit(out, (size_t)n);
	}
}

/* Tells whoever sits at a terminal what is awaited, since otherwise nothing seems to happen. */
static void prompt_for(const char *what, const char *end)
{
	if (isatty(STDIN_FILENO))
		fprintf(stderr, "secretstorectl: type %s; end with %s\n", what, end);
}

/* Adds a value as a JSON string. JSON strings hold UTF-8 only. */
static int add_value(struct buf *object, const char *key, const char *value, size_t len)
{
	if (!utf8_valid(value, len))
		return say_trouble("the value of %s is not valid UTF-8; encode it, for example with base64", key);
	if (jwrite_escaped(object, value, len) != 0)
		return say_code(key, len < FRAME_BODY_MAX ? SS_NO_MEMORY : SS_TOO_LARGE);
	return 0;
}

static int add_file(struct buf *object, const char *key, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), status;
	struct buf content;

	if (fd < 0)
		return say_trouble("%s: %m", path);
	if (is_stdin)
		prompt_for("the field's value", "Ctrl-D twice (a newline would be part of it)");
	buf_init(&content, FRAME_BODY_MAX + READ_SIZE);
	status = read_to_end(&content, fd, is_stdin ? "standard input" : path);
	if (!is_stdin)
		close(fd);
	/* The command that was to make the value may have failed. An empty value is hardly ever meant. */
	if (status == 0 && buf_len(&content) == 0)
		status = say_trouble("%s is empty; an empty value is written as %s=",
		    is_stdin ? "standard input" : path, key);
	if (status == 0)
		status = add_value(object, key, (const char *)buf_data(&content), buf_len(&content));
	buf_free(&content);
	return status;
}

static int add_member(struct buf *object, const char *key, const char *value)
{
	if (buf_puts(object, buf_len(object) > 1 ? "," : "") != 0 ||
	    jwrite_escaped(object, key, strlen(key)) != 0 || buf_puts(object, ":") != 0)
		return say_code(key, SS_NO_MEMORY);
	if (value[0] == '@' && value[1] != '@')
		return add_file(object, key, value + 1);
	value += value[0] == '@';
	return add_value(object, key, value, strlen(value));
}

/*
 * Makes the object from operands KEY=VALUE. The values are then blanked in the operands, since ps would show them.
 */
static int add_operands(struct buf *object, int count, char **operand)
{
	int from_stdin = 0, status;

	/* Each operand is split in place, so that from here on its key is a string of its own. */
	for (int i = 0; i < count; i++) {
		char *equals = strchr(operand[i], '=');

		if (equals == NULL || equals == operand[i])
			return say_usage(&command, "operand %d after the path is not of the form KEY=VALUE",
			    i + 1);
		*equals = '\0';
		if (!utf8_valid(operand[i], strlen(operand[i])))
			return say_usage(&command, "the key of operand %d after the path is not valid UTF-8",
			    i + 1);
		for (int before = 0; before < i; before++) {
			if (strcmp(operand[before], operand[i]) == 0)
				return say_usage(&command, "%s is given twice", operand[i]);
		}
		from_stdin += strcmp(equals + 1, "@-") == 0;
	}
	if (from_stdin > 1)
		return say_usage(&command, "standard input can be the value of one key only");
	if (buf_puts(object, "{") != 0)
		return say_code(command.name, SS_NO_MEMORY);
	for (int i = 0; i < count; i++) {
		char *value = operand[i] + strlen(operand[i]) + 1;

		status = add_member(object, operand[i], value);
		secmem_wipe(value, strlen(value));
		if (status != 0)
			return status;
	}
	return buf_puts(object, "}") == 0 ? 0 : say_code(command.name, SS_NO_MEMORY);
}

/* Puts the whole secret into payload. The library checks that it is a JSON object, and says where it is not. */
static int make_payload(struct buf *payload, int count, char **operand)
{
	if (count == 0)
		return say_usage(&command,
		    "what is to be written? KEY=VALUE..., or - for a JSON object on standard input");
	if (strcmp(operand[0], "-") != 0)
		return add_operands(payload, count, operand);
	if (count > 1)
		return say_usage(&command, "- stands alone: it is the whole secret");
	prompt_for("the secret, a JSON object", "a newline and Ctrl-D");
	return read_to_end(payload, STDIN_FILENO, "standard input");
}

static int put_run(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON, OPTION_PROGRAM_VERSION,
		{ "cas", required_argument, NULL, 'c' }, { "mount", required_argument, NULL, 'm' }, OPTIONS_END };
	const char *mount = NULL;
	bool has_cas = false;
	uint64_t cas = 0, version = 0;
	struct address address;
	struct buf payload;
	char line[32];
	int option, status, n;

	while ((option = option_next(&command, cli, argc, argv, ":" OPTIONS_COMMON_SHORT "m:", longs)) != -1) {
		if (option == OPTION_STOP)
			return cli->status;
		if (option == 'm')
			mount = optarg;
		else if (option_number(optarg, &cas) == 0)
			has_cas = true;
		else
			return say_usage(&command, "%s: --cas takes a version's number, or 0", optarg);
	}
	if (argc == optind)
		return say_usage(&command, "put takes a MOUNT/PATH");
	status = address_parse(&address, &command, mount, argv[optind]);
	if (status == 0)
		status = option_open(&command, cli, false);
	if (status != 0)
		return status;
	buf_init(&payload, 2 * FRAME_BODY_MAX);
	status = make_payload(&payload, argc - optind - 1, argv + optind + 1);
	if (status == 0 &&
	    ss_put(cli->client, address.mount, address.path, (const char *)buf_data(&payload), buf_len(&payload),
		has_cas ? &cas : NULL, cli->timeout_ms, &version) != SS_OK)
		status = address_say_failure(&address, ss_last_error(cli->client));
	buf_free(&payload);
	if (status != 0)
		return status;
	n = snprintf(line, sizeof(line), "%llu\n", (unsigned long long)version);
	if (say_end(say_out(line, (size_t)n), 0) == 0)
		return 0;
	return say_trouble("%s: version %llu is written nevertheless", address.what, (unsigned long long)version);
}

const struct command *put_command(void)
{
	return &command;
}
