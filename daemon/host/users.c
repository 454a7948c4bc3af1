/*
 * users: looks up names by getpwnam() and getgrnam(), and reads numbers.
 */
#include "daemon/host/users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Reads a number. 1 with *ret. 0: it is no number, hence a name. -1 with why set: it is no id, or empty. */
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

/*
 * Says why nothing was found. A missing entry may leave one of several errnos (getpwnam(3)); only those listed
 * here mean that the look-up failed.
 */
static int users_not_found(const char *text, const char *what, int error, struct error *why)
{
	char shown[ERROR_SHOWN];

	error_show(text, shown);
	if (error == EIO || error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR)
		(void)error_set(why, "the %s \"%s\" cannot be looked up: %s", what, shown, strerror(error));
	else
		(void)error_set(why, "there is no %s \"%s\" on this machine", what, shown);
	return error_set_kind(why, ERROR_PASSING); /* at a boot the directory service may not be up yet */
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
