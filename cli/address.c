/*
 * address: splits an operand into a mount and a path.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int address_parse(struct address *ret, const struct command *command, const char *mount, const char *operand)
{
	const char *slash = strchr(operand, '/');

	/*
	 * The message does not repeat the operand: it may be a KEY=VALUE with a secret in it, whose path was
	 * forgotten.
	 */
	if (mount == NULL &&
	    (slash == NULL || slash == operand || slash[1] == '\0' ||
		memchr(operand, '=', (size_t)(slash - operand)) != NULL))
		return say_usage(command,
		    "the first operand is not of the form MOUNT/PATH (-m MOUNT takes any mount)");
	if (mount == NULL) {
		snprintf(ret->mount, sizeof(ret->mount), "%.*s",
		    (int)(slash - operand < 263 ? slash - operand : 263), operand);
		ret->path = slash + 1;
	} else {
		snprintf(ret->mount, sizeof(ret->mount), "%s", mount);
		ret->path = operand;
	}
	snprintf(ret->what, sizeof(ret->what), "%s %s/%.1100s", command->name, ret->mount, ret->path);
	return 0;
}
