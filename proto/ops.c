/*
 * ops: the table's rows, found by op and by name.
 */
#include "proto/ops.h"

#include <string.h>

#define USUAL_NEEDS (HAS(ID) | HAS(OP))
#define USUAL (USUAL_NEEDS | HAS(TIMEOUT))

static const struct op_info infos[] = {
#define X(enumerator, handler, name, takes, needs, flags, counter) \
	{ name, USUAL | (takes), USUAL_NEEDS | (needs), flags, counter },
	OP_TABLE(X)
#undef X
};

static const struct jname op_names[] = {
#define X(enumerator, handler, name, takes, needs, flags, counter) JNAME(name),
	OP_TABLE(X)
#undef X
};

const struct op_info *op_info(enum op op)
{
	return &infos[op];
}

const char *op_name(enum op op)
{
	return op < OP_COUNT ? infos[op].name : "unknown";
}

enum op op_by_name(const char *name, size_t n)
{
	unsigned i;

	for (i = 0; i < OP_COUNT; i++)
		if (op_names[i].len == n && memcmp(op_names[i].text, name, n) == 0)
			break;
	return (enum op)i;
}

enum op op_by_span(struct jspan name)
{
	int i = jspan_among(name, op_names, OP_COUNT, 0);

	return i >= 0 ? (enum op)i : OP_COUNT;
}
