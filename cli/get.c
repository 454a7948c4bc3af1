/*
 * get: reads a secret, or one field of it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "proto/jwrite.h"

static int get_run(struct cli *cli, int argc, char **argv);

static const struct command command = {
	.name = "get",
	.arguments = "[-f FIELD] [-v VERSION] MOUNT/PATH",
	.summary = "read a secret",
	.help = "Prints the secret at PATH of the KV engine at MOUNT: its JSON object, byte for\n"
		"byte as OpenBao sent it, and a newline.\n\n"
		"  -f, --field FIELD      only this field: a string unescaped, anything else as\n"
		"                         JSON text. No newline is added, unless standard\n"
		"                         output is a terminal. Status 34 if there is no such\n"
		"                         field.\n"
		"  -v, --version VERSION  that version instead of the latest\n"
		"      --full             one JSON object on one line, with the version before\n"
		"                         everything else:\n"
		"         {\"version\":7,\"created_time\":\"...\",\"metadata\":null,\"data\":{...}}\n"
		"  -m, --mount MOUNT      the mount, if it has a slash in it (or always): the\n"
		"                         operand is then PATH alone. Without -m the mount is\n"
		"                         what is before the operand's first slash.\n\n"
		"Examples:\n"
		"  secretstorectl get secret/app/db\n"
		"  secretstorectl get -f tls.key secret/web >new.pem && mv new.pem key.pem\n"
		"  secretstorectl get -m team/kv app/db\n\n"
		"  # in a script, which must not go on with an empty value if the get fails\n"
		"  # (PGPASSWORD=$(...) psql would, also under set -e)\n"
		"  pw=$(secretstorectl get -f password secret/app/db) || exit\n"
		"  PGPASSWORD=$pw psql\n\n"
		"  # change one field, and nothing if somebody else did so meanwhile\n"
		"  old=$(secretstorectl get --full secret/app/db) || exit\n"
		"  jq -c '.data + {user: \"app2\"}' <<<\"$old\" |\n"
		"    secretstorectl put --cas \"$(jq .version <<<\"$old\")\" secret/app/db -\n",
	.run = get_run,
};

/* The part before the data holds no secret, so it may be put together in a buffer. */
static int write_full(const struct ss_secret *secret)
{
	struct buf head;
	int failed;

	buf_init(&head, 1 << 20);
	failed = buf_printf(&head, "{\"version\":%llu,\"created_time\":", (unsigned long long)secret->version) !=
		0 ||
	    jwrite_escaped(&head, secret->created_time, strlen(secret->created_time)) != 0 ||
	    buf_puts(&head, ",\"metadata\":") != 0 ||
	    buf_put(&head, secret->metadata, secret->metadata_len) != 0 ||
	    (secret->cached &&
		buf_printf(&head, ",\"age_ms\":%llu,\"stale\":%s", (unsigned long long)secret->age_ms,
		    secret->stale ? "true" : "false") != 0) ||
	    buf_puts(&head, ",\"data\":") != 0;
	if (failed) {
		buf_free(&head);
		return say_code(command.name, SS_NO_MEMORY);
	}
	failed = say_out(buf_data(&head), buf_len(&head)) != 0 || say_out(secret->data, secret->data_len) != 0 ||
	    say_out("}\n", 2) != 0;
	buf_free(&head);
	return say_end(failed, 0);
}

static int write_field(const struct ss_secret *secret, const char *name, const char *what)
{
	char message[256], *value;
	const char *raw;
	size_t len;
	int code = ss_json_field(secret->data, secret->data_len, name, &raw, &len);
	int failed;

	if (code == SS_NO_FIELD) {
		snprintf(message, sizeof(message), "the secret has no field \"%s\"", name);
		return say_failure(what, &(struct ss_error){ .code = code, .message = message });
	}
	if (code != SS_OK)
		return say_code(what, code);
	if (raw[0] != '"') {
		failed = say_out(raw, len);
	} else {
		code = ss_secret_string(secret, name, &value, &len);
		if (code != SS_OK)
			return say_code(what, code);
		failed = say_out(value, len);
		ss_free(value);
	}
	return say_end(failed != 0 || (isatty(STDOUT_FILENO) && say_out("\n", 1) != 0), 0);
}

static int get_run(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON, { "field", required_argument, NULL, 'f' },
		{ "version", required_argument, NULL, 'v' }, { "mount", required_argument, NULL, 'm' },
		{ "full", no_argument, NULL, 'F' }, OPTIONS_END };
	const char *mount = NULL, *field = NULL;
	uint64_t version = 0;
	bool full = false;
	struct ss_secret *secret;
	struct address address;
	int option, status;

	while ((option = option_next(&command, cli, argc, argv, ":" OPTIONS_COMMON_SHORT "f:v:m:", longs)) != -1) {
		if (option == OPTION_STOP)
			return cli->status;
		if (option == 'f')
			field = optarg;
		else if (option == 'm')
			mount = optarg;
		else if (option == 'F')
			full = true;
		else if (option_number(optarg, &version) != 0 || version == 0)
			return say_usage(&command, "%s: a version is a number from 1", optarg);
	}
	if (argc - optind != 1)
		return say_usage(&command, "get takes one MOUNT/PATH");
	if (full && field != NULL)
		return say_usage(&command, "--full and -f exclude each other");
	status = address_parse(&address, &command, mount, argv[optind]);
	if (status == 0)
		status = option_open(&command, cli, false);
	if (status != 0)
		return status;
	if (ss_get(cli->client, address.mount, address.path, version, cli->timeout_ms, &secret) != SS_OK)
		return address_say_failure(&address, ss_last_error(cli->client));
	if (field != NULL)
		status = write_field(secret, field, address.what);
	else if (full)
		status = write_full(secret);
	else
		status = say_end(say_out(secret->data, secret->data_len) != 0 || say_out("\n", 1) != 0, 0);
	ss_secret_free(secret);
	return status;
}

const struct command *get_command(void)
{
	return &command;
}
