/*
 * config_table: the table of settings, and the table of their types.
 */
#include "daemon/config/config_table.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/array.h"
#include "base/quantity.h"
#include "base/secmem.h"
#include "daemon/access/patterns.h"
#include "daemon/host/users.h"
#include "daemon/upstream/address.h"
#include "daemon/upstream/auth_modes.h"
#include "proto/request.h"

#define ADDRESSES_MAX 16
#define SOCKET_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1) /* 107 on Linux */

static void *member_of(const void *object, const struct setting *setting)
{
	return (char *)(uintptr_t)object + setting->offset;
}

static bool same_texts(const void *a, const void *b)
{
	const char *one = *(char *const *)a, *other = *(char *const *)b;

	return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

static void clear_text(void *member)
{
	secmem_free(*(char **)member);
	*(char **)member = NULL;
}

/* Takes a text, and none in the place of an empty one where it need not be set. */
static int parse_text(void *object, const struct setting *setting, const char *text, struct error *why)
{
	char **member = member_of(object, setting), *copy = NULL;
	bool unset = *text == '\0' && setting->initial != NULL &&
	    (*setting->initial == '\0' || setting->type->check == NULL);
	const char *wrong = !unset && setting->type->check != NULL ? setting->type->check(text) : NULL;

	if (wrong != NULL)
		return error_set(why, "%s", wrong);
	if (strlen(text) > PATH_MAX - 1)
		return error_set(why, "must not be longer than %d bytes", PATH_MAX - 1);
	if (!unset && (copy = secmem_strdup(text)) == NULL)
		return error_set(why, "out of memory");
	secmem_free(*member);
	*member = copy;
	return 0;
}

static int parse_namespace(void *object, const struct setting *setting, const char *text, struct error *why)
{
	char **member = member_of(object, setting), *name;

	if (address_parse_namespace(text, &name, why) != 0)
		return -1;
	secmem_free(*member);
	*member = name;
	return 0;
}

static const char *socket_error(const char *text)
{
	if (*text != '/' || text[strlen(text) - 1] == '/')
		return "must be a socket's full path, such as /run/secretstored/secretstored.sock";
	return strlen(text) <= SOCKET_MAX ? NULL : "is too long for a socket: at most 107 bytes fit";
}

static int parse_address(void *object, const struct setting *setting, const char *text, struct error *why)
{
	struct texts *list = member_of(object, setting);
	char *address;
	int failed;

	if (list->count == ADDRESSES_MAX)
		return error_set(why, "must not be more than %d addresses", ADDRESSES_MAX);
	if (address_parse(text, &address, why) != 0)
		return -1;
	failed = texts_add(list, address);
	secmem_free(address);
	return failed ? error_set(why, "out of memory") : 0;
}

static bool same_lists(const void *a, const void *b)
{
	return texts_equal(a, b);
}

static void clear_list(void *member)
{
	texts_clear(member);
}

static int parse_auth(void *object, const struct setting *setting, const char *text, struct error *why)
{
	char shown[ERROR_SHOWN];

	if (*text == '\0')
		return error_set(why, "a login method is needed, one of: %s (REQ-004, PX-0003)", auth_modes());
	if (auth_mode_find(text, member_of(object, setting)) != 0)
		return error_set(why, "\"%s\" is not a login method; known: %s", error_show(text, shown),
		    auth_modes());
	return 0;
}

static int parse_bool(void *object, const struct setting *setting, const char *text, struct error *why)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return error_set(why, "must be %s", setting->type->kind);
	*(bool *)member_of(object, setting) = *text == 't';
	return 0;
}

/* Reads times, sizes and counts, and holds them to their range. */
static int parse_number(void *object, const struct setting *setting, const char *text, struct error *why)
{
	char shown[ERROR_SHOWN];
	uint64_t value, low = 0, high = 0;

	if (setting->type->number(text, &value) != 0)
		return error_set(why, "must be %s", setting->type->kind);
	setting->type->number(setting->low, &low);
	setting->type->number(setting->high, &high);
	if ((value < low || value > high) && !(setting->zero && value == 0))
		return error_set(why, "must be %sbetween %s and %s, not %s", setting->zero ? "0 or " : "",
		    setting->low, setting->high, error_show(text, shown));
	*(uint64_t *)member_of(object, setting) = value;
	return 0;
}

