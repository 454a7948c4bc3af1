/*
 * status: prints what the daemon says about itself, for people. It prints whatever members the reply has, and so
 * shows a newer daemon's, too.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "proto/jscan.h"

#define TEXT 256

static int status_run(struct cli *cli, int argc, char **argv);

static const struct command command = {
	.name = "status",
	.arguments = "[--json]",
	.summary = "what the daemon says of itself",
	.help = "Prints the state of the daemon's token and of OpenBao, counters, who the daemon\n"
		"takes you for, and which of its access rules name you. It needs a rule that\n"
		"allows the operation \"status\".\n\n"
		"      --json  the reply as the daemon sent it\n\n"
		"Example:\n"
		"  secretstorectl status\n",
	.run = status_run,
};

static int append_duration(struct buf *out, uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (ms < 1000)
		return buf_printf(out, "%llu ms", (unsigned long long)ms);
	if (s < 60)
		return buf_printf(out, "%llu s", (unsigned long long)s);
	if (s < 3600)
		return buf_printf(out, "%llu m %llu s", (unsigned long long)s / 60, (unsigned long long)s % 60);
	return buf_printf(out, "%llu h %llu m", (unsigned long long)s / 3600, (unsigned long long)s / 60 % 60);
}

static int append_clean(struct buf *out, const char *text, size_t n)
{
	char clean[TEXT];

	say_clean(clean, sizeof(clean), text, n);
	return buf_puts(out, clean);
}

static bool ends_in_ms(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && strcmp(name + len - 3, "_ms") == 0;
}

static int append_scalar(struct buf *out, const char *name, struct jspan value)
{
	char text[TEXT];
	uint64_t number;

	if (value.type == JSON_STRING) {
		long n = jspan_decode_cut(value, text, sizeof(text));

		return append_clean(out, text, n < 0 ? 0 : (size_t)n);
	}
	if (ends_in_ms(name) && value.type == JSON_NULL)
		return buf_puts(out, "unlimited");
	if (ends_in_ms(name) && jspan_number(value, &number) == 0)
		return append_duration(out, number);
	if (value.type == JSON_TRUE || value.type == JSON_FALSE)
		return buf_puts(out, value.type == JSON_TRUE ? "yes" : "no");
	return append_clean(out, value.p, value.len);
}

/* Shows "lease_left_ms" as "lease left". */
static int append_name(struct buf *out, const char *name)
{
	char shown[TEXT];

	say_clean(shown, sizeof(shown), name, strlen(name) - (ends_in_ms(name) ? 3 : 0));
	for (char *p = shown; *p != '\0'; p++) {
		if (*p == '_')
			*p = ' ';
	}
	return buf_puts(out, shown);
}

/* Shows {"state":"up","since_ms":3000} as "state up, since 3 s". */
static int append_object(struct buf *out, struct jspan object)
{
	struct jscan scan;
	struct jspan key, value;
	char name[TEXT];
	const char *comma = "";
	int failed = 0, more;

	jscan_init(&scan, object.p, object.len);
	if (jscan_object(&scan) != 0)
		return -1;
	while ((more = jscan_member(&scan, &key)) == 1 && failed == 0) {
		if (jscan_value(&scan, JSCAN_DEPTH_MAX, &value) != 0 ||
		    jspan_decode_cut(key, name, sizeof(name)) < 0)
			return -1;
		failed = buf_puts(out, comma) != 0 || append_name(out, name) != 0 || buf_puts(out, " ") != 0 ||
		    append_scalar(out, name, value) != 0;
		comma = ", ";
	}
	return failed != 0 || more < 0 ? -1 : 0;
}

/* Shows ["a","b"] as "a, b". The text is known to be an array. */
static int append_array(struct buf *out, struct jspan array)
{
	struct jscan scan;
	struct jspan value;
	const char *comma = "";

	jscan_init(&scan, array.p + 1, array.len - 2);
	while (jscan_peek(&scan) >= 0) {
		if (jscan_value(&scan, JSCAN_DEPTH_MAX, &value) != 0 || buf_puts(out, comma) != 0 ||
		    append_scalar(out, "", value) != 0)
			return -1;
		comma = ", ";
		scan.p += strspn(scan.p, " \t\r\n,");
	}
	return buf_puts(out, comma[0] == '\0' ? "none" : "");
}

/* Shows each member of the reply on a line of its own, except those of the envelope. */
static int append_lines(struct buf *out, const char *json, size_t len)
{
	struct jscan scan;
	struct jspan key, value;
	char name[TEXT];
	int more;

	jscan_init(&scan, json, len);
	if (jscan_object(&scan) != 0)
		return -1;
	while ((more = jscan_member(&scan, &key)) == 1) {
		size_t mark = buf_len(out);

		if (jscan_value(&scan, JSCAN_DEPTH_MAX, &value) != 0 ||
		    jspan_decode_cut(key, name, sizeof(name)) < 0)
			return -1;
		if (strcmp(name, "id") == 0 || strcmp(name, "ok") == 0)
			continue;
		if (append_name(out, name) != 0)
			return -1;
		do {
			if (buf_puts(out, " ") != 0)
				return -1;
		} while (buf_len(out) - mark < 12);
		if ((value.type == JSON_OBJECT         ? append_object(out, value)
			    : value.type == JSON_ARRAY ? append_array(out, value)
						       : append_scalar(out, name, value)) != 0 ||
		    buf_puts(out, "\n") != 0)
			return -1;
	}
	return more;
}

static int status_run(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON, OPTION_PROGRAM_VERSION,
		{ "json", no_argument, NULL, 'j' }, OPTIONS_END };
	bool raw = false;
	struct buf out;
	char *json;
	size_t len;
	int option, status;

	while ((option = option_next(&command, cli, argc, argv, ":" OPTIONS_COMMON_SHORT, longs)) != -1) {
		if (option == OPTION_STOP)
			return cli->status;
		raw = true;
	}
	if (argc != optind)
		return say_usage(&command, "status takes no operand");
	status = option_open(&command, cli, false);
	if (status != 0)
		return status;
	if (ss_status(cli->client, cli->timeout_ms, &json, &len) != SS_OK)
		return say_failure(command.name, ss_last_error(cli->client));
	buf_init(&out, 1 << 20);
	if (raw)
		status = say_end(say_out(json, len) != 0 || say_out("\n", 1) != 0, 0);
	else if (append_lines(&out, json, len) != 0)
		status = say_code(command.name, SS_PROTOCOL);
	else
		status = say_end(say_out(buf_data(&out), buf_len(&out)), 0);
	buf_free(&out);
	ss_free(json);
	return status;
}

const struct command *status_command(void)
{
	return &command;
}
