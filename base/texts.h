/*
 * texts: a list of texts in memory that is wiped when it is freed. A zeroed list is empty.
 */
#ifndef TEXTS_H
#define TEXTS_H

#include <stdbool.h>
#include <stddef.h>

struct texts {
	char **item; /* allocated by secmem, as is each text */
	size_t count;
};

/* Adds a copy of text at the end. 0; or -1: no memory, and the list is unchanged. */
int texts_add(struct texts *texts, const char *text);

/* Do both have the same texts, in the same order? */
bool texts_equal(const struct texts *a, const struct texts *b);

/* Wipes and frees the texts, and makes the list empty. */
void texts_clear(struct texts *texts);

/* Adds text to the list of texts in to, of size bytes, such as "one, another". What does not fit is cut off. */
void texts_join(char *to, size_t size, const char *text);

/*
 * Replaces each control character of a text, U+0080 to U+009F included, by a ? for each of its bytes. Terminals
 * obey them, and with them a text could pass for another line.
 */
void texts_replace_controls(char *text);

/* Do the n bytes hold a control byte, which is one below 0x20, or 0x7f? */
bool texts_have_control(const char *text, size_t n);

#endif
