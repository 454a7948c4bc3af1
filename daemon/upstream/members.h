/*
 * members: finds the values of some members in a JSON document, in one pass and without decoding anything.
 * Documents that hold a secret's payload are read so. Pure.
 */
#ifndef MEMBERS_H
#define MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/jscan.h"

/* A member to look for in an object. Arrays of these end with one whose name.text is NULL. */
struct members {
	struct jname name;
	struct jspan *value; /* where its value goes; the caller sets len to 0, which stays if it is absent */
	const struct members *inside; /* NULL, or the array of members to look for if the value is an object */
};

/*
 * Walks a document, which must be an object, and sets the values of the wanted members; they are spans of text. 0;
 * or -1: it is no object or no JSON, or a wanted member stands there twice. The values must not be used then.
 */
int members_take(const char *text, size_t len, const struct members *wanted);

/* Tells whether the member is there and of this type. */
bool members_is(struct jspan value, enum jtype type);

/* Tells whether the member is absent or of this type. */
bool members_may_be(struct jspan value, enum jtype type);

#endif
