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

#define AT(member) offsetof(struct config, member)
#define RANGE(l, h) .low = (l), .high = (h)

static const char *const log_levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const audit_levels[] = { "changes", "all", NULL };
static const char *const audit_sinks[] = { "journal", "file", "stderr", NULL };
static const char *const audit_on_failure[] = { "continue", "deny", NULL };
static const char *const lock_memory[] = { "try", "required", NULL };

static const struct setting table[] = {
	{ "openbao", "address", SETTING_ADDRESSES, AT(openbao.address), .initial = "" },
	{ "openbao", "namespace", SETTING_NAMESPACE, AT(openbao.vault_namespace), .initial = "" },
	{ "openbao", "auth", SETTING_AUTH, AT(openbao.auth), .initial = "approle" },
	{ "openbao", "ca_file", SETTING_FILE, AT(openbao.ca_file), .initial = "" },
	{ "openbao", "client_cert_file", SETTING_FILE, AT(openbao.client_cert_file), .initial = "" },
	{ "openbao", "client_key_file", SETTING_FILE, AT(openbao.client_key_file), .initial = "" },
	{ "openbao", "server_name", SETTING_HOST, AT(openbao.server_name), .initial = "" },
	{ "openbao", "tls_skip_verify", SETTING_BOOL, AT(openbao.tls_skip_verify), .initial = "false" },
	{ "openbao", "connect_timeout", SETTING_TIME, AT(openbao.connect_timeout_ms), "3s",
	    RANGE("100ms", "60s") },
	{ "openbao", "request_timeout", SETTING_TIME, AT(openbao.request_timeout_ms), "10s",
	    RANGE("100ms", "10m") },
	{ "openbao", "revoke_on_stop", SETTING_BOOL, AT(openbao.revoke_on_stop), .initial = "true" },
	{ "approle", "mount", SETTING_MOUNT, AT(approle.mount), .initial = "approle" },
	{ "approle", "role_id", SETTING_SECRET, AT(approle.role_id), .initial = "" },
	{ "approle", "role_id_file", SETTING_FILE, AT(approle.role_id_file), .initial = "" },
	{ "approle", "secret_id_file", SETTING_FILE, AT(approle.secret_id_file), .initial = "" },
	{ "approle", "secret_id_wrapped", SETTING_BOOL, AT(approle.secret_id_wrapped), .initial = "false" },
	{ "kubernetes", "mount", SETTING_MOUNT, AT(kubernetes.mount), .initial = "kubernetes" },
	{ "kubernetes", "role", SETTING_TEXT, AT(kubernetes.role), .initial = "" },
	{ "kubernetes", "token_file", SETTING_FILE, AT(kubernetes.token_file),
	    .initial = "/var/run/secrets/kubernetes.io/serviceaccount/token" },
#ifdef SECRETSTORE_DEV_TOKEN
	{ "dev_token", "token_file", SETTING_FILE, AT(devtoken.token_file), .initial = "" },
#endif
	{ "listen", "socket", SETTING_SOCKET, AT(listen.socket),
	    .initial = "/run/secretstored/secretstored.sock" },
	{ "listen", "mode", SETTING_MODE, AT(listen.mode), .initial = "0660" },
	{ "listen", "group", SETTING_GROUP, AT(listen.group), .initial = "" },
	{ "listen", "credentials_socket", SETTING_OPTIONAL_SOCKET, AT(listen.credentials_socket), .initial = "" },
	{ "cache", "max_age", SETTING_TIME, AT(cache.max_age_ms), "0s", RANGE("100ms", "24h"), .zero = true },
	{ "cache", "serve_stale", SETTING_TIME, AT(cache.serve_stale_ms), "0s", RANGE("100ms", "168h"), .zero = true },
	{ "cache", "max_bytes", SETTING_SIZE, AT(cache.max_bytes), "8M", RANGE("64K", "4096M") },
	{ "limits", "request_bytes", SETTING_SIZE, AT(limits.request_bytes), "1M", RANGE("1K", "16777215") },
	{ "limits", "connections", SETTING_COUNT, AT(limits.connections), "1024", RANGE("1", "65536") },
	{ "limits", "connections_per_uid", SETTING_COUNT, AT(limits.connections_per_uid), "256",
	    RANGE("1", "65536") },
	{ "limits", "requests_per_connection", SETTING_COUNT, AT(limits.requests_per_connection), "64",
	    RANGE("1", "4096") },
	{ "limits", "requests_per_uid", SETTING_COUNT, AT(limits.requests_per_uid), "512", RANGE("1", "65536") },
	{ "limits", "output_bytes", SETTING_SIZE, AT(limits.output_bytes), "1M", RANGE("64K", "64M") },
	{ "limits", "bytes_per_uid", SETTING_SIZE, AT(limits.bytes_per_uid), "64M", RANGE("1M", "1024M") },
	{ "limits", "frame_timeout", SETTING_TIME, AT(limits.frame_timeout_ms), "10s", RANGE("1s", "10m") },
	{ "limits", "idle_timeout", SETTING_TIME, AT(limits.idle_timeout_ms), "0s", RANGE("1s", "24h"),
	    .zero = true },
	{ "log", "level", SETTING_CHOICE, AT(log.level), .initial = "info", .choices = log_levels },
	{ "audit", "level", SETTING_CHOICE, AT(audit.level), .initial = "changes", .choices = audit_levels },
	{ "audit", "sink", SETTING_CHOICE, AT(audit.sink), .initial = "journal", .choices = audit_sinks },
	{ "audit", "file", SETTING_FILE, AT(audit.file), .initial = "" },
	{ "audit", "on_failure", SETTING_CHOICE, AT(audit.on_failure), .initial = "continue",
	    .choices = audit_on_failure },
	{ "process", "lock_memory", SETTING_CHOICE, AT(process.lock_memory), .initial = "try", .choices = lock_memory },
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

const char *config_table_kind(enum setting_type type)
{
	switch (type) {
	case SETTING_ADDRESSES:
		return "an address in quotes, or a list of them";
	case SETTING_BOOL:
		return "true or false";
	case SETTING_TIME:
		return "a time in quotes, such as \"500ms\", \"10s\", \"5m\" or \"2h\"";
	case SETTING_SIZE:
		return "a size, such as \"64K\", \"8M\" or 65536";
	case SETTING_COUNT:
		return "a whole number";
	case SETTING_MODE:
		return "a mode in octal, in quotes, from \"0000\" to \"0777\"";
	case SETTING_GROUP:
		return "a group's name in quotes, or its number";
	case SETTING_NAMESPACE:
	case SETTING_AUTH:
	case SETTING_TEXT:
	case SETTING_FILE:
	case SETTING_HOST:
	case SETTING_MOUNT:
	case SETTING_SECRET:
	case SETTING_SOCKET:
	case SETTING_OPTIONAL_SOCKET:
	case SETTING_CHOICE:
		break;
	}
	return "a text in quotes";
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

/* A text that means "not set" when it is empty. */
static int store_optional(char **member, const char *text, size_t max, struct error *why)
{
	size_t len = strlen(text);

	if (len > max)
		return error_set(why, "must not be longer than %zu bytes", max);
	return replace_text(member, len > 0 ? text : NULL, len, why);
}

/* "team-a/" is how OpenBao prints it, "team-a" what it is. */
static int store_namespace(char **member, const char *text, struct error *why)
{
	char name[REQUEST_MOUNT_MAX + 2];
	size_t len = strlen(text);

	if (len >= sizeof(name))
		return error_set(why, "must not be longer than %d bytes", REQUEST_MOUNT_MAX);
	if (len > 1 && text[len - 1] == '/')
		len--;
	memcpy(name, text, len);
	name[len] = '\0';
	if (len > 0 && !request_path_ok(name, REQUEST_MOUNT_MAX))
		return error_set(why, "must be a namespace's path, such as team-a or team-a/dev");
	return replace_text(member, name, len, why);
}

static int store_auth(enum auth_mode *member, const char *text, struct error *why)
{
	char shown[CONFIG_VALUE_SHOWN];

	if (*text == '\0')
		return error_set(why, "a login method is needed, one of: %s (REQ-004, PX-0003)", config_auth_modes());
	if (config_auth_mode(text, member) != 0)
		return error_set(why, "\"%s\" is not a login method; known: %s", config_value_shown(text, shown),
		    config_auth_modes());
	return 0;
}

static int store_mount(char **member, const char *text, struct error *why)
{
	if (!request_path_ok(text, REQUEST_MOUNT_MAX))
		return error_set(why,
		    "must be a mount's path, such as approle, without a slash at its ends and of at "
		    "most %d bytes", REQUEST_MOUNT_MAX);
	return replace_text(member, text, strlen(text), why);
}

static int store_socket(char **member, const char *text, struct error *why)
{
	size_t len = strlen(text);

	if (*text != '/' || text[len - 1] == '/')
		return error_set(why, "must be a socket's full path, such as /run/secretstored/secretstored.sock");
	if (len > SOCKET_MAX)
		return error_set(why, "is too long for a socket: %zu bytes, at most %zu fit", len, SOCKET_MAX);
	return replace_text(member, text, len, why);
}

static int store_group(gid_t *member, const char *text, struct error *why)
{
	if (*text != '\0')
		return config_value_group(text, member, why);
	*member = (gid_t)-1;
	return 0;
}

static int store_bool(bool *member, const char *text, struct error *why)
{
	bool yes = strcmp(text, "true") == 0;

	if (!yes && strcmp(text, "false") != 0)
		return error_set(why, "must be true or false");
	*member = yes;
	return 0;
}

static int store_mode(mode_t *member, const char *text, struct error *why)
{
	if (config_value_mode(text, member) != 0)
		return error_set(why, "must be %s", config_table_kind(SETTING_MODE));
	return 0;
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
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i > 0 ? ", " : "", choices[i]);
	}
	return error_set(why, "must be one of: %s; not \"%s\"", known, config_value_shown(text, shown));
}

