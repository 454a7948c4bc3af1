/*
 * patterns: how the patterns of rules are written.
 */
#include "daemon/access/patterns.h"

#include <string.h>

#include "daemon/access/credential_rules.h"
#include "proto/request.h"

#define UNIT_NAME_MAX 255 /* systemd's own */

const char *patterns_path_error(const char *pattern)
{
	const char *p = pattern;
	size_t n;

	if (*p == '\0')
		return "is empty";
	if (strlen(p) > SECRET_MOUNT_MAX + 1 + SECRET_PATH_MAX)
		return "is longer than any path";
	for (;; p += n + 1) {
		n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return "matches nothing: paths have no slash at their ends, no empty, . or .. segment";
		if (p[n] == '\0')
			return NULL;
	}
}

const char *patterns_unit_error(const char *pattern)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@*";
	/* The kinds of units that have processes; a service is what nearly always is meant. */
	static const char *const suffixes[] = { ".service", ".scope", ".slice", ".socket", ".mount", ".swap" };
	size_t len = strlen(pattern);

	if (len == 0)
		return "is empty";
	if (len > UNIT_NAME_MAX || strspn(pattern, plain) != len)
		return "is no name of a unit, nor a pattern for some";
	if (pattern[len - 1] == '*')
		return NULL;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t n = strlen(suffixes[i]);

		if (len > n && strcmp(pattern + len - n, suffixes[i]) == 0)
			return NULL;
	}
	return "matches nothing: a unit's name ends with its kind, as in web.service";
}

const char *patterns_id_error(const char *pattern)
{
	return credential_id_ok(pattern) ? NULL : "is no name of a credential, nor a pattern for some";
}

_Static_assert(SECRET_MOUNT_MAX == 256 && SECRET_PATH_MAX == 1024, "as the texts below say");

const char *patterns_mount_error(const char *mount)
{
	if (strchr(mount, '*') != NULL)
		return "names one place: there can be no * in it";
	return request_path_ok(mount, SECRET_MOUNT_MAX)
	    ? NULL
	    : "must be a mount's path, such as secret, without a slash at its ends and of at most 256 bytes";
}

const char *patterns_secret_error(const char *path)
{
	if (strchr(path, '*') != NULL)
		return "names one place: there can be no * in it";
	return request_path_ok(path, SECRET_PATH_MAX)
	    ? NULL
	    : "must be a path, such as web/db, without a slash at its ends and of at most 1024 bytes";
}

const char *patterns_field_error(const char *field)
{
	return *field != '\0' ? NULL : "must not be empty; without it the credential is the whole secret";
}
