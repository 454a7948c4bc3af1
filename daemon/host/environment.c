/*
 * environment: copies a variable to wiped memory, and zeroes it where the kernel shows it.
 */
#include "daemon/host/environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secmem.h"
#include "base/texts.h"

/* Zeroes every value that the variable has in environ, where it may be twice. */
static void environment_wipe(const char *name)
{
	size_t n = strlen(name);

	for (char **p = environ; p != NULL && *p != NULL; p++)
		if (strncmp(*p, name, n) == 0 && (*p)[n] == '=')
			secmem_wipe(*p + n + 1, strlen(*p + n + 1));
	unsetenv(name);
}

int environment_take(const char *name, struct environment_secret **ret, struct error *error)
{
	const char *value = getenv(name);
	size_t n = value == NULL ? 0 : strlen(value);
	struct environment_secret *secret = NULL;
	int failed = 0;

	*ret = NULL;
	while (n > 0 && strchr(" \t\r\n", value[n - 1]) != NULL)
		n--;
	if (n > 0 && texts_have_control(value, n))
		failed = error_set(error, "%s: holds a control byte", name);
	if (n > 0 && !failed && (secret = secmem_calloc(1, sizeof(*secret) + n + 1)) == NULL)
		failed = error_set(error, "%s: out of memory", name);
	if (secret != NULL) {
		secret->holds = 1;
		memcpy(secret->text, value, n);
	}
	environment_wipe(name);
	*ret = secret;
	return failed;
}

int environment_credential(const char *name, char **ret)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	size_t n;

	*ret = NULL;
	if (folder == NULL || *folder == '\0')
		return 0;
	n = strlen(folder) + 1 + strlen(name) + 1;
	*ret = secmem_malloc(n);
	if (*ret == NULL)
		return -1;
	snprintf(*ret, n, "%s/%s", folder, name);
	/* One that is there but cannot be read is meant to be used: the login says what is wrong with it. */
	if (access(*ret, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
		secmem_free(*ret);
		*ret = NULL;
	}
	return 0;
}

struct environment_secret *environment_hold(struct environment_secret *secret)
{
	if (secret != NULL)
		secret->holds++;
	return secret;
}

void environment_drop(struct environment_secret *secret)
{
	if (secret != NULL && --secret->holds == 0)
		secmem_free(secret);
}
