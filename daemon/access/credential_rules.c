/*
 * credential_rules: which unit gets which secret as which credential. Reading rules from the configuration is
 * config_credentials.c's business.
 */
#include "daemon/access/credential_rules.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/access/rules.h"

#define DIGITS_MAX 16 /* of a 64-bit number */
#define ID_MAX 255    /* systemd's FDNAME_MAX */

static const char between[] = "/unit/";

bool credential_id_ok(const char *id)
{
	if (*id == '\0' || strlen(id) > ID_MAX || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
		return false;
	for (; *id != '\0'; id++)
		if (*id < ' ' || *id > '~' || *id == '/' || *id == ':')
			return false;
	return true;
}

/* The kinds of units whose settings can have LoadCredential=. */
static bool unit_ok(const char *unit)
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

static bool is_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool credential_peer_parse(const char *name, size_t len, struct credential_peer *ret)
{
	struct credential_peer peer;
	const char *p = name + 1, *end = name + len, *slash;
	size_t n = 0;

	if (len < 2 || len > CREDENTIAL_NAME_MAX || *name != '\0' || memchr(p, '\0', len - 1) != NULL)
		return false;
	while (p < end && is_digit(*p) && n <= DIGITS_MAX) {
		p++;
		n++;
	}
	if (n == 0 || n > DIGITS_MAX || (size_t)(end - p) <= strlen(between) || memcmp(p, between, strlen(between)) != 0)
		return false;
	p += strlen(between);
	slash = memchr(p, '/', (size_t)(end - p));
	if (slash == NULL)
		return false;
	memset(&peer, 0, sizeof(peer));
	memcpy(peer.unit, p, (size_t)(slash - p));
	memcpy(peer.id, slash + 1, (size_t)(end - slash - 1));
	if (!unit_ok(peer.unit) || !credential_id_ok(peer.id))
		return false;
	*ret = peer;
	return true;
}

static bool has_match(char *const *patterns, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (rules_match(patterns[i], text))
			return true;
	return false;
}

const struct credential_rule *credential_rules_find(const struct credential_rules *rules,
    const struct credential_peer *peer)
{
	for (size_t i = 0; i < rules->nrules; i++) {
		const struct credential_rule *rule = &rules->rule[i];

		if (has_match(rule->units, rule->nunits, peer->unit) && has_match(rule->ids, rule->nids, peer->id))
			return rule;
	}
	return NULL;
}

static void free_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

static void rule_free(struct credential_rule *rule)
{
	free(rule->name);
	free_texts(rule->units, rule->nunits);
	free_texts(rule->ids, rule->nids);
	free(rule->mount);
	free(rule->path);
	free(rule->field);
}

void credential_rules_free(struct credential_rules *rules)
{
	for (size_t i = 0; i < rules->nrules; i++)
		rule_free(&rules->rule[i]);
	free(rules->rule);
	rules->rule = NULL;
	rules->nrules = 0;
}
