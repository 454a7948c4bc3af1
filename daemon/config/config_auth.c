/*
 * config_auth: where the login methods have their credentials from.
 */
#include "daemon/config/config_auth.h"

#include <stdlib.h>

#include "base/secmem.h"

#define ROLE_ID_VARIABLE "OPENBAO_APPROLE_ROLE_ID"
#define SECRET_ID_VARIABLE "OPENBAO_APPROLE_SECRET_ID"
#define CREDENTIAL "secret_id"
#define NEEDED "in the environment (REQ-004, PX-0003)"
#define NO_SECRET_ID \
	"approle: a SecretID is needed: secret_id_file here, systemd's credential " CREDENTIAL \
	" in $CREDENTIALS_DIRECTORY, or " SECRET_ID_VARIABLE " " NEEDED

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
	if (environment_credential(CREDENTIAL, &config->approle.secret_id_file) != 0)
		return "out of memory";
	if (config->approle.secret_id_file != NULL)
		return NULL;
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

int config_auth_fill(struct config *config, const struct config_environment *environment, const char *path,
    struct error *error)
{
	/* Each gives what is missing, or NULL. */
	static const char *(*const fill[])(struct config *,
	    const struct config_environment *) = { AUTH_MODES(MODE_FILL) };
	const char *missing = fill[config->openbao.auth](config, environment);

	return missing == NULL ? 0 : error_set(error, "%.200s: %s", path, missing);
}
