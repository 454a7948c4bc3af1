/*
 * code: the names, meanings and flags of enum ss_code, both of the daemon's codes and of the library's own.
 */
#include "client-lib/secretstore.h"
#include "proto/codes.h"

/* The library's own codes, which never travel, in the form of CODE_TABLE in proto/codes.h. */
#define CODE_LOCAL_TABLE(X) \
	X(NO_DAEMON, "no_daemon", 30, true, "the daemon cannot be reached") \
	X(PROTOCOL, "protocol_error", 31, false, "what the daemon said cannot be understood") \
	X(NO_MEMORY, "no_memory", 32, true, "out of memory") \
	X(CLOSED, "closed", 33, false, "the connection was closed by this program before the answer came") \
	X(NO_FIELD, "no_field", 34, false, "the secret has no such field") \
	X(NOT_A_STRING, "not_a_string", 35, false, "the field is no string") \
	X(ABORTED, "aborted", 36, false, "this program ended the transfer") \
	X(IO, "io", 37, false, "a file could not be read or written") \
	X(NO_ACCESS, "no_access", 38, false, "the daemon's socket is not for this user and these groups")

#define X(enumerator, name, number, retryable, meaning) \
	_Static_assert((int)SS_##enumerator == (number), "enum ss_code and the table of codes differ: " name);
CODE_TABLE(X)
CODE_LOCAL_TABLE(X)
#undef X

struct fact {
	int code;
	const char *name;
	const char *meaning;
	bool retryable;
};

static const struct fact facts[] = { { SS_OK, "ok", "it succeeded", false },
#define X(enumerator, name, number, retryable, meaning) { (number), (name), (meaning), (retryable) },
	CODE_TABLE(X) CODE_LOCAL_TABLE(X)
#undef X
};

static const struct fact *find_fact(int code)
{
	static const struct fact unknown = { .name = "unknown" };
	size_t i;

	for (i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		if (facts[i].code == code)
			return &facts[i];
	}
	return &unknown;
}

const char *ss_code_name(int code)
{
	return find_fact(code)->name;
}

const char *ss_code_meaning(int code)
{
	return find_fact(code)->meaning;
}

bool ss_code_retryable(int code)
{
	return find_fact(code)->retryable;
}

const char *ss_version(void)
{
	return SECRETSTORE_VERSION;
}
