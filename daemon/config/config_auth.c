/*
 * config_auth: where the ways to log in have their credentials from.
 */
#include "daemon/config/config_auth.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secmem.h"
#include "daemon/config/config_value.h"

#define ROLE_ID_VARIABLE "OPENBAO_APPROLE_ROLE_ID"
#define SECRET_ID_VARIABLE "OPENBAO_APPROLE_SECRET_ID"
#define CREDENTIALS_VARIABLE "CREDENTIALS_DIRECTORY"
#define CREDENTIAL "secret_id"

/* One text for several, so that there is one copy of it in memory. */
struct shared {
	unsigned holds;
	char text[];
};

static struct shared *shared_of(char *text)
{
	return (struct shared *)(void *)(text - offsetof(struct shared, text));
}

static char *share(const char *text, size_t n)
{
	struct shared *shared = secmem_malloc(sizeof(*shared) + n + 1);

	if (shared == NULL)
		return NULL;
	shared->holds = 1;
	memcpy(shared->text, text, n);
	shared->text[n] = '\0';
	return shared->text;
}

void config_auth_drop(char *text)
{
	if (text != NULL && --shared_of(text)->holds == 0)
		secmem_free(shared_of(text));
}

/* Takes the variable out of the environment. As in a file, white space at its end is not part of it. */
static int take_variable(const char *name, char **ret, struct error *error)
{
	const char *value = getenv(name);
	size_t n = value == NULL ? 0 : strlen(value), name_len = strlen(name);
	int failed = 0;

	while (n > 0 && strchr(" \t\r\n", value[n - 1]) != NULL)
		n--;
	if (n > 0 && (*ret = share(value, n)) == NULL)
		failed = error_set(error, "%s: out of memory", name);
	else if (n > 0 && config_value_has_control(*ret))
		failed = error_set(error, "%s: holds a control byte", name);
	/* Every value it has in environ (it may be there twice) is zeroed: /proc/PID/environ shows those bytes. */
	for (char **p = environ; p != NULL && *p != NULL; p++)
		if (strncmp(*p, name, name_len) == 0 && (*p)[name_len] == '=')
			secmem_wipe(*p + name_len + 1, strlen(*p + name_len + 1));
	unsetenv(name);
	return failed;
}

int config_auth_take(struct config_credentials *ret, struct error *error)
{
	int role_id = take_variable(ROLE_ID_VARIABLE, &ret->role_id, error);
	int secret_id = take_variable(SECRET_ID_VARIABLE, &ret->secret_id, error);

	return role_id != 0 || secret_id != 0 ? -1 : 0;
}

int config_auth_copy(struct config_credentials *ret, const struct config *from, struct error *error)
{
	if (from->approle.role_id_from_environment &&
	    (ret->role_id = share(from->approle.role_id, strlen(from->approle.role_id))) == NULL)
		return error_set(error, "out of memory");
	ret->secret_id = from->approle.secret_id;
	if (ret->secret_id != NULL)
		shared_of(ret->secret_id)->holds++;
	return 0;
}

void config_auth_free(struct config_credentials *credentials)
{
	config_auth_drop(credentials->role_id);
	config_auth_drop(credentials->secret_id);
}

/* Looks for systemd's credential. 1 with its path in *ret, 0: there is none, -1: no memory. */
static int find_credential(char **ret)
{
	const char *directory = getenv(CREDENTIALS_VARIABLE);
	size_t n;
	char *path;

	if (directory == NULL || *directory == '\0')
		return 0;
	n = strlen(directory) + strlen("/" CREDENTIAL) + 1;
	path = secmem_malloc(n);
	if (path == NULL)
		return -1;
	snprintf(path, n, "%s/" CREDENTIAL, directory);
	/* One that is there but cannot be read is meant to be used: the login says what is wrong with it. */
	if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
		secmem_free(path);
		return 0;
	}
	*ret = path;
	return 1;
}

static int fill_approle(struct config *config, struct config_credentials *env, const char *path,
    struct error *error)
{
	int found;

	if (config->approle.role_id == NULL && config->approle.role_id_file == NULL) {
		if (env->role_id == NULL)
			return error_set(error,
			    "%.200s: approle: a RoleID is needed: role_id or role_id_file here, or " ROLE_ID_VARIABLE
			    " in the environment (REQ-004, PX-0003)",
			    path);
		config->approle.role_id = secmem_strdup(env->role_id);
		config->approle.role_id_from_environment = true;
		if (config->approle.role_id == NULL)
			return error_set(error, "%.200s: out of memory", path);
	}
	if (config->approle.secret_id_file != NULL)
		return 0;
	found = find_credential(&config->approle.secret_id_file);
	if (found < 0)
		return error_set(error, "%.200s: out of memory", path);
	if (found > 0)
		return 0;
	if (env->secret_id == NULL)
		return error_set(error,
		    "%.200s: approle: a SecretID is needed: secret_id_file here, systemd's credential " CREDENTIAL
		    " in $" CREDENTIALS_VARIABLE ", or " SECRET_ID_VARIABLE
		    " in the environment (REQ-004, PX-0003)",
		    path);
	config->approle.secret_id = env->secret_id;
	env->secret_id = NULL;
	return 0;
}

static int fill_kubernetes(struct config *config, struct config_credentials *env, const char *path,
    struct error *error)
{
	(void)env;
	if (config->kubernetes.role == NULL)
		return error_set(error,
		    "%.200s: kubernetes.role: is needed, the role to log in with "
		    "(REQ-004, PX-0003)",
		    path);
	if (config->kubernetes.token_file == NULL)
		return error_set(error, "%.200s: kubernetes.token_file: is needed (REQ-004, PX-0003)", path);
	return 0;
}

#ifdef SECRETSTORE_DEV_TOKEN
static int fill_devtoken(struct config *config, struct config_credentials *env, const char *path,
    struct error *error)
{
	(void)env;
	if (config->devtoken.token_file == NULL)
		return error_set(error, "%.200s: dev_token.token_file: is needed (REQ-004, PX-0003)", path);
	return 0;
}
#endif

#define MODE_FILL(NAME, name, text) [AUTH_MODE_##NAME] = fill_##name,
#define MODE_NAME(NAME, name, text) [AUTH_MODE_##NAME] = text,
#define MODE_LISTED(NAME, name, text) ", " text

int config_auth_fill(struct config *config, struct config_credentials *env, const char *path, struct error *error)
{
	static int (*const fill[])(struct config *, struct config_credentials *, const char *,
	    struct error *) = { AUTH_MODES(MODE_FILL) };

	return fill[config->openbao.auth](config, env, path, error);
}

int config_auth_mode(const char *text, enum auth_mode *ret)
{
	static const char *const names[] = { AUTH_MODES(MODE_NAME) };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum auth_mode)i;
			return 0;
		}
	}
	return -1;
}

const char *config_auth_modes(void)
{
	return &AUTH_MODES(MODE_LISTED)[strlen(", ")];
}
