/*
 * payload: makes a secret's JSON object. All of it stays in memory that is wiped.
 */
#include "cli/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/secmem.h"
#include "proto/frame.h"
#include "proto/jscan.h"
#include "proto/jwrite.h"
#include "proto/utf8.h"

#define READ_SIZE 65536u

struct source {
	int fd;
	const char *name; /* for messages */
};

/* Everything up to the end; the buffer's limit is the most there may be. */
static int read_all(struct buf *out, const struct source *source)
{
	for (;;) {
		ssize_t n;

		if (buf_reserve(out, READ_SIZE) != 0)
			return say_trouble("%s: too large, or out of memory", source->name);
		n = read(source->fd, buf_tail(out), READ_SIZE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return say_trouble("%s: %m", source->name);
		if (n == 0)
			return 0;
		buf_commit(out, (size_t)n);
	}
}

/* Who sees nothing happen should know what is awaited. */
static void explain_terminal(const char *what, const char *end)
{
	if (isatty(STDIN_FILENO))
		fprintf(stderr, "secretstorectl: type %s; end with %s\n", what, end);
}

static int read_file(struct buf *out, const char *path)
{
	struct source source = { .fd = STDIN_FILENO, .name = "standard input" };
	int status;

	if (strcmp(path, "-") == 0) {
		explain_terminal("the field's value", "Ctrl-D twice (a newline would be part of it)");
		return read_all(out, &source);
	}
	source.name = path;
	source.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (source.fd < 0)
		return say_trouble("%s: %m", path);
	status = read_all(out, &source);
	close(source.fd);
	return status;
}

/* The value is JSON-escaped: what is no text cannot be a JSON string. */
static int put_value(struct buf *object, const char *key, const char *value, size_t len)
{
	if (!utf8_valid(value, len))
		return say_trouble("the value of %s is not valid UTF-8; encode it, for example with base64", key);
	if (jwrite_escaped(object, value, len) != 0)
		return say_code(key, len < FRAME_BODY_MAX ? SS_NO_MEMORY : SS_TOO_LARGE);
	return 0;
}

static int put_file(struct buf *object, const char *key, const char *path)
{
	struct buf content;
	int status;

	buf_init(&content, FRAME_BODY_MAX + READ_SIZE);
	status = read_file(&content, path);
	if (status == 0)
		status = put_value(object, key, buf_len(&content) > 0 ? (const char *)buf_data(&content) : "", buf_len(&content));
	buf_free(&content);
	return status;
}

static int put_member(struct buf *object, const char *key, const char *value)
{
	if (buf_puts(object, buf_len(object) > 1 ? "," : "") != 0 || jwrite_escaped(object, key, strlen(key)) != 0 ||
	    buf_puts(object, ":") != 0)
		return say_code(key, SS_NO_MEMORY);
	if (value[0] != '@')
		return put_value(object, key, value, strlen(value));
	if (value[1] == '@')
		return put_value(object, key, value + 1, strlen(value + 1));
	return put_file(object, key, value + 1);
}

/* Splits each operand in place, so that a key is a string of its own from here on. */
static int split(const struct command *command, int count, char **operand)
{
	int from_stdin = 0;

	for (int i = 0; i < count; i++) {
		char *equals = strchr(operand[i], '=');

		if (equals == NULL || equals == operand[i])
			return say_usage(command, "operand %d after the path is not of the form KEY=VALUE", i + 1);
		*equals = '\0';
		if (!utf8_valid(operand[i], strlen(operand[i])))
			return say_usage(command, "the key of operand %d after the path is not valid UTF-8", i + 1);
		for (int before = 0; before < i; before++) {
			if (strcmp(operand[before], operand[i]) == 0)
				return say_usage(command, "%s is given twice", operand[i]);
		}
		from_stdin += strcmp(equals + 1, "@-") == 0;
	}
	return from_stdin > 1 ? say_usage(command, "standard input can be the value of one key only") : 0;
}

int payload_from_operands(struct buf *ret, const struct command *command, int count, char **operand)
{
	int status = split(command, count, operand);

	if (status == 0 && buf_puts(ret, "{") != 0)
		status = say_code(command->name, SS_NO_MEMORY);
	for (int i = 0; i < count && status == 0; i++) {
		char *value = operand[i] + strlen(operand[i]) + 1;

		status = put_member(ret, operand[i], value);
		secmem_wipe(value, strlen(value));
	}
	if (status == 0 && buf_puts(ret, "}") != 0)
		status = say_code(command->name, SS_NO_MEMORY);
	return status;
}

int payload_from_stdin(struct buf *ret, const struct command *command)
{
	const struct source source = { .fd = STDIN_FILENO, .name = "standard input" };
	struct jscan scan;
	struct jspan object;
	int status;

	explain_terminal("the secret, a JSON object", "a newline and Ctrl-D");
	status = read_all(ret, &source);
	if (status != 0)
		return status;
	jscan_init(&scan, (const char *)buf_data(ret), buf_len(ret));
	if (jscan_peek(&scan) != JSON_OBJECT)
		return say_usage(command, "standard input is not a JSON object");
	if (jscan_value(&scan, JSCAN_DEPTH_MAX, &object) != 0 || jscan_end(&scan) != 0)
		return say_usage(command, "standard input is not a JSON object: %s", scan.error);
	return 0;
}
