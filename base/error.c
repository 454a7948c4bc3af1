/*
 * error: formats the text that says what went wrong.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

int error_set(struct error *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vsnprintf(e->text, sizeof(e->text), format, args) < 0)
		e->text[0] = '\0';
	va_end(args);
	return -1;
}
