/*
 * users: this machine's users and groups.
 */
#include "daemon/host/users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* 1: a number, in *ret. 0: no number, so it is a name. -1 with why set: a number that is no id, or no text. */
static int users_take_id(const char *text, const char *what, uint32_t *ret, struct error *why)
{
	unsigned long long n;

	if (text[0] == '\0')
		return error_set(why, "must name a %s", what);
	if (text[strspn(text, "0123456789")] != '\0')
		return 0;
	errno = 0;
	n = strtoull(text, NULL, 10);
	if (errno != 0 || n >= UINT32_MAX)
		return error_set(why, "must be a %s's name or a number up to 4294967294", what);
	*ret = (uint32_t)n;
	return 1;
}

/* Whatever errno a missing entry leaves (getpwnam(3) lists several), only these mean that it was not looked up. */
static int users_not_found(const char *text, const char *what, int error, struct error *why)
{
	char shown[ERROR_SHOWN];

	error_show(text, shown);
	if (error == EIO || error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR)
		return error_set(why, "the %s \"%s\" cannot be looked up: %s", what, shown, strerror(error));
	return error_set(why, "there is no %s \"%s\" on this machine", what, shown);
}

int users_find(const char *text, uid_t *ret, struct error *why)
{
	const struct passwd *found;
	int kind = users_take_id(text, "user", ret, why);

	if (kind != 0)
		return kind < 0 ? -1 : 0;
	errno = 0;
	found = getpwnam(text);
	if (found == NULL)
		return users_not_found(text, "user", errno, why);
	*ret = found->pw_uid;
	return 0;
}

int users_find_group(const char *text, gid_t *ret, struct error *why)
{
	const struct group *found;
	int kind = users_take_id(text, "group", ret, why);

	if (kind != 0)
		return kind < 0 ? -1 : 0;
	errno = 0;
	found = getgrnam(text);
	if (found == NULL)
		return users_not_found(text, "group", errno, why);
	*ret = found->gr_gid;
	return 0;
}
