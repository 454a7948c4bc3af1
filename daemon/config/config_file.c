/*
 * config_file: reads a config file with libconfig into a struct config.
 */
#include "daemon/config/config_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/secmem.h"
#include "base/secretfile.h"
#include "daemon/config/config_scan.h"
#include "daemon/config/config_table.h"
#include "daemon/config/config_value.h"

/* So that an error's text has room for the rest. */
#define CONFIG_MAX (4u << 20) /* some 40,000 rules */
#define PATH "%.200s"
#define NAME "%.48s"

static bool is_list(const config_setting_t *setting)
{
	return config_setting_is_array(setting) || config_setting_is_list(setting);
}

int config_file_error(const struct config_file *file, const config_setting_t *setting, size_t item,
    const char *format, ...)
{
	const config_setting_t *group = config_setting_parent(setting);
	char name[160] = "", what[320], which[32] = "";
	va_list args;

	if (group != NULL && config_setting_parent(group) != NULL) {
		const config_setting_t *outer = config_setting_parent(group);
		bool deep = config_setting_parent(outer) != NULL;

		snprintf(name, sizeof(name), NAME "%s" NAME ".", deep ? config_setting_name(outer) : "",
		    deep ? "." : "", config_setting_name(group));
	}
	if (item > 0 && is_list(setting))
		snprintf(which, sizeof(which), "item %zu: ", item);
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return error_set(file->error, PATH ":%u: %s" NAME ": %s%s", file->path,
	    config_setting_source_line(setting), name, config_setting_name(setting), which, what);
}

size_t config_file_count(const config_setting_t *setting)
{
	return is_list(setting) ? (size_t)config_setting_length(setting) : 1;
}

const config_setting_t *config_file_item(const config_setting_t *setting, size_t i)
{
	return is_list(setting) ? config_setting_get_elem(setting, (unsigned)i) : setting;
}

const char *config_file_text(const config_setting_t *setting, char number[16])
{
	if (config_setting_type(setting) == CONFIG_TYPE_STRING)
		return config_setting_get_string(setting);
	if (config_setting_type(setting) != CONFIG_TYPE_INT)
		return NULL;
	snprintf(number, 16, "%d", config_setting_get_int(setting));
	return number;
}

int config_file_patterns(const struct config_file *file, const config_setting_t *list, const char *what,
    const char *(*check)(const char *), char ***ret, size_t *ret_count)
{
	size_t n = config_file_count(list);

	if (n == 0)
		return config_file_error(file, list, 0, "must not be empty");
	*ret = calloc(n, sizeof(**ret));
	if (*ret == NULL)
		return config_file_error(file, list, 0, "out of memory");
	for (size_t i = 0; i < n; i++) {
		const char *text = config_setting_get_string(config_file_item(list, i)), *wrong;

		if (text == NULL)
			return config_file_error(file, list, i + 1, "must be a %s in quotes, or a list of them",
			    what);
		wrong = check(text);
		if (wrong != NULL)
			return config_file_error(file, list, i + 1, "%s", wrong);
		(*ret)[i] = strdup(text);
		if ((*ret)[i] == NULL)
			return config_file_error(file, list, 0, "out of memory");
		(*ret_count)++;
	}
	return 0;
}

int config_file_rule_name(const struct config_file *file, const config_setting_t *group, const char *keys,
    char **ret)
{
	if (!config_setting_is_group(group))
		return config_file_error(file, group, 0, "must be a group with %s", keys);
	if (strchr(config_setting_name(group), '*') != NULL)
		return config_file_error(file, group, 0, "a rule's name has letters, digits, - and _");
	*ret = strdup(config_setting_name(group));
	return *ret != NULL ? 0 : config_file_error(file, group, 0, "out of memory");
}

struct reader {
	struct config_file file;
	struct config *config;
	struct buf text;
	struct config_scan scan;
	config_t lib;
};

static int read_addresses(struct reader *r, const struct setting *setting, const config_setting_t *value)
{
	size_t n = config_file_count(value);
	struct error why;

	for (size_t i = 0; i < n; i++) {
		const char *text = config_setting_get_string(config_file_item(value, i));

		if (text == NULL)
			return config_file_error(&r->file, value, i + 1, "must be %s",
			    config_table_kind(setting->type));
		/* An empty text alone is no address; in a list it is a wrong one. */
		if (!is_list(value) && *text == '\0')
			return 0;
		if (config_table_store(r->config, setting, text, &why) != 0)
			return config_file_error(&r->file, value, i + 1, "%s", why.text);
	}
	return 0;
}

