/*
 * error: a text that says what went wrong, carried out of functions that fail in ways a person must read
 * (configuration, files, sockets). It must never hold a secret: the function that sets it is responsible for that.
 */
#ifndef ERROR_H
#define ERROR_H

/* Says whether it helps to try again later. A daemon that cannot start says so by its exit status. */
enum error_kind {
	ERROR_OTHER,   /* nobody has judged */
	ERROR_PASSING, /* it may come right by itself, such as a file or a user that is not there yet */
	ERROR_LASTING  /* it stays until somebody mends it */
};

struct error {
	char text[512];
	enum error_kind kind;
};

/*
 * Sets the text (cut at the end if too long), of the kind ERROR_OTHER. Always returns -1, so that "return
 * error_set(...)" reads well, as the functions below do.
 */
int error_set(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets the kind of an error whose text is set. */
int error_set_kind(struct error *e, enum error_kind kind);

/* Sets the kind of an error whose text is set, by the errno that it comes from: EACCES lasts, ENOENT may pass. */
int error_set_kind_of(struct error *e, int number);

/* Writes a text from outside as it may stand in an error: cut, with ? for all but printable ASCII. Returns out. */
#define ERROR_SHOWN 64
const char *error_show(const char *text, char out[ERROR_SHOWN]);

#endif