static int store_host(char **member, const char *text, struct error *why)
{
	if (*text != '\0' && !config_address_host_ok(text))
		return error_set(why, "must be a host name or an IP address");
	return store_optional(member, text, SIZE_MAX, why);
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

	if (config_value_has_control(text))
		return error_set(why, "holds a control byte");
	switch (setting->type) {
	case SETTING_ADDRESSES:
		return add_address(config, text, why);
	case SETTING_NAMESPACE:
		return store_namespace(member, text, why);
	case SETTING_AUTH:
		return store_auth(member, text, why);
	case SETTING_TEXT:
	case SETTING_FILE:
	case SETTING_SECRET:
		return store_optional(member, text, PATH_MAX - 1, why);
	case SETTING_HOST:
		return store_host(member, text, why);
	case SETTING_BOOL:
		return store_bool(member, text, why);
	case SETTING_TIME:
	case SETTING_SIZE:
	case SETTING_COUNT:
		return store_number(member, setting, text, why);
	case SETTING_MOUNT:
		return store_mount(member, text, why);
	case SETTING_SOCKET:
		return store_socket(member, text, why);
	case SETTING_OPTIONAL_SOCKET:
		return *text != '\0' ? store_socket(member, text, why) : replace_text(member, NULL, 0, why);
	case SETTING_MODE:
		return store_mode(member, text, why);
	case SETTING_GROUP:
		return store_group(member, text, why);
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

static void clear_addresses(struct config *config)
{
	for (size_t i = 0; i < config->openbao.naddress; i++)
		secmem_free(config->openbao.address[i]);
	secmem_free(config->openbao.address);
	config->openbao.address = NULL;
	config->openbao.naddress = 0;
}

static bool is_text(enum setting_type type)
{
	switch (type) {
	case SETTING_NAMESPACE:
	case SETTING_TEXT:
	case SETTING_FILE:
	case SETTING_HOST:
	case SETTING_MOUNT:
	case SETTING_SECRET:
	case SETTING_SOCKET:
	case SETTING_OPTIONAL_SOCKET:
		return true;
	default:
		return false;
	}
}

void config_table_clear(struct config *config)
{
	clear_addresses(config);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char **member = (char **)(void *)((char *)config + table[i].offset);

		if (is_text(table[i].type)) {
			secmem_free(*member);
			*member = NULL;
		}
	}
}