static int read_setting(struct reader *r, const struct setting *setting, const config_setting_t *value)
{
	const char *text = NULL;
	char number[16];
	struct error why;

	switch (setting->type) {
	case SETTING_ADDRESSES:
		return read_addresses(r, setting, value);
	case SETTING_BOOL:
		if (config_setting_type(value) == CONFIG_TYPE_BOOL)
			text = config_setting_get_bool(value) ? "true" : "false";
		break;
	case SETTING_COUNT:
		if (config_setting_type(value) == CONFIG_TYPE_INT)
			text = config_file_text(value, number);
		break;
	case SETTING_SIZE:
	case SETTING_GROUP:
		text = config_file_text(value, number);
		break;
	default:
		text = config_setting_get_string(value);
		break;
	}
	if (text == NULL)
		return config_file_error(&r->file, value, 0, "must be %s", config_table_kind(setting->type));
	if (setting->type == SETTING_SECRET && r->scan.role_id != NULL)
		text = r->scan.role_id;
	if (config_table_store(r->config, setting, text, &why) != 0)
		return config_file_error(&r->file, value, 0, "%s", why.text);
	return 0;
}

/* Names the setting that is most likely meant: misspelt in this group, or well spelt in the wrong one. */
static int unknown_setting(struct reader *r, const config_setting_t *setting, const char *group)
{
	unsigned distance, least = 3;
	size_t n;
	const struct setting *table = config_table(&n), *best = NULL;

	for (size_t i = 0; i < n; i++) {
		distance = config_value_distance(table[i].name, config_setting_name(setting));
		if (strcmp(table[i].group, group) != 0 && distance > 0)
			continue;
		if (distance < least) {
			least = distance;
			best = &table[i];
		}
	}
	if (best == NULL)
		return config_file_error(&r->file, setting, 0, "there is no such setting");
	return config_file_error(&r->file, setting, 0, "there is no such setting; %s.%s is meant?", best->group,
	    best->name);
}

static int read_group(struct reader *r, const config_setting_t *group)
{
	const char *name = config_setting_name(group);
	int n = config_setting_length(group);

	for (int i = 0; i < n; i++) {
		const config_setting_t *value = config_setting_get_elem(group, (unsigned)i);
		const struct setting *setting = config_table_find(name, config_setting_name(value));

		if (setting == NULL)
			return unknown_setting(r, value, name);
		if (read_setting(r, setting, value) != 0)
			return -1;
	}
	return 0;
}

static bool is_group_name(const char *name)
{
	const struct setting *table;
	size_t n;

	table = config_table(&n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(table[i].group, name) == 0)
			return true;
	return strcmp(name, "allow") == 0 || strcmp(name, "credential") == 0;
}

static int read_root(struct reader *r)
{
	const config_setting_t *root = config_root_setting(&r->lib);
	int n = config_setting_length(root), failed = 0;

	for (int i = 0; i < n && !failed; i++) {
		const config_setting_t *group = config_setting_get_elem(root, (unsigned)i);
		const char *name = config_setting_name(group);

		if (!is_group_name(name))
			failed = unknown_setting(r, group, "");
		else if (!config_setting_is_group(group))
			failed = config_file_error(&r->file, group, 0, "must be a group: %s: { ... };", name);
		else if (strcmp(name, "allow") == 0)
			failed = config_rules_read(&r->file, group, &r->config->rules);
		else if (strcmp(name, "credential") == 0)
			failed = config_credentials_read(&r->file, group, &r->config->credentials);
		else
			failed = read_group(r, group);
	}
	return failed;
}

