/*
 * For tests of the configuration: a file with a given text, perhaps with drop-ins beside it, loaded in a given
 * environment.
 */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/config/config.h"

/* Settings that make a whole configuration, each one line long: a text after FIXTURE_GOOD begins at line 3. */
#define FIXTURE_OPENBAO "openbao: { address: http://127.0.0.1:8200 }\n"
#define FIXTURE_APPROLE "approle: { role_id: the-role, secret_id_file: /run/secret_id }\n"
#define FIXTURE_GOOD FIXTURE_OPENBAO FIXTURE_APPROLE

/* cmocka setup and teardown: an environment without the daemon's variables, a file in a directory of its own. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The file's name. The folder of its drop-ins is that with .d after it, and is made by the first drop-in. */
const char *fixture_file(void);
const char *fixture_dropins(void);

/*
 * Gives the file, or the drop-in called name, its text. What is written counts as ten seconds old, the folder of
 * the drop-ins too: a file that was changed just now is waited for. fixture_write_good writes FIXTURE_GOOD
 * and the text.
 */
void fixture_write(const void *text, size_t n);
void fixture_write_good(const char *text);
void fixture_write_dropin(const char *name, const char *text);

/* The path of the drop-in called name, valid until the next call but three. */
const char *fixture_dropin(const char *name);

/* Makes the file, or the directory, one that was changed so many seconds ago, or will be if it is negative. */
void fixture_age(const char *path, double seconds);

/* Loads the file as it is, and fails the test on an error. */
struct config *fixture_load_file(void);

/* Writes and loads. fixture_load fails the test on an error; fixture_refused fails it if there is none. */
struct config *fixture_load(const char *text);

/* The error without "FILE:" in front, valid until the next call, of FIXTURE_GOOD with the text after it. */
const char *fixture_refused(const char *text);

/* The same of the text alone. */
const char *fixture_refused_whole(const char *text);

/* The same of n bytes, among them perhaps NUL. */
const char *fixture_refused_bytes(const void *bytes, size_t n);

/* The whole error of loading the file as it is. Fails the test if there is none. */
const char *fixture_refused_file(void);

/* Fails unless fixture_refused_file gives an error that begins with path and then what. */
void fixture_refuses_file(const char *path, const char *what);

/* Fails unless the file as it is has rules in allow of these names, in this order, each with a blank after it. */
void fixture_has_rules(const char *names);

/* Fails unless fixture_refused gives an error that begins with start ("3: listen.mode: ") and contains what. */
void fixture_refuses(const char *text, const char *start, const char *what);

/* Fails unless the error for the text is that something is set a second time at start, and first at first_line. */
void fixture_refuses_second(const char *text, const char *start, unsigned first_line);

/* Loads FIXTURE_GOOD and the text. */
struct config *fixture_accepted(const char *text);

/* The warnings of a configuration, which is freed, a line each; valid until the next call. */
const char *fixture_warnings(struct config *config);

#endif
