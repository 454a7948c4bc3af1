/*
 * payload: a secret's JSON object, made of a command's operands or read from standard input.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include "base/buf.h"
#include "cli/cli.h"

/*
 * From operands KEY=VALUE, KEY=@FILE, KEY=@- (standard input) and KEY=@@REST (for a value that begins with @). The
 * values are blanked in the operands, where ps would show them. 0 with the object in ret (which the caller has
 * initialised), or an exit status.
 */
int payload_from_operands(struct buf *ret, const struct command *command, int count, char **operand);

/* All of standard input, which must be one JSON object. 0, or an exit status. */
int payload_from_stdin(struct buf *ret, const struct command *command);

#endif