static int parse_mode(void *object, const struct setting *setting, const char *text, struct error *why)
{
	return quantity_mode(text, member_of(object, setting)) == 0
	    ? 0
	    : error_set(why, "must be %s", setting->type->kind);
}

static int parse_group(void *object, const struct setting *setting, const char *text, struct error *why)
{
	gid_t *group = member_of(object, setting);

	if (*text != '\0')
		return users_find_group(text, group, why);
	*group = (gid_t)-1;
	return 0;
}

/* The enums that are settings begin at 0, and are as large as an unsigned. */
static int parse_choice(void *object, const struct setting *setting, const char *text, struct error *why)
{
	char shown[ERROR_SHOWN], known[80] = "";

	for (unsigned i = 0; setting->choices[i] != NULL; i++) {
		if (strcmp(setting->choices[i], text) == 0) {
			*(unsigned *)member_of(object, setting) = i;
			return 0;
		}
		texts_join(known, sizeof(known), setting->choices[i]);
	}
	return error_set(why, "must be one of: %s; not \"%s\"", known, error_show(text, shown));
}

/* Makes room in a rule's array for one more. NULL: no memory. */
static void *grow_member(void *rule, const struct setting *setting, size_t size)
{
	void **array = member_of(rule, setting), *grown;
	size_t *count = (size_t *)(void *)((char *)rule + setting->count);

	grown = array_grow(*array, *count, size);
	if (grown == NULL)
		return NULL;
	*array = grown;
	return (char *)grown + (*count)++ * size;
}

static int parse_pattern(void *rule, const struct setting *setting, const char *text, struct error *why)
{
	const char *wrong = setting->type->check(text);
	char *copy = wrong == NULL ? strdup(text) : NULL;
	char **item = copy != NULL ? grow_member(rule, setting, sizeof(*item)) : NULL;

	if (item != NULL)
		*item = copy;
	else
		free(copy);
	return item != NULL ? 0 : error_set(why, "%s", wrong != NULL ? wrong : "out of memory");
}

/* uid_t and gid_t are the same type here, and users and groups are read alike. */
static int parse_id(void *rule, const struct setting *setting, const char *text, struct error *why)
{
	uint32_t id, *item;

	if (setting->type->find(text, &id, why) != 0)
		return -1;
	item = grow_member(rule, setting, sizeof(*item));
	if (item == NULL)
		return error_set(why, "out of memory");
	*item = id;
	return 0;
}

static int parse_op(void *rule, const struct setting *setting, const char *text, struct error *why)
{
	(void)setting;
	return rule_add_op(rule, text, why);
}

/* clang-format off */
#define TEXT(takes, function) \
	{ .kind = "a text", .parse = (takes), .check = (function), .same = same_texts, .clear = clear_text }
#define PLAIN(what, function) { .kind = (what), .parse = (function) }
#define NUMBER(what, function) { .kind = (what), .parse = parse_number, .number = (function) }
#define IDS(function) \
	{ .kind = "a name, a number, or a list of them", .is_list = true, .parse = parse_id, .find = (function) }
#define PATTERNS(what, function) \
	{ .kind = what ", or a list of them", .is_list = true, .parse = parse_pattern, .check = (function) }

