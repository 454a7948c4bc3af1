/*
 * members: takes the members one is after out of a JSON document, in one pass and without decoding anything, which
 * is how documents that hold a secret's payload are read. Pure.
 */
#ifndef MEMBERS_H
#define MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/jscan.h"

/* A member to look for in an object. */
struct members {
	struct jname name;
	struct jspan *value;          /* set by the caller to len 0, which it keeps if there is no such member */
	const struct members *inside; /* if it is an object: what to look for in there, up to one without a name */
};

/*
 * Walks a document that must be an object. wanted ends with one whose name's text is NULL, and nests as deep as
 * the caller built it. 0; or -1: not an object, not JSON, or a wanted member stands there twice (values are then
 * not to be used).
 */
int members_take(const char *text, size_t len, const struct members *wanted);

/*
 * The first tells whether the member is there and of the type, the second whether it is of the type or not there.
 */
bool members_is(struct jspan value, enum jtype type);
bool members_may_be(struct jspan value, enum jtype type);

#endif
