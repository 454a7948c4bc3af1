/*
 * rules_index: finds which of many rules may allow a request, so that not each rule has to be judged. It only
 * proposes rules: rule_judge() decides.
 */
#ifndef RULES_INDEX_H
#define RULES_INDEX_H

#include <stddef.h>

#include "daemon/access/rules.h"

/* Makes an index of the rules as they are now. Returns NULL if there is no memory. */
struct rules_index *rules_index_new(const struct rules *rules);
void rules_index_free(struct rules_index *index);

/* Gives what rules_find() gives. */
const struct rule *rules_index_find(const struct rules_index *index, const struct rules *rules,
    const struct peer *peer, enum op op, const char *path);

#endif
