/*
 * For tests of the configuration: a file with a given text, loaded in a given environment.
 */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include <stddef.h>

#include "daemon/config/config.h"

/* Settings that make a whole config, each on the first line of a file. */
#define FIXTURE_OPENBAO "openbao: { address = \"http://127.0.0.1:8200\"; };"
#define FIXTURE_APPROLE "approle: { role_id = \"the-role\"; secret_id_file = \"/run/secret_id\"; };"
#define FIXTURE_GOOD FIXTURE_OPENBAO " " FIXTURE_APPROLE "\n"

/* cmocka setup and teardown: an environment without the daemon's variables, a file in a directory of its own. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The file's name; fixture_write also gives it its n bytes. */
const char *fixture_file(void);
void fixture_write(const void *text, size_t n);

/* Writes and loads. fixture_load fails the test on an error; fixture_refused fails it if there is none. */
struct config *fixture_load(const char *text);

/* The error without "FILE:" in front, valid until the next call, of FIXTURE_GOOD with the text after it. */
const char *fixture_refused(const char *text);

/* The same of the text alone. */
const char *fixture_refused_whole(const char *text);

/* Fails unless fixture_refused gives an error that begins with start ("2: listen.mode: ") and contains what. */
void fixture_refuses(const char *text, const char *start, const char *what);

/* Loads FIXTURE_GOOD and the text. */
struct config *fixture_accepted(const char *text);

#endif
