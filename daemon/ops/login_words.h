/*
 * login_words: the login in words, for one line that everybody may read. Nothing in it tells a secret, a token,
 * OpenBao's address or a namespace.
 */
#ifndef LOGIN_WORDS_H
#define LOGIN_WORDS_H

#include <stddef.h>

struct login;

/* "logged in, renewal due at 19:08 UTC" */
void login_words(const struct login *login, char *out, size_t size);

#endif
