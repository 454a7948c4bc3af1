/*
 * config_auth: what the login method that openbao.auth names must know, from the files and the environment.
 */
#ifndef CONFIG_AUTH_H
#define CONFIG_AUTH_H

#include "base/error.h"
#include "daemon/config/config.h"

/*
 * Takes the credentials out of the environment, where they are wiped, all of them also when one cannot be used. 0,
 * or -1 with error set; ret is to be dropped either way.
 */
int config_auth_take(struct config_environment *ret, struct error *error);
void config_auth_drop(struct config_environment *environment);

/*
 * Fills in what the files leave to the environment, and has config hold what it uses of it. 0; or -1 with error
 * set: something is missing. path: the main file's.
 */
int config_auth_fill(struct config *config, const struct config_environment *environment, const char *path,
    struct error *error);

#endif
