/*
 * config_credentials: reads the group credential of a config file.
 */
#ifndef CONFIG_CREDENTIALS_H
#define CONFIG_CREDENTIALS_H

#include "daemon/access/credential_rules.h"
#include "daemon/config/config_file.h"

/* 0 with the rules added to ret; or -1 with the file's error set and ret to be freed with credential_rules_free. */
int config_credentials_read(const struct config_file *file, const config_setting_t *credential,
    struct credential_rules *ret);

#endif
