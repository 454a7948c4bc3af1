/*
 * config_fixture: writes a configuration file with a given text, and drop-ins beside it, in a directory of the
 * test's own, and loads them in an environment without the daemon's variables.
 */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include <stddef.h>

#include "daemon/config/config.h"

/* Settings that make a whole configuration, each one line long: a text after FIXTURE_GOOD begins at line 3. */
#define FIXTURE_OPENBAO "openbao: { address: http://127.0.0.1:8200 }\n"
#define FIXTURE_APPROLE "approle: { role_id: the-role, secret_id_file: /run/secret_id }\n"
#define FIXTURE_GOOD FIXTURE_OPENBAO FIXTURE_APPROLE

/* cmocka setup and teardown: they make the directory and clear the environment, and remove the directory. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* These give the paths of the file and of the folder for its drop-ins, which fixture_write_dropin makes. */
const char *fixture_file(void);
const char *fixture_dropins(void);

/* Gives the path of the drop-in called name, valid until the fourth call after this one. */
const char *fixture_dropin(const char *name);

/*
 * Each of these writes a text, of n bytes where n is given: to the file, to the file after FIXTURE_GOOD, or to the
 * drop-in called name. The times of the file and of the folder are set ten seconds back, since the loader waits
 * for files that were changed just now.
 */
void fixture_write(const void *text, size_t n);
void fixture_write_good(const char *text);
void fixture_write_dropin(const char *name, const char *text);

/* Sets the time at which a file or folder was changed to so many seconds ago, or ahead if it is negative. */
void fixture_age(const char *path, double seconds);

/*
 * These load the file: as it is, after writing the text to it, or after writing FIXTURE_GOOD and the text. They
 * fail the test on an error. The caller frees the result with config_free.
 */
struct config *fixture_load_file(void);
struct config *fixture_load(const char *text);
struct config *fixture_accepted(const char *text);

/*
 * These load the file likewise and give the error, valid until the next of these calls. They fail the test if
 * there is none. All but the first leave out the file's name with its colon, as in "3: listen.mode: must be".
 */
const char *fixture_refused_file(void);
const char *fixture_refused_whole(const char *text);
const char *fixture_refused_bytes(const void *bytes, size_t n);
const char *fixture_refused(const char *text);

/* Fails the test unless fixture_refused gives an error that begins with start and then contains what. */
void fixture_refuses(const char *text, const char *start, const char *what);

/* Tests n texts as fixture_refuses does, and prints all that are wrong before it fails. */
struct fixture_bad {
	const char *text, *start, *what;
};
void fixture_refuses_each(const struct fixture_bad *bad, size_t n);

/* Fails the test unless fixture_refused says "START is set a second time, after FILE:FIRST_LINE". */
void fixture_refuses_second(const char *text, const char *start, unsigned first_line);

/* Fails the test unless fixture_refused_file gives an error that begins with path, followed by what. */
void fixture_refuses_file(const char *path, const char *what);

/* Fails the test unless the file, as it is, has these rules in allow. A blank follows each name in names. */
void fixture_has_rules(const char *names);

/* Gives what config_warn says about config, a line for each warning, valid until the next call. Frees config. */
const char *fixture_warnings(struct config *config);

#endif