static const struct setting_type
	type_addresses = { .kind = "an address, or a list of them", .is_list = true, .parse = parse_address,
	    .same = same_lists, .clear = clear_list },
	type_namespace = TEXT(parse_namespace, NULL),
	type_text = TEXT(parse_text, NULL),
	type_mount = TEXT(parse_text, patterns_mount_error),
	type_host = TEXT(parse_text, address_host_error),
	type_socket = TEXT(parse_text, socket_error),
	type_auth = PLAIN("a text", parse_auth),
	type_bool = PLAIN("true or false", parse_bool),
	type_time = NUMBER("a time, such as 500ms, 10s, 5m or 2h", quantity_time),
	type_size = NUMBER("a size, such as 64K, 8M or 65536", quantity_size),
	type_count = NUMBER("a whole number", quantity_count),
	type_mode = PLAIN("a mode in octal, from 0000 to 0777", parse_mode),
	type_group = PLAIN("a group's name or number", parse_group),
	type_choice = PLAIN("a text", parse_choice),
	type_users = IDS(users_find), type_groups = IDS(users_find_group),
	type_ops = { .kind = "an op, or a list of them", .is_list = true, .parse = parse_op },
	type_units = PATTERNS("a unit", patterns_unit_error), type_paths = PATTERNS("a path", patterns_path_error),
	type_ids = PATTERNS("a credential's name", patterns_id_error),
	type_secret = TEXT(parse_text, patterns_secret_error), type_field = TEXT(parse_text, patterns_field_error);

#define SETTING(in, member, needs, is, called, otherwise, ...) \
	{ .group = #in, .name = (called), .change = CHANGE_##needs, .type = &type_##is, .initial = (otherwise), \
	    .offset = offsetof(struct config, in.member), .size = sizeof(((struct config *)0)->in.member), \
	    __VA_ARGS__ }
