/*
 * code: names and facts of enum ss_code, those of the wire and those known only on this side of it.
 */
#include "client-lib/code.h"

#include "client-lib/secretstore.h"
#include "proto/codes.h"

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

static const struct fact facts[] = {
	{ SS_OK, "ok", "it succeeded", false },
#define X(enumerator, name, number, retryable, meaning) { (number), (name), (meaning), (retryable) },
	CODE_TABLE(X)
	CODE_LOCAL_TABLE(X)
#undef X
};

static const struct fact *find(int code)
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
	return find(code)->name;
}

const char *ss_code_meaning(int code)
{
	return find(code)->meaning;
}

bool ss_code_retryable(int code)
{
	return find(code)->retryable;
}

const char *ss_version(void)
{
	return SECRETSTORE_VERSION;
}
