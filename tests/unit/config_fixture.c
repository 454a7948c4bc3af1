/*
 * For tests of the configuration: a file with a given text, loaded in a given environment.
 */
#include "tests/unit/config_fixture.h"

#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64], file[96];

int fixture_setup(void **state)
{
	static const char *const variables[] = { "BAO_ADDR", "OPENBAO_APPROLE_ROLE_ID",
		"OPENBAO_APPROLE_SECRET_ID", "CREDENTIALS_DIRECTORY" };

	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		unsetenv(variables[i]);
	strcpy(directory, "/tmp/test_config.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/secretstored.conf", directory);
	return 0;
}

int fixture_teardown(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(directory);
}

const char *fixture_file(void)
{
	return file;
}

void fixture_write(const void *text, size_t n)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

struct config *fixture_load(const char *text)
{
	struct error error = { .text = "" };
	struct config *config;

	fixture_write(text, strlen(text));
	config = config_load(file, &error);
	if (config == NULL)
		fail_msg("%s", error.text);
	return config;
}

static char *with_good(const char *text)
{
	char *whole;

	assert_true(asprintf(&whole, "%s%s", FIXTURE_GOOD, text) > 0);
	return whole;
}

struct config *fixture_accepted(const char *text)
{
	char *whole = with_good(text);
	struct config *config = fixture_load(whole);

	free(whole);
	return config;
}

const char *fixture_refused_whole(const char *text)
{
	static struct error error;
	struct config *config;
	size_t n = strlen(file);

	error.text[0] = '\0';
	fixture_write(text, strlen(text));
	config = config_load(file, &error);
	if (config != NULL)
		fail_msg("was taken: %s", text);
	if (strncmp(error.text, file, n) != 0 || error.text[n] != ':')
		fail_msg("names no file: %s", error.text);
	return error.text + n + 1;
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
		fail_msg("%s\ngave: %s\nnot: %s...%s", text, error, start, what);
}
