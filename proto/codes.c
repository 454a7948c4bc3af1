/*
 * codes: the facts of every error code, from the one table in codes.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/codes.h"
#include "proto/utf8.h"

static const struct fact {
	enum code code;
	const char *name;
	bool retryable;
	const char *meaning;
} facts[] = {
#define X(enumerator, name, number, retryable, meaning) { CODE_##enumerator, name, retryable, meaning },
	CODE_TABLE(X)
#undef X
};

#define FACTS (sizeof(facts) / sizeof(facts[0]))

/* INTERNAL is the table's last row, which the loop ends at for every number that has no row. */
static const struct fact *fact_of(enum code code)
{
	size_t i;

	for (i = 0; i < FACTS - 1; i++)
		if (facts[i].code == code)
			break;
	return &facts[i];
}

const char *code_name(enum code code)
{
	return fact_of(code)->name;
}

const char *code_meaning(enum code code)
{
	return fact_of(code)->meaning;
}

bool code_retryable(enum code code)
{
	return fact_of(code)->retryable;
}

enum code code_by_name(const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < FACTS; i++)
		if (strlen(facts[i].name) == n && memcmp(facts[i].name, name, n) == 0)
			return facts[i].code;
	return CODE_NONE;
}

void failure_set(struct failure *f, enum code code, const char *format, ...)
{
	char message[sizeof(f->message)];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (n < 0)
		n = 0;
	if ((size_t)n >= sizeof(message))
		n = (int)utf8_trim(message, sizeof(message) - 1);
	message[n] = '\0';
	memset(f, 0, sizeof(*f));
	f->code = code;
	memcpy(f->message, message, (size_t)n + 1);
}
