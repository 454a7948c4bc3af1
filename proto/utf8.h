/*
 * utf8: what counts as UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing over U+10FFFF.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length, 1 to 4, of the character that starts at p and has at most n bytes; 0 if there is none. */
size_t utf8_sequence(const char *p, size_t n);

bool utf8_valid(const char *p, size_t n);

/* n, less the bytes of a character that was cut off at the end of the n bytes at p. */
size_t utf8_trim(const char *p, size_t n);

/* Writes a code point (at most U+10FFFF, no surrogate); gives its length. */
size_t utf8_encode(uint32_t point, char out[4]);

#endif
