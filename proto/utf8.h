/*
 * utf8: UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing over U+10FFFF.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Gives the length, 1 to 4 bytes, of the character at p, of which n bytes are there; 0 if it is not valid or not
 * whole.
 */
size_t utf8_sequence(const char *p, size_t n);

/* Checks that the n bytes at p are whole characters. */
bool utf8_valid(const char *p, size_t n);

/* Gives n less the bytes of a character that is cut off at the end of the n bytes at p. */
size_t utf8_trim(const char *p, size_t n);

/*
 * Gives the code point of the character at p if people do not see it, or take the text otherwise than a program
 * does: a control character other than a tab, a newline and a carriage return before one; an end of a line that is
 * no newline; a mark that reverses what follows. Else 0. The text up to end is valid.
 */
uint32_t utf8_unseen(const char *p, const char *end);

/* Writes a code point (at most U+10FFFF, no surrogate) to out, without a NUL, and gives its length. */
size_t utf8_encode(uint32_t point, char out[4]);

#endif
