/*
 * login_words: the state of the login in words, for one line that everybody may read. It tells no secret, no
 * token, and neither OpenBao's address nor a namespace.
 */
#ifndef LOGIN_WORDS_H
#define LOGIN_WORDS_H

#include <stddef.h>

struct login;

/* Writes such a line to out, cut to size: "logged in, renewal due at 19:08 UTC". */
void login_words(const struct login *login, char *out, size_t size);

#endif
