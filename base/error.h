/*
 * error: a text that says what went wrong, carried out of functions that fail in ways a person must read
 * (configuration, files, sockets). It must never hold a secret: the function that sets it is responsible for that.
 */
#ifndef ERROR_H
#define ERROR_H

struct error {
	char text[512];
};

/* Sets the text (cut at the end if too long). Always returns -1, so that "return error_set(...)" reads well. */
int error_set(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes a text from outside as it may stand in an error: cut, with ? for all but printable ASCII. Returns out. */
#define ERROR_SHOWN 64
const char *error_show(const char *text, char out[ERROR_SHOWN]);

#endif
