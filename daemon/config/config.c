/*
 * config: the daemon's settings, put together from the file and the environment. What a file and a value look like
 * is known to config_file.c and config_table.c, what a login needs to config_auth.c.
 */
#include "daemon/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secmem.h"
#include "daemon/config/config_auth.h"
#include "daemon/config/config_file.h"
#include "daemon/config/config_table.h"
#include "daemon/upstream/address.h"

#define ADDRESS_VARIABLE "BAO_ADDR"

/* line: where the file has the setting without an address; 0: nowhere. */
static int fill_in_address(struct config *config, const char *path, unsigned line, struct error *error)
{
	const char *address = getenv(ADDRESS_VARIABLE);
	char where[16] = "";
	struct error why;

	if (config->openbao.address.count > 0)
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

/*
 * Reads the files over the defaults. What they leave open is filled in from environment; if that is NULL, it stays
 * open.
 */
static struct config *load_once(const char *path, const struct config_environment *environment,
    unsigned *ret_again_ms, struct error *error)
{
	struct config *config = secmem_calloc(1, sizeof(*config));
	unsigned line;

	*ret_again_ms = 0;
	if (config == NULL) {
		(void)error_set(error, "%.200s: out of memory", path);
		return NULL;
	}
	config->holds = 1;
	if (config_table_defaults(config, error) == 0 &&
	    config_file_read(path, config, &line, ret_again_ms, error) == 0 &&
	    (environment == NULL ||
		(fill_in_address(config, path, line, error) == 0 &&
		    config_auth_fill(config, environment, path, error) == 0)))
		return config;
	config_free(config);
	return NULL;
}

/* Waits while the files are being changed. */
static struct config *load_settled(const char *path, const struct config_environment *environment,
    struct error *error)
{
	struct config *config = NULL;
	unsigned again_ms = 1;

	for (unsigned tries = 0; config == NULL && again_ms > 0 && tries < CONFIG_TRIES_MAX; tries++) {
		if (tries > 0)
			usleep(again_ms * 1000);
		config = load_once(path, environment, &again_ms, error);
	}
	return config;
}

static struct config *load_start(const char *path, bool check_only, struct error *error)
{
	struct config_environment environment;
	struct config *config = NULL;

	if (config_auth_take(&environment, error) == 0) {
		environment.check_only = check_only;
		config = load_settled(path, &environment, error);
	}
	config_auth_drop(&environment);
	return config;
}

struct config *config_load(const char *path, struct error *error)
{
	return load_start(path, false, error);
}

struct config *config_load_check(const char *path, struct error *error)
{
	return load_start(path, true, error);
}

struct config *config_load_file(const char *path, struct error *error)
{
	return load_settled(path, NULL, error);
}

struct config *config_load_again(const char *path, const struct config *before, unsigned *ret_again_ms,
    struct error *error)
{
	return load_once(path, &before->environment, ret_again_ms, error);
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
	config_auth_drop(&config->environment);
	texts_clear(&config->notes);
	rules_free(&config->rules);
	credential_rules_free(&config->credentials);
	secmem_free(config);
}

bool config_same_openbao(const struct config *a, const struct config *b)
{
	size_t n;
	const struct setting *table = config_table(&n);
	const char *one = a->approle.secret_id,
		   *other = b->approle.secret_id; /* it may have gone from the environment */

	for (size_t i = 0; i < n; i++)
		if (table[i].change == CHANGE_LOGIN && !config_table_same(a, b, &table[i]))
			return false;
	return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

void config_warn_of_restart(const struct config *running, const struct config *wanted,
    void (*warn)(const char *format, ...))
{
	size_t n;
	const struct setting *table = config_table(&n);

	for (size_t i = 0; i < n; i++)
		if (table[i].change == CHANGE_RESTART && !config_table_same(running, wanted, &table[i]))
			warn("%s.%s: a change takes effect at a restart only", table[i].group, table[i].name);
}

static void warn_of_tls(const struct config *config, void (*warn)(const char *format, ...))
{
	bool any_https = false;

	for (size_t i = 0; i < config->openbao.address.count; i++) {
		const char *address = config->openbao.address.item[i];

		if (strncmp(address, "https:", 6) == 0)
			any_https = true;
		else if (!address_is_loopback(address))
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
#ifdef SECRETSTORE_DEV_TOKEN
	warn("this build knows dev_token, a login with a token as it is (make DEV_TOKEN=1): not for production");
#endif
	for (size_t i = 0; i < config->notes.count; i++)
		warn("%s", config->notes.item[i]);
	warn_of_tls(config, warn);
	if (config->limits.bytes_per_uid < 2 * config->limits.request_bytes)
		warn("limits.bytes_per_uid: less than twice request_bytes, so that large requests are refused");
	if (config->cache.serve_stale_ms > 0 && config->cache.serve_stale_ms <= config->cache.max_age_ms)
		warn("cache.serve_stale: has no effect, since it is not more than cache.max_age");
	if (config->rules.nrules == 0)
		warn("allow: there is no rule, so nobody may do anything but ping");
	rules_warn(&config->rules, warn);
	if (config->listen.credentials_socket != NULL && config->credentials.nrules == 0)
		warn("listen.credentials_socket: there is no rule in credential, so no unit gets anything there");
	credential_rules_warn(&config->credentials, warn);
}
