/*
 * config_rules: reads the group allow of a config file.
 */
#ifndef CONFIG_RULES_H
#define CONFIG_RULES_H

#include "daemon/config/config_file.h"

/* 0 with the rules added to ret; or -1 with the file's error set and ret to be freed with rules_free. */
int config_rules_read(const struct config_file *file, const config_setting_t *allow, struct rules *ret);

#endif