/* Some settings go only together, or only apart. */
static int check_pairs(struct reader *r)
{
	const struct config *c = r->config;
	const struct {
		bool wrong;
		const char *setting, *why;
	} pairs[] = {
		{ c->approle.role_id != NULL && c->approle.role_id_file != NULL, "approle.role_id_file",
		    "approle.role_id is set too; only one of them can be" },
		{ c->openbao.client_cert_file != NULL && c->openbao.client_key_file == NULL,
		    "openbao.client_cert_file", "needs openbao.client_key_file beside it" },
		{ c->openbao.client_key_file != NULL && c->openbao.client_cert_file == NULL,
		    "openbao.client_key_file", "needs openbao.client_cert_file beside it" },
		{ c->listen.credentials_socket != NULL &&
			strcmp(c->listen.credentials_socket, c->listen.socket) == 0,
		    "listen.credentials_socket", "is listen.socket too; it must be a socket of its own" },
		{ c->audit.on_failure == AUDIT_DENY && c->audit.sink != AUDIT_FILE, "audit.on_failure",
		    "\"deny\" needs audit.sink = \"file\" beside it" },
		{ c->audit.sink == AUDIT_FILE && c->audit.file == NULL, "audit.sink",
		    "needs audit.file beside it" },
		{ c->audit.sink != AUDIT_FILE && c->audit.file != NULL, "audit.file",
		    "needs audit.sink = \"file\" beside it" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (pairs[i].wrong)
			return config_file_error(&r->file, config_lookup(&r->lib, pairs[i].setting), 0, "%s",
			    pairs[i].why);
	return 0;
}

static size_t count_at_line(const config_setting_t *group, unsigned line)
{
	int n = config_setting_length(group);
	size_t count = 0;

	for (int i = 0; i < n; i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);

		count += config_setting_name(s) != NULL && config_setting_source_line(s) == line;
		if (config_setting_is_aggregate(s))
			count += count_at_line(s, line);
	}
	return count;
}

/* Says what is wrong where libconfig gave up, in words that name the setting. */
static int parse_error(struct reader *r)
{
	unsigned line = (unsigned)config_error_line(&r->lib);
	const char *what = config_error_text(&r->lib), *text = (const char *)buf_data(&r->text);
	const config_setting_t *root = config_root_setting(&r->lib), *last = root;
	char name[160];

	if (what == NULL)
		what = "cannot be read";
	/*
	 * libconfig gives the line, but not the name, of a setting that is there already. All names before it on
	 * that line are in its tree by then, so it is the next one.
	 */
	if (strstr(what, "duplicate") != NULL) {
		if (!config_scan_name(text, buf_len(&r->text), line, count_at_line(root, line), name,
			sizeof(name)))
			snprintf(name, sizeof(name), "a setting");
		return error_set(r->file.error, PATH ":%u: %s: is set a second time", r->file.path, line, name);
	}
	/* The setting that was being read is the last one in the tree. */
	while (config_setting_is_group(last) && config_setting_length(last) > 0)
		last = config_setting_get_elem(last, (unsigned)config_setting_length(last) - 1);
	if (strstr(what, "mismatched") != NULL && config_setting_name(last) != NULL)
		return config_file_error(&r->file, last, 0,
		    "in [ ] all items are of one kind, numbers or texts; ( ) may mix them");
	return error_set(r->file.error, PATH ":%u: %s", r->file.path, line, what);
}

/* A line's end is added, without which libconfig takes no comment on the last line. */
static int parse_file(struct reader *r)
{
	struct error why;

	if (secretfile_read(r->file.path, CONFIG_MAX, &r->text, r->file.error) != 0)
		return -1;
	if (buf_puts(&r->text, "\n") != 0)
		return error_set(r->file.error, PATH ": out of memory", r->file.path);
	if (config_scan((char *)buf_data(&r->text), buf_len(&r->text), &r->scan, &why) != 0)
		return error_set(r->file.error, PATH ":%u: %s", r->file.path, r->scan.line, why.text);
	if (buf_put(&r->text, "", 1) != 0)
		return error_set(r->file.error, PATH ": out of memory", r->file.path);
	if (!config_read_string(&r->lib, (const char *)buf_data(&r->text)))
		return parse_error(r);
	return 0;
}

int config_file_read(const char *path, struct config *config, unsigned *ret_address_line, struct error *error)
{
	const config_setting_t *address;
	struct reader r = { .file = { path, error }, .config = config };
	int failed;

	buf_init(&r.text, CONFIG_MAX + 2);
	config_init(&r.lib);
	failed = parse_file(&r) != 0 || read_root(&r) != 0 || check_pairs(&r) != 0;
	address = config_lookup(&r.lib, "openbao.address");
	*ret_address_line = address != NULL ? config_setting_source_line(address) : 0;
	config_destroy(&r.lib);
	secmem_free(r.scan.role_id);
	buf_free(&r.text);
	return failed ? -1 : 0;
}
