/*
 * put: writes a new version of a secret.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/payload.h"
#include "proto/frame.h"

struct put {
	const char *mount;
	bool has_cas;
	uint64_t cas;
};

static int run(struct cli *cli, int argc, char **argv);

static const struct command command = {
	.name = "put",
	.arguments = "[--cas VERSION] MOUNT/PATH KEY=VALUE... | -",
	.summary = "write a secret",
	.help =
	    "Writes a new version of the secret at PATH of the KV engine at MOUNT, and prints its number. The new version\n"
	    "is what is given here; fields that only the old one has are gone.\n\n"
	    "  -                 the whole secret is standard input, a JSON object, which is written as it is\n"
	    "  KEY=VALUE         a string field\n"
	    "  KEY=@FILE         its value is the file's content (UTF-8), including a newline at its end\n"
	    "  KEY=@-            its value is standard input\n"
	    "  KEY=@@REST        its value is @REST: for a value that begins with @\n\n"
	    "      --cas VERSION  only if the secret is at that version now, 0: if there is none yet. Else nothing is\n"
	    "                     written, status 15.\n"
	    "  -m, --mount MOUNT  the mount, if it has a slash in it (or always): the operand is then PATH alone\n\n"
	    "Do not type a secret as KEY=VALUE. The command line is there for every user of this machine to see (ps), and\n"
	    "your shell keeps it in its history. Standard input and files are not seen:\n\n"
	    "  secretstorectl put secret/app/db password=@- user=app     # type it, end with Ctrl-D twice\n"
	    "  openssl rand -base64 24 | tr -d '\\n' | secretstorectl put secret/app/db password=@-\n"
	    "  secretstorectl put secret/web tls.key=@key.pem tls.crt=@cert.pem\n"
	    "  secretstorectl put --cas 0 secret/app/db - <secret.json\n\n"
	    "Status 28 (unknown_outcome) means that the write may have happened: read the secret before trying again.\n"
	    "The command never repeats it by itself.\n",
	.run = run,
};

static int parse(struct put *put, struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON, OPTION_PROGRAM_VERSION,
		{ "cas", required_argument, NULL, 'c' }, { "mount", required_argument, NULL, 'm' }, OPTIONS_END };
	int what;

	while ((what = option_next(&command, cli, argc, argv, ":" OPTIONS_COMMON_SHORT "m:", longs)) != -1) {
		if (what == OPTION_STOP)
			return -1;
		if (what == 'm') {
			put->mount = optarg;
		} else if (option_number(optarg, &put->cas) != 0) {
			cli->status = say_usage(&command, "%s: --cas takes a version's number, or 0", optarg);
			return -1;
		} else {
			put->has_cas = true;
		}
	}
	return 0;
}

static int make_payload(struct buf *payload, int count, char **operand)
{
	if (count == 0)
		return say_usage(&command, "what is to be written? KEY=VALUE..., or - for a JSON object on standard input");
	if (strcmp(operand[0], "-") != 0)
		return payload_from_operands(payload, &command, count, operand);
	if (count > 1)
		return say_usage(&command, "- stands alone: it is the whole secret");
	return payload_from_stdin(payload, &command);
}

static int send_payload(struct cli *cli, const struct put *put, const struct address *address,
    const struct buf *payload)
{
	uint64_t version = 0;
	char line[32];
	int n;

	if (ss_put(cli->client, address->mount, address->path, (const char *)buf_data(payload), buf_len(payload),
	        put->has_cas ? &put->cas : NULL, cli->timeout_ms, &version) != SS_OK)
		return say_failure(address->what, ss_last_error(cli->client));
	n = snprintf(line, sizeof(line), "%llu\n", (unsigned long long)version);
	if (say_end(say_out(line, (size_t)n), 0) == 0)
		return 0;
	return say_trouble("%s: version %llu is written nevertheless", address->what, (unsigned long long)version);
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct put put = { .mount = NULL };
	struct address address;
	struct buf payload;
	int status;

	if (parse(&put, cli, argc, argv) != 0)
		return cli->status;
	if (argc == optind)
		return say_usage(&command, "put takes a MOUNT/PATH");
	status = address_parse(&address, &command, put.mount, argv[optind]);
	if (status == 0)
		status = option_open(&command, cli, false);
	if (status != 0)
		return status;
	buf_init(&payload, 2 * FRAME_BODY_MAX);
	status = make_payload(&payload, argc - optind - 1, argv + optind + 1);
	if (status == 0)
		status = send_payload(cli, &put, &address, &payload);
	buf_free(&payload);
	return status;
}

const struct command *put_command(void)
{
	return &command;
}
