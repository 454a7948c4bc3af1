/*
 * members: walks a document with jscan. It recurses only into objects in which members are wanted.
 */
#include "daemon/upstream/members.h"

#include <string.h>

/*
 * Finds the wanted member of that name. A name is decoded only if it has escapes and equals none as it is written.
 */
static const struct members *find_wanted(const struct members *wanted, struct jspan name)
{
	const struct members *m;

	for (m = wanted; m->name.text != NULL; m++) {
		if (jspan_is_written(name, m->name))
			return m;
	}
	if (memchr(name.p, '\\', name.len) == NULL)
		return NULL;
	for (m = wanted; m->name.text != NULL; m++) {
		if (jspan_equals(name, m->name.text))
			return m;
	}
	return NULL;
}

/* Walks an object and sets the wanted values. -1: no object, no JSON, or a wanted member stands there twice. */
static int take_object(struct jscan *s, const struct members *wanted)
{
	struct jspan name, ignored;
	int more;

	if (jscan_object(s) < 0)
		return -1;
	while ((more = jscan_member(s, &name)) == 1) {
		const struct members *found = find_wanted(wanted, name);

		if (found == NULL) {
			if (jscan_value(s, JSCAN_DEPTH_MAX, &ignored) < 0)
				return -1;
			continue;
		}
		if (found->value->len != 0)
			return -1;
		if (found->inside == NULL || jscan_peek(s) != JSON_OBJECT) {
			if (jscan_value(s, JSCAN_DEPTH_MAX, found->value) < 0)
				return -1;
			continue;
		}
		found->value->p = s->p;
		if (take_object(s, found->inside) < 0)
			return -1;
		found->value->len = (size_t)(s->p - found->value->p);
		found->value->type = JSON_OBJECT;
	}
	return more;
}

int members_take(const char *text, size_t len, const struct members *wanted)
{
	struct jscan s;

	jscan_init(&s, text, len);
	if (take_object(&s, wanted) < 0)
		return -1;
	return jscan_end(&s);
}

bool members_is(struct jspan value, enum jtype type)
{
	return value.len != 0 && value.type == type;
}

bool members_may_be(struct jspan value, enum jtype type)
{
	return value.len == 0 || value.type == type;
}
