/*
 * config: the daemon's settings, put together from the file and the environment. What a file and a value look like
 * is known to config_file.c and config_value.c.
 */
#include "daemon/host/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secmem.h"
#include "daemon/host/config_address.h"
#include "daemon/host/config_file.h"
#include "daemon/host/config_table.h"
#include "daemon/host/config_value.h"

#define ADDRESS_VARIABLE "BAO_ADDR"
#define ROLE_ID_VARIABLE "OPENBAO_APPROLE_ROLE_ID"
#define SECRET_ID_VARIABLE "OPENBAO_APPROLE_SECRET_ID"
#define CREDENTIALS_VARIABLE "CREDENTIALS_DIRECTORY"
#define CREDENTIAL "secret_id"

struct credentials {
	char *role_id, *secret_id; /* secmem; NULL: not set, or empty */
};

/* Zeros every value the variable has in environ (it may be there twice): /proc/PID/environ shows those bytes. */
static void wipe_variable(const char *name)
{
	size_t n = strlen(name);

	for (char **p = environ; p != NULL && *p != NULL; p++)
		if (strncmp(*p, name, n) == 0 && (*p)[n] == '=')
			secmem_wipe(*p + n + 1, strlen(*p + n + 1));
	unsetenv(name);
}

/* Takes the variable out of the environment. As in a file, white space at its end is not part of it. */
static int take_variable(const char *name, char **ret, struct error *error)
{
	const char *value = getenv(name);
	size_t n = value == NULL ? 0 : strlen(value);
	int failed = 0;

	while (n > 0 && strchr(" \t\r\n", value[n - 1]) != NULL)
		n--;
	if (n > 0 && (*ret = secmem_strndup(value, n)) == NULL)
		failed = error_set(error, "%s: out of memory", name);
	else if (n > 0 && config_value_has_control(*ret))
		failed = error_set(error, "%s: holds a control byte", name);
	wipe_variable(name);
	return failed;
}

/* Both are taken out, also when the first cannot be used. */
static int take_credentials(struct credentials *ret, struct error *error)
{
	int role_id = take_variable(ROLE_ID_VARIABLE, &ret->role_id, error);
	int secret_id = take_variable(SECRET_ID_VARIABLE, &ret->secret_id, error);

	return role_id != 0 || secret_id != 0 ? -1 : 0;
}

static void free_credentials(struct credentials *credentials)
{
	secmem_free(credentials->role_id);
	secmem_free(credentials->secret_id);
}

static char *take(char **from)
{
	char *text = *from;

	*from = NULL;
	return text;
}

/* line: where the file has the setting without an address; 0: nowhere. */
static int fill_address(struct config *config, const char *path, unsigned line, struct error *error)
{
	const char *address = getenv(ADDRESS_VARIABLE);
	char where[16] = "";
	struct error why;

	if (config->openbao.naddress > 0)
		return 0;
	if (line > 0)
		snprintf(where, sizeof(where), ":%u", line);
	if (address == NULL || *address == '\0')
		return error_set(error, "%.200s%s: openbao.address: is needed, here or as " ADDRESS_VARIABLE
		    " in the environment (REQ-007, PX-0003)", path, where);
	if (config_table_store(config, config_table_find("openbao", "address"), address, &why) != 0)
		return error_set(error, ADDRESS_VARIABLE ": %s", why.text);
	return 0;
}

static int fill_role_id(struct config *config, struct credentials *env, const char *path, struct error *error)
{
	if (config->approle.role_id != NULL || config->approle.role_id_file != NULL)
		return 0;
	config->approle.role_id = take(&env->role_id);
	if (config->approle.role_id != NULL)
		return 0;
	return error_set(error, "%.200s: approle: a RoleID is needed: role_id or role_id_file here, or "
	    ROLE_ID_VARIABLE " in the environment (REQ-004, PX-0003)", path);
}

/* 1 with *ret the path of systemd's credential; 0: there is none; -1: no memory. */
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

static int fill_secret_id(struct config *config, struct credentials *env, const char *path, struct error *error)
{
	int found;

	if (config->approle.secret_id_file != NULL)
		return 0;
	found = find_credential(&config->approle.secret_id_file);
	if (found < 0)
		return error_set(error, "%.200s: out of memory", path);
	if (found > 0)
		return 0;
	config->approle.secret_id = take(&env->secret_id);
	if (config->approle.secret_id != NULL)
		return 0;
	return error_set(error, "%.200s: approle: a SecretID is needed: secret_id_file here, systemd's credential "
	    CREDENTIAL " in $" CREDENTIALS_VARIABLE ", or " SECRET_ID_VARIABLE
	    " in the environment (REQ-004, PX-0003)", path);
}

static int load(struct config *config, struct credentials *env, const char *path, struct error *error)
{
	unsigned address_line;

	if (take_credentials(env, error) != 0)
		return -1;
	if (config == NULL)
		return error_set(error, "%.200s: out of memory", path);
	if (config_table_defaults(config, error) != 0 || config_file_read(path, config, &address_line, error))
		return -1;
	if (fill_address(config, path, address_line, error) != 0)
		return -1;
	if (fill_role_id(config, env, path, error) != 0)
		return -1;
	return fill_secret_id(config, env, path, error);
}

struct config *config_load(const char *path, struct error *error)
{
	struct config *config = secmem_calloc(1, sizeof(*config));
	struct credentials env = { NULL, NULL };

	if (load(config, &env, path, error) != 0) {
		config_free(config);
		config = NULL;
	}
	free_credentials(&env);
	return config;
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	config_table_clear(config);
	secmem_free(config->approle.secret_id);
	rules_free(&config->rules);
	secmem_free(config);
}

typedef void warn_function(const char *format, ...);

static void warn_of_tls(const struct config *config, warn_function *warn)
{
	bool any_https = false;

	for (size_t i = 0; i < config->openbao.naddress; i++) {
		const char *address = config->openbao.address[i];

		if (strncmp(address, "https:", 6) == 0)
			any_https = true;
		else if (!config_address_is_loopback(address))
			warn("openbao.address: number %zu is http:// to another machine: what is sent can be read "
			    "on the way", i + 1);
	}
	if (config->openbao.tls_skip_verify)
		warn("openbao.tls_skip_verify: whoever answers is taken for OpenBao; not for production");
	if (any_https)
		return;
	if (config->openbao.ca_file != NULL || config->openbao.client_cert_file != NULL ||
	    config->openbao.server_name != NULL || config->openbao.tls_skip_verify)
		warn("openbao: settings for TLS have no effect, since no address is https://");
}

static void warn_of_rule(const struct rule *rule, warn_function *warn)
{
	for (size_t i = 0; i < rule->nuids; i++)
		if (rule->uids[i] == RULES_NOBODY)
			warn("allow.%s.uid: %u stands for users the kernel cannot name: it is never matched",
			    rule->name, RULES_NOBODY);
	for (size_t i = 0; i < rule->npaths; i++) {
		const char *odd = rules_pattern_warning(rule->paths[i]);

		if (odd != NULL)
			warn("allow.%s.paths: \"%s\": %s", rule->name, rule->paths[i], odd);
	}
}

void config_warn(const struct config *config, warn_function *warn)
{
	warn_of_tls(config, warn);
	if (config->rules.nrules == 0)
		warn("allow: there is no rule, so nobody may do anything but ping");
	for (size_t i = 0; i < config->rules.nrules; i++)
		warn_of_rule(&config->rules.rule[i], warn);
}
