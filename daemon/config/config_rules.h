/*
 * config_rules: the groups allow and credential, whose settings are the rules of daemon/access. A rule that could
 * allow more than its writer meant (no caller named, no path given) is refused.
 */
#ifndef CONFIG_RULES_H
#define CONFIG_RULES_H

#include "daemon/config/config.h"
#include "daemon/config/config_yaml.h"

#define CONFIG_RULE_GROUPS 2
#define CONFIG_RULE_KEYS_MAX 8

/* The state of a reading of rules. It is zeroed at the beginning, but for config. */
struct config_rules {
	struct config *config;
	unsigned key_lines[CONFIG_RULE_KEYS_MAX]; /* of the rule that is being read; 0: not set so far */
};

/* The name of each group of rules, by a number below CONFIG_RULE_GROUPS; and whether a name is one of them. */
const char *config_rules_group(size_t i);
bool config_rules_is_group(const char *name);

/*
 * Takes what stands below such a group. 0; or -1 with error set. When all are read, rules_prepare() is to be
 * called.
 */
int config_rules_take(struct config_rules *rules, const struct config_entry *entry, struct error *error);

#endif
