/*
 * config_compare: what differs between two configurations, for a daemon that is to run by another one than before.
 */
#include <string.h>

#include "daemon/config/config.h"
#include "daemon/config/config_table.h"

static const void *member(const struct config *config, const struct setting *setting)
{
	return (const char *)config + setting->offset;
}

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

static bool same_bytes(const struct config *a, const struct config *b, const struct setting *setting, size_t size)
{
	return memcmp(member(a, setting), member(b, setting), size) == 0;
}

static bool same(const struct config *a, const struct config *b, const struct setting *setting)
{
	switch (setting->type) {
	case SETTING_ADDRESSES:
		return same_addresses(a, b);
	case SETTING_AUTH:
		return same_bytes(a, b, setting, sizeof(enum auth_mode));
	case SETTING_BOOL:
		return same_bytes(a, b, setting, sizeof(bool));
	case SETTING_TIME:
	case SETTING_SIZE:
	case SETTING_COUNT:
		return same_bytes(a, b, setting, sizeof(uint64_t));
	case SETTING_MODE:
		return same_bytes(a, b, setting, sizeof(mode_t));
	case SETTING_GROUP:
		return same_bytes(a, b, setting, sizeof(gid_t));
	case SETTING_CHOICE:
		return same_bytes(a, b, setting, sizeof(unsigned));
	case SETTING_NAMESPACE:
	case SETTING_TEXT:
	case SETTING_FILE:
	case SETTING_HOST:
	case SETTING_MOUNT:
	case SETTING_SECRET:
	case SETTING_SOCKET:
	case SETTING_OPTIONAL_SOCKET:
		break;
	}
	return same_text(*(char *const *)member(a, setting), *(char *const *)member(b, setting));
}

/* Settings of OpenBao and of the logins; request_timeout is the callers'. */
static bool is_openbaos(const struct setting *setting)
{
	static const char *const groups[] = {
		"openbao", "approle", "kubernetes",
#ifdef SECRETSTORE_DEV_TOKEN
		"dev_token",
#endif
	};

	if (strcmp(setting->name, "request_timeout") == 0)
		return false;
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		if (strcmp(setting->group, groups[i]) == 0)
			return true;
	return false;
}

bool config_same_openbao(const struct config *a, const struct config *b)
{
	size_t n;
	const struct setting *table = config_table(&n);

	for (size_t i = 0; i < n; i++)
		if (is_openbaos(&table[i]) && !same(a, b, &table[i]))
			return false;
	return same_text(a->approle.secret_id, b->approle.secret_id); /* from the environment, or not any more */
}

static bool needs_restart(const struct setting *setting)
{
	if (strcmp(setting->group, "audit") == 0)
		return strcmp(setting->name, "level") != 0;
	return strcmp(setting->group, "listen") == 0 || strcmp(setting->group, "process") == 0;
}

void config_warn_of_restart(const struct config *running, const struct config *wanted,
    void (*warn)(const char *format, ...))
{
	size_t n;
	const struct setting *table = config_table(&n);

	for (size_t i = 0; i < n; i++)
		if (needs_restart(&table[i]) && !same(running, wanted, &table[i]))
			warn("%s.%s: a change takes effect at a restart only", table[i].group, table[i].name);
}
