/*
 * config_value: what a setting's text means.
 */
#include "daemon/config/config_value.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "proto/request.h"

#define UNIT_NAME_MAX 255 /* systemd's own */

struct unit {
	const char *name;
	uint64_t factor;
};

/* Reads digits, from 0 to UINT64_MAX and at least one, and the name of a unit after them. */
static int number_with_unit(const char *text, const struct unit *units, size_t nunits, uint64_t *ret)
{
	uint64_t n = 0;

	if (*text < '0' || *text > '9')
		return -1;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
			return -1;
	}
	for (size_t i = 0; i < nunits; i++) {
		if (strcmp(text, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(n, units[i].factor, &n))
			return -1;
		*ret = n;
		return 0;
	}
	return -1;
}

int config_value_time(const char *text, uint64_t *ret_ms)
{
	static const struct unit units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };

	return number_with_unit(text, units, sizeof(units) / sizeof(*units), ret_ms);
}

int config_value_size(const char *text, uint64_t *ret_bytes)
{
	static const struct unit units[] = { { "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 } };

	return number_with_unit(text, units, sizeof(units) / sizeof(*units), ret_bytes);
}

int config_value_count(const char *text, uint64_t *ret)
{
	static const struct unit none = { "", 1 };

	return number_with_unit(text, &none, 1, ret);
}

int config_value_mode(const char *text, mode_t *ret)
{
	size_t n = strlen(text);
	mode_t mode = 0;

	if (n < 3 || n > 4 || (n == 4 && *text != '0'))
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '7')
			return -1;
		mode = mode << 3 | (mode_t)(*text - '0');
	}
	*ret = mode;
	return 0;
}

/* 1: a number, in *ret. 0: no number, so it is a name. -1: a number that is no id; (uid_t)-1 means "none". */
static int take_id(const char *text, const char *what, uint32_t *ret, struct error *why)
{
	uint64_t n;

	if (text[0] == '\0')
		return error_set(why, "must name a %s", what);
	if (text[strspn(text, "0123456789")] != '\0')
		return 0;
	if (config_value_count(text, &n) != 0 || n >= UINT32_MAX)
		return error_set(why, "must be a %s's name or a number up to 4294967294", what);
	*ret = (uint32_t)n;
	return 1;
}

/* Whatever errno a missing entry leaves (getpwnam(3) lists several), only these mean that it was not looked up. */
static int not_found(const char *text, const char *what, int error, struct error *why)
{
	char shown[CONFIG_VALUE_SHOWN];

	config_value_shown(text, shown);
	if (error == EIO || error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR)
		return error_set(why, "the %s \"%s\" cannot be looked up: %s", what, shown, strerror(error));
	return error_set(why, "there is no %s \"%s\" on this machine", what, shown);
}

int config_value_user(const char *text, uid_t *ret, struct error *why)
{
	const struct passwd *found;
	int kind = take_id(text, "user", ret, why);

	if (kind != 0)
		return kind < 0 ? -1 : 0;
	errno = 0;
	found = getpwnam(text);
	if (found == NULL)
		return not_found(text, "user", errno, why);
	*ret = found->pw_uid;
	return 0;
}

int config_value_group(const char *text, gid_t *ret, struct error *why)
{
	const struct group *found;
	int kind = take_id(text, "group", ret, why);

	if (kind != 0)
		return kind < 0 ? -1 : 0;
	errno = 0;
	found = getgrnam(text);
	if (found == NULL)
		return not_found(text, "group", errno, why);
	*ret = found->gr_gid;
	return 0;
}

const char *config_value_pattern_error(const char *pattern)
{
	const char *p = pattern;
	size_t n;

	if (*p == '\0')
		return "is empty";
	if (strlen(p) > SECRET_MOUNT_MAX + 1 + SECRET_PATH_MAX)
		return "is longer than any path";
	if (config_value_has_control(p))
		return "holds a control byte";
	for (;; p += n + 1) {
		n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return "matches nothing: paths have no slash at their ends, no empty, . or .. segment";
		if (p[n] == '\0')
			return NULL;
	}
}

const char *config_value_unit_error(const char *pattern)
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

const char *config_value_shown(const char *text, char out[CONFIG_VALUE_SHOWN])
{
	size_t i;

	for (i = 0; text[i] != '\0' && i < CONFIG_VALUE_SHOWN - 4; i++)
		out[i] = text[i] >= 0x20 && text[i] <= 0x7e ? text[i] : '?';
	strcpy(out + i, text[i] == '\0' ? "" : "...");
	return out;
}

bool config_value_has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

#define DISTANCE_MAX 31

unsigned config_value_distance(const char *a, const char *b)
{
	unsigned row[DISTANCE_MAX + 1];
	size_t na = strlen(a), nb = strlen(b);

	if (na > DISTANCE_MAX || nb > DISTANCE_MAX)
		return 99;
	for (unsigned j = 0; j <= nb; j++)
		row[j] = j;
	for (unsigned i = 1; i <= na; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);
			unsigned shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = replaced < shorter ? replaced : shorter;
		}
	}
	return row[nb];
}
