/*
 * auth_modes: the names of the ways to log in.
 */
#include "daemon/upstream/auth_modes.h"

#include <stddef.h>
#include <string.h>

#define MODE_NAME(NAME, name, text) [AUTH_MODE_##NAME] = text,
#define MODE_LISTED(NAME, name, text) ", " text

int auth_mode_find(const char *text, enum auth_mode *ret)
{
	static const char *const names[] = { AUTH_MODES(MODE_NAME) };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum auth_mode)i;
			return 0;
		}
	}
	return -1;
}

const char *auth_modes(void)
{
	return &AUTH_MODES(MODE_LISTED)[strlen(", ")];
}
