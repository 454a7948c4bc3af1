/*
 * config: the daemon's settings, put together from the file and the environment. What a file and a value look like
 * is known to config_file.c and config_value.c, what a login needs to config_auth.c.
 */
#include "daemon/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secmem.h"
#include "daemon/config/config_address.h"
#include "daemon/config/config_auth.h"
#include "daemon/config/config_file.h"
#include "daemon/config/config_table.h"
#include "proto/request.h"

#define ADDRESS_VARIABLE "BAO_ADDR"

/* line: where the file has the setting without an address; 0: nowhere. */
static int fill_in_address(struct config *config, const char *path, unsigned line, struct error *error)
{
	const char *address = getenv(ADDRESS_VARIABLE);
	char where[16] = "";
	struct error why;

	if (config->openbao.naddress > 0)
		return 0;
	if (line > 0)
		snprintf(where, sizeof(where), ":%u", line);
	if (address == NULL || *address == '\0')
		return error_set(error,
		    "%.200s%s: openbao.address: is needed, here or as " ADDRESS_VARIABLE
		    " in the environment (REQ-007, PX-0003)",
		    path, where);
	if (config_table_store(config, config_table_find("openbao", "address"), address, &why) != 0)
		return error_set(error, ADDRESS_VARIABLE ": %s", why.text);
	return 0;
}

/* Reads the file over the defaults. What it leaves open is filled in from env; if that is NULL, it stays open. */
static struct config *load_config(const char *path, struct config_credentials *env, struct error *error)
{
	struct config *config = secmem_calloc(1, sizeof(*config));
	unsigned address_line;

	if (config == NULL) {
		(void)error_set(error, "%.200s: out of memory", path);
		return NULL;
	}
	config->holds = 1;
	if (config_table_defaults(config, error) == 0 &&
	    config_file_read(path, config, &address_line, error) == 0 &&
	    (env == NULL ||
		(fill_in_address(config, path, address_line, error) == 0 &&
		    config_auth_fill(config, env, path, error) == 0)))
		return config;
	config_free(config);
	return NULL;
}

struct config *config_load(const char *path, struct error *error)
{
	struct config_credentials env = { NULL, NULL };
	struct config *config = NULL;

	if (config_auth_take(&env, error) == 0)
		config = load_config(path, &env, error);
	config_auth_free(&env);
	return config;
}

struct config *config_load_file(const char *path, struct error *error)
{
	return load_config(path, NULL, error);
}

struct config *config_load_again(const char *path, const struct config *before, struct error *error)
{
	struct config_credentials env = { NULL, NULL };
	struct config *config = NULL;

	if (config_auth_copy(&env, before, error) == 0)
		config = load_config(path, &env, error);
	config_auth_free(&env);
	return config;
}

struct config *config_hold(struct config *config)
{
	config->holds++;
	return config;
}

void config_free(struct config *config)
{
	if (config == NULL || --config->holds > 0)
		return;
	config_table_clear(config);
	config_auth_drop(config->approle.secret_id);
	rules_free(&config->rules);
	credential_rules_free(&config->credentials);
	secmem_free(config);
}

static void warn_of_tls(const struct config *config, void (*warn)(const char *format, ...))
{
	bool any_https = false;

	for (size_t i = 0; i < config->openbao.naddress; i++) {
		const char *address = config->openbao.address[i];

		if (strncmp(address, "https:", 6) == 0)
			any_https = true;
		else if (!config_address_is_loopback(address))
			warn("openbao.address: number %zu is http:// to another machine: what is sent can be read "
			     "on the way",
			    i + 1);
	}
	if (config->openbao.tls_skip_verify)
		warn("openbao.tls_skip_verify: whoever answers is taken for OpenBao; not for production");
	if (any_https)
		return;
	if (config->openbao.ca_file != NULL || config->openbao.client_cert_file != NULL ||
	    config->openbao.server_name != NULL || config->openbao.tls_skip_verify)
		warn("openbao: settings for TLS have no effect, since no address is https://");
}

void config_warn(const struct config *config, void (*warn)(const char *format, ...))
{
	char path[SECRET_MOUNT_MAX + 1 + SECRET_PATH_MAX + 1];
	const char *odd;

#ifdef SECRETSTORE_DEV_TOKEN
	warn("this build knows dev_token, a login with a token as it is (make DEV_TOKEN=1): not for production");
#endif
	warn_of_tls(config, warn);
	if (config->limits.bytes_per_uid < 2 * config->limits.request_bytes)
		warn("limits.bytes_per_uid: less than twice request_bytes, so that large requests are refused");
	if (config->cache.serve_stale_ms > 0 && config->cache.serve_stale_ms <= config->cache.max_age_ms)
		warn("cache.serve_stale: has no effect, since it is not more than cache.max_age");
	if (config->rules.nrules == 0)
		warn("allow: there is no rule, so nobody may do anything but ping");
	for (size_t r = 0; r < config->rules.nrules; r++) {
		const struct rule *rule = &config->rules.rule[r];

		for (size_t i = 0; i < rule->nuids; i++)
			if (rule->uids[i] == PEER_NOBODY)
				warn(
				    "allow.%s.uid: %u stands for users the kernel cannot name: it is never matched",
				    rule->name, PEER_NOBODY);
		for (size_t i = 0; i < rule->npaths; i++)
			if ((odd = rules_pattern_warning(rule->paths[i])) != NULL)
				warn("allow.%s.paths: \"%s\": %s", rule->name, rule->paths[i], odd);
	}
	if (config->listen.credentials_socket != NULL && config->credentials.nrules == 0)
		warn(
		    "listen.credentials_socket: there is no rule in credential, so that no unit gets anything there");
	for (size_t i = 0; i < config->credentials.nrules; i++) {
		const struct credential_rule *rule = &config->credentials.rule[i];

		snprintf(path, sizeof(path), "%s/%s", rule->mount, rule->path);
		if ((odd = rules_pattern_warning(path)) != NULL)
			warn("credential.%s.path: \"%s\": %s", rule->name, rule->path, odd);
	}
}
