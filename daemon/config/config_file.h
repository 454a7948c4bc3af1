/*
 * config_file: reads a config file with libconfig into a struct config, and says where in the file an error is.
 * The environment, and what must be set, are config.c's business.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include <libconfig.h>
#include <stddef.h>

#include "base/error.h"
#include "daemon/config/config.h"

/*
 * Puts what the file sets into config, over what is there. 0, with *ret_address_line the line of openbao.address
 * (0: it is not in the file); or -1 with error set ("FILE:LINE: group.name: ...") and config half changed, to be
 * freed.
 */
int config_file_read(const char *path, struct config *config, unsigned *ret_address_line, struct error *error);

/* For the readers of the file's groups: where an error goes. */
struct config_file {
	const char *path;
	struct error *error;
};

/*
 * Sets an error at the setting, named with its groups. Gives -1. item: which of a list's items it is about, from
 * 1; 0 is the setting as such, and so is any item of a setting that is no list.
 */
int config_file_error(const struct config_file *file, const config_setting_t *setting, size_t item,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A list's items; anything else is an item by itself. */
size_t config_file_count(const config_setting_t *setting);
const config_setting_t *config_file_item(const config_setting_t *setting, size_t i);

/*
 * Reads a list of texts (what: of what kind, for errors), with each of which check must find nothing wrong. 0; or
 * -1 with the error set. *ret with its *ret_count texts is the caller's to free either way.
 */
int config_file_patterns(const struct config_file *file, const config_setting_t *list, const char *what,
    const char *(*check)(const char *), char ***ret, size_t *ret_count);

/*
 * What a group in a list of named rules begins with: its name, for the caller to free either way. keys: those that
 * such a rule has, for errors. 0; or -1 with the error set.
 */
int config_file_rule_name(const struct config_file *file, const config_setting_t *group, const char *keys,
    char **ret);

/* The text of a string or a number, where they stand for each other, or NULL. number: room for a number's. */
const char *config_file_text(const config_setting_t *setting, char number[16]);

/*
 * The readers of the groups of rules, allow (config_rules.c) and credential (config_credentials.c). 0 with the
 * rules added to ret; or -1 with the file's error set and ret to be freed with rules_free or
 * credential_rules_free.
 */
int config_rules_read(const struct config_file *file, const config_setting_t *allow, struct rules *ret);
int config_credentials_read(const struct config_file *file, const config_setting_t *credential,
    struct credential_rules *ret);

#endif
