/*
 * config: the daemon's settings, put together from the files and the environment. What a file and a value look
 * like is known to config_file.c and config_table.c.
 */
#include "daemon/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secmem.h"
#include "daemon/config/config_file.h"
#include "daemon/config/config_table.h"
#include "daemon/upstream/address.h"

#define ADDRESS_VARIABLE "BAO_ADDR"
#define ROLE_ID_VARIABLE "OPENBAO_APPROLE_ROLE_ID"
#define SECRET_ID_VARIABLE "OPENBAO_APPROLE_SECRET_ID"
#define CREDENTIAL "secret_id"
#define NEEDED "in the environment (REQ-004, PX-0003)"
#define NO_SECRET_ID \
	"approle: a SecretID is needed: secret_id_file here, systemd's credential " CREDENTIAL \
	" in $CREDENTIALS_DIRECTORY, or " SECRET_ID_VARIABLE " " NEEDED
#define ELSEWHERE "; there is none here, and only the daemon's unit may have it"
#define OUT_OF_MEMORY "out of memory"

/* line: where the file has the setting without an address; 0: nowhere. */
static int fill_in_address(struct config *config, const char *path, unsigned line, struct error *error)
{
	const struct setting *setting = config_table_find("openbao", "address");
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
	if (setting->type->parse(config, setting, address, &why) != 0)
		return error_set(error, ADDRESS_VARIABLE ": %s", why.text);
	return 0;
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
			return OUT_OF_MEMORY;
	}
	if (config->approle.secret_id_file != NULL)
		return NULL;
	if (environment_credential(CREDENTIAL, &config->approle.secret_id_file) != 0)
		return OUT_OF_MEMORY;
	if (config->approle.secret_id_file != NULL)
		return NULL;
	if (environment->secret_id == NULL && !environment->check_only)
		return NO_SECRET_ID;
	if (environment->secret_id == NULL) {
		/*
		 * A command of the unit itself, for which systemd sets MAINPID, runs beside a daemon that has one:
		 * systemd 253 and newer give a unit's credentials to the daemon alone.
		 */
		if (getenv("MAINPID") == NULL && texts_add(&config->notes, NO_SECRET_ID ELSEWHERE) != 0)
			return OUT_OF_MEMORY;
		return NULL;
	}
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

/* Fills in what the login method must know, and has config hold what it uses of the environment. */
static int fill_in_login(struct config *config, const struct config_environment *environment, const char *path,
    struct error *error)
{
#define MODE_FILL(NAME, name, text) [AUTH_MODE_##NAME] = fill_##name,
	/* Each gives what is missing, or NULL. */
	static const char *(*const fill[])(struct config *,
	    const struct config_environment *) = { AUTH_MODES(MODE_FILL) };
	const char *missing = fill[config->openbao.auth](config, environment);

	return missing == NULL ? 0 : error_set(error, "%.200s: %s", path, missing);
}

static void drop_environment(struct config_environment *environment)
{
	environment_drop(environment->role_id);
	environment_drop(environment->secret_id);
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
		(void)error_set(error, "%.200s: " OUT_OF_MEMORY, path);
		return NULL;
	}
	config->holds = 1;
	if (config_table_defaults(config, error) == 0 &&
	    config_file_read(path, config, &line, ret_again_ms, error) == 0 &&
	    (environment == NULL ||
		(fill_in_address(config, path, line, error) == 0 &&
		    fill_in_login(config, environment, path, error) == 0)))
		return config;
	config_free(config);
	return NULL;
}

struct config *config_load(const char *path, enum config_use use, struct error *error)
{
	struct config_environment environment = { .check_only = use == CONFIG_CHECK };
	struct config *config = NULL;
	unsigned again_ms = 1;
	bool failed = false;

	if (use != CONFIG_FILES) {
		/* Both are wiped, also if the first cannot be used. */
		failed = environment_take(ROLE_ID_VARIABLE, &environment.role_id, error) != 0;
		failed = environment_take(SECRET_ID_VARIABLE, &environment.secret_id, error) != 0 || failed;
	}
	for (unsigned tries = 0; !failed && config == NULL && again_ms > 0 && tries < CONFIG_TRIES_MAX; tries++) {
		if (tries > 0)
			usleep(again_ms * 1000);
		config = load_once(path, use != CONFIG_FILES ? &environment : NULL, &again_ms, error);
	}
	drop_environment(&environment);
	return config;
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
	drop_environment(&config->environment);
	texts_clear(&config->notes);
	rules_free(&config->rules);
	credential_rules_free(&config->credentials);
	secmem_free(config);
}

bool config_same_openbao(const struct config *a, const struct config *b)
{
	size_t n;
	const struct setting *table = config_table(&n);
	const char *one = a->approle.secret_id, *other = b->approle.secret_id; /* NULL if it comes from a file */

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

void config_warn(const struct config *config, void (*warn)(const char *format, ...))
{
#ifdef SECRETSTORE_DEV_TOKEN
	warn("this build knows dev_token, a login with a token as it is (make DEV_TOKEN=1): not for production");
#endif
	for (size_t i = 0; i < config->notes.count; i++)
		warn("%s", config->notes.item[i]);
	if (!address_warn(&config->openbao.address, warn) &&
	    (config->openbao.ca_file != NULL || config->openbao.client_cert_file != NULL ||
		config->openbao.server_name != NULL || config->openbao.tls_skip_verify))
		warn("openbao: settings for TLS have no effect, since no address is https://");
	if (config->openbao.tls_skip_verify)
		warn("openbao.tls_skip_verify: whoever answers is taken for OpenBao; not for production");
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