/* These are settings of a rule: one value, or a list with its length. */
#define RULE(in, rule, member, is, called) \
	{ .group = #in, .name = (called), .type = &type_##is, .offset = offsetof(struct rule, member) }
#define RULES(in, rule, member, is, called) \
	{ .group = #in, .name = (called), .type = &type_##is, .offset = offsetof(struct rule, member), \
	    .count = offsetof(struct rule, n##member) }
#define RANGE(l, h) .low = (l), .high = (h)
#define CHOICES(...) .choices = (const char *const[]){ __VA_ARGS__, NULL }

static const struct setting table[] = {
	SETTING(openbao, address, LOGIN, addresses, "address", ""),
	SETTING(openbao, vault_namespace, LOGIN, namespace, "namespace", ""),
	SETTING(openbao, auth, LOGIN, auth, "auth", "approle"),
	SETTING(openbao, ca_file, LOGIN, text, "ca_file", ""),
	SETTING(openbao, client_cert_file, LOGIN, text, "client_cert_file", ""),
	SETTING(openbao, client_key_file, LOGIN, text, "client_key_file", ""),
	SETTING(openbao, server_name, LOGIN, host, "server_name", ""),
	SETTING(openbao, tls_skip_verify, LOGIN, bool, "tls_skip_verify", "false"),
	SETTING(openbao, connect_timeout_ms, LOGIN, time, "connect_timeout", "3s", RANGE("100ms", "60s")),
	SETTING(openbao, request_timeout_ms, LIVE, time, "request_timeout", "10s", RANGE("100ms", "10m")),
	SETTING(openbao, revoke_on_stop, LOGIN, bool, "revoke_on_stop", "true"),
	SETTING(approle, mount, LOGIN, mount, "mount", "approle"),
	SETTING(approle, role_id, LOGIN, text, "role_id", ""),
	SETTING(approle, role_id_file, LOGIN, text, "role_id_file", ""),
	SETTING(approle, secret_id_file, LOGIN, text, "secret_id_file", ""),
	SETTING(approle, secret_id_wrapped, LOGIN, bool, "secret_id_wrapped", "false"),
	SETTING(kubernetes, mount, LOGIN, mount, "mount", "kubernetes"),
	SETTING(kubernetes, role, LOGIN, text, "role", ""),
	SETTING(kubernetes, token_file, LOGIN, text, "token_file",
	    "/var/run/secrets/kubernetes.io/serviceaccount/token"),
#ifdef SECRETSTORE_DEV_TOKEN
	SETTING(dev_token, token_file, LOGIN, text, "token_file", ""),
#endif
	SETTING(listen, socket, RESTART, socket, "socket", "/run/secretstored/secretstored.sock"),
	SETTING(listen, mode, RESTART, mode, "mode", "0660"),
	SETTING(listen, group, RESTART, group, "group", ""),
	SETTING(listen, credentials_socket, RESTART, socket, "credentials_socket", ""),
	SETTING(cache, max_age_ms, LIVE, time, "max_age", "0s", RANGE("100ms", "24h"), .zero = true),
	SETTING(cache, serve_stale_ms, LIVE, time, "serve_stale", "0s", RANGE("100ms", "168h"), .zero = true),
	SETTING(cache, max_bytes, LIVE, size, "max_bytes", "8M", RANGE("64K", "4096M")),
	SETTING(limits, request_bytes, LIVE, size, "request_bytes", "1M", RANGE("1K", "16777215")),
	SETTING(limits, connections, LIVE, count, "connections", "1024", RANGE("1", "65536")),
	SETTING(limits, connections_per_uid, LIVE, count, "connections_per_uid", "256", RANGE("1", "65536")),
	SETTING(limits, requests_per_connection, LIVE, count, "requests_per_connection", "64", RANGE("1", "4096")),
	SETTING(limits, requests_per_uid, LIVE, count, "requests_per_uid", "512", RANGE("1", "65536")),
	SETTING(limits, output_bytes, LIVE, size, "output_bytes", "1M", RANGE("64K", "64M")),
	SETTING(limits, bytes_per_uid, LIVE, size, "bytes_per_uid", "64M", RANGE("1M", "1024M")),
	SETTING(limits, frame_timeout_ms, LIVE, time, "frame_timeout", "10s", RANGE("1s", "10m")),
	SETTING(limits, idle_timeout_ms, LIVE, time, "idle_timeout", "0s", RANGE("1s", "24h"), .zero = true),
	SETTING(log, level, LIVE, choice, "level", "info", CHOICES("error", "warning", "info", "debug")),
	SETTING(audit, level, LIVE, choice, "level", "changes", CHOICES("changes", "all")),
	SETTING(audit, sink, RESTART, choice, "sink", "journal", CHOICES("journal", "file", "stderr")),
	SETTING(audit, file, RESTART, text, "file", ""),
	SETTING(audit, on_failure, RESTART, choice, "on_failure", "continue", CHOICES("continue", "deny")),
	SETTING(process, lock_memory, RESTART, choice, "lock_memory", "try", CHOICES("try", "required")),
	RULES(allow, rule, uids, users, "uid"),
	RULES(allow, rule, gids, groups, "gid"),
	RULES(allow, rule, units, units, "unit"),
	RULES(allow, rule, user_units, units, "user_unit"),
	RULE(allow, rule, host_only, bool, "host_only"),
	{ .group = "allow", .name = "ops", .type = &type_ops },
	RULES(allow, rule, paths, paths, "paths"),
	RULES(credential, credential_rule, units, units, "unit"),
	RULES(credential, credential_rule, ids, ids, "id"),
	RULE(credential, credential_rule, mount, mount, "mount"),
	RULE(credential, credential_rule, path, secret, "path"),
	RULE(credential, credential_rule, field, field, "field"),
};
/* clang-format on */

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

const char *config_table_names(const char *group, struct error *ret)
{
	ret->text[0] = '\0';
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (strcmp(table[i].group, group) == 0)
			texts_join(ret->text, sizeof(ret->text), table[i].name);
	return ret->text;
}

int config_table_defaults(struct config *config, struct error *why)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].initial != NULL && !table[i].type->is_list &&
		    table[i].type->parse(config, &table[i], table[i].initial, why) != 0)
			return -1;
	return 0;
}

bool config_table_same(const struct config *a, const struct config *b, const struct setting *setting)
{
	const void *in_a = member_of(a, setting), *in_b = member_of(b, setting);

	return setting->type->same != NULL ? setting->type->same(in_a, in_b)
					   : memcmp(in_a, in_b, setting->size) == 0;
}

void config_table_clear(struct config *config)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].initial != NULL && table[i].type->clear != NULL)
			table[i].type->clear(member_of(config, &table[i]));
}
