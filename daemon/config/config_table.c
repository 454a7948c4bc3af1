/*
 * config_table: every setting outside allow, with its default and its range, and how its text gets into the struct
 * config.
 */
#include "daemon/config/config_table.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/secmem.h"
#include "daemon/config/config_address.h"
#include "daemon/config/config_auth.h"
#include "daemon/config/config_value.h"
#include "proto/request.h"

#define ADDRESSES_MAX 16
#define SOCKET_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

#define AT(member) offsetof(struct config, member), sizeof(((struct config *)0)->member)
#define RANGE(l, h) .low = (l), .high = (h)

static const char *const log_levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const audit_levels[] = { "changes", "all", NULL };
static const char *const audit_sinks[] = { "journal", "file", "stderr", NULL };
static const char *const audit_on_failure[] = { "continue", "deny", NULL };
static const char *const lock_memory[] = { "try", "required", NULL };

static const struct setting table[] = {
	{ "openbao", "address", CHANGE_LOGIN, SETTING_ADDRESSES, AT(openbao.address), .initial = "" },
	{ "openbao", "namespace", CHANGE_LOGIN, SETTING_NAMESPACE, AT(openbao.vault_namespace), .initial = "" },
	{ "openbao", "auth", CHANGE_LOGIN, SETTING_AUTH, AT(openbao.auth), .initial = "approle" },
	{ "openbao", "ca_file", CHANGE_LOGIN, SETTING_FILE, AT(openbao.ca_file), .initial = "" },
	{ "openbao", "client_cert_file", CHANGE_LOGIN, SETTING_FILE, AT(openbao.client_cert_file), .initial = "" },
	{ "openbao", "client_key_file", CHANGE_LOGIN, SETTING_FILE, AT(openbao.client_key_file), .initial = "" },
	{ "openbao", "server_name", CHANGE_LOGIN, SETTING_HOST, AT(openbao.server_name), .initial = "" },
	{ "openbao", "tls_skip_verify", CHANGE_LOGIN, SETTING_BOOL, AT(openbao.tls_skip_verify),
	    .initial = "false" },
	{ "openbao", "connect_timeout", CHANGE_LOGIN, SETTING_TIME, AT(openbao.connect_timeout_ms), "3s",
	    RANGE("100ms", "60s") },
	/* How long a caller's request may take is no matter of the login. */
	{ "openbao", "request_timeout", CHANGE_NOW, SETTING_TIME, AT(openbao.request_timeout_ms), "10s",
	    RANGE("100ms", "10m") },
	{ "openbao", "revoke_on_stop", CHANGE_LOGIN, SETTING_BOOL, AT(openbao.revoke_on_stop), .initial = "true" },
	{ "approle", "mount", CHANGE_LOGIN, SETTING_MOUNT, AT(approle.mount), .initial = "approle" },
	{ "approle", "role_id", CHANGE_LOGIN, SETTING_SECRET, AT(approle.role_id), .initial = "" },
	{ "approle", "role_id_file", CHANGE_LOGIN, SETTING_FILE, AT(approle.role_id_file), .initial = "" },
	{ "approle", "secret_id_file", CHANGE_LOGIN, SETTING_FILE, AT(approle.secret_id_file), .initial = "" },
	{ "approle", "secret_id_wrapped", CHANGE_LOGIN, SETTING_BOOL, AT(approle.secret_id_wrapped),
	    .initial = "false" },
	{ "kubernetes", "mount", CHANGE_LOGIN, SETTING_MOUNT, AT(kubernetes.mount), .initial = "kubernetes" },
	{ "kubernetes", "role", CHANGE_LOGIN, SETTING_TEXT, AT(kubernetes.role), .initial = "" },
	{ "kubernetes", "token_file", CHANGE_LOGIN, SETTING_FILE, AT(kubernetes.token_file),
	    .initial = "/var/run/secrets/kubernetes.io/serviceaccount/token" },
#ifdef SECRETSTORE_DEV_TOKEN
	{ "dev_token", "token_file", CHANGE_LOGIN, SETTING_FILE, AT(devtoken.token_file), .initial = "" },
#endif
	{ "listen", "socket", CHANGE_RESTART, SETTING_SOCKET, AT(listen.socket),
	    .initial = "/run/secretstored/secretstored.sock" },
	{ "listen", "mode", CHANGE_RESTART, SETTING_MODE, AT(listen.mode), .initial = "0660" },
	{ "listen", "group", CHANGE_RESTART, SETTING_GROUP, AT(listen.group), .initial = "" },
	{ "listen", "credentials_socket", CHANGE_RESTART, SETTING_OPTIONAL_SOCKET, AT(listen.credentials_socket),
	    .initial = "" },
	{ "cache", "max_age", CHANGE_NOW, SETTING_TIME, AT(cache.max_age_ms), "0s", RANGE("100ms", "24h"),
	    .zero = true },
	{ "cache", "serve_stale", CHANGE_NOW, SETTING_TIME, AT(cache.serve_stale_ms), "0s", RANGE("100ms", "168h"),
	    .zero = true },
	{ "cache", "max_bytes", CHANGE_NOW, SETTING_SIZE, AT(cache.max_bytes), "8M", RANGE("64K", "4096M") },
	{ "limits", "request_bytes", CHANGE_NOW, SETTING_SIZE, AT(limits.request_bytes), "1M",
	    RANGE("1K", "16777215") },
	{ "limits", "connections", CHANGE_NOW, SETTING_COUNT, AT(limits.connections), "1024",
	    RANGE("1", "65536") },
	{ "limits", "connections_per_uid", CHANGE_NOW, SETTING_COUNT, AT(limits.connections_per_uid), "256",
	    RANGE("1", "65536") },
	{ "limits", "requests_per_connection", CHANGE_NOW, SETTING_COUNT, AT(limits.requests_per_connection), "64",
	    RANGE("1", "4096") },
	{ "limits", "requests_per_uid", CHANGE_NOW, SETTING_COUNT, AT(limits.requests_per_uid), "512",
	    RANGE("1", "65536") },
	{ "limits", "output_bytes", CHANGE_NOW, SETTING_SIZE, AT(limits.output_bytes), "1M", RANGE("64K", "64M") },
	{ "limits", "bytes_per_uid", CHANGE_NOW, SETTING_SIZE, AT(limits.bytes_per_uid), "64M",
	    RANGE("1M", "1024M") },
	{ "limits", "frame_timeout", CHANGE_NOW, SETTING_TIME, AT(limits.frame_timeout_ms), "10s",
	    RANGE("1s", "10m") },
	{ "limits", "idle_timeout", CHANGE_NOW, SETTING_TIME, AT(limits.idle_timeout_ms), "0s", RANGE("1s", "24h"),
	    .zero = true },
	{ "log", "level", CHANGE_NOW, SETTING_CHOICE, AT(log.level), "info", .choices = log_levels },
	{ "audit", "level", CHANGE_NOW, SETTING_CHOICE, AT(audit.level), "changes", .choices = audit_levels },
	{ "audit", "sink", CHANGE_RESTART, SETTING_CHOICE, AT(audit.sink), "journal", .choices = audit_sinks },
	{ "audit", "file", CHANGE_RESTART, SETTING_FILE, AT(audit.file), .initial = "" },
	{ "audit", "on_failure", CHANGE_RESTART, SETTING_CHOICE, AT(audit.on_failure), "continue",
	    .choices = audit_on_failure },
	{ "process", "lock_memory", CHANGE_RESTART, SETTING_CHOICE, AT(process.lock_memory), "try",
	    .choices = lock_memory },
};

