/*
 * names: a table that only grows.
 */
#include "tests/unit/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NAMES_MAX 8192

const struct secret_name *name_of(const char *mount, const char *path)
{
	static const struct secret_name *names[NAMES_MAX];
	size_t i = 0;

	while (names[i] != NULL) {
		if (strcmp(secret_mount(names[i]), mount) == 0 && strcmp(secret_path(names[i]), path) == 0)
			return names[i];
		assert_true(++i < NAMES_MAX);
	}
	names[i] = secret_name_new(mount, path);
	assert_non_null(names[i]);
	return names[i];
}
