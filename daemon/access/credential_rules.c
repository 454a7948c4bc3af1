/*
 * credential_rules: reads the address that systemd connects from, and finds the rule for it. config_credentials.c
 * reads the rules from the configuration.
 */
#include "daemon/access/credential_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secmem.h"
#include "daemon/access/rules.h"
#include "proto/secret_name.h"

#define HEX_DIGITS_MAX 16 /* of a 64-bit number */
#define ID_MAX 255        /* systemd's FDNAME_MAX */

static const char unit_separator[] = "/unit/";

bool credential_id_ok(const char *id)
{
	if (*id == '\0' || strlen(id) > ID_MAX || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
		return false;
	for (; *id != '\0'; id++)
		if (*id < ' ' || *id > '~' || *id == '/' || *id == ':')
			return false;
	return true;
}

/* Tells whether this is a unit's name, of a kind whose settings include LoadCredential=. */
static bool credential_unit_ok(const char *unit)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
	static const char *const kinds[] = { ".service", ".socket", ".mount", ".swap" };
	size_t len = strlen(unit);

	if (strspn(unit, plain) != len || unit[0] == '@')
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i]);

		if (len > n && strcmp(unit + len - n, kinds[i]) == 0)
			return true;
	}
	return false;
}

bool credential_peer_parse(const char *name, size_t len, struct credential_peer *ret)
{
	char text[CREDENTIAL_NAME_MAX] = "";
	struct credential_peer peer = { .unit = "" };
	if (len < 2 || len > CREDENTIAL_NAME_MAX || *name != '\0' || memchr(name + 1, '\0', len - 1) != NULL)
		return false;
	memcpy(text, name + 1, len - 1);
	size_t digits = strspn(text, "0123456789abcdef");
	if (digits == 0 || digits > HEX_DIGITS_MAX ||
	    strncmp(text + digits, unit_separator, strlen(unit_separator)) != 0)
		return false;
	const char *unit = text + digits + strlen(unit_separator), *slash = strchr(unit, '/');
	if (slash == NULL)
		return false;
	memcpy(peer.unit, unit, (size_t)(slash - unit));
	memcpy(peer.id, slash + 1, strlen(slash + 1));
	if (!credential_unit_ok(peer.unit) || !credential_id_ok(peer.id))
		return false;
	*ret = peer;
	return true;
}

const char *credential_rule_lacks(const struct credential_rule *rule)
{
	return rule->nunits == 0  ? "must have unit"
	    : rule->nids == 0     ? "must have id"
	    : rule->mount == NULL ? "must have mount"
	    : rule->path == NULL  ? "must have path"
				  : "";
}

const struct credential_rule *credential_rules_find(const struct credential_rules *rules,
    const struct credential_peer *peer)
{
	for (size_t i = 0; i < rules->nrules; i++) {
		const struct credential_rule *rule = &rules->rule[i];

		if (rules_match_unit(rule->units, rule->nunits, peer->unit) &&
		    rules_match_any(rule->ids, rule->nids, peer->id))
			return rule;
	}
	return NULL;
}

void credential_rules_warn(const struct credential_rules *rules, void (*warn)(const char *format, ...))
{
	char path[SECRET_MOUNT_MAX + 1 + SECRET_PATH_MAX + 1];
	const char *odd;

	for (size_t i = 0; i < rules->nrules; i++) {
		const struct credential_rule *rule = &rules->rule[i];

		snprintf(path, sizeof(path), "%s/%s", rule->mount, rule->path);
		if ((odd = rules_pattern_warning(path)) != NULL)
			warn("credential.%s.path: \"%s\": %s", rule->name, rule->path, odd);
	}
}

void credential_rules_free(struct credential_rules *rules)
{
	for (size_t i = 0; i < rules->nrules; i++) {
		struct credential_rule *rule = &rules->rule[i];
		free(rule->name);
		rules_free_texts(rule->units, rule->nunits);
		rules_free_texts(rule->ids, rule->nids);
		secmem_free(rule->mount);
		secmem_free(rule->path);
		secmem_free(rule->field);
	}
	free(rules->rule);
	rules->rule = NULL;
	rules->nrules = 0;
}