const struct setting *config_table(size_t *ret_count)
{
	*ret_count = sizeof(table) / sizeof(*table);
	return table;
}

const struct setting *config_table_find(const char *group, const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (strcmp(table[i].group, group) == 0 && strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

static const struct {
	const char *kind; /* what the setting takes, for errors */
	bool is_text;     /* the member is a char *, of secmem */
} types[] = {
	[SETTING_ADDRESSES] = { "an address in quotes, or a list of them", false },
	[SETTING_NAMESPACE] = { "a text in quotes", true },
	[SETTING_AUTH] = { "a text in quotes", false },
	[SETTING_TEXT] = { "a text in quotes", true },
	[SETTING_FILE] = { "a text in quotes", true },
	[SETTING_HOST] = { "a text in quotes", true },
	[SETTING_BOOL] = { "true or false", false },
	[SETTING_TIME] = { "a time in quotes, such as \"500ms\", \"10s\", \"5m\" or \"2h\"", false },
	[SETTING_SIZE] = { "a size, such as \"64K\", \"8M\" or 65536", false },
	[SETTING_COUNT] = { "a whole number", false },
	[SETTING_MOUNT] = { "a text in quotes", true },
	[SETTING_SECRET] = { "a text in quotes", true },
	[SETTING_SOCKET] = { "a text in quotes", true },
	[SETTING_OPTIONAL_SOCKET] = { "a text in quotes", true },
	[SETTING_MODE] = { "a mode in octal, in quotes, from \"0000\" to \"0777\"", false },
	[SETTING_GROUP] = { "a group's name in quotes, or its number", false },
	[SETTING_CHOICE] = { "a text in quotes", false },
};

const char *config_table_kind(enum setting_type type)
{
	return types[type].kind;
}

bool config_table_is_text(enum setting_type type)
{
	return types[type].is_text;
}

static int parse_number(enum setting_type type, const char *text, uint64_t *ret)
{
	if (type == SETTING_TIME)
		return config_value_time(text, ret);
	if (type == SETTING_SIZE)
		return config_value_size(text, ret);
	return config_value_count(text, ret);
}

static int store_number(uint64_t *member, const struct setting *setting, const char *text, struct error *why)
{
	char shown[CONFIG_VALUE_SHOWN];
	uint64_t value, low = 0, high = 0;

	if (parse_number(setting->type, text, &value) != 0)
		return error_set(why, "must be %s", config_table_kind(setting->type));
	parse_number(setting->type, setting->low, &low);
	parse_number(setting->type, setting->high, &high);
	if ((value < low || value > high) && !(setting->zero && value == 0))
		return error_set(why, "must be %sbetween %s and %s, not %s", setting->zero ? "0 or " : "",
		    setting->low, setting->high, config_value_shown(text, shown));
	*member = value;
	return 0;
}

/* Puts a wiped copy in place of the text there; NULL for no text. */
static int replace_text(char **member, const char *text, size_t len, struct error *why)
{
	char *copy = NULL;

	if (text != NULL && (copy = secmem_strndup(text, len)) == NULL)
		return error_set(why, "out of memory");
	secmem_free(*member);
	*member = copy;
	return 0;
}

/* Stores a text that means "not set" when it is empty. */
static int store_optional(char **member, const char *text, struct error *why)
{
	size_t len = strlen(text);

	if (len > PATH_MAX - 1)
		return error_set(why, "must not be longer than %d bytes", PATH_MAX - 1);
	return replace_text(member, len > 0 ? text : NULL, len, why);
}

/* All enums that are settings begin at 0, and are as large as this. */
static int store_choice(unsigned *member, const char *const *choices, const char *text, struct error *why)
{
	char shown[CONFIG_VALUE_SHOWN], known[80] = "";

	for (unsigned i = 0; choices[i] != NULL; i++) {
		if (strcmp(choices[i], text) == 0) {
			*member = i;
			return 0;
		}
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i > 0 ? ", " : "",
		    choices[i]);
	}
	return error_set(why, "must be one of: %s; not \"%s\"", known, config_value_shown(text, shown));
}

static int add_address(struct config *config, const char *text, struct error *why)
{
	char **grown, *address;

	if (config->openbao.naddress == ADDRESSES_MAX)
		return error_set(why, "must not be more than %d addresses", ADDRESSES_MAX);
	if (config_address_parse(text, &address, why) != 0)
		return -1;
	grown = secmem_realloc(config->openbao.address, (config->openbao.naddress + 1) * sizeof(*grown));
	if (grown == NULL) {
		secmem_free(address);
		return error_set(why, "out of memory");
	}
	config->openbao.address = grown;
	grown[config->openbao.naddress++] = address;
	return 0;
}

int config_table_store(struct config *config, const struct setting *setting, const char *text, struct error *why)
{
	void *member = (char *)config + setting->offset;
	size_t len = strlen(text);
	char shown[CONFIG_VALUE_SHOWN], name[SECRET_MOUNT_MAX + 2];

	if (config_value_has_control(text))
		return error_set(why, "holds a control byte");
	switch (setting->type) {
	case SETTING_ADDRESSES:
		return add_address(config, text, why);
	case SETTING_NAMESPACE:
		if (len >= sizeof(name))
			return error_set(why, "must not be longer than %d bytes", SECRET_MOUNT_MAX);
		/* "team-a/" is how OpenBao prints it, "team-a" what it is. */
		if (len > 1 && text[len - 1] == '/')
			len--;
		memcpy(name, text, len);
		name[len] = '\0';
		if (len > 0 && !request_path_ok(name, SECRET_MOUNT_MAX))
			return error_set(why, "must be a namespace's path, such as team-a or team-a/dev");
		return replace_text(member, name, len, why);
	case SETTING_AUTH:
		if (len == 0)
			return error_set(why, "a login method is needed, one of: %s (REQ-004, PX-0003)",
			    config_auth_modes());
		if (config_auth_mode(text, member) != 0)
			return error_set(why, "\"%s\" is not a login method; known: %s",
			    config_value_shown(text, shown), config_auth_modes());
		return 0;
	case SETTING_HOST:
		if (len > 0 && !config_address_host_ok(text))
			return error_set(why, "must be a host name or an IP address");
		return store_optional(member, text, why);
	case SETTING_TEXT:
	case SETTING_FILE:
	case SETTING_SECRET:
		return store_optional(member, text, why);
	case SETTING_BOOL:
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
			return error_set(why, "must be true or false");
		*(bool *)member = strcmp(text, "true") == 0;
		return 0;
	case SETTING_TIME:
	case SETTING_SIZE:
	case SETTING_COUNT:
		return store_number(member, setting, text, why);
	case SETTING_MOUNT:
		if (!request_path_ok(text, SECRET_MOUNT_MAX))
			return error_set(why,
			    "must be a mount's path, such as approle, without a slash at its ends and of at "
			    "most %d bytes",
			    SECRET_MOUNT_MAX);
		return replace_text(member, text, len, why);
	case SETTING_SOCKET:
	case SETTING_OPTIONAL_SOCKET:
		if (len == 0 && setting->type == SETTING_OPTIONAL_SOCKET)
			return replace_text(member, NULL, 0, why);
		if (*text != '/' || text[len - 1] == '/')
			return error_set(why,
			    "must be a socket's full path, such as /run/secretstored/secretstored.sock");
		if (len > SOCKET_MAX)
			return error_set(why, "is too long for a socket: %zu bytes, at most %zu fit", len,
			    SOCKET_MAX);
		return replace_text(member, text, len, why);
	case SETTING_MODE:
		if (config_value_mode(text, member) != 0)
			return error_set(why, "must be %s", config_table_kind(SETTING_MODE));
		return 0;
	case SETTING_GROUP:
		if (len > 0)
			return config_value_group(text, member, why);
		*(gid_t *)member = (gid_t)-1;
		return 0;
	case SETTING_CHOICE:
		return store_choice(member, setting->choices, text, why);
	}
	return error_set(why, "is of no known type");
}

int config_table_defaults(struct config *config, struct error *why)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (table[i].type == SETTING_ADDRESSES)
			continue;
		if (config_table_store(config, &table[i], table[i].initial, why) != 0)
			return -1;
	}
	return 0;
}

void config_table_clear(struct config *config)
{
	for (size_t i = 0; i < config->openbao.naddress; i++)
		secmem_free(config->openbao.address[i]);
	secmem_free(config->openbao.address);
	config->openbao.address = NULL;
	config->openbao.naddress = 0;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char **member = (char **)(void *)((char *)config + table[i].offset);

		if (types[table[i].type].is_text) {
			secmem_free(*member);
			*member = NULL;
		}
	}
}
