/*
 * config_auth: what the way to log in that openbao.auth names must know, from the file and the environment.
 */
#ifndef CONFIG_AUTH_H
#define CONFIG_AUTH_H

#include "base/error.h"
#include "daemon/config/config.h"

struct config_credentials {
	char *role_id, *secret_id; /* secmem; NULL: not set, or empty */
};

/* Takes the credentials out of the environment, where they are wiped, all of them also when one cannot be used. */
int config_auth_take(struct config_credentials *ret, struct error *error);
void config_auth_free(struct config_credentials *credentials);

/* Lets go of the secret_id of a configuration, which is wiped when all that have it have done so. */
void config_auth_drop(char *secret_id);

/* Copies the credentials that a configuration had from the environment. 0, or -1 with error set. */
int config_auth_copy(struct config_credentials *ret, const struct config *from, struct error *error);

/*
 * Fills in what the file leaves to the environment. 0; or -1 with error set: something is missing. path: the file.
 */
int config_auth_fill(struct config *config, struct config_credentials *env, const char *path, struct error *error);

/* The name of the mode that text is, or -1. */
int config_auth_mode(const char *text, enum auth_mode *ret);

/* The names of all modes, for an error: "approle, kubernetes". */
const char *config_auth_modes(void);

#endif
