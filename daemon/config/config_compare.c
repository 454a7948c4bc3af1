/*
 * config_compare: what differs between two configurations, for a daemon that is to run by another one than before.
 */
#include <string.h>

#include "daemon/config/config.h"
#include "daemon/config/config_table.h"

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_addresses(const struct config *a, const struct config *b)
{
	if (a->openbao.naddress != b->openbao.naddress)
		return false;
	for (size_t i = 0; i < a->openbao.naddress; i++)
		if (strcmp(a->openbao.address[i], b->openbao.address[i]) != 0)
			return false;
	return true;
}

static bool same_setting(const struct config *a, const struct config *b, const struct setting *setting)
{
	const void *in_a = (const char *)a + setting->offset, *in_b = (const char *)b + setting->offset;

	if (setting->type == SETTING_ADDRESSES)
		return same_addresses(a, b);
	if (config_table_is_text(setting->type))
		return same_text(*(char *const *)in_a, *(char *const *)in_b);
	return memcmp(in_a, in_b, setting->size) == 0;
}

bool config_same_openbao(const struct config *a, const struct config *b)
{
	size_t n;
	const struct setting *table = config_table(&n);

	for (size_t i = 0; i < n; i++)
		if (table[i].change == CHANGE_LOGIN && !same_setting(a, b, &table[i]))
			return false;
	return same_text(a->approle.secret_id, b->approle.secret_id); /* from the environment, or not any more */
}

void config_warn_of_restart(const struct config *running, const struct config *wanted,
    void (*warn)(const char *format, ...))
{
	size_t n;
	const struct setting *table = config_table(&n);

	for (size_t i = 0; i < n; i++)
		if (table[i].change == CHANGE_RESTART && !same_setting(running, wanted, &table[i]))
			warn("%s.%s: a change takes effect at a restart only", table[i].group, table[i].name);
}
