/*
 * error: formats the text that says what went wrong.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

int error_set(struct error *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vsnprintf(e->text, sizeof(e->text), format, args) < 0)
		e->text[0] = '\0';
	va_end(args);
	e->kind = ERROR_OTHER;
	return -1;
}

int error_set_kind(struct error *e, enum error_kind kind)
{
	e->kind = kind;
	return -1;
}

int error_set_kind_of(struct error *e, int number)
{
	static const int lasting[] = { EACCES, EPERM, EINVAL, EISDIR, ENOTDIR, ELOOP, ENAMETOOLONG, ENOTSUP };

	for (size_t i = 0; i < sizeof(lasting) / sizeof(*lasting); i++)
		if (number == lasting[i])
			return error_set_kind(e, ERROR_LASTING);
	return error_set_kind(e, ERROR_PASSING);
}

const char *error_show(const char *text, char out[ERROR_SHOWN])
{
	size_t i;

	for (i = 0; text[i] != '\0' && i < ERROR_SHOWN - 4; i++)
		out[i] = text[i] >= 0x20 && text[i] <= 0x7e ? text[i] : '?';
	strcpy(out + i, text[i] == '\0' ? "" : "...");
	return out;
}
