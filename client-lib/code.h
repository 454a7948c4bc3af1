/*
 * code: the codes of enum ss_code that never travel, in the shape of proto/codes.h's CODE_TABLE.
 */
#ifndef CODE_H
#define CODE_H

/* X(enumerator, name, number, may the same request succeed if sent again, meaning) */
#define CODE_LOCAL_TABLE(X) \
	X(NO_DAEMON, "no_daemon", 30, true, "the daemon cannot be reached") \
	X(PROTOCOL, "protocol_error", 31, false, "what the daemon said cannot be understood") \
	X(NO_MEMORY, "no_memory", 32, true, "out of memory") \
	X(CLOSED, "closed", 33, false, "the connection was closed by this program before the answer came") \
	X(NO_FIELD, "no_field", 34, false, "the secret has no such field") \
	X(NOT_A_STRING, "not_a_string", 35, false, "the field is no string") \
	X(ABORTED, "aborted", 36, false, "this program ended the transfer") \
	X(IO, "io", 37, false, "a file could not be read or written")

#endif
