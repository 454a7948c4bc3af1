/*
 * config_fixture: writes a configuration file with a given text, and drop-ins beside it, in a directory of the
 * test's own, and loads them in an environment without the daemon's variables.
 */
#include "tests/unit/config_fixture.h"

#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define AGE 10 /* seconds */

static char directory[64], file[96], dropins[112];

int fixture_setup(void **state)
{
	static const char *const variables[] = { "BAO_ADDR", "OPENBAO_APPROLE_ROLE_ID",
		"OPENBAO_APPROLE_SECRET_ID", "CREDENTIALS_DIRECTORY" };

	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		unsetenv(variables[i]);
	umask(022);
	strcpy(directory, "/tmp/test_config.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/secretstored.yaml", directory);
	snprintf(dropins, sizeof(dropins), "%s.d", file);
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

int fixture_teardown(void **state)
{
	(void)state;
	return nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fixture_file(void)
{
	return file;
}

const char *fixture_dropins(void)
{
	return dropins;
}

const char *fixture_dropin(const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", dropins, name);
	return path;
}

void fixture_age(const char *path, double seconds)
{
	struct timespec now, times[2];
	int64_t ns;

	clock_gettime(CLOCK_REALTIME, &now);
	ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - (int64_t)(seconds * 1e9);
	times[0].tv_sec = times[1].tv_sec = (time_t)(ns / 1000000000);
	times[0].tv_nsec = times[1].tv_nsec = (long)(ns % 1000000000);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void write_file(const char *path, const void *text, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	fixture_age(path, AGE);
}

void fixture_write(const void *text, size_t n)
{
	write_file(file, text, n);
}

void fixture_write_dropin(const char *name, const char *text)
{
	assert_true(mkdir(dropins, 0755) == 0 || errno == EEXIST);
	write_file(fixture_dropin(name), text, strlen(text));
	fixture_age(dropins, AGE);
}

struct config *fixture_load_file(void)
{
	struct error error = { .text = "" };
	struct config *config = config_load(file, CONFIG_START, &error);

	if (config == NULL)
		fail_msg("%s", error.text);
	return config;
}

struct config *fixture_load(const char *text)
{
	fixture_write(text, strlen(text));
	return fixture_load_file();
}

static char *with_good(const char *text)
{
	char *whole;

	assert_true(asprintf(&whole, "%s%s", FIXTURE_GOOD, text) > 0);
	return whole;
}

void fixture_write_good(const char *text)
{
	char *whole = with_good(text);

	fixture_write(whole, strlen(whole));
	free(whole);
}

struct config *fixture_accepted(const char *text)
{
	fixture_write_good(text);
	return fixture_load_file();
}

/* Gives the error of loading the file. text is what the file holds; a failure shows it. */
static const char *load_refused(const char *text)
{
	static struct error error;

	error.text[0] = '\0';
	if (config_load(file, CONFIG_START, &error) != NULL)
		fail_msg("was taken: %.300s", text);
	if (error.text[0] == '\0' || strchr(error.text, '\n') != NULL)
		fail_msg("gave an error of no or several lines: %s\nfor: %.300s", error.text, text);
	return error.text;
}

const char *fixture_refused_file(void)
{
	return load_refused("the file");
}

void fixture_refuses_file(const char *path, const char *what)
{
	const char *error = fixture_refused_file();
	size_t n = strlen(path);

	if (strncmp(error, path, n) != 0 || strncmp(error + n, what, strlen(what)) != 0)
		fail_msg("gave: %s\nnot: %s%s", error, path, what);
}

void fixture_has_rules(const char *names)
{
	struct config *config = fixture_load_file();
	char got[400] = "";

	for (size_t i = 0; i < config->rules.nrules; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", config->rules.rule[i].name);
	assert_string_equal(got, names);
	config_free(config);
}

static const char *without_file(const char *error)
{
	size_t n = strlen(file);

	if (strncmp(error, file, n) != 0 || error[n] != ':')
		fail_msg("names no file: %s", error);
	return error + n + 1;
}

const char *fixture_refused_bytes(const void *bytes, size_t n)
{
	fixture_write(bytes, n);
	return without_file(load_refused("these bytes"));
}

const char *fixture_refused_whole(const char *text)
{
	fixture_write(text, strlen(text));
	return without_file(load_refused(text));
}

const char *fixture_refused(const char *text)
{
	char *whole = with_good(text);
	const char *error = fixture_refused_whole(whole);

	free(whole);
	return error;
}

void fixture_refuses(const char *text, const char *start, const char *what)
{
	const char *error = fixture_refused(text);

	if (strncmp(error, start, strlen(start)) != 0 || strstr(error + strlen(start), what) == NULL)
		fail_msg("gave: %s\nnot: %s...%s\nfor: %.300s", error, start, what, text);
}

void fixture_refuses_each(const struct fixture_bad *bad, size_t n)
{
	size_t wrong = 0;

	for (size_t i = 0; i < n; i++) {
		const char *error = fixture_refused(bad[i].text);
		size_t start = strlen(bad[i].start);

		if (strncmp(error, bad[i].start, start) == 0 && strstr(error + start, bad[i].what) != NULL)
			continue;
		print_error("%s\ngave: %s\nnot: %s...%s\n", bad[i].text, error, bad[i].start, bad[i].what);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

void fixture_refuses_second(const char *text, const char *start, unsigned first_line)
{
	const char *error = fixture_refused(text);
	char wanted[300];

	snprintf(wanted, sizeof(wanted), "%sis set a second time, after %s:%u", start, file, first_line);
	if (strcmp(error, wanted) != 0)
		fail_msg("gave: %s\nnot: %s\nfor: %.300s", error, wanted, text);
}

static char warnings[4000];

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
	size_t used = strlen(warnings);
	va_list args;

	va_start(args, format);
	vsnprintf(warnings + used, sizeof(warnings) - used, format, args);
	va_end(args);
	strncat(warnings, "\n", sizeof(warnings) - strlen(warnings) - 1);
}

const char *fixture_warnings(struct config *config)
{
	warnings[0] = '\0';
	config_warn(config, note);
	config_free(config);
	return warnings;
}
