/*
 * config_rules: the groups allow and credential, which hold rules of daemon/access. A rule that could allow more
 * than its writer meant (no caller named, no path given) is refused.
 */
#ifndef CONFIG_RULES_H
#define CONFIG_RULES_H

#include "daemon/config/config.h"
#include "daemon/config/config_yaml.h"

/* Is it the name of such a group? */
bool config_rules_is_group(const char *name);

/*
 * config_rules_begin() adds the rule whose name the entry is, and config_rules_end() looks whether it has all that
 * it must have. In between its settings go into config_rules_last(). 0; or -1 with error set. When all rules are
 * read, rules_prepare() is to be called.
 */
int config_rules_begin(struct config *config, const struct config_entry *entry, struct error *error);
void *config_rules_last(struct config *config, const char *group);
int config_rules_end(struct config *config, const struct config_entry *entry, struct error *error);

#endif
