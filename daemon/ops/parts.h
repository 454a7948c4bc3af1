/*
 * parts: the parts of the daemon that the ops work with. All pointers are borrowed.
 */
#ifndef OPS_PARTS_H
#define OPS_PARTS_H

#include "daemon/ops/limits.h"

struct audit;
struct login;
struct kv;
struct probe;
struct rules;
struct transfers;

struct ops_parts {
	const struct rules *rules;
	struct kv *kv;
	struct probe *probe;
	struct transfers *transfers;
	struct login *login;
	struct audit *audit;
	struct call_limits limits;
};

#endif
