/*
 * config_credentials: reads the group credential of a config file. A rule names one secret, so that a unit's name
 * never becomes part of a path.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_file.h"
#include "daemon/config/config_value.h"
#include "proto/request.h"

#define KEYS "unit, id, mount, path, field"

static const char *id_error(const char *pattern)
{
	return credential_id_ok(pattern) ? NULL : "is no name of a credential, nor a pattern for some";
}

static int read_credential_text(const struct config_file *file, const config_setting_t *key, char **ret)
{
	const char *text = config_setting_get_string(key);

	if (text == NULL)
		return config_file_error(file, key, 0, "must be a text in quotes");
	if (config_value_has_control(text))
		return config_file_error(file, key, 0, "holds a control byte");
	*ret = strdup(text);
	return *ret != NULL ? 0 : config_file_error(file, key, 0, "out of memory");
}

/* Reads a mount or a path of one secret. */
static int read_place(const struct config_file *file, const config_setting_t *key, size_t max, const char *such_as,
    char **ret)
{
	if (read_credential_text(file, key, ret) != 0)
		return -1;
	if (strchr(*ret, '*') != NULL)
		return config_file_error(file, key, 0, "names one place: there can be no * in it");
	if (!request_path_ok(*ret, max))
		return config_file_error(file, key, 0,
		    "must be a path, such as %s, without a slash at its ends and of at "
		    "most %zu bytes",
		    such_as, max);
	return 0;
}

static int read_credential_key(const struct config_file *file, const config_setting_t *key,
    struct credential_rule *rule)
{
	const char *name = config_setting_name(key);

	if (strcmp(name, "unit") == 0)
		return config_file_patterns(file, key, "unit", config_value_unit_error, &rule->units,
		    &rule->nunits);
	if (strcmp(name, "id") == 0)
		return config_file_patterns(file, key, "credential's name", id_error, &rule->ids, &rule->nids);
	if (strcmp(name, "mount") == 0)
		return read_place(file, key, SECRET_MOUNT_MAX, "secret", &rule->mount);
	if (strcmp(name, "path") == 0)
		return read_place(file, key, SECRET_PATH_MAX, "web/db", &rule->path);
	if (strcmp(name, "field") == 0) {
		if (read_credential_text(file, key, &rule->field) != 0)
			return -1;
		return *rule->field != '\0'
		    ? 0
		    : config_file_error(file, key, 0,
			  "must not be empty; without it the credential is the whole secret");
	}
	return config_file_error(file, key, 0, "there is no such setting; a credential has " KEYS);
}

int config_credentials_read(const struct config_file *file, const config_setting_t *credential,
    struct credential_rules *ret)
{
	int n = config_setting_length(credential);

	if (n == 0)
		return 0;
	ret->rule = calloc((size_t)n, sizeof(*ret->rule));
	if (ret->rule == NULL)
		return config_file_error(file, credential, 0, "out of memory");
	for (int i = 0; i < n; i++) {
		const config_setting_t *group = config_setting_get_elem(credential, (unsigned)i);
		struct credential_rule *rule = &ret->rule[i];
		const char *missing;

		ret->nrules++; /* also one half read is freed */
		if (config_file_rule_name(file, group, KEYS, &rule->name) != 0)
			return -1;
		for (int k = 0; k < config_setting_length(group); k++)
			if (read_credential_key(file, config_setting_get_elem(group, (unsigned)k), rule) != 0)
				return -1;
		missing = rule->nunits == 0 ? "unit"
		    : rule->nids == 0       ? "id"
		    : rule->mount == NULL   ? "mount"
		    : rule->path == NULL    ? "path"
					    : NULL;
		if (missing != NULL)
			return config_file_error(file, group, 0, "must have %s", missing);
	}
	return 0;
}
