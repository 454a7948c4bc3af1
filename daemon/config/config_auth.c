/*
 * config_auth: where the login methods have their credentials from.
 */
#include "daemon/config/config_auth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secmem.h"

#define ROLE_ID_VARIABLE "OPENBAO_APPROLE_ROLE_ID"
#define SECRET_ID_VARIABLE "OPENBAO_APPROLE_SECRET_ID"
#define CREDENTIALS_VARIABLE "CREDENTIALS_DIRECTORY"
#define CREDENTIAL "secret_id"
#define NEEDED "in the environment (REQ-004, PX-0003)"
#define NO_SECRET_ID \
	"approle: a SecretID is needed: secret_id_file here, systemd's credential " CREDENTIAL \
	" in $" CREDENTIALS_VARIABLE ", or " SECRET_ID_VARIABLE " " NEEDED

int config_auth_take(struct config_environment *ret, struct error *error)
{
	ret->check_only = false;
	int role_id = environment_take(ROLE_ID_VARIABLE, &ret->role_id, error);
	int secret_id = environment_take(SECRET_ID_VARIABLE, &ret->secret_id, error);

	return role_id != 0 || secret_id != 0 ? -1 : 0;
}

void config_auth_drop(struct config_environment *environment)
{
	environment_drop(environment->role_id);
	environment_drop(environment->secret_id);
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

/*
 * Notes for a check that there is no SecretID. A command of the unit itself, for which systemd sets MAINPID, runs
 * beside a daemon that has one: systemd 253 and newer give a unit's credentials to the daemon alone.
 */
static const char *note_secret_id(struct config *config)
{
	if (getenv("MAINPID") != NULL)
		return NULL;
	return texts_add(&config->notes,
		   NO_SECRET_ID "; there is none here, and only the daemon's unit may have it") == 0
	    ? NULL
	    : "out of memory";
}

static const char *fill_approle(struct config *config, const struct config_environment *environment)
{
	int found;

	if (config->approle.role_id == NULL && config->approle.role_id_file == NULL) {
		if (environment->role_id == NULL)
			return "approle: a RoleID is needed: role_id or role_id_file here, or " ROLE_ID_VARIABLE
			       " " NEEDED;
		config->environment.role_id = environment_hold(environment->role_id);
		config->approle.role_id = secmem_strdup(environment->role_id->text);
		if (config->approle.role_id == NULL)
			return "out of memory";
	}
	if (config->approle.secret_id_file != NULL)
		return NULL;
	found = find_credential(&config->approle.secret_id_file);
	if (found != 0)
		return found < 0 ? "out of memory" : NULL;
	if (environment->secret_id == NULL && environment->check_only)
		return note_secret_id(config);
	if (environment->secret_id == NULL)
		return NO_SECRET_ID;
	config->environment.secret_id = environment_hold(environment->secret_id);
	config->approle.secret_id = environment->secret_id->text;
	return NULL;
}

static const char *fill_kubernetes(struct config *config, const struct config_environment *environment)
{
	(void)environment;
	if (config->kubernetes.role == NULL)
		return "kubernetes.role: is needed, the role to log in with (REQ-004, PX-0003)";
	return config->kubernetes.token_file != NULL ? NULL
						     : "kubernetes.token_file: is needed (REQ-004, PX-0003)";
}

#ifdef SECRETSTORE_DEV_TOKEN
static const char *fill_devtoken(struct config *config, const struct config_environment *environment)
{
	(void)environment;
	return config->dev_token.token_file != NULL ? NULL : "dev_token.token_file: is needed (REQ-004, PX-0003)";
}
#endif

#define MODE_FILL(NAME, name, text) [AUTH_MODE_##NAME] = fill_##name,
#define MODE_NAME(NAME, name, text) [AUTH_MODE_##NAME] = text,
#define MODE_LISTED(NAME, name, text) ", " text

int config_auth_fill(struct config *config, const struct config_environment *environment, const char *path,
    struct error *error)
{
	/* Each gives what is missing, or NULL. */
	static const char *(*const fill[])(struct config *,
	    const struct config_environment *) = { AUTH_MODES(MODE_FILL) };
	const char *missing = fill[config->openbao.auth](config, environment);

	return missing == NULL ? 0 : error_set(error, "%.200s: %s", path, missing);
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
